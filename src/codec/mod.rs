//! Encode and decode one block: stateless. Under construction (core).

use crate::metrics::Errors;
use crate::{Block, Dtype, Result, Settings};

/// What a caller may hand in from earlier blocks.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Parameters of the SIREN of the previous step of the same series, if any.
    pub warm_start: Option<WarmStart>,
}

/// A trained model to start from.
#[derive(Clone, Debug)]
pub struct WarmStart {
    /// Its shape.
    pub shape: crate::model::SirenShape,
    /// Its parameters.
    pub params: Vec<f32>,
}

/// An encoded block.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The bytes to store.
    pub record: Vec<u8>,
    /// What was done.
    pub report: Report,
    /// For the next step of the series.
    pub model: Option<WarmStart>,
}

/// A decoded block.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions as given to `encode`.
    pub dims: Vec<usize>,
    /// Little-endian elements.
    pub bytes: Vec<u8>,
}

/// What happened to one block; one line of the run log.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "docs/PARAMETERS.md describes the run log field by field")]
pub struct Report {
    pub model: String,
    pub backend: String,
    pub raw_bytes: usize,
    pub stored_bytes: usize,
    pub promise: String,
    pub errors: Errors,
    pub n_masked: usize,
    pub iterations: u32,
    pub device_bytes: usize,
    pub seconds: Seconds,
    pub tried: Vec<Tried>,
}

/// Seconds by stage.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "stages by name")]
pub struct Seconds {
    pub total: f64,
    pub transform: f64,
    pub train: f64,
    pub verify: f64,
}

/// One candidate of `auto` and its fate.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "candidate, its size if it kept the promise, why it was or was not chosen")]
pub struct Tried {
    pub model: String,
    pub bytes: Option<usize>,
    pub why: String,
}

/// What a record says about itself, read from its header alone.
#[derive(Clone, Debug, serde::Serialize)]
#[expect(missing_docs, reason = "fields of the header, docs/FORMAT.md")]
pub struct Summary {
    pub dtype: Dtype,
    pub dims: Vec<usize>,
    pub model: String,
    pub raw_bytes: usize,
    pub stored_bytes: usize,
    pub promise: String,
    pub rel_l2: Option<f64>,
    pub max_error: Option<f64>,
    pub sections: Vec<(String, usize)>,
}

/// Encodes one block; the promise of `settings.target` was checked by decoding when this returns.
///
/// # Errors
/// [`crate::Error`] only for impossible settings or internal failures; the caller then stores [`raw`].
pub fn encode(block: &Block, settings: &Settings, context: &Context) -> Result<Encoded> {
    let _ = (settings, context);
    Ok(Encoded { record: raw(block), report: Report::default(), model: None })
}

/// A record that holds the block's bytes as they are: at most 32 bytes longer than the block.
pub fn raw(block: &Block) -> Vec<u8> {
    block.bytes.to_vec()
}

/// Decodes a record into fresh memory.
///
/// # Errors
/// [`crate::Error::Corrupt`], [`crate::Error::Version`], [`crate::Error::Limit`].
pub fn decode(record: &[u8]) -> Result<Decoded> {
    let mut bytes = vec![0; record.len()];
    decode_into(record, &mut bytes)?;
    Ok(Decoded { dtype: Dtype::U8, dims: vec![bytes.len()], bytes })
}

/// Decodes a record into `out`, which must have exactly [`Summary::raw_bytes`].
///
/// # Errors
/// As [`decode`], and when the sizes differ.
pub fn decode_into(record: &[u8], out: &mut [u8]) -> Result<()> {
    out.copy_from_slice(record);
    Ok(())
}

/// Reads a record's header, checks its checksum, decodes nothing.
///
/// # Errors
/// As [`decode`].
pub fn inspect(record: &[u8]) -> Result<Summary> {
    Ok(Summary {
        dtype: Dtype::U8,
        dims: vec![record.len()],
        model: "raw".into(),
        raw_bytes: record.len(),
        stored_bytes: record.len(),
        promise: String::new(),
        rel_l2: None,
        max_error: None,
        sections: Vec::new(),
    })
}
