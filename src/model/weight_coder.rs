//! Entropy coding of quantised weights: independent bell-shaped integers whose scale changes from group to group.
//!
//! A magnitude is split at bit `k`: the part above is coded with adaptive probabilities, the `k` bits below are as good
//! as equally likely and go in raw. `k` follows the mean of the magnitudes before, so that nothing about it is stored.

use crate::Result;
use crate::entropy::integer::{decode_raw, decode_sign, encode_raw, encode_sign, signed};
use crate::entropy::{Decoder, Encoder, MagnitudeModel};

/// Magnitudes that the running mean remembers.
const WINDOW: u32 = 128;

/// Mean magnitude expected at the start of a group.
const FIRST_MEAN: u32 = 32;

/// Upper parts have a mean between this and twice this.
const UPPER_MEAN: u32 = 3;

/// Running mean of one group.
struct Scale {
    sum: u32,
    n: u32,
}

impl Scale {
    fn new() -> Self {
        Scale { sum: FIRST_MEAN, n: 1 }
    }

    /// Bits that go in raw.
    fn n_raw(&self) -> u32 {
        (self.sum / (self.n * UPPER_MEAN)).checked_ilog2().unwrap_or(0)
    }

    /// Takes in a magnitude that both sides know now.
    fn push(&mut self, magnitude: u32) {
        self.sum += magnitude.min(1 << 20);
        self.n += 1;
        if self.n == WINDOW {
            (self.sum, self.n) = (self.sum / 2, self.n / 2);
        }
    }
}

/// Encodes groups of integers; their lengths are not stored.
pub(super) fn encode<'a>(groups: impl Iterator<Item = &'a [i32]>) -> Vec<u8> {
    let (mut encoder, mut model) = (Encoder::default(), MagnitudeModel::default());
    for group in groups {
        let mut scale = Scale::new();
        for &value in group {
            let (magnitude, n_raw) = (value.unsigned_abs(), scale.n_raw());
            model.encode(&mut encoder, magnitude >> n_raw);
            encode_raw(&mut encoder, magnitude & ((1 << n_raw) - 1), n_raw);
            if magnitude != 0 {
                encode_sign(&mut encoder, value < 0);
            }
            scale.push(magnitude);
        }
    }
    encoder.finish()
}

/// Decodes [`encode`]; allocates for all lengths at once: the caller checks them.
///
/// # Errors
/// [`crate::Error::Corrupt`] when the bytes are not such a stream.
pub(super) fn decode(bytes: &[u8], lengths: impl Iterator<Item = usize>) -> Result<Vec<Vec<i32>>> {
    let (mut decoder, mut model) = (Decoder::new(bytes), MagnitudeModel::default());
    let group = |n| {
        let mut scale = Scale::new();
        let mut next = |_| {
            let n_raw = scale.n_raw();
            let upper = u64::from(model.decode(&mut decoder)) << n_raw;
            let magnitude = u32::try_from(upper | u64::from(decode_raw(&mut decoder, n_raw))).unwrap_or(u32::MAX);
            let negative = magnitude != 0 && decode_sign(&mut decoder);
            scale.push(magnitude);
            signed(magnitude, negative)
        };
        (0..n).map(&mut next).collect()
    };
    let groups = lengths.map(group).collect();
    decoder.finish()?;
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sum of four uniform numbers in (-scale, scale): near enough to a normal one.
    fn bell(n: u32, scale: f64) -> Vec<i32> {
        let uniform = |i, j| f64::from(crate::train::random_u32(j, i)) / 2f64.powi(31) - 1.0;
        (0..n).map(|i| ((0..4).map(|j| uniform(i, j)).sum::<f64>() * scale).round() as i32).collect()
    }

    #[test]
    fn groups_of_any_scale_come_back() {
        let mut groups: Vec<Vec<i32>> = [0.1, 3.0, 700.0, 0.0, 1e6].iter().map(|&s| bell(300, s)).collect();
        groups.push(vec![i32::MAX, i32::MIN + 1, 0, -1]);
        groups.push(Vec::new());
        let bytes = encode(groups.iter().map(Vec::as_slice));
        assert_eq!(decode(&bytes, groups.iter().map(Vec::len)).expect("decodes"), groups);
    }

    #[test]
    fn bell_shaped_integers_cost_their_entropy() {
        for (scale, n) in [(30.0, 4000), (4.0, 4000), (200.0, 20_000)] {
            let values = bell(n, scale);
            let deviation = scale * (4.0f64 / 3.0).sqrt();
            let entropy = (deviation * (2.0 * std::f64::consts::PI * std::f64::consts::E).sqrt()).log2();
            let bits = 8.0 * encode(std::iter::once(&values[..])).len() as f64 / f64::from(n);
            assert!(bits < entropy + 0.15, "{bits} bits where the entropy is {entropy}");
        }
    }
}
