//! Values of one component in the type they come in, so that single precision takes no more memory than it has to.

use std::borrow::Cow;

use crate::Dtype;

/// Borrowed values.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Slice<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
}

/// Owned values.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Array {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl<'a> Slice<'a> {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Slice::F32(values) => values.len(),
            Slice::F64(values) => values.len(),
        }
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values from `first` on, widened, as many as `out` has room for.
    #[inline(always)]
    pub fn read(&self, first: usize, out: &mut [f64]) {
        match self {
            Slice::F32(values) => out.iter_mut().zip(&values[first..]).for_each(|(out, &v)| *out = f64::from(v)),
            Slice::F64(values) => out.copy_from_slice(&values[first..first + out.len()]),
        }
    }

    /// One value, widened.
    #[inline]
    pub fn get(&self, i: usize) -> f64 {
        match self {
            Slice::F32(values) => f64::from(values[i]),
            Slice::F64(values) => values[i],
        }
    }

    /// All values, widened.
    pub fn iter(self) -> impl Iterator<Item = f64> + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// A copy.
    pub fn to_array(self) -> Array {
        match self {
            Slice::F32(values) => Array::F32(values.to_vec()),
            Slice::F64(values) => Array::F64(values.to_vec()),
        }
    }

    /// All values in double precision.
    pub fn wide(self) -> Cow<'a, [f64]> {
        match self {
            Slice::F32(values) => Cow::Owned(values.iter().map(|&v| f64::from(v)).collect()),
            Slice::F64(values) => Cow::Borrowed(values),
        }
    }
}

impl<'a> From<&'a [f64]> for Slice<'a> {
    fn from(values: &'a [f64]) -> Self {
        Slice::F64(values)
    }
}

impl<'a> From<&'a [f32]> for Slice<'a> {
    fn from(values: &'a [f32]) -> Self {
        Slice::F32(values)
    }
}

/// Values that are in a block or were copied out of it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Values<'a> {
    Borrowed(Slice<'a>),
    Owned(Array),
}

impl Values<'_> {
    /// The values, to read.
    pub fn as_slice(&self) -> Slice<'_> {
        match self {
            Values::Borrowed(slice) => *slice,
            Values::Owned(array) => array.as_slice(),
        }
    }

    /// The values, to change.
    pub fn to_mut(&mut self) -> &mut Array {
        if let Values::Borrowed(slice) = self {
            *self = Values::Owned(slice.to_array());
        }
        match self {
            Values::Owned(array) => array,
            Values::Borrowed(_) => unreachable!("the line above owns them"),
        }
    }
}

impl<'a> From<&'a Vec<f64>> for Slice<'a> {
    fn from(values: &'a Vec<f64>) -> Self {
        Slice::F64(values)
    }
}

impl Default for Array {
    fn default() -> Self {
        Array::F64(Vec::new())
    }
}

impl Array {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `n` times the same value.
    pub fn constant(dtype: Dtype, value: f64, n: usize) -> Self {
        if dtype == Dtype::F32 { Array::F32(vec![value as f32; n]) } else { Array::F64(vec![value; n]) }
    }

    /// True when no value is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        match self {
            Array::F32(values) => values.iter().all(|v| v.is_finite()),
            Array::F64(values) => values.iter().all(|v| v.is_finite()),
        }
    }

    /// The values, to read.
    pub fn as_slice(&self) -> Slice<'_> {
        match self {
            Array::F32(values) => Slice::F32(values),
            Array::F64(values) => Slice::F64(values),
        }
    }
}
