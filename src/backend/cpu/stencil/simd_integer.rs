//! Sums of products of 16-bit pairs, on vectors of 32-bit lanes. Integers: every instruction set gives the same bits.
#![expect(unsafe_code, reason = "SIMD intrinsics; each type exists only after the CPU was asked for the features")]

use crate::backend::cpu::Instructions;
#[cfg(target_arch = "x86_64")]
use crate::processor::{Level, allows};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Points that go through the layers together.
pub(super) const TILE: usize = 64;

/// One number of each point of a tile; or two 16-bit numbers, the first in the low half.
pub(super) type Lanes = [i32; TILE];

/// A computation that runs with the instructions of `S` enabled. `run` must be `#[inline(always)]`.
pub(super) trait Kernel {
    fn run<S: Integers>(self, simd: S);
}

/// Vectors of `LANES` 32-bit integers.
pub(super) trait Integers: Copy {
    type V: Copy;
    const LANES: usize;

    fn splat(self, x: i32) -> Self::V;
    /// # Safety
    /// `LANES` integers are readable at `p`.
    unsafe fn load_at(self, p: *const i32) -> Self::V;
    /// # Safety
    /// `LANES` integers are writable at `p`.
    unsafe fn store_at(self, p: *mut i32, v: Self::V);
    /// `sum + low(a) low(b) + high(a) high(b)` in each lane, modulo `2^32`.
    fn dot(self, sum: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Runs a kernel with these instructions enabled for code inlined into it.
    fn dispatch<K: Kernel>(self, kernel: K);

    /// `sums[j] = sum_p x[p] . weights[j][p]` for every output `j`; `weights` in pairs like `x`.
    #[inline(always)]
    fn sums(self, x: &[Lanes], weights: &[i32], sums: &mut [Lanes]) {
        let n = x.len();
        assert_eq!(weights.len(), n * sums.len());
        let mut j = 0;
        while j + 2 <= sums.len() {
            let (rows, outputs) = (&weights[j * n..(j + 2) * n], &mut sums[j..j + 2]);
            tile::<Self, 2>(self, x, rows, outputs);
            j += 2;
        }
        if j < sums.len() {
            tile::<Self, 1>(self, x, &weights[j * n..], &mut sums[j..]);
        }
    }
}

/// Vectors of a row of sums in registers.
const N_VECTORS: usize = 4;

/// `N` outputs for all points of a tile.
#[inline(always)]
fn tile<S: Integers, const N: usize>(simd: S, x: &[Lanes], weights: &[i32], sums: &mut [Lanes]) {
    let n = x.len();
    assert!(weights.len() == N * n && sums.len() == N);
    let mut at = 0;
    while at < TILE {
        let mut totals = [[simd.splat(0); N_VECTORS]; N];
        for p in 0..n {
            // No closure: it would not have the instructions.
            let (from, mut x) = (x[p].as_ptr(), [simd.splat(0); N_VECTORS]);
            for (v, x) in x.iter_mut().enumerate() {
                // SAFETY: `at + N_VECTORS * LANES` is at most `TILE` because that is a multiple of it.
                *x = unsafe { simd.load_at(from.add(at + v * S::LANES)) };
            }
            for (j, totals) in totals.iter_mut().enumerate() {
                let weight = simd.splat(weights[j * n + p]);
                for (total, x) in totals.iter_mut().zip(x) {
                    *total = simd.dot(*total, x, weight);
                }
            }
        }
        for (totals, sums) in totals.iter().zip(sums.iter_mut()) {
            for (v, total) in totals.iter().enumerate() {
                // SAFETY: as above.
                unsafe { simd.store_at(sums.as_mut_ptr().add(at + v * S::LANES), *total) };
            }
        }
        at += N_VECTORS * S::LANES;
    }
}

/// One lane: runs everywhere.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

impl Integers for Scalar {
    type V = i32;
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(self, x: i32) -> i32 {
        x
    }
    #[inline(always)]
    unsafe fn load_at(self, p: *const i32) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { *p }
    }
    #[inline(always)]
    unsafe fn store_at(self, p: *mut i32, v: i32) {
        // SAFETY: the caller's promise.
        unsafe { *p = v }
    }
    #[inline(always)]
    fn dot(self, sum: i32, a: i32, b: i32) -> i32 {
        let low = i32::from(a as i16) * i32::from(b as i16);
        sum.wrapping_add(low).wrapping_add((a >> 16) * (b >> 16))
    }
    fn dispatch<K: Kernel>(self, kernel: K) {
        kernel.run(self);
    }
}

/// An x86 instruction set: vector type, lanes, features, load, store, splat, sum of products.
#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($name:ident, $vector:ty, $lanes:expr, $features:tt, $load:ident, $store:ident, $splat:ident, |$s:ident, $a:ident, $b:ident| $dot:expr) => {
        /// See the macro.
        #[derive(Clone, Copy)]
        pub(super) struct $name(());

        impl Integers for $name {
            type V = $vector;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, x: i32) -> $vector {
                // SAFETY: `self` proves that the CPU has the instructions.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load_at(self, p: *const i32) -> $vector {
                // SAFETY: the caller's promise; `self` proves that the CPU has the instructions.
                unsafe { $load(p.cast()) }
            }
            #[inline(always)]
            unsafe fn store_at(self, p: *mut i32, v: $vector) {
                // SAFETY: the caller's promise; `self` proves that the CPU has the instructions.
                unsafe { $store(p.cast(), v) }
            }
            #[inline(always)]
            fn dot(self, $s: $vector, $a: $vector, $b: $vector) -> $vector {
                // SAFETY: `self` proves that the CPU has the instructions.
                unsafe { $dot }
            }
            fn dispatch<K: Kernel>(self, kernel: K) {
                #[target_feature(enable = $features)]
                fn run<K: Kernel>(simd: $name, kernel: K) {
                    kernel.run(simd);
                }
                // SAFETY: `self` proves that the CPU has the instructions.
                unsafe { run(self, kernel) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    Vnni,
    __m512i,
    16,
    "avx512f,avx512bw,avx512vnni",
    _mm512_loadu_si512,
    _mm512_storeu_si512,
    _mm512_set1_epi32,
    |s, a, b| _mm512_dpwssd_epi32(s, a, b)
);
#[cfg(target_arch = "x86_64")]
x86!(Avx512, __m512i, 16, "avx512f,avx512bw", _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi32, |s, a, b| {
    _mm512_add_epi32(s, _mm512_madd_epi16(a, b))
});
#[cfg(target_arch = "x86_64")]
x86!(Avx2, __m256i, 8, "avx2", _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32, |s, a, b| _mm256_add_epi32(
    s,
    _mm256_madd_epi16(a, b)
));

/// An instruction set for integers; all give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerSet {
    /// AVX-512 with VNNI.
    Vnni,
    /// AVX-512 with byte and word instructions.
    Avx512,
    /// AVX2.
    Avx2,
    /// Any CPU.
    Scalar,
}

impl IntegerSet {
    /// From widest to plainest.
    pub const ALL: [IntegerSet; 4] = [IntegerSet::Vnni, IntegerSet::Avx512, IntegerSet::Avx2, IntegerSet::Scalar];

    /// The widest set of this CPU.
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|set| set.is_available()).unwrap_or(IntegerSet::Scalar)
    }

    /// The widest set of this CPU that goes with `instructions`.
    pub fn of(instructions: Instructions) -> Self {
        match instructions {
            Instructions::Avx512 => Self::best(),
            Instructions::Avx2 => IntegerSet::Avx2,
            Instructions::Neon | Instructions::Scalar => IntegerSet::Scalar,
        }
    }

    /// True when this CPU has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            IntegerSet::Vnni => IntegerSet::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"),
            IntegerSet::Avx512 => allows(Level::Avx512) && is_x86_feature_detected!("avx512bw"),
            IntegerSet::Avx2 => allows(Level::Avx2),
            IntegerSet::Scalar => true,
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == IntegerSet::Scalar;
    }

    /// Runs a kernel with these instructions, or the plain ones where they are missing.
    pub(super) fn dispatch<K: Kernel>(self, kernel: K) {
        #[cfg(target_arch = "x86_64")]
        if self.is_available() {
            match self {
                IntegerSet::Vnni => return Vnni(()).dispatch(kernel),
                IntegerSet::Avx512 => return Avx512(()).dispatch(kernel),
                IntegerSet::Avx2 => return Avx2(()).dispatch(kernel),
                IntegerSet::Scalar => {}
            }
        }
        Scalar.dispatch(kernel);
    }
}
