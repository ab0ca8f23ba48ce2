//! Dead-zone quantiser: integers from coefficients and back, with stored reconstruction points.

use rayon::prelude::*;

use super::pyramid::{Band, Layer, Pyramid, for_layers, map_box};
use super::simd;
use crate::field::{self, ROUNDER, Real};

/// Magnitudes are rounded down after adding this: a half would be plain rounding, less widens the zero bin.
pub(super) const ROUNDING: f64 = 0.37;

/// Larger integers do not occur: a step that asks for them is too small for the data.
pub(super) const MAX_INTEGER: f64 = (1 << 30) as f64;

/// How integers become coefficients again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantiser {
    /// Width of a bin.
    pub step: f64,
    /// How far reconstruction points lie away from zero, for magnitude 1 and for larger ones, in `step / 256`.
    pub bias: [i8; 2],
}

/// The integer of a magnitude in steps, as f64: rounds after moving the limits of the bins.
#[inline(always)]
pub(super) fn integer(x: f64) -> f64 {
    (x + (ROUNDING - 0.5)) + ROUNDER - ROUNDER
}

/// Values that go through the integers at once and stay in the first-level cache, and how many such make a task.
const CHUNK: usize = 512;
const CHUNKS_PER_TASK: usize = 64;

impl Quantiser {
    /// Without bias.
    pub fn plain(step: f64) -> Self {
        Quantiser { step, bias: [0; 2] }
    }

    /// Squared error of the values, had their coefficients gone through this quantiser.
    pub fn square_error<T: Real>(&self, coefficients: &[T], pyramid: &Pyramid) -> f64 {
        let (inverse, points) = (1.0 / self.step, self.points());
        let dims = &pyramid.sizes[0];
        let (n, inner) = (Layer::n_indices(dims), dims[1..].iter().product::<usize>());
        let layer = |from: usize| {
            let layer = Layer { from, to: dims[0].min(from + n) };
            let coefficients = &coefficients[from * inner..];
            let band = |band: &Band| {
                let mut sum = 0.0;
                layer.for_rows(dims, &band.origin, &band.dims, |at, _, n| {
                    sum += simd::square_error(&coefficients[at..at + n], inverse, points);
                });
                sum * band.norm
            };
            pyramid.bands.iter().map(band).sum::<f64>()
        };
        let sums: Vec<f64> = (0..dims[0]).into_par_iter().step_by(n).map(layer).collect();
        sums.iter().sum::<f64>() * self.step * self.step
    }

    /// Offsets of reconstruction points from the integer, for magnitude 1 and larger ones.
    pub fn points(&self) -> [f64; 2] {
        self.bias.map(|bias| f64::from(bias) / 256.0)
    }

    /// What [`Quantiser::dequantise`] makes of [`Quantiser::quantise`], to the bit.
    pub fn reconstruct<T: Real>(&self, coefficients: &[T]) -> Vec<T> {
        let (inverse, step, points) = (T::of(1.0 / self.step), T::of(self.step), self.points().map(T::of));
        let mut out = field::zeros(coefficients.len());
        let chunks = out.par_chunks_mut(CHUNK * CHUNKS_PER_TASK).zip(coefficients.par_chunks(CHUNK * CHUNKS_PER_TASK));
        chunks.for_each(|(out, coefficients)| {
            let mut integers = [0; CHUNK];
            for (out, coefficients) in out.chunks_mut(CHUNK).zip(coefficients.chunks(CHUNK)) {
                let integers = &mut integers[..out.len()];
                simd::quantise_row(coefficients, inverse, integers);
                simd::dequantise_row(integers, step, points, out);
            }
        });
        out
    }

    /// Integers of all bands of a pyramid.
    pub fn quantise<T: Real>(&self, coefficients: &[T], pyramid: &Pyramid) -> Vec<Vec<i32>> {
        let inverse = T::of(1.0 / self.step);
        let band = |band: &Band| {
            let mut out = field::zeros(band.len());
            map_box(coefficients, &pyramid.sizes[0], (&band.origin, &band.dims), &mut out, |coefficients, out| {
                simd::quantise_row(coefficients, inverse, out);
            });
            out
        };
        pyramid.bands.par_iter().map(band).collect()
    }

    /// Coefficients of the integers of all bands, which fill `out`.
    pub fn dequantise<T: Real>(&self, integers: &[Vec<i32>], pyramid: &Pyramid, out: &mut [T]) {
        let (step, points) = (T::of(self.step), self.points().map(T::of));
        for_layers(out, &pyramid.sizes[0], |layer, out| {
            for (band, integers) in pyramid.bands.iter().zip(integers) {
                layer.for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |to, from, n| {
                    simd::dequantise_row(&integers[from..from + n], step, points, &mut out[to..to + n]);
                });
            }
        });
    }
}

/// Integers of coefficients.
#[inline(always)]
pub(super) fn quantise_row<T: Real>(coefficients: &[T], inverse: T, integers: &mut [i32]) {
    let rounding = T::of(ROUNDING);
    for (q, &c) in integers.iter_mut().zip(coefficients) {
        let magnitude = (c.abs() * inverse + rounding).floor();
        *q = if c < T::default() { -magnitude } else { magnitude };
    }
}

/// Coefficients of integers.
#[inline(always)]
pub(super) fn dequantise_row<T: Real>(integers: &[i32], step: T, points: [T; 2], out: &mut [T]) {
    for (c, &q) in out.iter_mut().zip(integers) {
        let offset = if q.wrapping_add(1) as u32 <= 2 { points[0] } else { points[1] };
        *c = (T::from_integer(q) + T::from_integer(q.signum()) * offset) * step;
    }
}

/// Sum of squared errors in units of the step.
#[inline(always)]
pub(super) fn square_error<T: Real>(coefficients: &[T], inverse: f64, points: [f64; 2]) -> f64 {
    let (inverse, rounding, points) = (T::of(inverse), T::of(ROUNDING), points.map(T::of));
    let mut sums = [T::default(); 16];
    let add = |sum: &mut T, c: T| {
        let x = c.abs() * inverse;
        let q = (x + rounding).floor();
        let point = T::from_integer(q) + if q == 1 { points[0] } else { points[1] };
        let error = x - if q == 0 { T::default() } else { point };
        *sum += error * error;
    };
    let chunks = coefficients.chunks_exact(16);
    chunks.remainder().iter().for_each(|&c| add(&mut sums[0], c));
    chunks.for_each(|chunk| sums.iter_mut().zip(chunk).for_each(|(sum, &c)| add(sum, c)));
    sums.into_iter().map(T::wide).sum()
}

/// Sum of offsets from the integer and count, for magnitude 1 and for larger ones.
#[inline(always)]
pub(super) fn offsets(coefficients: &[f64], inverse: f64) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for &c in coefficients {
        let x = c.abs() * inverse;
        let q = integer(x);
        let (one, more) = (if q == 1.0 { 1.0 } else { 0.0 }, if q > 1.0 { 1.0 } else { 0.0 });
        sums[0] += one * (x - q);
        sums[1] += one;
        sums[2] += more * (x - q);
        sums[3] += more;
    }
    sums
}
