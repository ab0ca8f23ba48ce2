#![expect(unsafe_code, reason = "calls of functions compiled for AVX2, behind a check that the CPU has it")]
//! The inner loops, compiled for AVX2 as well.

use super::lane::Lane;
use super::points;
use super::slab_decoder::{self, Work};
use super::tables::Tables;
use super::tokens;
use super::{dct, estimate, neighbours, quantise, sample, wavelet};
use crate::Finish;
use crate::entropy::rans::{self, Find, N_SYMBOLS, Plain, RawBits};
use crate::field::{Slice, wide};
#[cfg(target_arch = "x86_64")]
use crate::processor::{Level, allows};

wide! {
    /// [`wavelet::lift_forward`].
    fn lift_forward<T>(panel: &mut [T], n_low: usize, width: usize) = wavelet::lift_forward;
}
wide! {
    /// [`wavelet::lift_inverse`].
    fn lift_inverse<T>(panel: &mut [T], n_low: usize, width: usize) = wavelet::lift_inverse;
}
wide! {
    /// [`wavelet::lift_row_forward`].
    fn lift_row_forward<T>(row: &mut [T], n_low: usize, panel: &mut [T]) = wavelet::lift_row_forward;
}
wide! {
    /// [`wavelet::lift_row_inverse`].
    fn lift_row_inverse<T>(row: &mut [T], n_low: usize, panel: &mut [T]) = wavelet::lift_row_inverse;
}
wide! {
    /// [`dct::forward`].
    fn dct_forward<T>(plan: &dct::BlockPlan<T>, x: &mut [T], width: usize, scratch: &mut [T]) = dct::forward;
}
wide! {
    /// [`dct::inverse`].
    fn dct_inverse<T>(plan: &dct::BlockPlan<T>, x: &mut [T], width: usize, scratch: &mut [T]) = dct::inverse;
}
wide! {
    /// [`quantise::square_error`].
    fn square_error<T>(coefficients: &[T], inverse: f64, points: [f64; 2]) -> f64 = quantise::square_error;
}
wide! {
    /// [`quantise::offsets`].
    fn offsets(coefficients: &[f64], inverse: f64) -> [f64; 4] = quantise::offsets;
}
wide! {
    /// [`quantise::quantise_row`].
    fn quantise_row<T>(coefficients: &[T], inverse: T, integers: &mut [i32]) = quantise::quantise_row;
}
wide! {
    /// [`quantise::dequantise_row`].
    fn dequantise_row<T>(integers: &[i32], step: T, points: [T; 2], out: &mut [T]) = quantise::dequantise_row;
}
wide! {
    /// [`estimate::bits`].
    fn bits(coefficients: &[f64], inverse: f64) -> f64 = estimate::bits;
}
wide! {
    /// [`sample::largest_of`].
    fn largest<T>(values: &[T]) -> T = sample::largest_of;
}
wide! {
    /// [`Slice::read`].
    fn read(values: &Slice, first: usize, out: &mut [f64]) = Slice::read;
}
wide! {
    /// [`points::widen`].
    fn widen<T>(values: &[T], middle: f64, out: &mut [f64]) = points::widen;
}
wide! {
    /// [`points::narrow`].
    fn narrow<T>(values: &[f64], middle: f64, out: &mut [T]) = points::narrow;
}
wide! {
    /// [`points::correct`].
    fn correct(values: &mut [f64], residual: &[i32], quantum: f64) = points::correct;
}
wide! {
    /// [`points::corrections`].
    fn corrections(originals: &[f64], values: &[f64], inverse: f64, out: &mut [i32]) -> (f64, usize) = points::corrections;
}
wide! {
    /// [`points::finish`].
    fn finish(values: &mut [f64], finish: Finish) = points::finish;
}
wide! {
    /// [`neighbours::add_near`].
    fn add_near(sums: &mut [u16], near: &[u16], n_bits: u32) = neighbours::add_near;
}

wide! {
    /// [`neighbours::add_shifted`].
    fn add_shifted(sums: &mut [u16], terms: &[u16], n_bits: u32) = neighbours::add_shifted;
}
wide! {
    /// [`neighbours::add`].
    fn add(sums: &mut [u16], terms: &[u16]) = neighbours::add;
}
wide! {
    /// [`neighbours::magnitudes`].
    fn magnitudes(values: &[i32], out: &mut [u16]) = neighbours::magnitudes;
}

wide! {
    /// [`tokens::push_row`].
    fn push_row(lane: &mut Lane, row: &[i32], tokens: &mut Vec<u16>, raw: &mut RawBits) = tokens::push_row;
}

/// Finds symbols by one comparison of 16 lanes.
#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Find for Avx2 {
    #[inline(always)]
    fn find(starts: &[u16; N_SYMBOLS], slot: u16) -> usize {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn find(starts: &[u16; N_SYMBOLS], slot: u16) -> usize {
            use std::arch::x86_64::{
                _mm256_cmpeq_epi16, _mm256_loadu_si256, _mm256_max_epu16, _mm256_movemask_epi8, _mm256_set1_epi16,
            };
            // SAFETY: 16 values of 16 bits are the 32 bytes that are loaded.
            let starts = unsafe { _mm256_loadu_si256(starts.as_ptr().cast()) };
            let slot = _mm256_set1_epi16(slot as i16);
            let is_before = _mm256_cmpeq_epi16(_mm256_max_epu16(starts, slot), slot);
            // Two bits per lane; the first one is always set.
            (_mm256_movemask_epi8(is_before).count_ones() / 2 - 1) as usize
        }
        // SAFETY: only code behind a check that the CPU has AVX2 uses this type.
        unsafe { find(starts, slot) }
    }
}

/// `finding! { fn name(arguments) -> Result = module; }` is [`wide!`] for a `module::name` that is generic over how symbols are found.
macro_rules! finding {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)? = $module:ident;) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            if allows(Level::Avx2) {
                #[target_feature(enable = "avx2,popcnt,bmi2")]
                fn with_avx2($($arg: $type),*) $(-> $out)? {
                    $module::$name::<Avx2>($($arg),*)
                }
                // SAFETY: the line above made sure that the CPU has these.
                return unsafe { with_avx2($($arg),*) };
            }
            $module::$name::<Plain>($($arg),*)
        }
    };
}

finding! {
    /// [`slab_decoder::decode_rows`].
    fn decode_rows(a: &mut Work, b: &mut Work, tables: &Tables) = slab_decoder;
}
finding! {
    /// [`slab_decoder::decode_row`].
    fn decode_row(work: &mut Work, tables: &Tables) = slab_decoder;
}
finding! {
    /// [`tokens::read_symbols`].
    fn read_symbols(decoders: &mut [rans::Decoder], tokens: &[&[u16]], tables: &Tables) -> bool = tokens;
}
