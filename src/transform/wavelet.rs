//! CDF 9/7 wavelet by lifting, with whole-sample symmetric extension, for any sizes.
//!
//! Daubechies and Sweldens, "Factoring wavelet transforms into lifting steps", 1998; the scale makes it nearly
//! orthonormal.

use super::axis::{Kernel, pass};
use super::pyramid::{Pyramid, copy_box, paste_box};
use super::simd;
use crate::field::Real;

const PREDICT_1: f64 = -1.586_134_342_059_924;
const UPDATE_1: f64 = -0.052_980_118_572_961;
const PREDICT_2: f64 = 0.882_911_075_530_934;
const UPDATE_2: f64 = 0.443_506_852_043_971;
const SCALE: f64 = 1.149_604_398_860_241;

/// Shorter axes are not split.
const MIN_SIZE: usize = 6;
/// Most splits of one axis.
const MAX_LEVELS: usize = 6;

/// Squared norms of the low and high functions after 0, 1, 2, ... splits; measured.
const NORMS: [[f64; 2]; MAX_LEVELS + 1] = [
    [1.0, 1.0],
    [0.98295, 1.04044],
    [1.03060, 0.96722],
    [1.05209, 1.03963],
    [1.05847, 1.07512],
    [1.06015, 1.08584],
    [1.06058, 1.08868],
];

/// The pyramid of this transform.
pub(super) fn pyramid(dims: &[usize]) -> Pyramid {
    let low = |n: usize, level: usize| if n >= MIN_SIZE && level < MAX_LEVELS { n.div_ceil(2) } else { n };
    let mut pyramid = Pyramid::new(dims, |_, n, level| low(n, level));
    let sizes = &pyramid.sizes;
    for (i, band) in pyramid.bands.iter_mut().enumerate() {
        let n_splits = if i == 0 { band.level } else { band.level + 1 };
        let norm = |axis: usize| {
            let n_own = (1..=n_splits).filter(|&l| sizes[l][axis] != sizes[l - 1][axis]).count();
            NORMS[n_own][usize::from(band.origin[axis] > 0)]
        };
        band.norm = (0..dims.len()).map(norm).product();
    }
    pyramid
}

/// Turns values into coefficients in pyramid order, in place.
pub(super) fn forward<T: Real>(array: &mut [T], pyramid: &Pyramid) {
    let sizes = &pyramid.sizes;
    for level in 0..pyramid.n_levels() {
        on_box(array, &sizes[0], &sizes[level], |part| {
            for axis in split_axes(pyramid, level) {
                let n_low = sizes[level + 1][axis];
                pass(part, &sizes[level], axis, &Forward { n_low });
            }
        });
    }
}

/// Turns coefficients in pyramid order into values, in place.
pub(super) fn inverse<T: Real>(array: &mut [T], pyramid: &Pyramid) {
    let sizes = &pyramid.sizes;
    for level in (0..pyramid.n_levels()).rev() {
        on_box(array, &sizes[0], &sizes[level], |part| {
            for axis in split_axes(pyramid, level) {
                let n_low = sizes[level + 1][axis];
                pass(part, &sizes[level], axis, &Inverse { n_low });
            }
        });
    }
}

fn split_axes(pyramid: &Pyramid, level: usize) -> impl Iterator<Item = usize> {
    let sizes = &pyramid.sizes;
    (0..sizes[0].len()).filter(move |&axis| sizes[level][axis] != sizes[level + 1][axis])
}

/// Works on the box of this size in the corner of the array.
fn on_box<T: Real>(array: &mut [T], dims: &[usize], size: &[usize], work: impl FnOnce(&mut [T])) {
    if dims == size {
        return work(array);
    }
    let mut part = copy_box(array, dims, size);
    work(&mut part);
    paste_box(array, dims, size, &part);
}

/// Even rows to the front half, odd rows to the back half, then the lifting steps.
struct Forward {
    n_low: usize,
}

impl<T: Real> Kernel<T> for Forward {
    fn load_at(&self, i: usize) -> usize {
        i / 2 + if i % 2 == 1 { self.n_low } else { 0 }
    }

    fn store_at(&self, i: usize) -> usize {
        i
    }

    fn apply(&self, panel: &mut [T], width: usize, _: &mut [T]) {
        simd::lift_forward(panel, self.n_low, width);
    }

    fn apply_row(&self, row: &mut [T], panel: &mut [T]) -> bool {
        simd::lift_row_forward(row, self.n_low, panel);
        true
    }
}

/// The lifting steps backwards, then the halves are interleaved again.
struct Inverse {
    n_low: usize,
}

impl<T: Real> Kernel<T> for Inverse {
    fn load_at(&self, i: usize) -> usize {
        i
    }

    fn store_at(&self, i: usize) -> usize {
        if i < self.n_low { 2 * i } else { 2 * (i - self.n_low) + 1 }
    }

    fn apply(&self, panel: &mut [T], width: usize, _: &mut [T]) {
        simd::lift_inverse(panel, self.n_low, width);
    }

    fn apply_row(&self, row: &mut [T], panel: &mut [T]) -> bool {
        simd::lift_row_inverse(row, self.n_low, panel);
        true
    }
}

/// Lifting of a panel whose even rows stand in front of its odd rows.
#[inline(always)]
pub(super) fn lift_forward<T: Real>(panel: &mut [T], n_low: usize, width: usize) {
    let (even, odd) = panel.split_at_mut(n_low * width);
    predict(even, odd, width, PREDICT_1);
    update(even, odd, width, UPDATE_1);
    predict(even, odd, width, PREDICT_2);
    update(even, odd, width, UPDATE_2);
    even.iter_mut().for_each(|v| *v *= T::of(SCALE));
    odd.iter_mut().for_each(|v| *v *= T::of(1.0 / SCALE));
}

/// The inverse of [`lift_forward`].
#[inline(always)]
pub(super) fn lift_inverse<T: Real>(panel: &mut [T], n_low: usize, width: usize) {
    let (even, odd) = panel.split_at_mut(n_low * width);
    even.iter_mut().for_each(|v| *v *= T::of(1.0 / SCALE));
    odd.iter_mut().for_each(|v| *v *= T::of(SCALE));
    update(even, odd, width, -UPDATE_2);
    predict(even, odd, width, -PREDICT_2);
    update(even, odd, width, -UPDATE_1);
    predict(even, odd, width, -PREDICT_1);
}

/// Splits a row into even and odd values and lifts these.
#[inline(always)]
pub(super) fn lift_row_forward<T: Real>(row: &mut [T], n_low: usize, panel: &mut [T]) {
    let (even, odd) = panel.split_at_mut(n_low);
    let (pairs, last) = row.as_chunks::<2>();
    pairs.iter().zip(&mut *even).zip(odd).for_each(|((&[low, high], even), odd)| (*even, *odd) = (low, high));
    last.iter().for_each(|&low| even[n_low - 1] = low);
    lift_forward(panel, n_low, 1);
    row.copy_from_slice(panel);
}

/// The inverse of [`lift_row_forward`].
#[inline(always)]
pub(super) fn lift_row_inverse<T: Real>(row: &mut [T], n_low: usize, panel: &mut [T]) {
    lift_inverse(row, n_low, 1);
    panel.copy_from_slice(row);
    let (even, odd) = panel.split_at(n_low);
    let (pairs, last) = row.as_chunks_mut::<2>();
    pairs.iter_mut().zip(even).zip(odd).for_each(|((pair, &low), &high)| *pair = [low, high]);
    last.iter_mut().for_each(|value| *value = even[n_low - 1]);
}

/// `odd[i] += a (even[i] + even[i + 1])`, the even row behind the last mirrored.
#[inline(always)]
fn predict<T: Real>(even: &[T], odd: &mut [T], width: usize, a: f64) {
    let a = T::of(a);
    let inner = even.len() - width;
    let n = odd.len().min(inner);
    for ((o, e), f) in odd[..n].iter_mut().zip(&even[..n]).zip(&even[width..]) {
        *o += a * (*e + *f);
    }
    for (o, e) in odd[n..].iter_mut().zip(&even[inner..]) {
        *o += a * (*e + *e);
    }
}

/// `even[i] += a (odd[i - 1] + odd[i])`, the odd rows outside mirrored.
#[inline(always)]
fn update<T: Real>(even: &mut [T], odd: &[T], width: usize, a: f64) {
    let a = T::of(a);
    for (e, o) in even[..width].iter_mut().zip(&odd[..width]) {
        *e += a * (*o + *o);
    }
    let n = odd.len();
    for ((e, o), p) in even[width..n].iter_mut().zip(odd).zip(&odd[width..]) {
        *e += a * (*o + *p);
    }
    for (e, o) in even[n..].iter_mut().zip(&odd[n - width..]) {
        *e += a * (*o + *o);
    }
}
