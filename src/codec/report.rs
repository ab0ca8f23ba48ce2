//! What happened to a block: one line of the run log.

use crate::metrics::Errors;
use crate::{Block, Settings};

/// What happened to one block; one line of the run log.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// What is stored: raw, lossless, constant, wavelet, dct, block-dct, none, or siren+one of these.
    pub model: String,
    /// Where the model was trained; empty without one.
    pub backend: String,
    /// Bytes of the block.
    pub raw_bytes: usize,
    /// Bytes of the record.
    pub stored_bytes: usize,
    /// The promise in words.
    pub promise: String,
    /// Errors of the decoded record over all valid points (of the worst component).
    pub errors: Errors,
    /// Points stored losslessly as missing data.
    pub n_masked: usize,
    /// Training steps.
    pub iterations: u32,
    /// What a predicted step is predicted with: last, linear, network 16-16, cross linear, ...; empty for a step that stands alone.
    #[serde(default)]
    pub predictor: String,
    /// The other variable that a cross predictor knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// Estimated bytes of a predicted step's record without prediction.
    #[serde(default)]
    pub unpredicted_bytes: Option<usize>,
    /// Bytes of new predictor weights in the model store, with `temporal=predict`.
    #[serde(default)]
    pub weights_bytes: usize,
    /// Gain of the prediction in each band of each component, coarse to fine; empty for a step that stands alone.
    #[serde(default)]
    pub gains: Vec<Vec<f32>>,
    /// Why the CPU did what a GPU was asked to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Bytes held on the device for training.
    pub device_bytes: usize,
    /// Seconds by stage.
    pub seconds: Seconds,
    /// Candidates and their fate.
    pub tried: Vec<Tried>,
}

/// Seconds by stage.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Seconds {
    /// The whole block.
    pub total: f64,
    /// Transform candidates, with and without a base.
    pub transform: f64,
    /// Training and evaluation of models.
    pub train: f64,
    /// Decoding the record and comparing.
    pub verify: f64,
}

/// One candidate and its fate.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Tried {
    /// Name of the candidate.
    pub model: String,
    /// Its size if it kept the promise.
    pub bytes: Option<usize>,
    /// Why it was or was not chosen.
    pub why: String,
}

impl Report {
    /// An empty report of a block.
    pub fn new(block: &Block, settings: &Settings) -> Report {
        Report { raw_bytes: block.bytes.len(), promise: settings.target.to_string(), ..Report::default() }
    }

    /// Notes a candidate.
    pub fn note(&mut self, model: &str, bytes: Option<usize>, why: impl Into<String>) {
        self.tried.push(Tried { model: model.to_owned(), bytes, why: why.into() });
    }

    /// The block is stored without any error.
    pub fn choose_exact(&mut self, model: &str) {
        self.model = model.to_owned();
        self.errors = Errors { psnr: f64::INFINITY, ..Errors::default() };
    }
}
