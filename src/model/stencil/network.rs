//! The predictor in integers: 8-bit weights, 16-bit activations, 32-bit sums. The same bits on every CPU and GPU.

use super::{FRACTION_BITS, LARGEST, ONE};
use crate::{Error, Result};

/// Bits behind the point of a predictor's output.
pub const OUTPUT_BITS: u32 = FRACTION_BITS + EXTRA_BITS;
/// More bits than activations have, because the output is added to the last step.
pub const EXTRA_BITS: u32 = 4;
/// Range of [`Dense::shift`]: sums with bias stay within 32 bits.
pub const SHIFTS: std::ops::RangeInclusive<u8> = 4..=15;
/// Widest hidden layer.
pub const MAX_WIDTH: usize = 64;

/// A layer `y = W x + b`; weights and biases are multiples of `2^-shift` and `2^-FRACTION_BITS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Inputs, an even number.
    pub n_inputs: usize,
    /// `[n_outputs][n_inputs]`.
    pub weights: Vec<i8>,
    /// `[n_outputs]`.
    pub biases: Vec<i16>,
    /// Bits behind the point of a weight.
    pub shift: u8,
}

/// Two hidden layers and an output, in units of the last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    /// Stencil to the first hidden layer, that to the second, that to one output.
    pub layers: [Dense; 3],
}

impl Dense {
    /// The nearest layer to these weights `[n_outputs][n_inputs]` and biases `[n_outputs]`.
    pub fn quantise(n_inputs: usize, weights: &[f32], biases: &[f32]) -> Dense {
        let largest = weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let fits = |shift: &u8| largest * f32::from(1u16 << shift) <= 127.0;
        let shift = SHIFTS.rev().find(fits).unwrap_or(*SHIFTS.start());
        let weight = |w: &f32| (w * f32::from(1u16 << shift)).round().clamp(-127.0, 127.0) as i8;
        let bias = |b: &f32| (b * ONE as f32).round().clamp(-32767.0, 32767.0) as i16;
        let (weights, biases) = (weights.iter().map(weight).collect(), biases.iter().map(bias).collect());
        Dense { n_inputs, weights, biases, shift }
    }

    /// Weights as numbers, `[n_outputs][n_inputs]`.
    pub fn weights_f32(&self) -> Vec<f32> {
        self.weights.iter().map(|&w| f32::from(w) / f32::from(1u16 << self.shift)).collect()
    }

    /// Biases as numbers.
    pub fn biases_f32(&self) -> Vec<f32> {
        self.biases.iter().map(|&b| f32::from(b) / ONE as f32).collect()
    }

    /// Number of outputs.
    pub fn n_outputs(&self) -> usize {
        self.biases.len()
    }

    /// Sum of output `j` with its bias, `FRACTION_BITS + shift` bits behind the point. The reference for every kernel.
    pub fn sum(&self, j: usize, x: &[i32]) -> i32 {
        let row = &self.weights[j * self.n_inputs..(j + 1) * self.n_inputs];
        let sum = row.iter().zip(x).fold(0i32, |sum, (&w, &x)| sum.wrapping_add(i32::from(w) * x));
        sum.wrapping_add(i32::from(self.biases[j]) << self.shift)
    }

    /// Checks what a damaged payload may hold.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn check(&self) -> Result<()> {
        if SHIFTS.contains(&self.shift) && self.weights.len() == self.n_inputs * self.n_outputs() {
            return Ok(());
        }
        Err(Error::corrupt("the weights of a predictor are damaged"))
    }
}

/// `sum / 2^n_bits`, rounded up from halves.
#[inline(always)]
pub fn round_shift(sum: i32, n_bits: u32) -> i32 {
    sum.wrapping_add((1 << n_bits) >> 1) >> n_bits
}

/// The activation: 0 below -1, the number itself above 1, a parabola in between.
#[inline(always)]
pub fn activation(z: i32) -> i32 {
    let t = z.clamp(-ONE, ONE) + ONE;
    let above = z.max(ONE) - ONE;
    ((t * t) >> (FRACTION_BITS + 2)).saturating_add(above).min(LARGEST)
}

impl Mlp {
    /// The output for the inputs of one point, [`OUTPUT_BITS`] behind the point.
    pub fn output(&self, inputs: &[i32]) -> i32 {
        let [first, second, last] = &self.layers;
        let hidden = |layer: &Dense, x: &[i32]| -> Vec<i32> {
            let neuron = |j| activation(round_shift(layer.sum(j, x), u32::from(layer.shift)));
            (0..layer.n_outputs()).map(neuron).collect()
        };
        output(last, &hidden(second, &hidden(first, inputs)))
    }
}

/// The output of a layer of one neuron without activation, [`OUTPUT_BITS`] behind the point.
pub fn output(layer: &Dense, x: &[i32]) -> i32 {
    round_shift(layer.sum(0, x), u32::from(layer.shift) - EXTRA_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_activation_is_a_smooth_rectifier() {
        let at = |x: f64| f64::from(activation((x * f64::from(ONE)) as i32)) / f64::from(ONE);
        assert_eq!([at(-3.0), at(-1.0), at(0.0), at(1.0), at(2.5)], [0.0, 0.0, 0.25, 1.0, 2.5]);
        let all: Vec<i32> = (-2 * ONE..2 * ONE).map(activation).collect();
        assert!(all.windows(2).all(|w| w[0] <= w[1] && w[1] - w[0] <= 1));
        assert_eq!(activation(i32::MAX), LARGEST);
    }

    #[test]
    fn a_quantised_layer_is_near_the_one_it_was_made_from() {
        let weights: Vec<f32> = (0..8).map(|i| (i as f32 - 3.3) * 0.21).collect();
        let layer = Dense::quantise(4, &weights, &[0.5, -0.25]);
        for (exact, kept) in weights.iter().zip(layer.weights_f32()) {
            assert!((exact - kept).abs() <= 0.5 / f32::from(1u16 << layer.shift));
        }
        assert_eq!(layer.biases_f32(), [0.5, -0.25]);
        assert!(layer.check().is_ok());
    }
}
