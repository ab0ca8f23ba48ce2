//! Sizes without coding: what quantised coefficients and the residual behind a pointwise bound would cost.

use std::sync::LazyLock;

use super::quantise::integer;

/// Neighbours along the last axis that share one geometric distribution.
const GROUP: usize = 8;
/// Sums up to this are looked up.
const TABLE: usize = 2048;

/// Bits of a group of magnitudes with a given sum: the entropy of a geometric distribution with their mean.
static GROUP_BITS: LazyLock<Vec<f32>> = LazyLock::new(|| (0..TABLE).map(|sum| group_bits(sum as f64) as f32).collect());

fn group_bits(sum: f64) -> f64 {
    if sum == 0.0 {
        return 0.06;
    }
    let mean = sum / GROUP as f64;
    GROUP as f64 * ((1.0 + mean) * libm::log2(1.0 + mean) - mean * libm::log2(mean))
}

/// Estimated bits of the integers of neighbouring coefficients.
#[inline(always)]
pub(super) fn bits(coefficients: &[f64], inverse: f64) -> f64 {
    let mut bits = 0.0;
    for group in coefficients.chunks(GROUP) {
        let (mut sum, mut n) = (0.0, 0.0);
        for &c in group {
            let q = integer(c.abs() * inverse);
            sum += q;
            n += q.min(1.0);
        }
        bits += n + GROUP_BITS.get(sum as usize).map_or_else(|| group_bits(sum), |&b| f64::from(b));
    }
    bits
}

/// Bits per value of `round(e / (2 bound))` for a normal error of standard deviation `sigma`.
pub(super) fn residual_bits(sigma: f64, bound: f64) -> f64 {
    if sigma == 0.0 {
        return 0.0;
    }
    if !sigma.is_finite() {
        // The transform left the numbers; the sum below would never end.
        return f64::INFINITY;
    }
    let scale = bound / (sigma * std::f64::consts::SQRT_2);
    if scale < 0.02 {
        // Differential entropy of the normal distribution less the width of the bins.
        return libm::log2(sigma / (2.0 * bound)) + 2.047;
    }
    let (mut bits, mut above) = (0.0, 1.0);
    for k in 0.. {
        let next = libm::erfc((2 * k + 1) as f64 * scale);
        // Both signs at once: each has half of the probability.
        let p = above - next;
        if p > 0.0 {
            bits -= p * libm::log2(p) - if k > 0 { p } else { 0.0 };
        }
        if next < 1e-12 {
            break;
        }
        above = next;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_are_no_numbers_cost_more_than_anything() {
        assert_eq!([f64::NAN, f64::INFINITY].map(|sigma| residual_bits(sigma, 1.0)), [f64::INFINITY; 2]);
        assert!(residual_bits(1e-300, 1.0) == 0.0 && residual_bits(1e300, 1.0) < 1e4);
    }
}
