//! Pictures of one training: error over time, losses, slices, animation.

use anyhow::{Context as _, Result};

use super::data::Series;
use super::record::Record;
use super::run::Job;
use crate::plot::{self, Panel};
use crate::raster::{self, View};
use crate::runs::{Line, Networks, Summary};

/// Steps that slices show.
const N_SLICES: usize = 4;
/// Frames of an animation at the most.
const MAX_FRAMES: usize = 200;

/// Everything the config asks for.
pub fn write(job: &Job, summary: &Summary, record: &mut Record) -> Result<()> {
    let (output, folder) = (&job.config.output, job.folder);
    if !output.plots && !output.gif {
        return Ok(());
    }
    let networks = folder.networks_with(&summary.normaliser)?;
    if output.plots {
        plot::save(&[error_panel(summary, &networks), loss_panel(&folder.lines()?)], 2, &folder.path.join("curves"))?;
        let (pixels, size) = slices(job.series, &networks, output.channel, job.config.device.threads)?;
        let png = raster::png(&pixels, size)?;
        crate::output::write_whole(&folder.path.join("slices.png"), |w| Ok(w.write_all(&png)?))?;
        record.image(job.series.n_steps, "slices", size, png)?;
    }
    if output.gif {
        animate(job, &networks)?;
    }
    Ok(())
}

fn error_panel(summary: &Summary, networks: &Networks) -> Panel {
    let measured = summary.metrics.per_step.iter().enumerate().map(|(i, e)| (i as f64, *e)).collect();
    let mut series = vec![("measured".to_owned(), measured)];
    let estimates = networks.networks.iter().flat_map(|n| &n.certificate);
    let mean = |row: &Vec<f32>| row.iter().map(|e| f64::from(*e)).sum::<f64>() / row.len().max(1) as f64;
    let estimates: Vec<_> = estimates.enumerate().map(|(i, row)| (i as f64, mean(row))).collect();
    if !estimates.is_empty() {
        series.push(("certificate".to_owned(), estimates));
    }
    Panel {
        title: "relative L2 error of each step, mean over channels".into(),
        x_label: "step".into(),
        y_log: true,
        series,
        ..Panel::default()
    }
}

/// Losses while snapshots arrive.
pub fn loss_panel(lines: &[Line]) -> Panel {
    let points = |of: fn(&Line) -> f32| lines.iter().map(|l| (l.step as f64, f64::from(of(l)))).collect();
    Panel {
        title: "loss during the stream".into(),
        x_label: "snapshot".into(),
        y_log: true,
        series: vec![
            ("on its arrival".into(), points(|l| l.now[0])),
            ("learnt".into(), points(|l| l.now[1])),
            ("of the past".into(), points(|l| l.past)),
        ],
        ..Panel::default()
    }
}

/// Data, decoded and error of a step.
fn columns(
    series: &Series,
    networks: &Networks,
    step: usize,
    channel: usize,
    n_threads: usize,
) -> Result<[Vec<f32>; 3]> {
    let pick = |values: Vec<f32>| raster::channel(&values, series.n_channels(), channel);
    let (data, decoded) = (pick(series.snapshot(step)?), pick(networks.snapshot(step, &series.mesh, n_threads)?));
    let error = data.iter().zip(&decoded).map(|(a, b)| (a - b).abs()).collect();
    Ok([data, decoded, error])
}

fn panels([data, decoded, error]: [Vec<f32>; 3], step: usize) -> Vec<raster::Panel> {
    let (low, high) = raster::range([data.as_slice()]);
    let worst = raster::range([error.as_slice()]).1;
    [
        (format!("step {step}: {low:.3} to {high:.3}"), data, (low, high)),
        ("decoded".into(), decoded, (low, high)),
        (format!("|error|: 0 to {worst:.3}"), error, (0.0, worst)),
    ]
    .map(|(caption, values, range)| raster::Panel { caption, values, range })
    .into()
}

/// A row for each of some steps: data, decoded, error.
pub fn slices(series: &Series, networks: &Networks, channel: usize, n_threads: usize) -> Result<(Vec<u8>, (u32, u32))> {
    let channel = channel.min(series.n_channels() - 1);
    let n = N_SLICES.min(series.n_steps);
    let mut all = Vec::new();
    for i in 0..n {
        let step = i * (series.n_steps - 1) / (n - 1).max(1);
        all.extend(panels(columns(series, networks, step, channel, n_threads)?, step));
    }
    raster::compose(&View::new(&series.mesh), &all, 3)
}

/// All steps (or every so many), with the colours of the whole series.
fn animate(job: &Job, networks: &Networks) -> Result<()> {
    let (series, n_threads) = (job.series, job.config.device.threads);
    let channel = job.config.output.channel.min(series.n_channels() - 1);
    let steps: Vec<usize> = (0..series.n_steps).step_by(series.n_steps.div_ceil(MAX_FRAMES)).collect();
    let frames = steps.iter().map(|&step| columns(series, networks, step, channel, n_threads));
    let frames = frames.collect::<Result<Vec<_>>>()?;
    let colours = raster::range(frames.iter().map(|f| f[0].as_slice()));
    let worst = raster::range(frames.iter().map(|f| f[2].as_slice())).1;
    let frames = frames.into_iter().map(|columns| {
        let ranges = [colours, colours, (0.0, worst)];
        let panel = |(values, range)| raster::Panel { caption: String::new(), values, range };
        Ok(columns.into_iter().zip(ranges).map(panel).collect())
    });
    let path = job.folder.path.join("series.gif");
    raster::write_gif(&path, &View::new(&series.mesh), frames).with_context(|| path.display().to_string())
}
