#![expect(unsafe_code, reason = "calls of functions compiled for AVX2, behind a check that the CPU has it")]
//! The inner loops once more for AVX2: the same operations in the same order, four values at a time.
//!
//! Neither version fuses products and sums, so both give the same bits.

use super::{coefficients, dct, estimate, quantise, wavelet};

macro_rules! wide {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)? = $inner:path;) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($arg: $type),*) $(-> $out)? {
                    $inner($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the line above made sure that the CPU has AVX2.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $inner($($arg),*)
        }
    };
}

wide! {
    /// [`wavelet::lift_forward`].
    fn lift_forward(panel: &mut [f64], n_low: usize, width: usize) = wavelet::lift_forward;
}
wide! {
    /// [`wavelet::lift_inverse`].
    fn lift_inverse(panel: &mut [f64], n_low: usize, width: usize) = wavelet::lift_inverse;
}
wide! {
    /// [`dct::forward`].
    fn dct_forward(plan: &dct::BlockPlan, x: &mut [f64], width: usize, scratch: &mut [f64]) = dct::forward;
}
wide! {
    /// [`dct::inverse`].
    fn dct_inverse(plan: &dct::BlockPlan, x: &mut [f64], width: usize, scratch: &mut [f64]) = dct::inverse;
}
wide! {
    /// [`quantise::square_error`].
    fn square_error(coefficients: &[f64], inverse: f64, points: [f64; 2]) -> f64 = quantise::square_error;
}
wide! {
    /// [`quantise::offsets`].
    fn offsets(coefficients: &[f64], inverse: f64) -> [f64; 4] = quantise::offsets;
}
wide! {
    /// [`quantise::quantise_row`].
    fn quantise_row(coefficients: &[f64], inverse: f64, integers: &mut [i32]) = quantise::quantise_row;
}
wide! {
    /// [`quantise::dequantise_row`].
    fn dequantise_row(integers: &[i32], step: f64, points: [f64; 2], out: &mut [f64]) = quantise::dequantise_row;
}
wide! {
    /// [`estimate::bits`].
    fn bits(coefficients: &[f64], inverse: f64) -> f64 = estimate::bits;
}
wide! {
    /// [`coefficients::add_near`].
    fn add_near(sums: &mut [u16], near: &[u16]) = coefficients::add_near;
}
