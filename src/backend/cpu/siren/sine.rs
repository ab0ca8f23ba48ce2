//! Sine layers on vectors: the arithmetic of [`crate::model::canonical`] in lanes.

use crate::backend::cpu::simd::Simd;
use crate::model::canonical::SINE;
use crate::model::siren::{OMEGA, OMEGA_HALF_TURNS};

/// `sin(pi r)` for `|r| <= 1/2`.
#[inline(always)]
fn polynomial<S: Simd>(simd: S, r: S::V) -> S::V {
    let q = simd.mul(r, r);
    let mut sum = simd.fma(simd.splat(SINE[4]), q, simd.splat(SINE[3]));
    sum = simd.fma(sum, q, simd.splat(SINE[2]));
    sum = simd.fma(sum, q, simd.splat(SINE[1]));
    sum = simd.fma(sum, q, simd.splat(SINE[0]));
    simd.mul(sum, r)
}

/// `sin(30 z)`.
#[inline(always)]
pub fn sine<S: Simd>(simd: S, z: S::V) -> S::V {
    let p = simd.mul(simd.splat(OMEGA_HALF_TURNS), z);
    let n = simd.round(p);
    simd.negate_if_odd(polynomial(simd, simd.sub(p, n)), n)
}

/// `sin(30 z)` with the bits of [`sine`], and its derivative `30 cos(30 z)`.
#[inline(always)]
pub fn sine_and_slope<S: Simd>(simd: S, z: S::V) -> (S::V, S::V) {
    let p = simd.mul(simd.splat(OMEGA_HALF_TURNS), z);
    let n = simd.round(p);
    let r = simd.sub(p, n);
    // cos(pi r) = sin(pi (1/2 - |r|)), with the same sign rule.
    let cosine = polynomial(simd, simd.sub(simd.splat(0.5), simd.abs(r)));
    let slope = simd.mul(simd.splat(OMEGA), simd.negate_if_odd(cosine, n));
    (simd.negate_if_odd(polynomial(simd, r), n), slope)
}
