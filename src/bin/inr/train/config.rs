//! What `inr train` is told: one TOML table per run.

use std::path::PathBuf;

use adios2_inr::series::SeriesConfig;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::tables;

/// A run: every key of its TOML file, after `base`, `[[runs]]` and `--set`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Of the run's folder; the file's name without it.
    pub name: String,
    /// Who sees what of the data, and when.
    #[serde(default)]
    pub method: Method,
    /// Where `[series]` starts from.
    #[serde(default)]
    pub preset: Preset,
    /// One training each.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// A new network every so many steps; without it one network for all steps.
    pub segment_steps: Option<usize>,
    /// Sketch rows as a part of the nodes, instead of `series.sketch.n_rows`.
    pub sketch_ratio: Option<f64>,
    /// The series.
    pub data: DataConfig,
    /// Fields of the library's `SeriesConfig` that differ from the preset.
    #[serde(default)]
    pub series: toml::Table,
    /// Where it is trained.
    #[serde(default)]
    pub device: DeviceConfig,
    /// What is written.
    #[serde(default)]
    pub output: OutputConfig,
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

/// The paper's methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One snapshot at a time, sketches of the past.
    #[default]
    InSitu,
    /// One snapshot at a time, nothing of the past.
    InSituNone,
    /// All snapshots at any time.
    OfflineFull,
    /// Sketches of all snapshots at any time.
    OfflineSketched,
    /// One snapshot at a time, the hypernetwork of before held onto.
    Hreg,
}

impl Method {
    /// As tables and legends call it.
    pub fn name(self) -> &'static str {
        match self {
            Method::InSitu => "in situ",
            Method::InSituNone => "in situ, none",
            Method::OfflineFull => "offline, full",
            Method::OfflineSketched => "offline, sketched",
            Method::Hreg => "hreg",
        }
    }
}

/// The library's ready-made configurations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// `SeriesConfig::film`, recommended.
    #[default]
    Film,
    /// `SeriesConfig::tinr`.
    Tinr,
    /// `SeriesConfig::hypernet`.
    Hypernet,
    /// `SeriesConfig::paper`.
    Paper,
}

/// Where the series is and how it is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A `.npy` file, a folder of `.npy` files (one per step, in the order of their names), a netCDF, HDF5 or raw file or a BP
    /// dataset.
    pub path: PathBuf,
    /// Size of a raw file's array, steps first.
    pub dims: Option<Vec<usize>>,
    /// Type of a raw file's elements.
    pub dtype: Option<String>,
    /// For tables; the path's name without it.
    pub name: Option<String>,
    /// One letter per axis of the array: t (first), n (nodes), z y x w (axes of a grid), c (channels), as in "tyxc".
    pub axes: Option<String>,
    /// Size of the grid that the axis n stands for, slowest first.
    pub grid: Option<Vec<usize>>,
    /// Coordinates of the nodes: a `.npy` file `(n, d)`, or the variables that hold them.
    pub points: Option<Points>,
    /// netCDF, HDF5 and BP: variables to take, each a channel (or several, with an axis c).
    #[serde(default)]
    pub variables: Vec<String>,
    /// Channels to take; all without it.
    pub channels: Option<Vec<usize>>,
    /// First step and one past the last; all without it.
    pub steps: Option<[usize; 2]>,
    /// What is done to the values of each channel, over the whole series.
    #[serde(default)]
    pub normalise: Normalise,
}

/// Coordinates of the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Points {
    /// `(n, d)`.
    File(PathBuf),
    /// `d` variables of `n` values in the data's own file.
    Variables(Vec<String>),
}

/// The paper's normalisations. The trainer itself keeps values within -1..=1 by the largest magnitude seen so far; these
/// look at the whole series first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Normalise {
    /// As they are.
    #[default]
    #[serde(rename = "none")]
    None,
    /// To 0..=1.
    #[serde(rename = "0-1")]
    ZeroOne,
    /// To -1..=1.
    #[serde(rename = "-1-1")]
    MinusOneOne,
    /// Mean 0 and variance 1, then divided by the largest magnitude.
    #[serde(rename = "z-score")]
    ZScore,
}

/// The keys of the operator with the same names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// auto, gpu or cpu.
    pub backend: Option<String>,
    /// Index or part of the adapter's name.
    pub device: Option<String>,
    /// CPU threads; 0: all.
    #[serde(default)]
    pub threads: usize,
}

/// What a run leaves behind besides its network and its metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// Runs are folders in here.
    pub folder: PathBuf,
    /// The decoded series: "npy", "bp" or both.
    pub reconstruction: Vec<Export>,
    /// Plots of errors, losses and slices.
    pub plots: bool,
    /// An animation of one channel: data, decoded, error.
    pub gif: bool,
    /// The channel of slices and animation.
    pub channel: usize,
    /// Snapshots between two looks at the error in the data's unit while training; 0: none.
    pub evaluate_every: usize,
    /// Snapshots between two checkpoints; 0: none.
    pub checkpoint_every: usize,
}

impl Default for OutputConfig {
    fn default() -> Self {
        OutputConfig {
            folder: "runs".into(),
            reconstruction: Vec::new(),
            plots: true,
            gif: false,
            channel: 0,
            evaluate_every: 10,
            checkpoint_every: 25,
        }
    }
}

/// Format of an exported series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// NumPy.
    Npy,
    /// ADIOS2.
    Bp,
}

impl Config {
    /// What the trainer is told for a series of `n_nodes` whose segments have `n_steps`.
    pub fn series_config(&self, n_steps: usize, n_nodes: usize, seed: u64) -> Result<SeriesConfig> {
        let n_rows = match self.sketch_ratio {
            None => 100,
            Some(ratio) => {
                ensure!(ratio > 0.0 && ratio <= 1.0, "'sketch_ratio' cannot be {ratio}: set it to a number in 0..=1");
                // As in Python's round().
                ((ratio * n_nodes as f64).round_ties_even() as usize).max(1)
            }
        };
        let mut series = match self.preset {
            Preset::Film => SeriesConfig::film(n_steps),
            Preset::Tinr => SeriesConfig::tinr(n_steps),
            Preset::Hypernet => SeriesConfig::hypernet(n_steps),
            Preset::Paper => SeriesConfig::paper(n_steps, n_rows),
        };
        if self.sketch_ratio.is_some() {
            series.sketch.n_rows = n_rows;
        }
        series = tables::overlay(&series, &self.series)?;
        (series.n_steps, series.seed) = (n_steps, seed);
        if self.method == Method::InSituNone {
            series.sketch.kind = adios2_inr::sketch::SketchKind::None;
        }
        series.check()?;
        Ok(series)
    }
}
