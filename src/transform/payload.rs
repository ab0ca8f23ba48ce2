//! Bytes of a payload: a head of at most 10 bytes, then the entropy-coded streams (docs/FORMAT.md). Heads of format version 1 are read
//! as well.

use super::kind::Kind;
use super::neighbours::Weights;
use super::quantise::Quantiser;
use super::streams::{ResidualCoder, Split};
use crate::{Error, Result};

/// Everything but the integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    pub kind: Kind,
    /// The transform works in single precision and about the middle of the value range.
    pub is_single: bool,
    /// Absent for [`Kind::None`].
    pub quantiser: Option<Quantiser>,
    /// Width of the bins of the residual.
    pub quantum: Option<f64>,
    pub split: Split,
    /// Gains of a prediction come first in the streams.
    pub is_predicted: bool,
}

const RESIDUAL: u8 = 1 << 2;
const SPLIT_RESIDUAL: u8 = 1 << 3;
const PREDICTED: u8 = 1 << 4;
const SINGLE: u8 = 1 << 5;
/// The first byte where payloads of chunks follow.
pub(super) const CHUNKED: u8 = 1 << 6;
/// Where the second byte, which is there if anything is coded, has the number of levels.
const LEVELS: u8 = 15;
/// In that byte too: zeros of the first stream are coded as runs; the residual has a stream of its own as few integers.
const RUNS: u8 = 1 << 4;
const SPARSE_RESIDUAL: u8 = 1 << 5;
/// And contexts weigh what is near more; context models are mixed.
const NEAR: u8 = 1 << 6;
const MIXED: u8 = 1 << 7;

/// Version 1 had no tables and no single precision.
mod v1 {
    pub const LEVELS_AT: u32 = 4;
    pub const PREDICTED: u8 = 1 << 7;
}

/// Bits of an f64 that are not stored: sign, exponent and 12 bits of the mantissa are.
const DROPPED_BITS: u32 = 40;

/// The largest number not above `value > 0` that three bytes can hold.
pub(super) fn storable(value: f64) -> f64 {
    f64::from_bits(value.to_bits() >> DROPPED_BITS << DROPPED_BITS)
}

fn push_number(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes()[5..]);
}

fn number(bytes: &mut &[u8]) -> Result<f64> {
    let (&[a, b, c], rest) = bytes.split_first_chunk::<3>().ok_or_else(short)?;
    *bytes = rest;
    let value = f64::from_bits(u64::from_le_bytes([0, 0, 0, 0, 0, a, b, c]));
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(Error::corrupt(format!("the transform payload has a step of {value}")))
}

fn short() -> Error {
    Error::corrupt("the transform payload ends within its head")
}

impl Head {
    /// Writes the head in the newest version.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            self.kind as u8
                | flag(self.quantum.is_some(), RESIDUAL)
                | flag(self.split.residual == ResidualCoder::Slabs, SPLIT_RESIDUAL)
                | flag(self.is_predicted, PREDICTED)
                | flag(self.is_single, SINGLE),
        );
        if self.is_coded() {
            out.push(
                self.split.n_levels as u8
                    | flag(self.split.has_runs, RUNS)
                    | flag(self.split.residual == ResidualCoder::Sparse, SPARSE_RESIDUAL)
                    | flag(self.split.weights == Weights::Near, NEAR)
                    | flag(self.split.mixes, MIXED),
            );
        }
        if let Some(quantiser) = &self.quantiser {
            push_number(out, quantiser.step);
            out.extend(quantiser.bias.map(|bias| bias as u8));
        }
        if let Some(quantum) = self.quantum {
            push_number(out, quantum);
        }
    }

    /// Reads a head of a version and returns the rest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none.
    pub fn read(bytes: &[u8], version: u8) -> Result<(Head, &[u8])> {
        let (&first, mut rest) = bytes.split_first().ok_or_else(short)?;
        let is_set = |flag: u8| first & flag != 0;
        let (kind, has_residual) = (Kind::from_bits(first), is_set(RESIDUAL));
        let residual = if is_set(SPLIT_RESIDUAL) { ResidualCoder::Slabs } else { ResidualCoder::Common };
        let weights = Weights::Even;
        let mut split =
            Split { n_levels: 0, residual, has_tables: version > 1, has_runs: false, weights, mixes: false };
        let (is_predicted, is_single) =
            if version > 1 { (is_set(PREDICTED), is_set(SINGLE)) } else { (is_set(v1::PREDICTED), false) };
        if version == 1 {
            split.n_levels = usize::from(first >> v1::LEVELS_AT & 7);
        } else if kind != Kind::None || has_residual {
            let (&second, after) = rest.split_first().ok_or_else(short)?;
            rest = after;
            (split.n_levels, split.has_runs) = (usize::from(second & LEVELS), second & RUNS != 0);
            split.mixes = second & MIXED != 0;
            split.weights = if second & NEAR != 0 { Weights::Near } else { Weights::Even };
            if second & SPARSE_RESIDUAL != 0 && split.residual == ResidualCoder::Common {
                split.residual = ResidualCoder::Sparse;
            }
        }
        if version > 1 && first >> 6 != 0 {
            return Err(Error::corrupt("the head of the transform payload has bits of a later version"));
        }
        let mut quantiser = None;
        if kind != Kind::None {
            let step = number(&mut rest)?;
            let (&bias, after) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            rest = after;
            quantiser = Some(Quantiser { step, bias: bias.map(|b| b as i8) });
        }
        let quantum = if has_residual { Some(number(&mut rest)?) } else { None };
        Ok((Head { kind, is_single, quantiser, quantum, split, is_predicted }, rest))
    }

    /// True when there are integers behind the head.
    pub fn is_coded(&self) -> bool {
        self.kind != Kind::None || self.quantum.is_some()
    }
}
