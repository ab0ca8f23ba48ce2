//! State of a run: warm starts, caches, the run log, and the rule that encoding never fails. Under construction (core).

use crate::codec::{self, Context};
use crate::{Block, Result, Settings};

/// Which series a block belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Absolute path of the dataset; empty when the engine does not tell.
    pub dataset: String,
    /// Variable name; empty when the engine does not tell.
    pub variable: String,
    /// Start of the block in the global array; empty for local arrays.
    pub start: Vec<usize>,
    /// Dimensions of the block.
    pub dims: Vec<usize>,
}

/// What the plugin gets for a block.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Never empty, at most the block + 32 bytes.
    pub record: Vec<u8>,
    /// One line for stderr when something failed and the block is stored raw.
    pub warning: Option<String>,
}

/// Encodes a block of a series; any failure ends in a raw record and a warning.
pub fn encode(key: &SeriesKey, block: &Block, settings: &Settings) -> Outcome {
    let _ = key;
    match codec::encode(block, settings, &Context::default()) {
        Ok(e) => Outcome { record: e.record, warning: None },
        Err(e) => Outcome { record: codec::raw(block), warning: Some(e.to_string()) },
    }
}

/// Decodes a record into `out` through the cache of decoded blocks.
///
/// # Errors
/// As [`codec::decode_into`].
pub fn decode_into(record: &[u8], out: &mut [u8]) -> Result<()> {
    codec::decode_into(record, out)
}
