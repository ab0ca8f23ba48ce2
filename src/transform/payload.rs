//! Bytes of a payload: a head of at most 10 bytes, then the entropy-coded streams (docs/FORMAT.md).

use super::kind::Kind;
use super::quantise::Quantiser;
use super::streams::Split;
use crate::{Error, Result};

/// Everything but the integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    pub kind: Kind,
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
const LEVELS_AT: u32 = 4;
const PREDICTED: u8 = 1 << 7;

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
    /// Writes the head.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut first = self.kind as u8 | (self.split.n_levels as u8) << LEVELS_AT;
        if self.quantum.is_some() {
            first |= RESIDUAL;
        }
        if self.split.residual {
            first |= SPLIT_RESIDUAL;
        }
        if self.is_predicted {
            first |= PREDICTED;
        }
        out.push(first);
        if let Some(quantiser) = &self.quantiser {
            push_number(out, quantiser.step);
            out.extend(quantiser.bias.map(|bias| bias as u8));
        }
        if let Some(quantum) = self.quantum {
            push_number(out, quantum);
        }
    }

    /// Reads a head and returns the rest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none.
    pub fn read(bytes: &[u8]) -> Result<(Head, &[u8])> {
        let (&first, mut rest) = bytes.split_first().ok_or_else(short)?;
        let kind = Kind::from_bits(first);
        let mut quantiser = None;
        if kind != Kind::None {
            let step = number(&mut rest)?;
            let (&bias, after) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            rest = after;
            quantiser = Some(Quantiser { step, bias: bias.map(|b| b as i8) });
        }
        let quantum = if first & RESIDUAL != 0 { Some(number(&mut rest)?) } else { None };
        let split = Split { n_levels: usize::from(first >> LEVELS_AT & 7), residual: first & SPLIT_RESIDUAL != 0 };
        let is_predicted = first & PREDICTED != 0;
        Ok((Head { kind, quantiser, quantum, split, is_predicted }, rest))
    }
}
