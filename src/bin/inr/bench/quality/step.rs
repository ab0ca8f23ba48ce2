//! One step before and after, and its values widened, with nothing to see where they do not count.

use std::borrow::Cow;

use adios2_inr::field::Slice;
use adios2_inr::metrics::Errors;

/// One step of a variable, before and after.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Slowest first.
    pub dims: &'a [usize],
    /// `[n]`; where values do not count they are filled in smoothly.
    pub original: Slice<'a>,
    /// `[n]`.
    pub decoded: Slice<'a>,
    /// `[n]`: which values count; `None` when all do.
    pub valid: Option<&'a [bool]>,
    /// Largest minus smallest value that counts.
    pub range: f64,
}

impl<'a> Step<'a> {
    /// The usual measures over the values that count.
    pub fn errors(&self) -> Errors {
        Errors::between(self.original, self.decoded, self.valid)
    }

    /// Both copies from `first` on, widened, as many as there is room for; where values do not count both are the original.
    pub fn read(&self, first: usize, original: &mut [f64], decoded: &mut [f64]) {
        self.original.read(first, original);
        self.decoded.read(first, decoded);
        if let Some(valid) = self.valid {
            let both = decoded.iter_mut().zip(original.iter());
            both.zip(&valid[first..]).filter(|(_, counts)| !**counts).for_each(|((y, x), _)| *y = *x);
        }
    }

    /// [`Step::read`] of everything.
    pub fn widen(&self) -> Wide<'a> {
        let original = self.original.wide();
        let mut decoded = self.decoded.wide();
        if let Some(valid) = self.valid {
            let both = decoded.to_mut().iter_mut().zip(original.iter());
            both.zip(valid).filter(|(_, counts)| !**counts).for_each(|((y, x), _)| *y = *x);
        }
        let error = decoded.iter().zip(original.iter()).map(|(y, x)| y - x).collect();
        Wide { dims: self.dims, original, decoded, error, valid: self.valid }
    }
}

/// A step in double precision.
#[derive(Debug)]
pub struct Wide<'a> {
    /// Slowest first.
    pub dims: &'a [usize],
    /// `[n]`.
    pub original: Cow<'a, [f64]>,
    /// `[n]`: the original where values do not count.
    pub decoded: Cow<'a, [f64]>,
    /// `[n]`: decoded minus original, 0 where values do not count.
    pub error: Vec<f64>,
    /// `[n]`: which values count; `None` when all do.
    pub valid: Option<&'a [bool]>,
}

impl Wide<'_> {
    /// True where value `i` counts.
    pub fn counts(&self, i: usize) -> bool {
        self.valid.is_none_or(|valid| valid[i])
    }

    /// Number of values that count.
    pub fn n(&self) -> usize {
        self.valid.map_or(self.error.len(), |valid| valid.iter().filter(|counts| **counts).count())
    }
}

/// Values before, along and behind an axis of a row-major array: (blocks, length, stride).
pub fn around(dims: &[usize], axis: usize) -> (usize, usize, usize) {
    (dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product())
}
