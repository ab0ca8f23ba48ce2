//! The vector vocabulary of the kernels. A value of a [`Simd`] type proves that the CPU has the instructions, so its
//! methods are safe; kernels are generic over it and give the same bits with each.
#![expect(unsafe_code, reason = "SIMD intrinsics and unchecked loads behind a safe interface")]

use super::simd_product::Product;

/// A computation that runs with the instructions of `S` enabled. `run` must be `#[inline(always)]`.
pub(super) trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Vectors of `LANES` f32.
pub(super) trait Simd: Copy + Send + Sync + 'static {
    type V: Copy;
    const LANES: usize;

    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `LANES` floats are readable at `p`.
    unsafe fn load_at(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `LANES` floats are writable at `p`.
    unsafe fn store_at(self, p: *mut f32, v: Self::V);
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// Nearest integer, ties to even.
    fn round(self, a: Self::V) -> Self::V;
    /// `-v` in lanes where the integral `n` is odd.
    fn negate_if_odd(self, v: Self::V, n: Self::V) -> Self::V;

    /// Runs a kernel with these instructions enabled for code inlined into it.
    fn dispatch<K: Kernel>(self, kernel: K) -> K::Output;
    /// A matrix product in the tile shape that suits these registers.
    fn multiply(self, product: Product);

    /// The first `LANES` values of `src`.
    #[inline(always)]
    fn load(self, src: &[f32]) -> Self::V {
        assert!(src.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.load_at(src.as_ptr()) }
    }

    /// Overwrites the first `LANES` values of `dst`.
    #[inline(always)]
    fn store(self, dst: &mut [f32], v: Self::V) {
        assert!(dst.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.store_at(dst.as_mut_ptr(), v) }
    }
}

/// One lane, `f32::mul_add`: runs everywhere (fused in software where the CPU has no such instruction).
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Simd for Scalar {
    type V = f32;
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    unsafe fn load_at(self, p: *const f32) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { *p }
    }
    #[inline(always)]
    unsafe fn store_at(self, p: *mut f32, v: f32) {
        // SAFETY: the caller's promise.
        unsafe { *p = v }
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn abs(self, a: f32) -> f32 {
        a.abs()
    }
    #[inline(always)]
    fn round(self, a: f32) -> f32 {
        a.round_ties_even()
    }
    #[inline(always)]
    fn negate_if_odd(self, v: f32, n: f32) -> f32 {
        f32::from_bits(v.to_bits() ^ ((n as i32 as u32) << 31))
    }
    fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    fn multiply(self, product: Product) {
        product.run::<Self, 4, 4>(self);
    }
}
