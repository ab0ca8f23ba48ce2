//! Ways to store a series.

use adios2_inr::Dtype;
use adios2_inr::Target;
use adios2_inr::field::{self, Array};
use anyhow::Result;

use super::data::Series;

/// A way to store a series, measured as a whole.
pub trait Method {
    /// For tables.
    fn name(&self) -> &str;

    /// All that tells it from other methods.
    fn identity(&self) -> String {
        self.name().to_owned()
    }

    /// Steps that are coded together; 0: all, each after the ones before it.
    fn window(&self) -> usize;

    /// Why there can be no row at such a goal.
    fn refusal(&self, goal: &Target) -> Option<String>;

    /// Finds the parameters that meet the goal, one per window. Not timed.
    ///
    /// # Errors
    /// When there are none, or a codec fails.
    fn tune(&self, series: &Series, goal: &Target) -> Result<Vec<f64>>;

    /// Encodes all steps with these parameters.
    ///
    /// # Errors
    /// When a codec fails.
    fn encode(&self, series: &Series, goal: &Target, knobs: &[f64]) -> Result<Box<dyn Stored + '_>>;
}

/// A series as it is stored.
pub trait Stored {
    /// Everything a reader needs.
    fn n_bytes(&self) -> usize;

    /// What was chosen, for tables; empty when there was no choice.
    fn detail(&self) -> String {
        String::new()
    }

    /// Decodes all steps in turn, as a reader who knows nothing of it yet.
    ///
    /// # Errors
    /// When a codec fails, or decodes to something else.
    fn decode(&self, series: &Series) -> Result<Vec<Decoded>>;

    /// Steps decoded for one step that is read by itself, on average.
    fn decoded_per_read(&self) -> f64;

    /// Whether points that do not count come back bit for bit.
    fn keeps_masked(&self) -> bool {
        false
    }

    /// Seconds of encoding and decoding and bytes they took where the work was done by other programs.
    fn outside(&self) -> Option<[Cost; 2]> {
        None
    }
}

/// What other programs took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub seconds: f64,
    pub peak_bytes: u64,
}

/// A decoded step, or several.
pub enum Decoded {
    /// Numbers of so many steps.
    Values(Array, usize),
    /// Little-endian elements.
    Bytes(Vec<u8>),
}

impl Decoded {
    /// Each step as numbers of this type.
    ///
    /// # Errors
    /// When the bytes are no such numbers.
    pub fn into_steps(self, dtype: Dtype) -> Result<Vec<Array>> {
        Ok(match self {
            Decoded::Values(values, 1) => vec![values],
            Decoded::Bytes(bytes) => vec![field::values(dtype, 0, &bytes)?.as_slice().to_array()],
            Decoded::Values(values, n_steps) => split(&values, n_steps),
        })
    }
}

/// `n` arrays of equal length.
pub fn split(values: &Array, n: usize) -> Vec<Array> {
    let len = (values.len() / n).max(1);
    match values {
        Array::F32(v) => v.chunks(len).map(|part| Array::F32(part.to_vec())).collect(),
        Array::F64(v) => v.chunks(len).map(|part| Array::F64(part.to_vec())).collect(),
    }
}
