//! A sequence of signed integers, each in the context of the magnitudes of the last two: for network weights.

use super::bit::Bit;
use super::integer::{MagnitudeModel, signed};
use super::range::{Decoder, Encoder};
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
}

/// 0 for 0, else 1 + the number of half octaves above 1: 1, 2 (from 1.5), 3 (from 2), 4 (from 3), ...
pub(crate) fn half_octave(value: u32) -> usize {
    match value {
        0 => 0,
        1 => 1,
        _ => {
            let octave = value.ilog2();
            (2 * octave + ((value >> (octave - 1)) & 1) + 1) as usize
        }
    }
}

/// Encodes `values`; the number of values is not stored.
pub fn encode_integers(values: &[i32]) -> Vec<u8> {
    let (mut encoder, mut models) = (Encoder::default(), Models::new());
    for &value in values {
        let (context, sign) = (models.context(), models.sign_context());
        models.magnitudes[context].encode(&mut encoder, value.unsigned_abs());
        if value != 0 {
            encoder.bit(&mut models.signs[sign], value < 0);
        }
        models.push(value);
    }
    encoder.finish()
}

/// Decodes `n` values of [`encode_integers`]. Allocates for `n` values at once: the caller checks `n`.
///
/// # Errors
/// [`crate::Error::Corrupt`] when the bytes are not a stream of `n` values.
pub fn decode_integers(bytes: &[u8], n: usize) -> Result<Vec<i32>> {
    let (mut decoder, mut models) = (Decoder::new(bytes), Models::new());
    let mut values = Vec::with_capacity(n);
    for _ in 0..n {
        let (context, sign) = (models.context(), models.sign_context());
        let magnitude = models.magnitudes[context].decode(&mut decoder);
        let negative = magnitude != 0 && decoder.bit(&mut models.signs[sign]);
        let value = signed(magnitude, negative);
        models.push(value);
        values.push(value);
    }
    decoder.finish()?;
    Ok(values)
}
