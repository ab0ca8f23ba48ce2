//! `inr figures`: the paper's figures from runs, one set per data set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::page::{Item, Page, Picture, Section, Sentence};
use crate::plot::{self, Panel};
use crate::raster::{self, View};
use crate::runs::{RunFolder, SeedFolder};
use crate::table_runs::{self, Row};
use crate::train::data::Series;
use crate::{Done, peers};

const EXAMPLES: &str = "\
Examples:
  inr figures runs/*
  inr figures runs/ign-* --out figures --channel 1
  inr figures runs/* --html figures.html     all of it on one page that works offline

Per data set: DATA-error (error over time), DATA-loss (during the stream), DATA-sketch (error against sketch size, where
runs differ in it), DATA-ratio (ratio against error, beside SZ3 and ZFP where 'inr eval --peers' has measured them) as PNG and
SVG, and DATA-slices.png (the middle step: data, then decoded and error of each run). Curves are those of the first seed.";

/// Draw error over time, losses, sketch sizes, slices and ratios of runs
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder for the figures
    #[arg(long, value_name = "FOLDER", default_value = "figures")]
    out: PathBuf,
    /// Write table, figures and slices as one HTML file that needs no network, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Channel of the slices
    #[arg(long, default_value_t = 0)]
    channel: usize,
}

/// A run with its results.
struct Shown {
    run: RunFolder,
    seed: SeedFolder,
    row: Row,
}

pub fn run(args: &Args) -> Result<Done> {
    let mut by_data: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for path in &args.runs {
        let run = RunFolder::open(path)?;
        if let (Some(row), Some(seed)) = (Row::of(&run)?, run.done().into_iter().next()) {
            by_data.entry(row.data.clone()).or_default().push(Shown { run, seed, row });
        }
    }
    ensure!(!by_data.is_empty(), "no run has results yet: 'inr train' writes them at its end");
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let (mut wrote, mut sections) = (Vec::new(), Vec::new());
    for (data, runs) in &mut by_data {
        for shown in runs.iter_mut() {
            measure_peers(shown)?;
        }
        let figures = Figures::of(data, runs, args.channel)?;
        wrote.extend(figures.save(&args.out.join(data))?);
        sections.push(figures.section(data, runs)?);
    }
    if let Some(path) = &args.html {
        wrote.push(crate::page::write(path, &page(sections))?);
    }
    Done::ok(wrote.iter().map(|path| format!("wrote {path}\n")).collect())
}

/// Where this inr can and nobody has yet.
fn measure_peers(shown: &mut Shown) -> Result<()> {
    if cfg!(feature = "peers") && shown.row.peers.is_empty() && shown.run.config.data.path.exists() {
        let series = Series::open(&shown.run.config.data)?;
        let rfe = shown.seed.summary()?.metrics.rfe;
        shown.row.peers = peers::measure(&shown.run, &series, &["sz3".into(), "zfp".into()], &rfe)?;
    }
    Ok(())
}

/// Everything that is drawn of one data set.
struct Figures {
    /// Ends of file names with panels and columns.
    charts: Vec<(&'static str, Vec<Panel>, usize)>,
    /// A PNG file, where the data is there.
    slices: Option<Vec<u8>>,
}

impl Figures {
    fn of(data: &str, runs: &[Shown], channel: usize) -> Result<Figures> {
        let mut charts = vec![
            ("error", vec![error_panel(data, runs)?], 1),
            ("loss", loss_panels(data, runs)?.into(), 2),
            ("ratio", vec![ratio_panel(data, runs)], 1),
        ];
        let panels = sketch_panels(data, runs);
        if panels[0].series.iter().any(|(_, points)| points.len() > 1) {
            charts.push(("sketch", panels.into(), 2));
        }
        let has_data = runs[0].run.config.data.path.exists();
        let slices = has_data.then(|| slices(runs, channel)).transpose()?;
        Ok(Figures { charts, slices })
    }

    /// As files whose names start with `stem`; returns all of them.
    fn save(&self, stem: &Path) -> Result<Vec<String>> {
        let path = |end: &str| PathBuf::from(format!("{}-{end}", stem.display()));
        let mut wrote = Vec::new();
        for (what, panels, columns) in &self.charts {
            wrote.extend(plot::save(panels, *columns, &path(what))?);
        }
        if let Some(png) = &self.slices {
            let path = path("slices.png");
            crate::output::write_whole(&path, |w| Ok(w.write_all(png)?))?;
            wrote.push(path.display().to_string());
        }
        Ok(wrote)
    }

    fn section(self, data: &str, runs: &[Shown]) -> Result<Section> {
        let rows: Vec<_> = runs.iter().map(|shown| shown.row.clone()).collect();
        let mut table = table_runs::table_of(&rows)?;
        for (column, more_is_better) in [("PSNR dB", true), ("RFE %", false), ("ratio", true)] {
            table.mark_extremes(column, more_is_better);
        }
        let panels = self.charts.into_iter().flat_map(|(_, panels, _)| panels).collect();
        let caption = "The middle step: data, then decoded and error of each run";
        let picture = |png| Item::Pictures(vec![Picture { caption: caption.into(), png }]);
        let items = [Item::Table(table), Item::Charts(panels)].into_iter().chain(self.slices.map(picture));
        Ok(Section { heading: data.into(), text: Vec::new(), items: items.collect() })
    }
}

fn page(sections: Vec<Section>) -> Page {
    let lead =
        "PSNR, RFE and bytes of each run are means over its seeds; curves and slices are those of its first seed.";
    let lead = vec![Sentence::neutral(lead)];
    Page { title: "Runs of inr train".into(), lead, sections, footer: crate::page::command() }
}

fn error_panel(data: &str, runs: &[Shown]) -> Result<Panel> {
    let of = |shown: &Shown| -> Result<(String, Vec<(f64, f64)>)> {
        let errors = shown.seed.summary()?.metrics.per_step;
        Ok((shown.row.run.clone(), errors.into_iter().enumerate().map(|(i, e)| (i as f64, 100.0 * e)).collect()))
    };
    Ok(Panel {
        title: format!("{data}: relative error of each step"),
        x_label: "step".into(),
        y_label: "%".into(),
        y_log: true,
        series: runs.iter().map(of).collect::<Result<_>>()?,
        ..Panel::default()
    })
}

/// Loss on the newest snapshot when it is learnt, and of the past.
fn loss_panels(data: &str, runs: &[Shown]) -> Result<[Panel; 2]> {
    let mut panels = ["the newest snapshot", "past snapshots"].map(|what| Panel {
        title: format!("{data}: loss on {what}"),
        x_label: "snapshot (offline: report)".into(),
        y_log: true,
        ..Panel::default()
    });
    for shown in runs {
        let lines = shown.seed.lines()?;
        let now = lines.iter().map(|l| (l.step as f64, f64::from(l.now[1]))).collect();
        let past = lines.iter().map(|l| (l.step as f64, f64::from(l.past))).collect();
        panels[0].series.push((shown.row.run.clone(), now));
        panels[1].series.push((shown.row.run.clone(), past));
    }
    Ok(panels)
}

/// RFE and PSNR against the part of the nodes that is kept: a curve for each method, network and kind of sketch.
fn sketch_panels(data: &str, runs: &[Shown]) -> [Panel; 2] {
    let mut curves: BTreeMap<String, Vec<[f64; 3]>> = BTreeMap::new();
    for Row { method, network, sketch, sketch_ratio, rfe_percent, psnr, .. } in runs.iter().map(|s| &s.row) {
        if let Some(kind) = sketch.split_whitespace().next() {
            let point = [100.0 * sketch_ratio, rfe_percent.mean, psnr.mean];
            curves.entry(format!("{method}, {network}, {kind}")).or_default().push(point);
        }
    }
    let panel = |y_label: &str, y_log: bool, of: usize| Panel {
        title: format!("{data}: error against sketch size"),
        x_label: "kept nodes or rows, % of the nodes".into(),
        y_label: y_label.into(),
        y_log,
        series: curves
            .iter()
            .map(|(name, points)| {
                let mut points: Vec<(f64, f64)> = points.iter().map(|p| (p[0], p[of])).collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                (name.clone(), points)
            })
            .collect(),
        ..Panel::default()
    };
    [panel("RFE %", true, 1), panel("PSNR dB", false, 2)]
}

/// Runs, and the peers at the errors of these runs.
fn ratio_panel(data: &str, runs: &[Shown]) -> Panel {
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in runs.iter().map(|s| &s.row) {
        let error = row.rfe_percent.mean;
        series.entry(row.run.clone()).or_default().push((error, row.ratio));
        for peer in &row.peers {
            series.entry(format!("{}, {} steps", peer.codec, peer.window)).or_default().push((error, peer.ratio));
        }
    }
    series.values_mut().for_each(|points| points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    Panel {
        title: format!("{data}: ratio at the same error"),
        x_label: "RFE %".into(),
        y_label: "raw / stored bytes".into(),
        x_log: true,
        y_log: true,
        series: series.into_iter().collect(),
        ..Panel::default()
    }
}

/// The middle step: data, then decoded and error of each run, as PNG.
fn slices(runs: &[Shown], channel: usize) -> Result<Vec<u8>> {
    let series = Series::open(&runs[0].run.config.data)?;
    let (step, channel) = (series.n_steps / 2, channel.min(series.n_channels() - 1));
    let pick = |values: &[f32]| raster::channel(values, series.n_channels(), channel);
    let data = pick(&series.snapshot(step)?);
    let mut fields = Vec::new();
    for shown in runs {
        let decoded = shown.seed.networks()?.snapshot(step, &series.mesh, shown.run.config.device.threads)?;
        let decoded = pick(&decoded);
        let error: Vec<f32> = data.iter().zip(&decoded).map(|(a, b)| (a - b).abs()).collect();
        fields.push((shown.row.run.clone(), decoded, error));
    }
    let colours = raster::range([data.as_slice()]);
    let panel = |caption: String, values, range| raster::Panel { caption, values, range };
    let mut panels = vec![
        panel(format!("step {step}: {:.3} to {:.3}", colours.0, colours.1), data.clone(), colours),
        panel(String::new(), Vec::new(), (0.0, 1.0)),
    ];
    for (name, decoded, error) in fields {
        panels.push(panel(name, decoded, colours));
        let worst = raster::range([error.as_slice()]).1;
        panels.push(panel(format!("|error|: 0 to {worst:.3}"), error, (0.0, worst)));
    }
    let (pixels, size) = raster::compose(&View::new(&series.mesh), &panels, 2)?;
    raster::png(&pixels, size)
}
