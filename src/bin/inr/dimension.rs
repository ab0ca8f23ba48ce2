//! `inr dimension`: how many dimensions a network's outputs have, and the sketch size that the theory asks for.

use std::path::PathBuf;

use adios2_inr::series::manifold::{self, ManifoldRule};
use adios2_inr::series::metrics::mean;
use anyhow::{Context as _, Result};

use crate::Done;
use crate::runs::RunFolder;
use crate::table_runs::Spread;
use crate::train::data::Series;

const EXAMPLES: &str = "\
Examples:
  inr dimension runs/jet-first-snapshot
  inr dimension runs/jet --full runs/jet-offline --sketched runs/jet-offline-fjlt

The dimension M is the mean over 1000 networks with perturbed parameters (standard deviation 1e-5) of the local dimension of
their fields at the middle of the time axis: principal components of the 100 nearest fields with more than 5 % of the largest
variance. With the R3 errors of two offline runs, c = (sketched / full)^2, epsilon = (c - 1)/(c + 1), and M / epsilon^2 rows
are enough.";

/// Estimate the dimension of a network's outputs and the sketch size it needs
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Offline run on whole snapshots
    #[arg(long, value_name = "RUN", requires = "sketched")]
    full: Option<PathBuf>,
    /// Offline run on sketches
    #[arg(long, value_name = "RUN", requires = "full")]
    sketched: Option<PathBuf>,
    /// Networks with perturbed parameters
    #[arg(long, default_value_t = ManifoldRule::default().n_samples)]
    samples: usize,
    /// Standard deviation of the perturbation
    #[arg(long, default_value_t = ManifoldRule::default().deviation)]
    deviation: f32,
    /// Fields per local analysis
    #[arg(long, default_value_t = ManifoldRule::default().n_neighbours)]
    neighbours: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let run = RunFolder::open(&args.run)?;
    let series = Series::open(&run.config.data)?;
    let mut found = Vec::new();
    for seed in run.done() {
        let networks = seed.networks()?;
        let network = &networks.networks[0];
        let rule = ManifoldRule {
            n_samples: args.samples,
            deviation: args.deviation,
            n_neighbours: args.neighbours,
            seed: seed.seed,
        };
        let middle = (network.n_steps.max(1) - 1) as f64 / 2.0;
        found.push(manifold::dimension(network, middle, &series.mesh, &rule, run.config.device.threads)?);
    }
    let name = || format!("{}: no seed is done yet: 'inr train --resume' goes on", run.path.display());
    let n_params = run.done().first().with_context(name)?.summary()?.n_params;
    let dimension = Spread::of(&found);
    let n_nodes = series.mesh.n_nodes();
    let mut object = serde_json::json!({"dimension": dimension, "n_params": n_params, "n_nodes": n_nodes});
    let n_seeds = found.len();
    let mut text = format!("dimension {dimension} ({n_params} parameters, {n_nodes} nodes, seeds: {n_seeds})\n");
    if let (Some(full), Some(sketched)) = (&args.full, &args.sketched) {
        let size = manifold::sketch_size(dimension.mean, r3(sketched)?, r3(full)?)?;
        let percent = 100.0 * size.n_rows / n_nodes as f64;
        object["epsilon"] = size.epsilon.into();
        object["n_rows"] = size.n_rows.into();
        text +=
            &format!("epsilon {:.3}: {:.1} rows are enough, {percent:.3} % of the nodes\n", size.epsilon, size.n_rows);
    }
    Done::ok(if args.json { format!("{object}\n") } else { text })
}

/// Mean over seeds, channels and steps.
fn r3(path: &std::path::Path) -> Result<f64> {
    let run = RunFolder::open(path)?;
    let all = run.done().iter().map(|s| Ok(mean(&s.summary()?.metrics.r3))).collect::<Result<Vec<_>>>()?;
    anyhow::ensure!(!all.is_empty(), "{}: no seed is done yet", path.display());
    Ok(mean(&all))
}
