//! Passes over the points of a field, few values at a time: into the numbers a transform works in, and back behind the
//! last step of decoding.

use rayon::prelude::*;

use super::{Input, simd};
use crate::field::{self, Array, ROUNDER, Real};
use crate::metrics::{self, Errors, Sums};
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
            simd::read(&input.values, first, buffer);
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

/// Values as a reader gets them.
pub(super) struct Finished {
    pub values: Array,
    pub errors: Errors,
    /// What was added to them, if anything was.
    pub residual: Option<Vec<i32>>,
}

/// A task of corrections.
struct Corrected<'a> {
    residual: &'a mut [i32],
    sums: Sums,
    n_used: usize,
    largest: f64,
}

impl<'a> Last<'a> {
    /// Without middle and residual.
    pub fn of(finish: Finish, base: Option<&'a [f64]>) -> Self {
        Last { middle: 0.0, base, residual: None, finish }
    }

    /// The values a reader gets, in the reader's type.
    pub fn finish<T: Real>(&self, values: Vec<T>) -> Array {
        let mut tasks = vec![(); values.len().div_ceil(TASK)];
        self.map(values, &mut tasks, |(), first, _, few| self.end(first, few))
    }

    /// [`Self::finish`], and the errors of these values.
    pub fn compare<T: Real>(&self, values: Vec<T>, input: &Input) -> Finished {
        let mut tasks = vec![Sums::NOTHING; values.len().div_ceil(TASK)];
        let values = self.map(values, &mut tasks, |sums, first, _, few| {
            self.end(first, few);
            let mut originals = [0.0; AT_ONCE];
            let originals = &mut originals[..few.len()];
            simd::read(&input.values, first, originals);
            *sums = sums.and(metrics::sums_of(originals, few, mask_of(input, first, few.len())));
        });
        let errors = Errors::of(tasks.into_iter().fold(Sums::NOTHING, Sums::and));
        Finished { values, errors, residual: None }
    }

    /// [`Self::compare`] with the integers that bring the values next to those of `input`, each worth `quantum`; `None` when one is not
    /// below `limit`.
    pub fn correct<T: Real>(&self, values: Vec<T>, input: &Input, quantum: f64, limit: f64) -> Option<Finished> {
        let mut residual: Vec<i32> = field::zeros(values.len());
        let start = |residual| Corrected { residual, sums: Sums::NOTHING, n_used: 0, largest: 0.0 };
        let mut tasks: Vec<Corrected> = residual.chunks_mut(TASK).map(start).collect();
        let inverse = 1.0 / quantum;
        let values = self.map(values, &mut tasks, |task, first, from, few| {
            let (n, mut originals) = (few.len(), [0.0; AT_ONCE]);
            let (originals, residual) = (&mut originals[..n], &mut task.residual[from..from + n]);
            simd::read(&input.values, first, originals);
            let valid = mask_of(input, first, n);
            if let Some(valid) = valid {
                // Where nothing counts there is nothing to correct.
                let all = originals.iter_mut().zip(&*few).zip(valid);
                all.for_each(|((x, y), &counts)| *x = if counts { *x } else { *y });
            }
            let (largest, n_used) = simd::corrections(originals, few, inverse, residual);
            simd::correct(few, residual, quantum);
            simd::finish(few, self.finish);
            (task.largest, task.n_used) = (task.largest.max(largest), task.n_used + n_used);
            task.sums = task.sums.and(metrics::sums_of(originals, few, valid));
        });
        let is_small = tasks.iter().all(|task| task.largest < limit);
        let n_used: usize = tasks.iter().map(|task| task.n_used).sum();
        let errors = Errors::of(tasks.iter().fold(Sums::NOTHING, |sums, task| sums.and(task.sums)));
        is_small.then(|| Finished { values, errors, residual: (n_used > 0).then_some(residual) })
    }

    /// Calls `f(task, first point, first of the task, values with base and middle)` for few values at a time; these are what they become,
    /// in place where the working type is the reader's.
    fn map<T: Real, S: Send>(
        &self,
        mut values: Vec<T>,
        tasks: &mut [S],
        f: impl Fn(&mut S, usize, usize, &mut [f64]) + Sync,
    ) -> Array {
        let few_at = |task: &mut S, (first, from): (usize, usize), values: &[T], few: &mut [f64]| {
            self.place(first, values, few);
            f(task, first, from, few);
        };
        if T::IS_SINGLE == (self.finish.dtype == Dtype::F32) {
            values.par_chunks_mut(TASK).zip(tasks).enumerate().for_each(|(t, (part, task))| {
                each(t, part.len(), |first, from, n| {
                    let (mut buffer, part) = ([0.0; AT_ONCE], &mut part[from..from + n]);
                    few_at(task, (first, from), part, &mut buffer[..n]);
                    simd::narrow(&buffer[..n], 0.0, part);
                });
            });
            return T::into_array(values);
        }
        if self.finish.dtype == Dtype::F32 {
            Array::F32(converted(&values, tasks, few_at))
        } else {
            Array::F64(converted(&values, tasks, few_at))
        }
    }

    /// The end of decoding of the values from point `first` on.
    #[inline]
    fn end(&self, first: usize, few: &mut [f64]) {
        if let Some((residual, quantum)) = self.residual {
            simd::correct(few, &residual[first..first + few.len()], quantum);
        }
        simd::finish(few, self.finish);
    }

    /// Values with base and middle.
    #[inline]
    fn place<T: Real>(&self, first: usize, values: &[T], out: &mut [f64]) {
        simd::widen(values, self.middle, out);
        if let Some(base) = self.base {
            out.iter_mut().zip(&base[first..]).for_each(|(v, b)| *v += b);
        }
    }
}

/// What few values at a time become, in another type.
fn converted<T: Real, R: Real, S: Send>(
    values: &[T],
    tasks: &mut [S],
    few_at: impl Fn(&mut S, (usize, usize), &[T], &mut [f64]) + Sync,
) -> Vec<R> {
    let mut out = field::zeros(values.len());
    let parts = out.par_chunks_mut(TASK).zip(values.par_chunks(TASK)).zip(tasks);
    parts.enumerate().for_each(|(t, ((out, part), task))| {
        each(t, part.len(), |first, from, n| {
            let mut buffer = [0.0; AT_ONCE];
            few_at(task, (first, from), &part[from..from + n], &mut buffer[..n]);
            simd::narrow(&buffer[..n], 0.0, &mut out[from..from + n]);
        });
    });
    out
}

/// Which of `n` points from `first` on count.
fn mask_of<'a>(input: &Input<'a>, first: usize, n: usize) -> Option<&'a [bool]> {
    input.mask.map(|mask| &mask[first..first + n])
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
    let sums = sums.fold(Sums::NOTHING, Sums::and);
    (sums.square, sums.n)
}

/// Errors of few values from point `first` on, behind the last step of decoding.
fn errors<T: Real>(input: &Input, last: &Last, first: usize, values: &[T]) -> Sums {
    let (mut decoded, mut originals) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
    let (decoded, originals) = (&mut decoded[..values.len()], &mut originals[..values.len()]);
    last.place(first, values, decoded);
    last.end(first, decoded);
    simd::read(&input.values, first, originals);
    metrics::sums_of(originals, decoded, mask_of(input, first, values.len()))
}
