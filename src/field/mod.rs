//! Blocks as bytes and fields as numbers: types, dimensions, statistics, the last step of decoding.

mod array;
mod ends;
mod inpaint;
pub mod mask;
mod pages;
mod real;
mod wide;

pub use array::{Array, Slice, Values};
pub use pages::{room, zeros};
pub(crate) use real::ROUNDER;
pub use real::Real;
pub(crate) use wide::wide;

use rayon::prelude::*;

use crate::{Error, Result};

/// Values that are written at a time.
const TASK: usize = 1 << 16;

/// Element types of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it; C32 and C64 are pairs of f32 and f64")]
pub enum Dtype {
    F32,
    F64,
    C32,
    C64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Dtype {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Dtype::I8 | Dtype::U8 => 1,
            Dtype::I16 | Dtype::U16 => 2,
            Dtype::F32 | Dtype::I32 | Dtype::U32 => 4,
            Dtype::F64 | Dtype::C32 | Dtype::I64 | Dtype::U64 => 8,
            Dtype::C64 => 16,
        }
    }

    /// NumPy's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
            Dtype::C32 => "complex64",
            Dtype::C64 => "complex128",
            Dtype::I8 => "int8",
            Dtype::I16 => "int16",
            Dtype::I32 => "int32",
            Dtype::I64 => "int64",
            Dtype::U8 => "uint8",
            Dtype::U16 => "uint16",
            Dtype::U32 => "uint32",
            Dtype::U64 => "uint64",
        }
    }

    /// For floating-point types: the type of one real component and how many there are.
    pub fn components(self) -> Option<(Dtype, usize)> {
        match self {
            Dtype::F32 => Some((Dtype::F32, 1)),
            Dtype::F64 => Some((Dtype::F64, 1)),
            Dtype::C32 => Some((Dtype::F32, 2)),
            Dtype::C64 => Some((Dtype::F64, 2)),
            _ => None,
        }
    }
}

/// One rank's piece of a variable in one step, as ADIOS2 hands it over: little-endian bytes, any alignment.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, slowest first; empty means one value.
    pub dims: &'a [usize],
    /// `product(dims) * dtype.size()` bytes.
    pub bytes: &'a [u8],
}

impl<'a> Block<'a> {
    /// Checks that bytes and dimensions agree.
    ///
    /// # Errors
    /// [`Error::BlockSize`] when they do not, or when the product overflows.
    pub fn new(dtype: Dtype, dims: &'a [usize], bytes: &'a [u8]) -> Result<Self> {
        let expected = dims.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        if expected != Some(bytes.len()) {
            let expected = expected.unwrap_or(usize::MAX);
            return Err(Error::BlockSize { dims: dims.to_vec(), dtype: dtype.name(), expected, found: bytes.len() });
        }
        Ok(Block { dtype, dims, bytes })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// True for a block without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Values of component `index` of a floating-point block in its type: `[len]`, row-major. Without a copy where the block is
/// nothing else and aligned.
///
/// # Errors
/// [`Error::Internal`] when the type has no such component.
pub fn values(dtype: Dtype, index: usize, bytes: &[u8]) -> Result<Values<'_>> {
    match dtype.components().filter(|(_, n)| index < *n) {
        Some((Dtype::F32, n)) => Ok(match borrowed(bytes).filter(|_| n == 1) {
            Some(values) => Values::Borrowed(Slice::F32(values)),
            None => Values::Owned(Array::F32(each(bytes, index, n, f32::from_le_bytes))),
        }),
        Some((_, n)) => Ok(match borrowed(bytes).filter(|_| n == 1) {
            Some(values) => Values::Borrowed(Slice::F64(values)),
            None => Values::Owned(Array::F64(each(bytes, index, n, f64::from_le_bytes))),
        }),
        None => Err(Error::Internal(format!("component {index} of {}", dtype.name()))),
    }
}

/// The bytes as numbers of this machine, if they are.
fn borrowed<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Option<&[T]> {
    bytemuck::try_cast_slice(bytes).ok().filter(|_| cfg!(target_endian = "little"))
}

fn each<T, const SIZE: usize>(bytes: &[u8], index: usize, n: usize, of: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes.as_chunks::<SIZE>().0.iter().skip(index).step_by(n).map(|&b| of(b)).collect()
}

/// Mirror of [`values`]: writes values (already finished) into `out`.
pub fn put_values(dtype: Dtype, index: usize, values: &Array, out: &mut [u8]) {
    let Some((_, n)) = dtype.components() else { return };
    match values {
        Array::F32(values) => put(values, out, index, n, f32::to_le_bytes),
        Array::F64(values) => put(values, out, index, n, f64::to_le_bytes),
    }
}

fn put<T: Copy + Sync, const SIZE: usize>(
    values: &[T],
    out: &mut [u8],
    index: usize,
    n: usize,
    of: impl Fn(T) -> [u8; SIZE] + Sync,
) {
    let parts = out.as_chunks_mut::<SIZE>().0.par_chunks_mut(n * TASK).zip(values.par_chunks(TASK));
    parts.for_each(|(slots, values)| {
        slots.iter_mut().skip(index).step_by(n).zip(values).for_each(|(slot, &v)| *slot = of(v));
    });
}

/// [`values`] widened to f64.
///
/// # Errors
/// As [`values`].
pub fn component(dtype: Dtype, index: usize, bytes: &[u8]) -> Result<Vec<f64>> {
    Ok(values(dtype, index, bytes)?.as_slice().wide().into_owned())
}

/// Bit patterns (widened) of component `index` where `valid` is false, in order; exact for signalling NaNs too.
pub fn masked_bits<'a>(
    dtype: Dtype,
    index: usize,
    bytes: &'a [u8],
    valid: &'a [bool],
) -> impl Iterator<Item = u64> + Clone + 'a {
    let (size, n) = dtype.components().map_or((0, 1), |(real, n)| (real.size(), n));
    let bits = move |i: usize| {
        let value = &bytes[(i * n + index) * size..][..size];
        match (value.first_chunk(), value.first_chunk()) {
            (_, Some(bits)) => u64::from_le_bytes(*bits),
            (Some(bits), None) => u64::from(u32::from_le_bytes(*bits)),
            (None, None) => 0,
        }
    };
    valid.iter().enumerate().filter(|(_, ok)| !**ok).map(move |(i, _)| bits(i))
}

/// Mirror of [`masked_bits`].
pub fn put_masked_bits(dtype: Dtype, index: usize, bits: &[u64], valid: &[bool], out: &mut [u8]) {
    let Some((real, n)) = dtype.components() else { return };
    let slots = out.chunks_exact_mut(real.size()).skip(index).step_by(n).zip(valid).filter(|(_, ok)| !**ok);
    slots.zip(bits).for_each(|((slot, _), pattern)| slot.copy_from_slice(&pattern.to_le_bytes()[..slot.len()]));
}

/// The next index of a row-major array.
pub(crate) fn advance(index: &mut [usize], dims: &[usize]) {
    for (i, &n) in index.iter_mut().zip(dims).rev() {
        *i += 1;
        if *i < n {
            return;
        }
        *i = 0;
    }
}

/// The dimensions models and transforms work on: without those of size 1, at most five (surplus slow ones are merged),
/// `[1]` for a single value.
pub fn fold_dims(dims: &[usize]) -> Vec<usize> {
    let mut folded: Vec<usize> = dims.iter().copied().filter(|&d| d != 1).collect();
    while folded.len() > 5 {
        let slowest = folded.remove(0);
        folded[0] *= slowest;
    }
    if folded.is_empty() { vec![1] } else { folded }
}

/// The last step of decoding, which every promise is checked behind: clamp to the block's own minimum and maximum (so
/// that ADIOS2's statistics stay true), then round to the reader's type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish {
    /// F32 or F64.
    pub dtype: Dtype,
    /// Smallest unmasked value.
    pub min: f64,
    /// Largest unmasked value.
    pub max: f64,
}

impl Finish {
    /// Half of the value range.
    pub fn half(&self) -> f64 {
        self.max / 2.0 - self.min / 2.0
    }

    /// The middle of the value range.
    pub fn middle(&self) -> f64 {
        self.min + self.half()
    }

    /// The value the reader gets, as f64. NaN stays NaN and fails every check.
    #[inline(always)]
    pub fn apply(&self, value: f64) -> f64 {
        let clamped = if value < self.min {
            self.min
        } else if value > self.max {
            self.max
        } else {
            value
        };
        if self.dtype == Dtype::F32 { f64::from(clamped as f32) } else { clamped }
    }
}
