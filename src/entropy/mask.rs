//! Masks over a grid: each bit in the context of coded neighbours along the last and the earlier axes.
//!
//! Where all neighbours agree a bit costs next to nothing, and whole rows that repeat the row before them cost one
//! decision, so that a box of NaNs takes a few bytes.

use super::bit::Bit;
use super::range::{Decoder, Encoder};
use crate::{Error, Result};

/// Neighbours of a bit: two before it in the row, then for up to three earlier axes the one a step back.
const N_CONTEXTS: usize = 1 << 7;

/// Models and geometry of one mask.
struct Mask {
    row: usize,
    /// Offset of the neighbouring row along each earlier axis, nearest axis first.
    strides: Vec<usize>,
    sizes: Vec<usize>,
    bits: [Bit; N_CONTEXTS],
    /// "This row is the same as the row it is predicted from", by whether the last two rows were and by the axis.
    repeats: [Bit; 16],
    history: usize,
}

impl Mask {
    fn new(dims: &[usize]) -> Self {
        let row = dims.last().copied().unwrap_or(1).max(1);
        let (mut strides, mut sizes, mut stride) = (Vec::new(), Vec::new(), row);
        for &n in dims.iter().rev().skip(1) {
            if n > 1 {
                strides.push(stride);
                sizes.push(n);
            }
            stride *= n;
        }
        Mask { row, strides, sizes, bits: [Bit::default(); N_CONTEXTS], repeats: [Bit::default(); 16], history: 0 }
    }

    /// Starts of the neighbouring rows of the row at `start` that lie inside the grid, nearest axis first.
    fn neighbours(&self, start: usize) -> [Option<usize>; 3] {
        let mut out = [None; 3];
        for (slot, (&stride, &n)) in out.iter_mut().zip(self.strides.iter().zip(&self.sizes)) {
            if !(start / stride).is_multiple_of(n) {
                *slot = Some(start - stride);
            }
        }
        out
    }

    /// The row that this one is predicted from: along the slowest axis there is, which repeats most often.
    fn template(neighbours: &[Option<usize>; 3]) -> Option<(usize, usize)> {
        (0..3).rev().find_map(|axis| neighbours[axis].map(|start| (axis, start)))
    }

    fn repeat_model(&mut self, axis: usize) -> &mut Bit {
        &mut self.repeats[axis * 4 + self.history]
    }

    fn push_row(&mut self, repeated: bool) {
        self.history = (self.history << 1 | usize::from(repeated)) & 3;
    }

    fn context(coded: &[bool], start: usize, i: usize, neighbours: &[Option<usize>; 3]) -> usize {
        let back = |k: usize| i >= k && coded[start + i - k];
        let mut context = usize::from(back(1)) | usize::from(back(2)) << 1;
        for (axis, neighbour) in neighbours.iter().enumerate() {
            context |= usize::from(neighbour.is_some_and(|n| coded[n + i])) << (2 + axis);
        }
        let ahead = neighbours[0].is_some_and(|n| n + i + 1 < start && coded[n + i + 1]);
        let ahead_slow = Self::template(neighbours).is_some_and(|(_, n)| n + i + 1 < start && coded[n + i + 1]);
        context | usize::from(ahead) << 5 | usize::from(ahead_slow) << 6
    }
}

fn check(dims: &[usize], n: usize) -> Result<()> {
    match dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d)) {
        Some(product) if product == n => Ok(()),
        _ => Err(Error::Internal(format!("a mask of {n} bits over dimensions {dims:?}"))),
    }
}

/// Encodes a mask over `dims` (slowest first, product = number of bits).
///
/// # Errors
/// [`Error::Internal`] when `dims` and `bits` disagree.
pub fn encode_bits(bits: &[bool], dims: &[usize]) -> Result<Vec<u8>> {
    check(dims, bits.len())?;
    let (mut encoder, mut mask) = (Encoder::default(), Mask::new(dims));
    for start in (0..bits.len()).step_by(mask.row) {
        let neighbours = mask.neighbours(start);
        if let Some((axis, from)) = Mask::template(&neighbours) {
            let repeated = bits[start..start + mask.row] == bits[from..from + mask.row];
            encoder.bit(mask.repeat_model(axis), repeated);
            mask.push_row(repeated);
            if repeated {
                continue;
            }
        }
        for i in 0..mask.row {
            let context = Mask::context(bits, start, i, &neighbours);
            encoder.bit(&mut mask.bits[context], bits[start + i]);
        }
    }
    Ok(encoder.finish())
}

/// Decodes a mask over `dims`. Allocates product(dims) bytes at once: the caller checks the product.
///
/// # Errors
/// [`Error::Corrupt`] when the bytes are not a stream of this many bits; [`Error::Limit`] when the product overflows.
pub fn decode_bits(bytes: &[u8], dims: &[usize]) -> Result<Vec<bool>> {
    let n = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
    let n = n.ok_or(Error::Limit { asked: u64::MAX, limit: usize::MAX as u64 })?;
    let (mut decoder, mut mask) = (Decoder::new(bytes), Mask::new(dims));
    let mut bits = vec![false; n];
    for start in (0..n).step_by(mask.row) {
        let neighbours = mask.neighbours(start);
        if let Some((axis, from)) = Mask::template(&neighbours) {
            let repeated = decoder.bit(mask.repeat_model(axis));
            mask.push_row(repeated);
            if repeated {
                bits.copy_within(from..from + mask.row, start);
                continue;
            }
        }
        for i in 0..mask.row {
            let context = Mask::context(&bits, start, i, &neighbours);
            bits[start + i] = decoder.bit(&mut mask.bits[context]);
        }
    }
    decoder.finish()?;
    Ok(bits)
}
