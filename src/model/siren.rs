//! The residual SIREN: coordinates -> sine layers in residual blocks -> values (Sitzmann et al. 2020; residual form
//! of Simpson, Becker, Doostan).
//!
//! 1. input layer: `y = sin(30 (W x + b))`, `W: [width][n_inputs]`
//! 2. `n_blocks` residual blocks: `y <- (y + sin(30 (W2 sin(30 (W1 y + b1)) + b2))) / 2`, `W1, W2: [width][width]`
//! 3. output: `W y + b`, `W: [n_outputs][width]`, linear.
//!
//! Parameters are one flat f32 vector in that order; each layer stores its weights row-major (`[out][in]`), then its
//! biases. All sines are evaluated in half turns: `sin(30 z) = sinpi(p)` with `p = (30 / pi) * z`; the exact arithmetic
//! of an evaluation is [`super::canonical`].

use crate::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Angular frequency of every sine layer.
pub const OMEGA: f32 = 30.0;

/// [`OMEGA`] in half turns per unit: `30 / pi`.
pub const OMEGA_HALF_TURNS: f32 = (30.0 / std::f64::consts::PI) as f32;

/// Size of a residual SIREN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SirenShape {
    /// Coordinates per point, 1..=5.
    pub n_inputs: usize,
    /// Neurons per hidden layer, 8..=128.
    pub width: usize,
    /// Residual blocks (two hidden layers each), 0..=16.
    pub n_blocks: usize,
    /// Values per point, 1..=16.
    pub n_outputs: usize,
}

impl SirenShape {
    /// Number of parameters: `in*h + h + 2b(h*h + h) + h*out + out`.
    pub fn n_params(&self) -> usize {
        let (i, h, b, o) = (self.n_inputs, self.width, self.n_blocks, self.n_outputs);
        i * h + h + 2 * b * (h * h + h) + h * o + o
    }

    /// `(rows, columns)` of each layer's weight matrix in storage order: input, hidden (two per block), output.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let s = *self;
        std::iter::once((s.width, s.n_inputs))
            .chain((0..2 * s.n_blocks).map(move |_| (s.width, s.width)))
            .chain(std::iter::once((s.n_outputs, s.width)))
    }

    /// Floating-point operations of one forward pass (2 per multiply-add, matrix products only).
    pub fn flops_forward(&self) -> f64 {
        self.layers().map(|(r, c)| 2.0 * (r * c) as f64).sum()
    }

    /// Floating-point operations of forward + backward for one point (no gradient for the coordinates).
    pub fn flops_train(&self) -> f64 {
        3.0 * self.flops_forward() - 2.0 * (self.width * self.n_inputs) as f64
    }

    /// Checks the ranges that every backend supports.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the size that is out of range (shapes come from records).
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("n_inputs", self.n_inputs, 1, 5),
            ("width", self.width, 8, 128),
            ("n_blocks", self.n_blocks, 0, 16),
            ("n_outputs", self.n_outputs, 1, 16),
        ];
        match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            None => Ok(()),
            Some((name, value, low, high)) => {
                Err(Error::corrupt(format!("SIREN with {name} = {value}: it must be {low} to {high}")))
            }
        }
    }

    /// Random parameters for training, the same on every machine for a seed.
    ///
    /// Weights: input layer U(+-1/n_inputs), hidden and output layers U(+-sqrt(6/width)/30) (Sitzmann et al. 2020,
    /// section 3.2); biases U(+-1/sqrt(fan_in)).
    pub fn initial_params(&self, seed: u64) -> Vec<f32> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut params = Vec::with_capacity(self.n_params());
        for (layer, (rows, columns)) in self.layers().enumerate() {
            let weight = if layer == 0 { 1.0 / columns as f32 } else { (6.0 / columns as f32).sqrt() / OMEGA };
            let bias = 1.0 / (columns as f32).sqrt();
            params.extend((0..rows * columns).map(|_| weight * signed_unit(&mut random)));
            params.extend((0..rows).map(|_| bias * signed_unit(&mut random)));
        }
        params
    }
}

/// Uniform in [-1, 1) on a grid of 2^-23, from the upper bits of one draw.
fn signed_unit(random: &mut Xoshiro256PlusPlus) -> f32 {
    (random.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(n_inputs: usize, width: usize, n_blocks: usize, n_outputs: usize) -> SirenShape {
        SirenShape { n_inputs, width, n_blocks, n_outputs }
    }

    #[test]
    fn parameters_are_counted_as_in_the_paper() {
        let targets = [(shape(4, 16, 3, 1), 1_729), (shape(3, 16, 3, 4), 1_764), (shape(4, 64, 4, 3), 33_795)];
        let plain = [(shape(4, 128, 5, 3), 166_147), (shape(3, 62, 4, 2), 31_622), (shape(4, 239, 5, 3), 575_515)];
        for (shape, n) in targets.into_iter().chain(plain) {
            assert_eq!(shape.n_params(), n, "{shape:?}");
            assert_eq!(shape.layers().map(|(r, c)| r * c + r).sum::<usize>(), n);
            assert_eq!(shape.initial_params(1).len(), n);
        }
    }

    #[test]
    fn initial_parameters_fill_their_ranges() {
        let shape = shape(3, 64, 2, 2);
        let params = shape.initial_params(7);
        let mut rest = &params[..];
        for (layer, (rows, columns)) in shape.layers().enumerate() {
            let (weights, tail) = rest.split_at(rows * columns);
            let (biases, tail) = tail.split_at(rows);
            rest = tail;
            let bound = if layer == 0 { 1.0 / 3.0 } else { (6.0f32 / 64.0).sqrt() / 30.0 };
            let largest = |v: &[f32]| v.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(largest(weights) <= bound && largest(weights) > 0.9 * bound);
            assert!(largest(biases) <= 1.0 / (columns as f32).sqrt());
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_seed_gives_the_same_parameters_everywhere() {
        let params = shape(2, 8, 1, 1).initial_params(42);
        let hash = params.iter().fold(0u32, |h, p| h.rotate_left(5) ^ p.to_bits());
        assert_eq!(hash, GOLDEN_INITIAL);
        assert_ne!(params, shape(2, 8, 1, 1).initial_params(43));
    }

    /// Rotate-xor of the bits of `initial_params(42)` of a 2 -> 8 x 2 -> 1 network.
    const GOLDEN_INITIAL: u32 = 2_296_602_394;

    #[test]
    fn sizes_out_of_range_are_named() {
        assert!(shape(5, 128, 16, 16).check().is_ok());
        assert!(shape(3, 129, 1, 1).check().unwrap_err().to_string().contains("width = 129"));
        assert!(shape(6, 16, 1, 1).check().unwrap_err().to_string().contains("n_inputs = 6"));
    }
}
