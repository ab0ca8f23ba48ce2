//! A sequence of signed integers, each in the context of the magnitudes of the last two: for network weights.

use super::bit::Bit;
use super::integer::{MagnitudeModel, signed};
use super::range::{Coder, Decoder, Encoder};
use crate::Result;

/// Contexts: zero, then two per doubling of the mean magnitude.
const N_CONTEXTS: usize = 16;

/// Models of one sequence.
struct Models {
    magnitudes: [MagnitudeModel; N_CONTEXTS],
    signs: [Bit; 3],
    /// Running mean of magnitudes, times 16.
    level: u32,
    last: i32,
}

impl Models {
    fn new() -> Self {
        Models { magnitudes: [MagnitudeModel::default(); N_CONTEXTS], signs: [Bit::default(); 3], level: 0, last: 0 }
    }

    fn context(&self) -> usize {
        half_octave(self.level / 4).min(N_CONTEXTS - 1)
    }

    fn sign_context(&self) -> usize {
        (self.last.signum() + 1) as usize
    }

    /// Takes in a value that both sides know now.
    fn push(&mut self, value: i32) {
        let magnitude = value.unsigned_abs().min(1 << 20);
        self.level = (3 * self.level + 16 * magnitude) / 4;
        self.last = value;
    }

    fn code<C: Coder>(&mut self, coder: &mut C, value: i32) -> i32 {
        let magnitude = self.magnitudes[self.context()].code(coder, value.unsigned_abs());
        let sign = self.sign_context();
        let negative = magnitude != 0 && coder.code(&mut self.signs[sign], value < 0);
        let value = signed(magnitude, negative);
        self.push(value);
        value
    }
}

/// 0 for 0, else 1 + the number of half octaves above 1: 1 for 1, 2 for 2, 3 for 3, 4 from 4, 5 from 6, 6 from 8, ...
pub(crate) const fn half_octave(value: u32) -> usize {
    match value {
        0 => 0,
        1 => 1,
        _ => {
            let octave = value.ilog2();
            (2 * octave + ((value >> (octave - 1)) & 1)) as usize
        }
    }
}

/// Encodes `values`; the number of values is not stored.
pub fn encode_integers(values: &[i32]) -> Vec<u8> {
    let (mut encoder, mut models) = (Encoder::default(), Models::new());
    for &value in values {
        models.code(&mut encoder, value);
    }
    encoder.finish()
}

/// Decodes `n` values of [`encode_integers`]. Allocates for `n` values at once: the caller checks `n`.
///
/// # Errors
/// [`crate::Error::Corrupt`] when the bytes are not a stream of `n` values.
pub fn decode_integers(bytes: &[u8], n: usize) -> Result<Vec<i32>> {
    let (mut decoder, mut models) = (Decoder::new(bytes), Models::new());
    let values = (0..n).map(|_| models.code(&mut decoder, 0)).collect();
    decoder.finish()?;
    Ok(values)
}
