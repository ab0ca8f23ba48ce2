//! The run log: one JSON line per block, appended and flushed at once, by as many processes as like.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::SeriesKey;
use crate::Block;
use crate::codec::Report;

/// One line of the run log.
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
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()),
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

/// Appends one line; a single write to a file opened for appending, so that lines of several processes never mix.
pub fn append(path: &Path, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}
