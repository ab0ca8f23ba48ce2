//! CDF 9/7 wavelet by lifting, with whole-sample symmetric extension, for any sizes.
//!
//! Daubechies and Sweldens, "Factoring wavelet transforms into lifting steps", 1998; the scale makes it nearly
//! orthonormal.

use super::axis::{Kernel, pass};
use super::pyramid::{Pyramid, copy_box, paste_box};

const PREDICT_1: f64 = -1.586_134_342_059_924;
const UPDATE_1: f64 = -0.052_980_118_572_961;
const PREDICT_2: f64 = 0.882_911_075_530_934;
const UPDATE_2: f64 = 0.443_506_852_043_971;
const SCALE: f64 = 1.149_604_398_860_241;

/// Shorter axes are not split.
const MIN_SIZE: usize = 6;
/// Most splits of one axis.
const MAX_LEVELS: usize = 6;

/// The pyramid of this transform.
pub(super) fn pyramid(dims: &[usize]) -> Pyramid {
    Pyramid::new(dims, |_, n, level| if n >= MIN_SIZE && level < MAX_LEVELS { n.div_ceil(2) } else { n })
}

/// Coefficients of `values` in pyramid order.
pub(super) fn forward(values: &[f64], pyramid: &Pyramid) -> Vec<f64> {
    let sizes = &pyramid.sizes;
    let mut array: Option<Vec<f64>> = None;
    let mut low = Vec::new();
    for level in 0..pyramid.n_levels() {
        let from = if level == 0 { values } else { &low };
        let split = passes(from, &sizes[level], &sizes[level + 1], |n| Box::new(Forward { n_low: n.div_ceil(2) }));
        low = copy_box(&split, &sizes[level], &sizes[level + 1]);
        match &mut array {
            None => array = Some(split),
            Some(array) => paste_box(array, &sizes[0], &sizes[level], &split),
        }
    }
    array.unwrap_or_else(|| values.to_vec())
}

/// Values of the coefficients `array` in pyramid order.
pub(super) fn inverse(mut array: Vec<f64>, pyramid: &Pyramid) -> Vec<f64> {
    let sizes = &pyramid.sizes;
    for level in (0..pyramid.n_levels()).rev() {
        let merge = |from: &[f64]| {
            passes(from, &sizes[level], &sizes[level + 1], |n| Box::new(Inverse { n_low: n.div_ceil(2) }))
        };
        if level == 0 {
            array = merge(&array);
        } else {
            let merged = merge(&copy_box(&array, &sizes[0], &sizes[level]));
            paste_box(&mut array, &sizes[0], &sizes[level], &merged);
        }
    }
    array
}

/// One pass per axis; axes that are not split here are only rotated.
fn passes(from: &[f64], dims: &[usize], low: &[usize], kernel: impl Fn(usize) -> Box<dyn Kernel>) -> Vec<f64> {
    let mut array: Option<Vec<f64>> = None;
    for (&n, &n_low) in dims.iter().zip(low) {
        let kernel = (n != n_low).then(|| kernel(n));
        array = Some(pass(array.as_deref().unwrap_or(from), n, kernel.as_deref()));
    }
    array.unwrap_or_default()
}

/// Even rows to the front half, odd rows to the back half, then the lifting steps.
struct Forward {
    n_low: usize,
}

impl Kernel for Forward {
    fn load_at(&self, i: usize) -> usize {
        i / 2 + if i % 2 == 1 { self.n_low } else { 0 }
    }

    fn store_at(&self, i: usize) -> usize {
        i
    }

    fn apply(&self, panel: &mut [f64], width: usize, _: &mut [f64]) {
        let (even, odd) = panel.split_at_mut(self.n_low * width);
        predict(even, odd, width, PREDICT_1);
        update(even, odd, width, UPDATE_1);
        predict(even, odd, width, PREDICT_2);
        update(even, odd, width, UPDATE_2);
        even.iter_mut().for_each(|v| *v *= SCALE);
        odd.iter_mut().for_each(|v| *v *= 1.0 / SCALE);
    }
}

/// The lifting steps backwards, then the halves are interleaved again.
struct Inverse {
    n_low: usize,
}

impl Kernel for Inverse {
    fn load_at(&self, i: usize) -> usize {
        i
    }

    fn store_at(&self, i: usize) -> usize {
        if i < self.n_low { 2 * i } else { 2 * (i - self.n_low) + 1 }
    }

    fn apply(&self, panel: &mut [f64], width: usize, _: &mut [f64]) {
        let (even, odd) = panel.split_at_mut(self.n_low * width);
        even.iter_mut().for_each(|v| *v *= 1.0 / SCALE);
        odd.iter_mut().for_each(|v| *v *= SCALE);
        update(even, odd, width, -UPDATE_2);
        predict(even, odd, width, -PREDICT_2);
        update(even, odd, width, -UPDATE_1);
        predict(even, odd, width, -PREDICT_1);
    }
}

/// `odd[i] += a (even[i] + even[i + 1])`, the even row behind the last mirrored.
fn predict(even: &[f64], odd: &mut [f64], width: usize, a: f64) {
    let inner = even.len() - width;
    let n = odd.len().min(inner);
    for ((o, e), f) in odd[..n].iter_mut().zip(&even[..n]).zip(&even[width..]) {
        *o += a * (e + f);
    }
    for (o, e) in odd[n..].iter_mut().zip(&even[inner..]) {
        *o += a * (e + e);
    }
}

/// `even[i] += a (odd[i - 1] + odd[i])`, the odd rows outside mirrored.
fn update(even: &mut [f64], odd: &[f64], width: usize, a: f64) {
    for (e, o) in even[..width].iter_mut().zip(&odd[..width]) {
        *e += a * (o + o);
    }
    let n = odd.len();
    for ((e, o), p) in even[width..n].iter_mut().zip(odd).zip(&odd[width..]) {
        *e += a * (o + p);
    }
    for (e, o) in even[n..].iter_mut().zip(&odd[n - width..]) {
        *e += a * (o + o);
    }
}
