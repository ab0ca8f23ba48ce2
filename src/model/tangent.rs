//! Derivatives of a SIREN along its coordinates: forward mode in f64, layer by layer beside the values.
//!
//! With `y' = dy/dx`, a layer is `z' = W y' (+ W' y + b')`, a sine layer `y' = 30 cos(30 z) z'`; `W'` and `b'` are there where the
//! parameters themselves move with the last coordinate, as those generated from time do.

use super::SirenShape;
use super::siren::OMEGA_HALF_TURNS;

/// What the canonical evaluation has for 30, in f64: `pi * fl(30 / pi)`.
const OMEGA: f64 = std::f64::consts::PI * OMEGA_HALF_TURNS as f64;

/// Values and their derivatives along `n_inputs` coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Tangent {
    /// `[n]`.
    pub values: Vec<f64>,
    /// `[n][n_inputs]`.
    pub slopes: Vec<f64>,
}

/// Parameters of a SIREN.
#[derive(Clone, Debug)]
pub struct MovingParams {
    /// In the order of [`super::siren`], `[n_params]`.
    pub values: Vec<f64>,
    /// Their derivatives along the last coordinate, `[n_params]`; empty where they stand still.
    pub rates: Vec<f64>,
}

/// Values `[n_outputs]` of the network at `x: [n_inputs]` and their derivatives along each coordinate.
///
/// # Panics
/// When a length does not belong to the shape.
pub fn evaluate(shape: &SirenShape, params: &MovingParams, x: &[f64]) -> Tangent {
    assert_eq!((params.values.len(), x.len()), (shape.n_params(), shape.n_inputs));
    let n = shape.n_inputs;
    let unit = |i: usize| if i.is_multiple_of(n + 1) { 1.0 } else { 0.0 };
    let mut y = Tangent { values: x.to_vec(), slopes: (0..n * n).map(unit).collect() };
    let mut block_input = y.clone();
    let (mut at, last) = (0, 2 * shape.n_blocks + 1);
    for (layer, (rows, columns)) in shape.layers().enumerate() {
        let span = at..at + rows * (columns + 1);
        at = span.end;
        let z = y.affine(&params.values[span.clone()], params.rates.get(span), rows, n);
        if layer == last {
            return z;
        }
        let sine = z.sine(n);
        match layer {
            0 => y = sine,
            _ if layer % 2 == 1 => block_input = std::mem::replace(&mut y, sine),
            _ => y = block_input.mean(&sine),
        }
    }
    y
}

impl Tangent {
    /// `params`: weights `[rows][columns]`, then biases `[rows]`; `rates` likewise.
    fn affine(&self, params: &[f64], rates: Option<&[f64]>, rows: usize, n: usize) -> Tangent {
        let columns = self.values.len();
        let dot = |row: &[f64], y: &mut dyn Iterator<Item = f64>| row.iter().zip(y).map(|(w, y)| w * y).sum::<f64>();
        let sum = |params: &[f64], row: usize| {
            let weights = &params[row * columns..][..columns];
            params[rows * columns + row] + dot(weights, &mut self.values.iter().copied())
        };
        let mut slopes = Vec::with_capacity(rows * n);
        for row in 0..rows {
            let weights = &params[row * columns..][..columns];
            let along = |axis: usize| dot(weights, &mut self.slopes.iter().skip(axis).step_by(n).copied());
            slopes.extend((0..n).map(along));
            if let (Some(rates), Some(slope)) = (rates, slopes.last_mut()) {
                *slope += sum(rates, row);
            }
        }
        Tangent { values: (0..rows).map(|row| sum(params, row)).collect(), slopes }
    }

    fn sine(mut self, n: usize) -> Tangent {
        for (value, slopes) in self.values.iter_mut().zip(self.slopes.chunks_exact_mut(n)) {
            let (sine, cosine) = libm::sincos(OMEGA * *value);
            *value = sine;
            slopes.iter_mut().for_each(|slope| *slope *= OMEGA * cosine);
        }
        self
    }

    fn mean(&self, other: &Tangent) -> Tangent {
        let mean = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect();
        Tangent { values: mean(&self.values, &other.values), slopes: mean(&self.slopes, &other.slopes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::canonical;

    #[test]
    fn values_are_those_of_the_canonical_evaluation_and_slopes_those_of_finite_differences() {
        let shape = SirenShape { n_inputs: 3, width: 16, n_blocks: 2, n_outputs: 2 };
        let params = shape.initial_params(5);
        let wide = |params: &[f32]| params.iter().map(|&p| f64::from(p)).collect::<Vec<_>>();
        // The parameters move with the last coordinate from those of one seed towards those of another.
        let moving = MovingParams { values: wide(&params), rates: wide(&shape.initial_params(6)) };
        let x = [0.3, -0.7, 0.1];
        let found = evaluate(&shape, &moving, &x);
        let mut canonical = [0.0; 2];
        canonical::evaluate_point(&shape, &params, &x.map(|x| x as f32), &mut canonical);
        assert!(found.values.iter().zip(canonical).all(|(a, b)| (a - f64::from(b)).abs() < 2e-5));
        const H: f64 = 1e-6;
        for axis in 0..3 {
            let value = |h: f64| {
                let mut x = x;
                x[axis] += h;
                let shift = if axis == 2 { h } else { 0.0 };
                let values = moving.values.iter().zip(&moving.rates).map(|(p, r)| p + shift * r).collect();
                evaluate(&shape, &MovingParams { values, rates: Vec::new() }, &x).values
            };
            for ((above, below), slopes) in value(H).iter().zip(value(-H)).zip(found.slopes.chunks_exact(3)) {
                let difference = (above - below) / (2.0 * H);
                assert!((difference - slopes[axis]).abs() < 1e-6 * slopes[axis].abs().max(1.0), "axis {axis}");
            }
        }
    }
}
