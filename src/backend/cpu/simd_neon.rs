//! NEON vectors (AArch64 always has them).
#![expect(unsafe_code, reason = "NEON intrinsics")]
#![allow(unused_unsafe, reason = "most NEON intrinsics are safe to newer compilers, as NEON is always there")]

use super::simd::{Kernel, Simd};
use super::simd_product::Product;
use std::arch::aarch64::*;

/// Runs a NEON intrinsic.
macro_rules! native {
    ($call:expr) => {
        // SAFETY: NEON is part of the AArch64 baseline.
        unsafe { $call }
    };
}

/// 4 lanes.
#[derive(Clone, Copy)]
pub(super) struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        native!(vdupq_n_f32(x))
    }
    #[inline(always)]
    unsafe fn load_at(self, p: *const f32) -> float32x4_t {
        native!(vld1q_f32(p))
    }
    #[inline(always)]
    unsafe fn store_at(self, p: *mut f32, v: float32x4_t) {
        native!(vst1q_f32(p, v))
    }
    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        native!(vfmaq_f32(c, a, b))
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        native!(vmulq_f32(a, b))
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        native!(vaddq_f32(a, b))
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        native!(vsubq_f32(a, b))
    }
    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        native!(vabsq_f32(a))
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        native!(vrndnq_f32(a))
    }
    #[inline(always)]
    fn negate_if_odd(self, v: float32x4_t, n: float32x4_t) -> float32x4_t {
        native!({
            let sign = vshlq_n_u32::<31>(vreinterpretq_u32_s32(vcvtnq_s32_f32(n)));
            vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), sign))
        })
    }
    #[inline(always)]
    fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    fn multiply(self, product: Product) {
        product.run::<Neon, 6, 4>(self);
    }
}
