//! The canonical evaluation of a SIREN: every operation and its order, in scalar f32. Records are decoded with these bits;
//! the SIMD kernels of the CPU backend give the same ones because they run across neurons, never along a sum.
//!
//! - layer: `z = b`, then `z = fma(w[k], y[k], z)` for `k` ascending (one rounding per step);
//! - sine layer: `y = sin_half_turns(OMEGA_HALF_TURNS * z)`;
//! - residual: `y = 0.5 * (y + sine)`;
//! - coordinate of index `i` on an axis of `n`: `2i/(n-1) - 1` in f64, rounded to f32 (0 where `n = 1`): [`crate::mesh::axis`].

use super::SirenShape;
use super::siren::OMEGA_HALF_TURNS;

/// Odd polynomial for `sin(pi r)`, `|r| <= 1/2`: coefficients of r, r^3, r^5, r^7, r^9 (error below 2e-7).
pub const SINE: [f32; 5] = [3.141_592_5, -5.167_707, 2.550_031_4, -0.598_045_2, 0.077_220_13];

/// `sin(pi p)`: `p` is reduced to the nearest integer (exact in f32), which also gives the sign.
#[inline]
pub fn sin_half_turns(p: f32) -> f32 {
    let n = p.round_ties_even();
    let value = sine_polynomial(p - n);
    if n.rem_euclid(2.0) == 1.0 { -value } else { value }
}

#[inline]
fn sine_polynomial(r: f32) -> f32 {
    let q = r * r;
    SINE.iter().rev().skip(1).fold(SINE[4], |sum, &c| sum.mul_add(q, c)) * r
}

/// Evaluates one point: `x: [n_inputs]` -> `out: [n_outputs]`. Slow and plain: the definition, not the decoder's code.
///
/// # Panics
/// When a length does not belong to the shape.
pub fn evaluate_point(shape: &SirenShape, params: &[f32], x: &[f32], out: &mut [f32]) {
    assert_eq!((params.len(), x.len(), out.len()), (shape.n_params(), shape.n_inputs, shape.n_outputs));
    let mut rest = params;
    let mut block_input = Vec::new();
    let mut y = x.to_vec();
    let last = 2 * shape.n_blocks + 1;
    for (layer, (rows, columns)) in shape.layers().enumerate() {
        let (weights, tail) = rest.split_at(rows * columns);
        let (biases, tail) = tail.split_at(rows);
        rest = tail;
        let sums = weights.chunks_exact(columns).zip(biases);
        let z: Vec<f32> = sums.map(|(row, &b)| row.iter().zip(&y).fold(b, |sum, (w, v)| w.mul_add(*v, sum))).collect();
        if layer == last {
            out.copy_from_slice(&z);
            return;
        }
        let sine = z.iter().map(|z| sin_half_turns(OMEGA_HALF_TURNS * z));
        match layer {
            0 => y = sine.collect(),
            _ if layer % 2 == 1 => block_input = std::mem::replace(&mut y, sine.collect()),
            _ => y = block_input.iter().zip(sine).map(|(y, s)| 0.5 * (y + s)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_turn_sine_is_accurate_to_2e_7() {
        let worst = (-600_000..=600_000)
            .map(|i| i as f32 * 1e-4)
            .map(|p| (f64::from(sin_half_turns(p)) - (std::f64::consts::PI * f64::from(p)).sin()).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2.2e-7, "{worst:e}");
    }

    #[test]
    fn a_network_without_blocks_is_one_sine_layer() {
        let shape = SirenShape { n_inputs: 1, width: 8, n_blocks: 0, n_outputs: 1 };
        let mut params = vec![0.0; shape.n_params()];
        (params[0], params[8], params[16], params[24]) = (0.1, 0.02, 2.0, 0.5);
        let mut out = [0.0];
        evaluate_point(&shape, &params, &[0.25], &mut out);
        let expected = 2.0 * (30.0f64 * (0.1 * 0.25 + 0.02)).sin() + 0.5;
        assert!((f64::from(out[0]) - expected).abs() < 1e-6);
    }
}
