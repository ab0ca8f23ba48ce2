//! Passes over the points of a field, few values at a time: into the numbers a transform works in, and back behind the
//! last step of decoding.

use rayon::prelude::*;

use super::{Input, simd};
use crate::field::{self, Array, ROUNDER, Real};
use crate::metrics::{self, Sums};
use crate::{Dtype, Finish};

/// Values per task; sums are added per task in order, so that threads do not change them.
const TASK: usize = 1 << 16;
/// Values that are widened together.
const AT_ONCE: usize = 512;
/// Sums of a task are kept in this many parts, which a processor adds at once.
const LANES: usize = 8;

/// What becomes of decoded values behind the transform.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    /// Added to every value.
    pub middle: f64,
    pub base: Option<&'a [f64]>,
    /// Integers, and what one of them is worth.
    pub residual: Option<(&'a [i32], f64)>,
    pub finish: Finish,
}

/// `values - base - middle`.
pub(super) fn load<T: Real>(input: &Input, middle: f64) -> Vec<T> {
    let mut out = field::zeros(input.values.len());
    out.par_chunks_mut(TASK).enumerate().for_each(|(t, part)| {
        each(t, part.len(), |first, from, n| {
            let mut buffer = [0.0; AT_ONCE];
            let buffer = &mut buffer[..n];
            input.values.read(first, buffer);
            if let Some(base) = input.base {
                buffer.iter_mut().zip(&base[first..]).for_each(|(v, b)| *v -= b);
            }
            simd::narrow(buffer, middle, &mut part[from..from + n]);
        });
    });
    out
}

/// Calls `f(first point of the field, first of the task, number)` for few points at a time of task `t`.
fn each(t: usize, n: usize, mut f: impl FnMut(usize, usize, usize)) {
    for from in (0..n).step_by(AT_ONCE) {
        f(t * TASK + from, from, AT_ONCE.min(n - from));
    }
}

impl<'a> Last<'a> {
    /// Without middle and residual.
    pub fn of(finish: Finish, base: Option<&'a [f64]>) -> Self {
        Last { middle: 0.0, base, residual: None, finish }
    }

    /// The values a reader gets, in the reader's type; in place where that is the working type.
    pub fn finish<T: Real>(&self, mut values: Vec<T>) -> Array {
        if T::IS_SINGLE == (self.finish.dtype == Dtype::F32) {
            values.par_chunks_mut(TASK).enumerate().for_each(|(t, part)| {
                each(t, part.len(), |first, from, n| {
                    let mut buffer = [0.0; AT_ONCE];
                    let part = &mut part[from..from + n];
                    self.apply(first, part, &mut buffer[..n]);
                    simd::narrow(&buffer[..n], 0.0, part);
                });
            });
            return T::into_array(values);
        }
        if self.finish.dtype == Dtype::F32 {
            Array::F32(self.converted(&values))
        } else {
            Array::F64(self.converted(&values))
        }
    }

    fn converted<T: Real, R: Real>(&self, values: &[T]) -> Vec<R> {
        let mut out = field::zeros(values.len());
        out.par_chunks_mut(TASK).zip(values.par_chunks(TASK)).enumerate().for_each(|(t, (out, part))| {
            each(t, part.len(), |first, from, n| {
                let mut buffer = [0.0; AT_ONCE];
                self.apply(first, &part[from..from + n], &mut buffer[..n]);
                simd::narrow(&buffer[..n], 0.0, &mut out[from..from + n]);
            });
        });
        out
    }

    /// The values from point `first` on, finished.
    #[inline]
    fn apply<T: Real>(&self, first: usize, values: &[T], out: &mut [f64]) {
        self.place(first, values, out);
        if let Some((residual, quantum)) = self.residual {
            simd::correct(out, &residual[first..first + out.len()], quantum);
        }
        simd::finish(out, self.finish);
    }

    /// Those values before residual and finish.
    #[inline]
    fn place<T: Real>(&self, first: usize, values: &[T], out: &mut [f64]) {
        simd::widen(values, self.middle, out);
        if let Some(base) = self.base {
            out.iter_mut().zip(&base[first..]).for_each(|(v, b)| *v += b);
        }
    }

    /// The integers that bring the values next to those of `input`, each worth `quantum`, and how many are not zero; `None` when one
    /// does not fit.
    pub fn residual<T: Real>(
        &self,
        values: &[T],
        input: &Input,
        quantum: f64,
        limit: f64,
    ) -> Option<(Vec<i32>, usize)> {
        let mut residual: Vec<i32> = field::zeros(values.len());
        let inverse = 1.0 / quantum;
        let parts = residual.par_chunks_mut(TASK).zip(values.par_chunks(TASK)).enumerate();
        let counts: Vec<Option<usize>> = parts
            .map(|(t, (residual, values))| {
                let (mut n_used, mut largest) = (0, 0.0f64);
                each(t, values.len(), |first, from, n| {
                    let (mut decoded, mut original) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
                    self.place(first, &values[from..from + n], &mut decoded[..n]);
                    input.values.read(first, &mut original[..n]);
                    if let Some(mask) = input.mask {
                        let all = original.iter_mut().zip(&decoded).zip(&mask[first..first + n]);
                        all.for_each(|((x, y), counts)| *x = if *counts { *x } else { *y });
                    }
                    let residual = &mut residual[from..from + n];
                    let (most, used) = simd::corrections(&original[..n], &decoded[..n], inverse, residual);
                    (largest, n_used) = (most.max(largest), n_used + used);
                });
                (largest < limit).then_some(n_used)
            })
            .collect();
        let n_used = counts.into_iter().sum::<Option<usize>>()?;
        Some((residual, n_used))
    }
}

/// Values plus `middle`, in double precision.
#[inline(always)]
pub(super) fn widen<T: Real>(values: &[T], middle: f64, out: &mut [f64]) {
    // Not even a negative zero changes without a middle.
    if middle == 0.0 {
        out.iter_mut().zip(values).for_each(|(out, v)| *out = v.wide());
    } else {
        out.iter_mut().zip(values).for_each(|(out, v)| *out = v.wide() + middle);
    }
}

/// Values less `middle`, in the working precision.
#[inline(always)]
pub(super) fn narrow<T: Real>(values: &[f64], middle: f64, out: &mut [T]) {
    out.iter_mut().zip(values).for_each(|(out, v)| *out = T::of(*v - middle));
}

/// Adds what a residual is worth. A zero adds nothing, not even to a negative zero.
#[inline(always)]
pub(super) fn correct(values: &mut [f64], residual: &[i32], quantum: f64) {
    for (v, &q) in values.iter_mut().zip(residual) {
        let corrected = *v + f64::from(q) * quantum;
        *v = if q == 0 { *v } else { corrected };
    }
}

/// The nearest integers to differences in units of the quantum, the largest difference, and how many integers are not zero. A NaN
/// counts as infinite.
#[inline(always)]
pub(super) fn corrections(originals: &[f64], values: &[f64], inverse: f64, out: &mut [i32]) -> (f64, usize) {
    let mut largest = [0.0f64; LANES];
    for (i, ((q, x), y)) in out.iter_mut().zip(originals).zip(values).enumerate() {
        let exact = (x - y) * inverse;
        let lane = &mut largest[i % LANES];
        *lane = if exact.abs() <= *lane { *lane } else { exact.abs() };
        *q = ((exact + ROUNDER) - ROUNDER) as i32;
    }
    let n_used = out.iter().map(|&q| u32::from(q != 0)).sum::<u32>();
    let largest = largest.into_iter().fold(0.0, |m, e| {
        if e <= m {
            m
        } else if e.is_nan() {
            f64::INFINITY
        } else {
            e
        }
    });
    (largest, n_used as usize)
}

/// The last step of decoding.
#[inline(always)]
pub(super) fn finish(values: &mut [f64], finish: Finish) {
    values.iter_mut().for_each(|v| *v = finish.apply(*v));
}

/// True when values of nothing but base and middle are so good that `enough` is true of their errors: bad ones end it early.
pub(super) fn is_enough(input: &Input, last: &Last, enough: impl Fn(&Sums) -> bool) -> bool {
    let (mut so_far, zeros) = (Sums::NOTHING, [0.0f64; AT_ONCE]);
    (0..input.values.len()).step_by(AT_ONCE).all(|first| {
        let n = AT_ONCE.min(input.values.len() - first);
        so_far = so_far.and(errors(input, last, first, &zeros[..n]));
        enough(&so_far)
    })
}

/// Sum of squared errors at the points that count, and how many do, where these values stand from point `first` on.
pub(super) fn part_error<T: Real>(input: &Input, last: &Last, first: usize, values: &[T]) -> (f64, usize) {
    let parts = values.chunks(AT_ONCE).enumerate();
    let sums = parts.map(|(k, part)| errors(input, last, first + k * AT_ONCE, part));
    let square = sums.fold(Sums::NOTHING, Sums::and).square;
    let mask = input.mask.map(|mask| &mask[first..first + values.len()]);
    (square, mask.map_or(values.len(), |mask| mask.iter().filter(|&&counts| counts).count()))
}

/// Errors of few values from point `first` on, behind the last step of decoding.
fn errors<T: Real>(input: &Input, last: &Last, first: usize, values: &[T]) -> Sums {
    let (mut decoded, mut originals) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
    let (decoded, originals) = (&mut decoded[..values.len()], &mut originals[..values.len()]);
    last.apply(first, values, decoded);
    input.values.read(first, originals);
    if let Some(mask) = input.mask {
        let all = decoded.iter_mut().zip(&*originals).zip(&mask[first..]);
        all.for_each(|((y, x), &counts)| *y = if counts { *y } else { *x });
    }
    metrics::sums_of(originals, decoded)
}
