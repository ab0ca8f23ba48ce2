//! Stored form of a SIREN: parameters on a grid of steps, one step per group of parameters, entropy-coded
//! (docs/FORMAT.md, "SIREN payload").
//!
//! Each layer has two groups, weights and biases. Coordinates reach the sines through the input layer and the biases,
//! where an error shifts whole waves: these groups get [`EXTRA_BITS`] more than the weights.

use super::{SirenShape, weight_coder};
use crate::{Error, Result};

/// Bits of a weight, sign included, before entropy coding.
pub const BITS: std::ops::RangeInclusive<u32> = 5..=12;

/// Bits that the input layer and all biases get on top.
pub const EXTRA_BITS: u32 = 3;

/// Steps per octave of the stored step codes.
const PER_OCTAVE: u8 = 8;

/// `2^(i/8)` in f32.
const FRACTIONS: [f32; PER_OCTAVE as usize] =
    [1.0, 1.090_507_7, 1.189_207_1, 1.296_839_6, std::f32::consts::SQRT_2, 1.542_210_8, 1.681_792_8, 1.834_008_1];

/// Octave of step code 0: the finest step is 2^-26, the coarsest 2^(-26 + 255/8) = 58.
const FIRST_OCTAVE: i32 = -26;

/// Candidates for a step, in codes below the one that spans the whole range: each clips more of the largest values.
const N_CANDIDATES: u8 = 12;

/// Encodes parameters with `bits` (clamped to [`BITS`]) per weight. Values that are not finite become 0.
///
/// # Panics
/// When `params` has another length than the shape.
pub fn encode_params(shape: &SirenShape, params: &[f32], bits: u32) -> Vec<u8> {
    assert_eq!(params.len(), shape.n_params(), "parameters of this shape");
    let bits = bits.clamp(*BITS.start(), *BITS.end());
    let mut bytes: Vec<u8> = sizes(shape).iter().map(|&n| n as u8).collect();
    let mut integers = Vec::new();
    for (range, is_fine) in groups(shape) {
        let values = &params[range];
        let limit = (1 << (bits + if is_fine { EXTRA_BITS } else { 0 } - 1)) - 1;
        let code = best_step(values, limit);
        bytes.push(code);
        integers.push(values.iter().map(|&v| quantise(v, step(code), limit)).collect::<Vec<_>>());
    }
    bytes.extend(weight_coder::encode(integers.iter().map(Vec::as_slice)));
    bytes
}

/// Decodes [`encode_params`]; nothing is allocated before the sizes are checked.
///
/// # Errors
/// [`Error::Corrupt`] for sizes out of range, missing bytes, or a damaged stream.
pub fn decode_params(bytes: &[u8]) -> Result<(SirenShape, Vec<f32>)> {
    let missing = || Error::corrupt("SIREN parameters end too early");
    let (sizes, rest) = bytes.split_first_chunk::<4>().ok_or_else(missing)?;
    let [n_inputs, width, n_blocks, n_outputs] = sizes.map(usize::from);
    let shape = SirenShape { n_inputs, width, n_blocks, n_outputs };
    shape.check()?;
    let (codes, stream) = rest.split_at_checked(groups(&shape).count()).ok_or_else(missing)?;
    let integers = weight_coder::decode(stream, groups(&shape).map(|(range, _)| range.len()))?;
    let mut params = Vec::with_capacity(shape.n_params());
    for (group, &code) in integers.iter().zip(codes) {
        params.extend(group.iter().map(|&q| q as f32 * step(code)));
    }
    Ok((shape, params))
}

fn sizes(shape: &SirenShape) -> [usize; 4] {
    [shape.n_inputs, shape.width, shape.n_blocks, shape.n_outputs]
}

/// Parameter ranges that share a step, in storage order, and whether the group is stored finer.
fn groups(shape: &SirenShape) -> impl Iterator<Item = (std::ops::Range<usize>, bool)> + use<> {
    let mut at = 0;
    shape.layers().enumerate().flat_map(move |(layer, (rows, columns))| {
        let (weights, end) = (at + rows * columns, at + rows * columns + rows);
        let groups = [(at..weights, layer == 0), (weights..end, true)];
        at = end;
        groups
    })
}

/// The code whose step is nearest to `size` in octaves.
pub(super) fn nearest_code(size: f32) -> u8 {
    let octaves = libm::log2f(size.max(f32::MIN_POSITIVE)) - FIRST_OCTAVE as f32;
    (octaves * f32::from(PER_OCTAVE)).round().clamp(0.0, 255.0) as u8
}

/// Step of a code: exact power of two times a tabled fraction, the same bits everywhere.
pub(super) fn step(code: u8) -> f32 {
    let octave = i32::from(code / PER_OCTAVE) + FIRST_OCTAVE;
    FRACTIONS[usize::from(code % PER_OCTAVE)] * f32::from_bits(((127 + octave) as u32) << 23)
}

fn quantise(value: f32, step: f32, limit: i32) -> i32 {
    // A NaN casts to 0, infinities are clamped.
    ((value / step).round_ties_even() as i32).clamp(-limit, limit)
}

/// The step with the least squared error when integers stop at `limit`: finer steps round better but clip more.
fn best_step(values: &[f32], limit: i32) -> u8 {
    let largest = values.iter().filter(|v| v.is_finite()).fold(0.0f32, |m, v| m.max(v.abs()));
    let spans = |code: &u8| step(*code) * limit as f32 >= largest;
    let widest = (0..=u8::MAX).find(spans).unwrap_or(u8::MAX);
    let error = |code: u8| {
        let square = |v: &f32| f64::from(v - quantise(*v, step(code), limit) as f32 * step(code)).powi(2);
        values.iter().filter(|v| v.is_finite()).map(square).sum::<f64>()
    };
    let candidates = widest.saturating_sub(N_CANDIDATES)..=widest;
    candidates.rev().min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(widest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: SirenShape = SirenShape { n_inputs: 3, width: 32, n_blocks: 2, n_outputs: 2 };

    #[test]
    fn every_bit_halves_the_error() {
        let params = SHAPE.initial_params(5);
        let error = |bits| {
            let (shape, decoded) = decode_params(&encode_params(&SHAPE, &params, bits)).expect("decodes");
            assert_eq!(shape, SHAPE);
            let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
            params.iter().zip(&decoded).map(square).sum::<f64>().sqrt()
        };
        for bits in 5..12 {
            let ratio = error(bits) / error(bits + 1);
            assert!((1.7..2.3).contains(&ratio), "{bits} bits: {ratio}");
        }
        assert!(error(8) < 2e-3 * params.iter().map(|&p| f64::from(p).powi(2)).sum::<f64>().sqrt() * 4.0);
    }

    #[test]
    fn eight_bits_take_less_than_a_byte_per_weight() {
        // Trained weights are bell-shaped: sums of uniform ones stand in for them.
        let uniform: Vec<Vec<f32>> = (0..4).map(|seed| SHAPE.initial_params(seed)).collect();
        let params: Vec<f32> = (0..SHAPE.n_params()).map(|i| uniform.iter().map(|p| p[i]).sum()).collect();
        let n_bytes = encode_params(&SHAPE, &params, 8).len();
        assert!(n_bytes < SHAPE.n_params(), "{n_bytes} bytes for {} parameters", SHAPE.n_params());
    }

    #[test]
    fn an_outlier_does_not_coarsen_its_layer() {
        let mut values = vec![0.01; 5000];
        (1..5000).step_by(2).for_each(|i| values[i] = -0.0073);
        values[17] = 0.016;
        assert!(step(best_step(&values, 15)) < 0.016 / 15.0);
    }

    #[test]
    fn steps_are_an_eighth_of_an_octave_apart() {
        assert_eq!(step(208), 1.0);
        for code in 0..u8::MAX {
            let ratio = f64::from(step(code + 1)) / f64::from(step(code));
            assert!((ratio - 2f64.powf(0.125)).abs() < 1e-6);
        }
    }

    #[test]
    fn constant_and_non_finite_parameters_survive() {
        for value in [0.0, 1e-30, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (_, decoded) =
                decode_params(&encode_params(&SHAPE, &vec![value; SHAPE.n_params()], 8)).expect("decodes");
            assert!(decoded.iter().all(|p| p.is_finite()));
        }
    }

    #[test]
    fn damaged_bytes_are_errors() {
        let bytes = encode_params(&SHAPE, &SHAPE.initial_params(1), 8);
        // Without its last bytes a stream may happen to end as an encoder ends one; checksums are the container's work.
        for n in 0..bytes.len() - 8 {
            assert!(decode_params(&bytes[..n]).is_err(), "{n} bytes");
        }
        for (at, value) in [(0, 0), (0, 6), (1, 7), (1, 129), (2, 17), (3, 0), (3, 17)] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            assert!(decode_params(&damaged).is_err(), "byte {at} = {value}");
        }
    }
}
