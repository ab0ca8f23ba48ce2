//! What is measured: a field with its mask, and the copy without holes that codecs without masks get.

use std::path::Path;

use adios2_inr::Dtype;
use adios2_inr::field::{self, Array, mask::Mask};
use anyhow::{Context as _, Result, bail, ensure};

use crate::npy;

/// What a codec decoded.
pub enum Decoded {
    /// Numbers.
    Values(Array),
    /// Little-endian elements.
    Bytes(Dtype, Vec<u8>),
}

impl Decoded {
    /// Widened to f64.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(match self {
            Decoded::Values(values) => values.as_slice().wide().into_owned(),
            Decoded::Bytes(dtype, bytes) => field::component(*dtype, 0, bytes)?,
        })
    }
}

/// An array ready to be measured.
pub struct Data {
    /// File name without its extension.
    pub name: String,
    /// As read.
    pub array: npy::Array,
    /// Dimensions without those of size 1, slowest first.
    pub dims: Vec<usize>,
    /// `[n]`: what errors are measured against.
    pub values: Vec<f64>,
    /// `[n]`: which points count; `None` when all do.
    pub valid: Option<Vec<bool>>,
    /// `[n]`: masked points filled in smoothly, for codecs without masks.
    pub filled: Array,
    /// Points that do not count.
    pub n_masked: usize,
    /// Largest minus smallest value that counts.
    pub range: f64,
}

impl Data {
    /// Reads a `.npy` file of real floating-point values. `fill`: a value known to mark missing data.
    pub fn read(path: &Path, fill: Option<f64>) -> Result<Data> {
        let array = npy::read(path)?;
        Data::new(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), array, fill)
            .with_context(|| path.display().to_string())
    }

    /// Finds the mask and fills it in.
    pub fn new(name: String, array: npy::Array, fill: Option<f64>) -> Result<Data> {
        let dims = field::fold_dims(&array.dims);
        ensure!(!array.bytes.is_empty(), "holds no values");
        if !matches!(array.dtype, Dtype::F32 | Dtype::F64) {
            bail!("type {} is not measured: convert it to float32 or float64", array.dtype.name());
        }
        let values = field::component(array.dtype, 0, &array.bytes)?;
        let mut filled = field::values(array.dtype, 0, &array.bytes)?.as_slice().to_array();
        let mask = Mask::find(filled.as_slice(), array.dtype, fill);
        mask.fill_in(&mut filled, &dims);
        let range = mask.range.map_or(0.0, |(low, high)| high - low);
        ensure!(range > 0.0, "is constant: there is nothing to compare");
        Ok(Data { name, array, dims, values, valid: mask.valid, filled, n_masked: mask.n_masked, range })
    }

    /// True where point `i` counts.
    pub fn counts(&self, i: usize) -> bool {
        self.valid.as_ref().is_none_or(|v| v[i])
    }

    /// Root mean square of the points that count.
    pub fn rms(&self) -> f64 {
        let squares = self.values.iter().enumerate().filter(|(i, _)| self.counts(*i)).map(|(_, v)| v * v);
        (squares.sum::<f64>() / (self.values.len() - self.n_masked) as f64).sqrt()
    }

    /// How fill values were treated.
    pub fn note(&self) -> Option<String> {
        let share = 100.0 * self.n_masked as f64 / self.values.len() as f64;
        (self.n_masked > 0).then(|| {
            format!(
                "{}: {share:.1} % of the points are fill values or not finite; they are filled in smoothly, the same way, \
                 for every peer (which store no mask); our bytes include the mask; errors count the other points",
                self.name
            )
        })
    }
}
