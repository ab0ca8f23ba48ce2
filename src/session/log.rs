//! The run log: one JSON line per block, appended and flushed at once, by as many processes as like.

use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::SeriesKey;
use super::live::{Candidate, Running};
use crate::codec::Report;
use crate::{Block, Settings};

/// The first line of a process about a dataset.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunLine {
    /// Seconds since 1970, UTC.
    pub time: f64,
    /// Process that writes the dataset.
    pub pid: u32,
    /// Absolute path of the dataset; empty when the engine does not tell.
    pub dataset: String,
    /// Version of this library.
    pub version: String,
    /// Parameters that were given to the operator which wrote first.
    pub parameters: BTreeMap<String, String>,
}

/// One line of the run log about a block.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Seconds since 1970, UTC.
    pub time: f64,
    /// Process that wrote the block.
    pub pid: u32,
    /// Absolute path of the dataset; empty when the engine does not tell.
    pub dataset: String,
    /// Variable; empty when the engine does not tell.
    pub variable: String,
    /// How many blocks of this series came before in this process.
    pub step: u64,
    /// Start of the block in the global array.
    pub start: Vec<usize>,
    /// Dimensions of the block.
    pub dims: Vec<usize>,
    /// NumPy name of the type.
    pub dtype: String,
    /// What was done.
    #[serde(flatten)]
    pub report: Report,
}

impl Line {
    /// The line of one block.
    pub fn new(key: &SeriesKey, step: u64, block: &Block, report: &Report) -> Line {
        Line {
            time: now(),
            pid: std::process::id(),
            dataset: key.dataset.clone(),
            variable: key.variable.clone(),
            step,
            start: key.start.clone(),
            dims: block.dims.to_vec(),
            dtype: block.dtype.name().to_owned(),
            report: report.clone(),
        }
    }
}

/// One line of the run log about a segment of a series that ended.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SegmentLine {
    /// Seconds since 1970, UTC.
    pub time: f64,
    /// Process that wrote the series.
    pub pid: u32,
    /// Absolute path of the dataset.
    pub dataset: String,
    /// Variable.
    pub variable: String,
    /// Start of the blocks in the global array.
    pub start: Vec<usize>,
    /// Dimensions of the blocks.
    pub dims: Vec<usize>,
    /// Number of the segment.
    pub segment: u32,
    /// Steps trained on.
    pub n_steps: usize,
    /// Steps that the network stands for.
    pub n_by_network: usize,
    /// Bytes of the network in the model store.
    pub network_bytes: usize,
    /// Bytes of the sketches that were kept while it was trained.
    pub sketch_bytes: usize,
    /// Seconds of consolidation.
    pub seconds: f64,
    /// Largest certified relative L2 error of a step that the network stands for.
    pub worst: f32,
    /// Steps (as in the lines of blocks) whose certified error breaks their promise.
    pub broken: Vec<u64>,
    /// Why the segment ended, if not because it was full or the run was over.
    pub why: String,
}

impl SegmentLine {
    /// The line of a segment; `network` unless none is kept.
    pub fn new(key: &SeriesKey, running: &Running, network: Option<&Candidate>, why: &str) -> SegmentLine {
        let certificate = network.map_or(&[][..], |c| c.segment.network.certificate.as_slice());
        let steps = |broken: Vec<u32>| broken.iter().filter_map(|&i| running.steps.get(i as usize).copied()).collect();
        let by_network = running.facts.limits().zip(certificate).filter(|(limits, _)| limits[0].is_finite());
        SegmentLine {
            time: now(),
            pid: std::process::id(),
            dataset: key.dataset.clone(),
            variable: key.variable.clone(),
            start: key.start.clone(),
            dims: key.dims.clone(),
            segment: running.place.segment,
            n_steps: running.n_steps(),
            n_by_network: running.facts.n_by_network(),
            network_bytes: network.map_or(0, |c| c.bytes.len()),
            sketch_bytes: running.sketch_bytes(),
            seconds: running.seconds(),
            worst: by_network.flat_map(|(_, errors)| errors).copied().fold(0.0, f32::max),
            broken: steps(running.facts.broken(certificate)),
            why: why.to_owned(),
        }
    }
}

/// Datasets of which a process has written the first line, with the log; beyond it all are forgotten.
const MAX_STARTED: usize = 4096;

/// Appends a line about a block, and before the first one of a dataset who writes it.
///
/// # Errors
/// What the file system reports.
pub fn block(path: &Path, line: &Line, settings: &Settings) -> std::io::Result<()> {
    static STARTED: LazyLock<Mutex<HashSet<(u32, PathBuf, String)>>> = LazyLock::new(Mutex::default);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if started.len() >= MAX_STARTED {
        started.clear();
    }
    // A forked process is another one.
    if started.insert((line.pid, path.to_owned(), line.dataset.clone())) {
        let run = RunLine {
            time: line.time,
            pid: line.pid,
            dataset: line.dataset.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            parameters: settings.given.iter().cloned().collect(),
        };
        append(path, &run)?;
    }
    drop(started);
    append(path, line)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// Appends one line; a single write to a file opened for appending, so that lines of several processes never mix.
pub fn append(path: &Path, line: &impl serde::Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}
