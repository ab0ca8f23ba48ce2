//! `inr eval`: the errors of a run's networks, measured again, on the run's own data or on others.

use std::path::PathBuf;

use adios2_inr::series::SeriesMetrics;
use adios2_inr::series::metrics::mean;
use anyhow::{Result, ensure};

use crate::runs::RunFolder;
use crate::table::{self, Table};
use crate::train::data::Series;
use crate::train::run::measure;
use crate::{Done, peers};

const EXAMPLES: &str = "\
Examples:
  inr eval runs/jet
  inr eval runs/jet --data later.npy --json
  inr eval runs/jet --peers sz3,zfp      what they need at the same error; kept for 'inr table' and 'inr figures'

RFE: relative error over all steps. PSNR: of each step, peak its signed maximum, mean over steps; 'range': peak its value
range. R3: sqrt(sum e^2 / (sum y^2 + 1e-3)) of each step, mean and largest over steps. RPW: mean of e^2 / (y^2 + 1e-8). SSE:
sum of e^2 of each step, mean over steps. All in the data's unit.";

/// Measure a run's networks again
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Compare with this file instead of the one trained on; laid out the same way
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Measure these codecs at the run's error: sz3, zfp, sperr (needs the feature 'peers')
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let run = RunFolder::open(&args.run)?;
    let mut config = run.config.data.clone();
    if let Some(path) = &args.data {
        config.path = path.clone();
    }
    let series = Series::open(&config)?;
    let mut results = Vec::new();
    for seed in run.done() {
        let networks = seed.networks()?;
        let (held, found) = (networks.n_steps(), series.n_steps);
        ensure!(held >= found, "the networks hold {held} steps, the data {found}: set 'data.steps' or use other data");
        results.push((seed.seed, measure(&series, &networks, config_threads(&run))?));
    }
    ensure!(!results.is_empty(), "{}: no seed is done yet: 'inr train --resume' goes on", run.path.display());
    let peers = match args.peers.as_slice() {
        [] => Vec::new(),
        codecs => peers::measure(&run, &series, codecs, &mean_rfe(&results))?,
    };
    if args.json {
        let seeds: Vec<_> = results.iter().map(|(s, m)| serde_json::json!({"seed": s, "metrics": m})).collect();
        let object =
            serde_json::json!({"data": series.name, "channels": series.channels, "seeds": seeds, "peers": peers});
        return Done::ok(format!("{object}\n"));
    }
    let peers: String = peers.iter().map(|p| format!("{p}\n")).collect();
    Done::ok(render(&series, &results) + &peers)
}

fn config_threads(run: &RunFolder) -> usize {
    run.config.device.threads
}

/// Of each channel, over seeds.
fn mean_rfe(results: &[(u64, SeriesMetrics)]) -> Vec<f64> {
    let n_channels = results[0].1.rfe.len();
    (0..n_channels).map(|c| mean(&results.iter().map(|(_, m)| m.rfe[c]).collect::<Vec<_>>())).collect()
}

fn render(series: &Series, results: &[(u64, SeriesMetrics)]) -> String {
    let header = ["channel", "seed", "RFE %", "PSNR dB", "range dB", "R3 %", "largest R3 %", "RPW", "SSE"];
    let mut table = Table::new(header, 1);
    for (seed, m) in results {
        let row = |name: &str, of: &dyn Fn(&[f64]) -> f64| {
            [
                name.to_owned(),
                seed.to_string(),
                format!("{:.3}", 100.0 * of(&m.rfe)),
                format!("{:.2}", of(&m.psnr)),
                format!("{:.2}", of(&m.psnr_range)),
                format!("{:.3}", 100.0 * of(&m.r3)),
                format!("{:.3}", 100.0 * of(&m.r3_max)),
                table::error(of(&m.rpw)),
                table::error(of(&m.sse)),
            ]
        };
        for (c, name) in series.channels.iter().enumerate() {
            table.row(row(name, &|values| values[c]));
        }
        table.row(row("mean", &mean));
    }
    table.to_string()
}
