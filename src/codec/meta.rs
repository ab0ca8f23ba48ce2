//! The codec's own header fields: what was promised, what was reached, the range of each component.
//!
//! Written by hand because every byte counts on small blocks; docs/FORMAT.md, "Meta", has the layout.

use crate::settings::{Mode, Norm, Target};
use crate::{Dtype, Error, Finish, Result};

/// Header fields of a lossily coded record.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// What was asked for.
    pub target: Target,
    /// Relative L2 error reached, rounded up to 8 bits of precision.
    pub rel_l2: f32,
    /// Largest absolute error reached, rounded up likewise.
    pub max_error: f32,
    /// Range of each component's valid values; `None` when no point is valid.
    pub ranges: Vec<Option<(f64, f64)>>,
}

/// Kinds of target; the order is part of the format.
const TARGETS: [(Mode, Norm); 4] =
    [(Mode::Rel, Norm::L2), (Mode::Rel, Norm::Linf), (Mode::Abs, Norm::L2), (Mode::Abs, Norm::Linf)];
/// Bytes before the ranges.
pub const FIXED_BYTES: usize = 9;
const PSNR: u8 = 4;
const RATIO: u8 = 5;
/// Set in the first byte, one bit per component, when the component has no valid point.
const EMPTY_BIT: u8 = 4;
/// Set likewise when all valid points have the same value, which is stored once.
const CONSTANT_BIT: u8 = 6;

impl Meta {
    /// Bytes of the meta field.
    pub fn encode(&self, dtype: Dtype) -> Vec<u8> {
        let (kind, value) = match self.target {
            Target::Accuracy(mode, norm, value) => {
                (TARGETS.iter().position(|&t| t == (mode, norm)).unwrap_or(0) as u8, value)
            }
            Target::Psnr(db) => (PSNR, db),
            Target::Ratio(ratio) => (RATIO, ratio),
        };
        let flag = |(i, range): (u8, &Option<(f64, f64)>)| match range {
            None => 1 << (EMPTY_BIT + i),
            Some(range) if is_constant(range) => 1 << (CONSTANT_BIT + i),
            Some(_) => 0u8,
        };
        let mut bytes = vec![kind | (0..).zip(&self.ranges).map(flag).sum::<u8>()];
        bytes.extend((value as f32).to_le_bytes());
        bytes.extend(upper_half(self.rel_l2));
        bytes.extend(upper_half(self.max_error));
        for range in self.ranges.iter().flatten() {
            for bound in [range.0, range.1].iter().take(if is_constant(range) { 1 } else { 2 }) {
                match dtype.components() {
                    Some((Dtype::F32, _)) => bytes.extend((*bound as f32).to_le_bytes()),
                    _ => bytes.extend(bound.to_le_bytes()),
                }
            }
        }
        bytes
    }

    /// Mirror of [`Self::encode`].
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(bytes: &[u8], dtype: Dtype) -> Result<Meta> {
        let mut reader = Reader(bytes);
        let [first] = reader.take()?;
        let value = f32::from_le_bytes(reader.take()?);
        // The shortest decimal, so that 1e-2 reads as it was asked for and not as its nearest f32.
        let value = value.to_string().parse().unwrap_or(f64::from(value));
        let target = match first & 0xf {
            PSNR => Target::Psnr(value),
            RATIO => Target::Ratio(value),
            kind => {
                let (mode, norm) = *TARGETS
                    .get(usize::from(kind))
                    .ok_or_else(|| Error::corrupt(format!("the promise has the unknown kind {kind}")))?;
                Target::Accuracy(mode, norm, value)
            }
        };
        let rel_l2 = from_upper_half(reader.take()?);
        let max_error = from_upper_half(reader.take()?);
        let (real, n_components) =
            dtype.components().ok_or_else(|| Error::corrupt(format!("{} has no lossy coding", dtype.name())))?;
        let mut ranges = Vec::with_capacity(n_components);
        for i in 0..n_components {
            let is_empty = first & 1 << (EMPTY_BIT as usize + i) != 0;
            if is_empty {
                ranges.push(None);
                continue;
            }
            let low = reader.real(real)?;
            let is_constant = first & 1 << (CONSTANT_BIT as usize + i) != 0;
            ranges.push(Some((low, if is_constant { low } else { reader.real(real)? })));
        }
        if reader.0.is_empty() { Ok(Meta { target, rel_l2, max_error, ranges }) } else { Err(bad()) }
    }

    /// The last step of decoding of component `index`; `None` when it has no valid point.
    pub fn finish(&self, dtype: Dtype, index: usize) -> Option<Finish> {
        let (min, max) = (*self.ranges.get(index)?)?;
        Some(Finish { dtype: dtype.components()?.0, min, max })
    }
}

/// Not for zeros of both signs, which are equal.
fn is_constant(range: &(f64, f64)) -> bool {
    range.0.to_bits() == range.1.to_bits()
}

fn bad() -> Error {
    Error::corrupt("the header's statistics have the wrong length")
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or_else(bad)?;
        self.0 = rest;
        Ok(*head)
    }

    fn real(&mut self, dtype: Dtype) -> Result<f64> {
        let value = if dtype == Dtype::F32 {
            f64::from(f32::from_le_bytes(self.take()?))
        } else {
            f64::from_le_bytes(self.take()?)
        };
        if value.is_finite() { Ok(value) } else { Err(Error::corrupt("a statistic in the header is not finite")) }
    }
}

/// The upper 16 bits of a non-negative number, rounded up.
fn upper_half(x: f32) -> [u8; 2] {
    let bits = x.to_bits();
    ((bits >> 16) as u16 + u16::from(bits & 0xffff != 0)).to_le_bytes()
}

fn from_upper_half(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_errors_are_never_below_the_true_ones() {
        for x in [0.0f32, 1e-30, 0.1, 0.123_456_7, 3.0e38] {
            let kept = from_upper_half(upper_half(x));
            assert!(kept >= x && kept <= x * 1.01, "{x} {kept}");
        }
    }

    #[test]
    fn meta_comes_back() {
        for target in [Target::Accuracy(Mode::Abs, Norm::Linf, 0.25), Target::Psnr(60.0), Target::Ratio(8.0)] {
            for ranges in [vec![None, Some((-1.5, 2.0))], vec![Some((0.5, 0.5)), Some((-0.0, 0.0))]] {
                let meta = Meta { target, rel_l2: 0.5, max_error: 0.25, ranges };
                for dtype in [Dtype::C32, Dtype::C64] {
                    let bytes = meta.encode(dtype);
                    assert_eq!(Meta::decode(&bytes, dtype), Ok(meta.clone()));
                    assert!(Meta::decode(&bytes[..bytes.len() - 1], dtype).is_err());
                    assert!(Meta::decode(&bytes, Dtype::I32).is_err());
                }
            }
        }
    }
}
