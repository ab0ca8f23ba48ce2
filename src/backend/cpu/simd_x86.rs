//! AVX-512 and AVX2 vectors.
#![expect(unsafe_code, reason = "x86 intrinsics; each type exists only after the CPU was asked for the features")]

use super::simd::{Kernel, Simd};
use super::simd_product::Product;
use crate::processor::{Level, allows};
use std::arch::x86_64::*;

/// Runs an intrinsic of the type's instruction set.
macro_rules! native {
    ($call:expr) => {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe { $call }
    };
}

/// 16 lanes.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// 8 lanes.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        allows(Level::Avx512).then_some(Avx512(()))
    }
}

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        allows(Level::Avx2).then_some(Avx2(()))
    }
}

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        native!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load_at(self, p: *const f32) -> __m512 {
        native!(_mm512_loadu_ps(p))
    }
    #[inline(always)]
    unsafe fn store_at(self, p: *mut f32, v: __m512) {
        native!(_mm512_storeu_ps(p, v))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        native!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        native!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        native!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        native!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        native!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        native!(_mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(a))
    }
    #[inline(always)]
    fn negate_if_odd(self, v: __m512, n: __m512) -> __m512 {
        native!({
            let sign = _mm512_slli_epi32::<31>(_mm512_cvtps_epi32(n));
            _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(v), sign))
        })
    }
    #[inline(always)]
    fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn enter<K: Kernel>(kernel: K, simd: Avx512) -> K::Output {
            kernel.run(simd)
        }
        native!(enter(kernel, self))
    }
    #[inline(always)]
    fn multiply(self, product: Product) {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn enter(product: Product, simd: Avx512) {
            product.run::<Avx512, 6, 4>(simd);
        }
        native!(enter(product, self))
    }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        native!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load_at(self, p: *const f32) -> __m256 {
        native!(_mm256_loadu_ps(p))
    }
    #[inline(always)]
    unsafe fn store_at(self, p: *mut f32, v: __m256) {
        native!(_mm256_storeu_ps(p, v))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        native!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        native!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        native!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        native!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        native!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        native!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a))
    }
    #[inline(always)]
    fn negate_if_odd(self, v: __m256, n: __m256) -> __m256 {
        native!({
            let sign = _mm256_slli_epi32::<31>(_mm256_cvtps_epi32(n));
            _mm256_xor_ps(v, _mm256_castsi256_ps(sign))
        })
    }
    #[inline(always)]
    fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enter<K: Kernel>(kernel: K, simd: Avx2) -> K::Output {
            kernel.run(simd)
        }
        native!(enter(kernel, self))
    }
    #[inline(always)]
    fn multiply(self, product: Product) {
        #[target_feature(enable = "avx2,fma")]
        fn enter(product: Product, simd: Avx2) {
            product.run::<Avx2, 6, 2>(simd);
        }
        native!(enter(product, self))
    }
}
