//! Run folders: what `inr train` writes and `inr table`, `eval`, `figures` and `dimension` read.
//!
//! ```text
//! runs/NAME/config.toml            the whole config
//! runs/NAME/seed-0/metrics.jsonl   one line per snapshot: losses, errors in the data's unit
//!                  events.out.tfevents.*   the same for TensorBoard
//!                  network-0.series        one network per segment
//!                  summary.json            sizes, costs, errors of the final networks
//!                  checkpoint.bin          while it runs
//! ```

use std::path::{Path, PathBuf};

use adios2_inr::mesh::Mesh;
use adios2_inr::model::SeriesNetwork;
use adios2_inr::series::SeriesMetrics;
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::train::config::{Config, Method};
use crate::train::load;
use crate::train::normalise::Normaliser;

/// A line of `metrics.jsonl`: what one snapshot's training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Number of the snapshot; offline: of the report.
    pub step: usize,
    /// Steps of the optimiser.
    pub n_iterations: usize,
    /// Loss on the snapshot at its first and last iteration (offline sketched: 0).
    pub now: [f32; 2],
    /// Mean loss on the past at the last iteration.
    pub past: f32,
    /// Training collapsed, was rolled back and slowed down.
    pub collapsed: bool,
    /// Wall time.
    pub seconds: f64,
    /// Error of the snapshot just after it was learnt, in the data's unit; in some lines.
    pub errors: Option<StepErrors>,
}

/// Errors of one step, per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepErrors {
    /// Root mean square error in the data's unit.
    pub rms: Vec<f64>,
    /// Relative L2 error.
    pub relative: Vec<f64>,
}

/// What one training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub data: String,
    pub channels: Vec<String>,
    pub n_steps: usize,
    pub n_nodes: usize,
    pub method: Method,
    /// As in "film 32x3".
    pub network: String,
    /// As in "fjlt 5.00 %"; empty where nothing is kept.
    pub sketch: String,
    /// Kept nodes or rows over nodes.
    pub sketch_ratio: f64,
    pub seed: u64,
    /// Of all segments.
    pub n_params: usize,
    /// Stored networks, with what undoes a normalisation.
    pub n_bytes: usize,
    /// Coordinates of nodes that are no grid.
    pub mesh_bytes: usize,
    /// The series as f32.
    pub raw_bytes: usize,
    /// Sketches in memory, at the most.
    pub sketch_bytes: usize,
    /// Nodes evaluated with a gradient.
    pub n_evaluations: u64,
    /// Of these evaluations, without generators.
    pub flops: f64,
    /// Of training and consolidation.
    pub seconds: f64,
    pub n_collapsed: usize,
    /// As in "cpu (AVX-512, 2 threads)".
    pub device: String,
    pub normaliser: Normaliser,
    pub metrics: SeriesMetrics,
}

impl Summary {
    /// Raw bytes over stored bytes.
    pub fn ratio(&self) -> f64 {
        crate::table::ratio(self.raw_bytes, self.n_bytes)
    }

    /// The paper's compression factor: values over parameters.
    pub fn ratio_in_params(&self) -> f64 {
        crate::table::ratio(self.raw_bytes / 4, self.n_params)
    }

    /// Evaluations per snapshot, in multiples of its nodes.
    pub fn cost(&self) -> f64 {
        self.n_evaluations as f64 / (self.n_steps * self.n_nodes).max(1) as f64
    }
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    pub path: PathBuf,
    pub config: Config,
}

impl RunFolder {
    /// Where a config's run goes.
    pub fn of(config: &Config) -> RunFolder {
        RunFolder { path: config.output.folder.join(&config.name), config: config.clone() }
    }

    /// Opens a folder that a run has written.
    pub fn open(path: &Path) -> Result<RunFolder> {
        let file = path.join("config.toml");
        ensure!(file.exists(), "{}: is no run: 'inr train' writes one", path.display());
        Ok(RunFolder { path: path.to_owned(), config: load::read_resolved(&file)? })
    }

    /// Name of the run.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The folder of one seed.
    pub fn seed(&self, seed: u64) -> SeedFolder {
        SeedFolder { path: self.path.join(format!("seed-{seed}")), seed }
    }

    /// Seeds that are done, in the order of the config.
    pub fn done(&self) -> Vec<SeedFolder> {
        let all = self.config.seeds.iter().map(|&seed| self.seed(seed));
        all.filter(|folder| folder.summary_path().exists()).collect()
    }

    /// Writes `config.toml`.
    pub fn write_config(&self) -> Result<()> {
        let text = load::to_toml(&self.config)?;
        crate::output::write_whole(&self.path.join("config.toml"), |w| Ok(w.write_all(text.as_bytes())?))
    }
}

/// The folder of one training.
#[derive(Clone, Debug)]
pub struct SeedFolder {
    pub path: PathBuf,
    pub seed: u64,
}

impl SeedFolder {
    pub fn summary_path(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    pub fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub fn checkpoint_path(&self) -> PathBuf {
        self.path.join("checkpoint.bin")
    }

    pub fn network_path(&self, segment: usize) -> PathBuf {
        self.path.join(format!("network-{segment}.series"))
    }

    pub fn summary(&self) -> Result<Summary> {
        let path = self.summary_path();
        let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        crate::output::write_whole(&self.summary_path(), |w| Ok(serde_json::to_writer_pretty(w, summary)?))
    }

    /// All whole lines; a killed process may leave half of one.
    pub fn lines(&self) -> Result<Vec<Line>> {
        let path = self.metrics_path();
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The networks of all segments of a training that is done.
    pub fn networks(&self) -> Result<Networks> {
        self.networks_with(&self.summary()?.normaliser)
    }

    /// The networks of all segments.
    pub fn networks_with(&self, normaliser: &Normaliser) -> Result<Networks> {
        let mut networks = Vec::new();
        while self.network_path(networks.len()).exists() {
            let path = self.network_path(networks.len());
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            networks.push(SeriesNetwork::decode(&bytes).with_context(|| path.display().to_string())?);
        }
        ensure!(
            !networks.is_empty(),
            "{}: holds no network yet: 'inr train' writes it at the end",
            self.path.display()
        );
        Ok(Networks { networks, normaliser: normaliser.clone() })
    }
}

/// A decoded series: one network per segment.
pub struct Networks {
    pub networks: Vec<SeriesNetwork>,
    pub normaliser: Normaliser,
}

impl Networks {
    /// Values of a step of the series, `[n_nodes][n_channels]` in the data's unit.
    pub fn snapshot(&self, step: usize, mesh: &Mesh, n_threads: usize) -> Result<Vec<f32>> {
        let mut rest = step;
        for network in &self.networks {
            if rest < network.n_trained {
                let mut values = network.snapshot(rest as f64, mesh, n_threads)?;
                self.normaliser.undo(&mut values);
                return Ok(values);
            }
            rest -= network.n_trained;
        }
        anyhow::bail!("there is no step {step}: the networks hold {}", self.n_steps())
    }

    /// Steps of all segments.
    pub fn n_steps(&self) -> usize {
        self.networks.iter().map(|n| n.n_trained).sum()
    }
}
