//! The parameters: one table for XML keys, command-line flags and the library. Under construction (core).
use crate::Result;

/// What `accuracy` is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// L2: relative to the block's L2 norm; Linf: to its value range.
    Rel,
    /// In the data's own unit.
    Abs,
}

/// Which error is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Norm {
    /// Euclidean norm over the block.
    L2,
    /// Maximum over the block.
    Linf,
}

/// What must hold for a block.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Target {
    /// The error in this norm is at most this.
    Accuracy(Mode, Norm, f64),
    /// At least this many dB, peak = value range.
    Psnr(f64),
    /// At least this ratio, as accurate as it allows.
    Ratio(f64),
}

/// Which codec is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// The smallest record that keeps the promise within the budget.
    Auto,
    /// SIREN base, transform-coded remainder.
    Siren,
    /// Wavelet or DCT.
    Transform,
}

/// Use of earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    /// Each step stands alone (models still start warm).
    None,
}

/// Where to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A real GPU if there is one, else the CPU.
    Auto,
    /// A GPU or an error; a software driver only if named by `device`.
    Gpu,
    /// The CPU.
    Cpu,
}

/// Order of the dimensions ADIOS2 hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Slowest first (C, Python).
    Row,
    /// Fastest first (Fortran).
    Column,
}

/// All parameters of one operator (docs/PARAMETERS.md).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table in docs/PARAMETERS.md documents every field by its key")]
pub struct Settings {
    pub target: Target,
    pub model: ModelChoice,
    pub temporal: Temporal,
    pub seconds: Option<f64>,
    pub backend: Backend,
    pub device: Option<String>,
    pub threads: usize,
    pub seed: u64,
    pub threshold: usize,
    pub fill: Option<f64>,
    pub order: Order,
    pub log: Option<std::path::PathBuf>,
}

impl Settings {
    /// Parses `(key, value)` pairs; keys are case-insensitive, `pluginname` and `pluginlibrary` are passed over.
    ///
    /// # Errors
    /// [`crate::Error::UnknownKey`], [`crate::Error::BadValue`], [`crate::Error::Contradiction`].
    pub fn from_pairs<'a>(_pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        Ok(Self::default())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            target: Target::Accuracy(Mode::Rel, Norm::L2, 1e-2),
            model: ModelChoice::Auto,
            temporal: Temporal::None,
            seconds: None,
            backend: Backend::Auto,
            device: None,
            threads: 0,
            seed: 0,
            threshold: 4096,
            fill: None,
            order: Order::Row,
            log: None,
        }
    }
}
