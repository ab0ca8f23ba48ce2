//! What is measured: the steps of a variable with their masks, and copies without holes for codecs without masks.

use adios2_inr::Dtype;
use adios2_inr::field::{self, Array, mask::Mask};
use anyhow::{Result, bail, ensure};

use super::quality::Step;
use crate::npy;

/// One step.
pub struct Field {
    /// Its place among the steps that were taken, constant ones included.
    pub number: usize,
    /// As read.
    pub array: npy::Array,
    /// `[n]`: what errors are measured against.
    pub values: Array,
    /// `[n]`: which points count; `None` when all do.
    pub valid: Option<Vec<bool>>,
    /// `[n]`: masked points filled in smoothly, where there are any.
    filled: Option<Array>,
    /// Points that do not count.
    pub n_masked: usize,
    /// Smallest and largest value that count.
    pub low: f64,
    pub high: f64,
    /// Their difference, above 0.
    pub range: f64,
}

impl Field {
    /// Finds the mask and fills it in; `None` when the field is constant. `fill`: a value known to mark missing data.
    pub fn new(number: usize, array: npy::Array, fill: Option<f64>) -> Result<Option<Field>> {
        ensure!(!array.bytes.is_empty(), "it holds no values");
        if !matches!(array.dtype, Dtype::F32 | Dtype::F64) {
            bail!("type {} is not measured: convert it to float32 or float64", array.dtype.name());
        }
        let values = field::values(array.dtype, 0, &array.bytes)?.as_slice().to_array();
        let mask = Mask::find(values.as_slice(), array.dtype, fill);
        let filled = (mask.n_masked > 0).then(|| {
            let mut filled = values.clone();
            mask.fill_in(&mut filled, &field::fold_dims(&array.dims));
            filled
        });
        let (low, high) = mask.range.unwrap_or_default();
        let (valid, n_masked, range) = (mask.valid, mask.n_masked, high - low);
        Ok((range > 0.0).then_some(Field { number, array, values, valid, filled, n_masked, low, high, range }))
    }

    /// This step and a decoded copy of it, for measures.
    pub fn beside<'a>(&'a self, dims: &'a [usize], decoded: &'a Array) -> Step<'a> {
        Step {
            dims,
            original: self.filled().as_slice(),
            decoded: decoded.as_slice(),
            valid: self.valid.as_deref(),
            range: self.range,
        }
    }

    /// `[n]`: without holes, for codecs without masks.
    pub fn filled(&self) -> &Array {
        self.filled.as_ref().unwrap_or(&self.values)
    }

    /// True where point `i` counts.
    pub fn counts(&self, i: usize) -> bool {
        self.valid.as_ref().is_none_or(|v| v[i])
    }

    /// Sum of the squares of the points that count, and their number.
    pub fn squares(&self) -> (f64, usize) {
        let counted = self.values.as_slice().iter().enumerate().filter(|(i, _)| self.counts(*i));
        (counted.map(|(_, v)| v * v).sum(), self.values.len() - self.n_masked)
    }
}

/// A variable with all its steps, all of one shape.
pub struct Series {
    /// For tables.
    pub name: String,
    /// Of a step, slowest first, as they are.
    pub shape: Vec<usize>,
    /// Those without those of size 1.
    pub dims: Vec<usize>,
    pub dtype: Dtype,
    /// At least one.
    pub steps: Vec<Field>,
    /// Steps whose values are all the same, which are not measured.
    pub n_constant: usize,
}

/// The step of a variable that is shown.
pub struct Shown {
    /// Of the variable.
    pub name: String,
    /// Without those of size 1.
    pub dims: Vec<usize>,
    pub field: Field,
}

impl Series {
    /// Prepares arrays of one shape and type; `None` when all are constant.
    pub fn new(
        name: String,
        arrays: impl Iterator<Item = Result<npy::Array>>,
        fill: Option<f64>,
    ) -> Result<Option<Series>> {
        let (mut steps, mut n_constant) = (Vec::<Field>::new(), 0);
        for (number, array) in arrays.enumerate() {
            match Field::new(number, array?, fill)? {
                Some(field) => steps.push(field),
                None => n_constant += 1,
            }
        }
        let Some(first) = steps.first() else { return Ok(None) };
        let (shape, dtype) = (first.array.dims.clone(), first.array.dtype);
        Ok(Some(Series { name, dims: field::fold_dims(&shape), shape, dtype, steps, n_constant }))
    }

    /// The step that is shown: the middle one.
    pub fn shown(&self) -> usize {
        self.steps.len() / 2
    }

    /// Keeps that step alone.
    pub fn into_shown(mut self) -> Shown {
        let step = self.shown();
        Shown { name: self.name, dims: self.dims, field: self.steps.swap_remove(step) }
    }

    /// Bytes of all steps.
    pub fn raw_bytes(&self) -> usize {
        self.steps.iter().map(|step| step.array.bytes.len()).sum()
    }

    /// Values of all steps.
    pub fn n_values(&self) -> usize {
        self.steps.iter().map(|step| step.values.len()).sum()
    }

    /// Values of all steps that do not count.
    pub fn n_masked(&self) -> usize {
        self.steps.iter().map(|step| step.n_masked).sum()
    }

    /// How fill values and constant steps were treated.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.n_masked() > 0 {
            let share = 100.0 * self.n_masked() as f64 / self.n_values() as f64;
            notes.push(format!(
                "{}: {share:.1} % of the points are fill values or not finite; they are filled in smoothly, the same way, for \
                 every peer (which store no mask); our bytes include the mask; errors count the other points",
                self.name
            ));
        }
        if self.n_constant > 0 {
            notes.push(format!("{}: {} constant steps are left out", self.name, self.n_constant));
        }
        notes
    }
}
