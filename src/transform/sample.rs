//! Some of a candidate's coefficients: enough to try many steps at little cost. Only the encoder looks at samples.

use rayon::prelude::*;

use super::pyramid::{Pyramid, for_rows};
use super::quantise::{MAX_INTEGER, Quantiser};
use super::simd;
use crate::field::Real;

/// Coefficients per task.
const TASK: usize = 1 << 16;
/// Bands up to this size are taken whole.
const WHOLE: usize = 1 << 11;
/// Of larger bands at least one row in this many is taken.
const SPARSEST: usize = 32;

/// Rows of one band.
#[derive(Clone)]
struct Part {
    values: Vec<f64>,
    /// Coefficients of the band per coefficient taken.
    factor: f64,
    /// Squared norm of the band's functions.
    norm: f64,
}

/// Rows of all bands, more of the small ones.
#[derive(Clone)]
pub(super) struct Sample {
    parts: Vec<Part>,
    /// Largest magnitude of all coefficients.
    pub largest: f64,
}

impl Sample {
    /// Takes rows from the coefficients of a pyramid.
    pub fn of<T: Real>(coefficients: &[T], pyramid: &Pyramid) -> Self {
        let largest = largest(coefficients);
        let parts = pyramid.bands.par_iter().map(|band| {
            let (n_rows, every) =
                (band.len() / band.dims[band.dims.len() - 1], (band.len() / WHOLE).clamp(1, SPARSEST));
            let every = every.min(n_rows);
            let (mut values, mut row) = (Vec::with_capacity(band.len() / every + band.dims[0]), 0);
            for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |from, _, n| {
                if row % every == scatter(row / every) % every {
                    values.extend(coefficients[from..from + n].iter().map(|c| c.wide()));
                }
                row += 1;
            });
            let factor = if values.is_empty() { 0.0 } else { band.len() as f64 / values.len() as f64 };
            Part { values, factor, norm: band.norm }
        });
        Sample { parts: parts.collect(), largest }
    }

    /// Several samples as one.
    pub fn merge(samples: &[Sample]) -> Self {
        let largest = samples.iter().fold(0.0, |m, sample| sample.largest.max(m));
        Sample { parts: samples.iter().flat_map(|sample| sample.parts.iter().cloned()).collect(), largest }
    }

    /// Estimated bits of all coefficients.
    pub fn bits(&self, step: f64) -> f64 {
        self.sum(|part| part.factor * simd::bits(&part.values, 1.0 / step))
    }

    /// A sum over all parts, on all threads if they are large.
    fn sum(&self, of: impl Fn(&Part) -> f64 + Sync) -> f64 {
        if self.parts.iter().any(|part| part.values.len() > TASK / 4) {
            return self.parts.par_iter().map(&of).collect::<Vec<f64>>().iter().sum();
        }
        self.parts.iter().map(of).sum()
    }

    /// Estimated squared error of the values.
    pub fn square_error(&self, quantiser: &Quantiser) -> f64 {
        let (inverse, points) = (1.0 / quantiser.step, quantiser.points());
        let error = |part: &Part| part.factor * part.norm * simd::square_error(&part.values, inverse, points);
        self.sum(error) * quantiser.step * quantiser.step
    }

    /// The quantiser of this step whose reconstruction points are best for the sample.
    pub fn tuned(&self, step: f64) -> Quantiser {
        let mut total = [0.0; 4];
        for part in &self.parts {
            let sums = simd::offsets(&part.values, 1.0 / step);
            total.iter_mut().zip(sums).for_each(|(t, s)| *t += part.factor * s);
        }
        let bias = [0, 2].map(|i| if total[i + 1] > 0.0 { (256.0 * total[i] / total[i + 1]).round() as i8 } else { 0 });
        Quantiser { step, bias }
    }

    /// The step with this squared error, from a first guess.
    pub fn solve_error(&self, square: f64, guess: f64, largest: f64, bias: [i8; 2]) -> Option<f64> {
        let error = |step: f64| self.square_error(&Quantiser { step, bias }).max(f64::MIN_POSITIVE);
        root(guess, largest, |step| libm::log(error(step) / square), 1.6)
    }

    /// The step with this many estimated bits.
    pub fn solve_bits(&self, bits: f64, largest: f64) -> Option<f64> {
        root(largest / 64.0, largest, |step| libm::log(bits / self.bits(step).max(1.0)), 1.0)
    }
}

/// Largest magnitude.
pub(super) fn largest<T: Real>(values: &[T]) -> f64 {
    values.par_chunks(TASK).map(|part| simd::largest(part)).reduce(T::default, larger).wide()
}

fn larger<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// Largest magnitude of few values.
#[inline(always)]
pub(super) fn largest_of<T: Real>(values: &[T]) -> T {
    let mut lanes = [T::default(); 32];
    let chunks = values.chunks_exact(32);
    chunks.remainder().iter().for_each(|v| lanes[0] = larger(lanes[0], v.abs()));
    chunks.for_each(|chunk| lanes.iter_mut().zip(chunk).for_each(|(lane, v)| *lane = larger(*lane, v.abs())));
    lanes.into_iter().fold(T::default(), larger)
}

/// A number without pattern, so that rows are not taken in step with the grid.
fn scatter(i: usize) -> usize {
    (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) as usize >> 8
}

/// Solves `f(step) = 0` for an increasing `f` by a secant on the logarithm of the step; `slope` is a first guess of its
/// derivative.
pub(super) fn root(guess: f64, largest: f64, f: impl Fn(f64) -> f64, mut slope: f64) -> Option<f64> {
    let (mut low, mut high) = (largest / MAX_INTEGER, 4.0 * largest);
    if guess > 0.0 && largest == 0.0 {
        return Some(guess);
    }
    if !(guess > 0.0 && largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let mut x = guess.clamp(low, high);
    let mut last: Option<(f64, f64)> = None;
    for _ in 0..20 {
        let y = f(x);
        if y.abs() < 1e-3 || high / low < 1.0 + 1e-6 {
            break;
        }
        if y > 0.0 {
            high = x;
        } else {
            low = x;
        }
        if let Some((x_last, y_last)) = last {
            let rise = (y - y_last) / libm::log(x / x_last);
            slope = if rise.is_finite() { rise.clamp(0.2, 4.0) } else { slope };
        }
        last = Some((x, y));
        let next = x * libm::exp((-y / slope).clamp(-4.0, 4.0));
        x = if next > low && next < high { next } else { (low * high).sqrt() };
    }
    Some(x)
}
