//! From a goal to a payload: which transform, which step, and the check on what the decoder will return.

use std::borrow::Cow;

use rayon::prelude::*;

use super::estimate::residual_bits;
use super::kind::{Kind, Transform};
use super::payload::{Head, storable};
use super::prediction::Predicted;
use super::probe::{self, Boxes};
use super::quantise::{MAX_INTEGER, Quantiser};
use super::sample::Sample;
use super::streams::{self, Guide, Integers, Split};
use super::{Goal, Input, Output, Prediction, finish_values, with_residual};
use crate::{Dtype, Result};

/// Step over bound for pointwise goals.
const LINF_FACTORS: [f64; 7] = [1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6];
/// Further ones where a prediction is so good that coefficients may not pay: up to corrections alone.
const PREDICTED_FACTORS: [f64; 5] = [13.6, 19.2, 27.2, 54.4, 1000.0];
/// The one that is most often the best.
const LINF_USUAL: f64 = 2.4;
/// With a bound so tight that coefficients would need larger integers, the residual takes over.
const LARGEST_BASE: f64 = MAX_INTEGER / 4.0;
/// Attempts to land just below an L2 goal.
const L2_ATTEMPTS: usize = 6;
/// Aimed at, as a part of the goal.
const L2_AIM: f64 = 0.9985;
/// Close enough to stop after one attempt, after two, and so on.
const L2_CLOSE: [f64; L2_ATTEMPTS] = [0.996, 0.994, 0.99, 0.98, 0.96, 0.0];
/// Where few coefficients matter, the error falls in jumps and may pass over the goal: further attempts, each aiming at a part of
/// the last one's square.
const L2_RETREATS: usize = 8;
const L2_RETREAT: f64 = 0.6;
/// Attempts to land just below a number of bytes.
const BYTES_ATTEMPTS: usize = 12;
/// Values per task; sums are added per task in order, so that threads do not change them.
const TASK: usize = 1 << 16;

/// Encodes for a goal; `None` when it cannot be met.
pub(super) fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    let remainder = match input.base {
        Some(base) => Cow::Owned(input.values.iter().zip(base).map(|(v, b)| v - b).collect()),
        None => Cow::Borrowed(input.values),
    };
    let unpredicted = input.prediction.map(|p| input.values.iter().zip(p.values).map(|(v, p)| v - p).collect());
    let likely_step = match goal {
        Goal::L2(bound) => 3.5 * bound / (remainder.len() as f64).sqrt(),
        Goal::Linf(bound) => LINF_USUAL * bound,
        Goal::Bytes(_) => 0.0,
    };
    let search = Search { input, remainder, unpredicted, likely_step };
    if let Some(output) = search.nothing(goal) {
        return Ok(Some(output));
    }
    Ok(match goal {
        Goal::L2(bound) => search.l2(bound),
        Goal::Linf(bound) => search.linf(bound),
        Goal::Bytes(n_bytes) => search.bytes(n_bytes),
    })
}

struct Search<'a> {
    input: &'a Input<'a>,
    /// Values less base.
    remainder: Cow<'a, [f64]>,
    /// Values less prediction, where there is one: what most of the coefficients will be of.
    unpredicted: Option<Vec<f64>>,
    /// A guess that needs no look at the field; 0 when there is none.
    likely_step: f64,
}

impl Search<'_> {
    /// The payload that adds nothing to the base, if that is enough.
    fn nothing(&self, goal: Goal) -> Option<Output> {
        let mut values = vec![0.0; self.remainder.len()];
        finish_values(&mut values, self.input.base, None, self.input.finish);
        let enough = match goal {
            Goal::L2(bound) => self.l2_error(&values) <= bound,
            Goal::Linf(bound) => self.max_error(&values) <= bound,
            Goal::Bytes(_) => self.max_error(&values) == 0.0,
        };
        let split = Split { n_levels: 0, residual: false };
        let mut payload = Vec::new();
        Head { kind: Kind::None, quantiser: None, quantum: None, split, is_predicted: false }.write(&mut payload);
        let unpredicted_bytes = payload.len();
        enough.then(|| Output { payload, values, kind: Kind::None, unpredicted_bytes, gains: Vec::new() })
    }

    /// The candidate with the least `cost(sample) = (cost, step)`; it learns what it gained by its prediction.
    fn best(
        &self,
        likely_step: impl Fn(&Boxes) -> Option<f64>,
        cost: impl Fn(&Sample) -> Option<(f64, f64)>,
    ) -> Option<(f64, Candidate)> {
        let kinds = match self.input.prediction.and_then(|prediction| prediction.only) {
            Some(kind) => vec![kind],
            None => probe::kinds(self.unpredicted.as_deref().unwrap_or(&self.remainder), self.input.dims, likely_step),
        };
        let mut best: Option<(f64, f64, Candidate)> = None;
        let mut unpredicted = f64::INFINITY;
        for kind in kinds {
            let candidate = Candidate::new(
                Transform::new(kind, self.input.dims),
                &self.remainder,
                self.input.prediction,
                self.likely_step,
            );
            unpredicted = candidate.unpredicted.as_ref().and_then(&cost).map_or(unpredicted, |c| c.0.min(unpredicted));
            if let Some((cost, step)) = cost(&candidate.sample)
                && best.as_ref().is_none_or(|b| cost < b.0)
            {
                best = Some((cost, step, candidate));
            }
        }
        best.map(|(cost, step, mut candidate)| {
            candidate.gain = if unpredicted.is_finite() { unpredicted / cost.max(1.0) } else { 1.0 };
            (step, candidate)
        })
    }

    /// Goal for the norm over all points, from one over those that count.
    fn l2(&self, bound: f64) -> Option<Output> {
        // Over all points, as far as those that count are like the others.
        let aim = (L2_AIM * bound).powi(2) * self.remainder.len() as f64 / self.n_counted();
        let guess = self.likely_step;
        let likely = |boxes: &Boxes| boxes.solve_error(aim, guess);
        let cost = |sample: &Sample| {
            let step = sample.solve_error(aim, guess, sample.largest, [0; 2])?;
            Some((sample.bits(step), step))
        };
        let (mut step, mut candidate) = self.best(likely, cost)?;
        let (mut square, mut found): (f64, Option<(f64, Trial)>) = (aim, None);
        let finish = |trial: &mut Trial| finish_values(&mut trial.values, self.input.base, None, self.input.finish);
        for (attempt, close) in (1..).zip(L2_CLOSE.into_iter().chain([0.0; L2_RETREATS])) {
            let Some(quantiser) = candidate.with_error(square, step) else { break };
            step = quantiser.step;
            // One set of values at a time: the best one's are made again if another attempt comes after it.
            found.iter_mut().for_each(|(_, trial)| trial.values = Vec::new());
            let Some(mut trial) = candidate.trial(quantiser) else { break };
            finish(&mut trial);
            let error = self.l2_error(&trial.values);
            if error <= bound && found.as_ref().is_none_or(|f| error > f.0) {
                found = Some((error, trial));
            }
            let is_close = (error <= bound && error >= close * bound) || error == 0.0 || error.is_nan();
            if is_close || (attempt >= L2_ATTEMPTS && found.is_some()) {
                break;
            }
            square *= (L2_AIM * bound / error).powi(2) * if attempt < L2_ATTEMPTS { 1.0 } else { L2_RETREAT };
        }
        let (_, trial) = found?;
        if !trial.values.is_empty() {
            let bands = candidate.take_bands(&trial.quantiser);
            return Some(self.output(&mut candidate, bands, trial, None));
        }
        let (bands, mut trial) = candidate.last_trial(trial.quantiser)?;
        finish(&mut trial);
        Some(self.output(&mut candidate, bands, trial, None))
    }

    fn linf(&self, bound: f64) -> Option<Output> {
        let quantum = self.quantum(bound)?;
        let n = self.remainder.len() as f64;
        let n_counted = self.n_counted();
        let cost = |sample: &Sample| {
            let mut best: Option<(f64, f64)> = None;
            let wider = PREDICTED_FACTORS.iter().filter(|_| self.input.prediction.is_some());
            for factor in LINF_FACTORS.iter().chain(wider) {
                let step = (factor * bound).max(sample.largest / LARGEST_BASE);
                let square = sample.square_error(&Quantiser::plain(step));
                let total = sample.bits(step) + n_counted * residual_bits((square / n).sqrt(), quantum / 2.0);
                if best.is_some_and(|(least, _)| total > least) {
                    break;
                }
                best = Some((total, step));
            }
            best
        };
        let (step, mut candidate) = self.best(|_| Some(LINF_USUAL * bound), cost)?;
        let factor = self.input.prediction.map_or(1.0, |prediction| prediction.step_factor);
        let (bands, trial) = candidate.last_trial(candidate.sample.tuned(storable(step * factor)))?;
        self.with_residual(&mut candidate, (bands, trial), quantum, bound)
    }

    /// Number of points that count; at least 1.
    fn n_counted(&self) -> f64 {
        let n = self.input.mask.map_or(self.remainder.len(), |mask| mask.iter().filter(|&&m| m).count());
        n.max(1) as f64
    }

    /// The widest bins of the residual that keep the bound behind rounding to the reader's type.
    fn quantum(&self, bound: f64) -> Option<f64> {
        let largest = self.input.finish.min.abs().max(self.input.finish.max.abs());
        let epsilon = if self.input.finish.dtype == Dtype::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let room = bound * (1.0 - 1e-9) - largest * epsilon;
        (room > 0.0 && bound.is_finite()).then(|| storable(2.0 * room))
    }

    /// Adds the residual that makes the bound hold, finishes the values and checks them.
    fn with_residual(
        &self,
        candidate: &mut Candidate,
        (bands, mut trial): (Bands, Trial),
        quantum: f64,
        bound: f64,
    ) -> Option<Output> {
        if let Some(base) = self.input.base {
            trial.values.iter_mut().zip(base).for_each(|(v, b)| *v += b);
        }
        let mut residual = vec![0; trial.values.len()];
        let (inverse, finish) = (1.0 / quantum, self.input.finish);
        let parts = trial.values.par_chunks_mut(TASK).zip(residual.par_chunks_mut(TASK)).enumerate();
        let counts: Vec<Option<usize>> = parts
            .map(|(t, (values, residual))| {
                let originals = &self.input.values[t * TASK..];
                let mask = self.input.mask.map(|mask| &mask[t * TASK..]);
                let (mut n_used, mut largest) = (0, 0.0f64);
                for (i, ((value, q), x)) in values.iter_mut().zip(residual).zip(originals).enumerate() {
                    let exact = if mask.is_none_or(|mask| mask[i]) { (x - *value) * inverse } else { 0.0 };
                    largest = largest.max(exact.abs());
                    *q = exact.round() as i32;
                    n_used += usize::from(*q != 0);
                    *value = finish.apply(with_residual(*value, *q, quantum));
                }
                (largest < MAX_INTEGER).then_some(n_used)
            })
            .collect();
        let n_used: usize = counts.into_iter().sum::<Option<usize>>()?;
        let residual = (n_used > 0).then_some((residual, quantum));
        (self.max_error(&trial.values) <= bound).then(|| self.output(candidate, bands, trial, residual))
    }

    fn bytes(&self, n_bytes: usize) -> Option<Output> {
        let bits = 8.0 * n_bytes as f64;
        let cost = |sample: &Sample| {
            let step = sample.solve_bits(bits, sample.largest)?;
            Some((sample.square_error(&Quantiser::plain(step)), step))
        };
        let (mut step, mut candidate) = self.best(|boxes| boxes.solve_bits(bits), cost)?;
        let mut found: Option<(f64, Output)> = None;
        let (mut low, mut high) = (0.0f64, f64::INFINITY);
        for _ in 0..BYTES_ATTEMPTS {
            let Some(mut trial) = candidate.trial(candidate.sample.tuned(storable(step))) else {
                low = step;
                step = if high.is_finite() { (low * high).sqrt() } else { 2.0 * step };
                continue;
            };
            finish_values(&mut trial.values, self.input.base, None, self.input.finish);
            let error = self.l2_error(&trial.values);
            let bands = trial.quantiser.quantise(&candidate.coefficients, candidate.transform.pyramid());
            let output = self.output(&mut candidate, bands, trial, None);
            let size = output.payload.len();
            if size <= n_bytes {
                high = step;
                if found.as_ref().is_none_or(|f| error < f.0) {
                    found = Some((error, output));
                }
                if size as f64 >= 0.985 * n_bytes as f64 || error == 0.0 {
                    break;
                }
            } else {
                low = step;
            }
            step = next_step(step, size as f64 / (0.993 * n_bytes as f64), low, high);
        }
        found.map(|f| f.1)
    }

    fn errors<'a>(&'a self, first: usize, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let mask = self.input.mask.map(|mask| &mask[first..]);
        let pairs = self.input.values[first..].iter().zip(values).enumerate();
        pairs.map(move |(i, (x, y))| if mask.is_none_or(|mask| mask[i]) { y - x } else { 0.0 })
    }

    fn l2_error(&self, values: &[f64]) -> f64 {
        let sum = |(t, part): (usize, &[f64])| self.errors(t * TASK, part).map(|e| e * e).sum::<f64>();
        let sums: Vec<f64> = values.par_chunks(TASK).enumerate().map(sum).collect();
        sums.iter().sum::<f64>().sqrt()
    }

    /// NaN counts as the largest error there is.
    fn max_error(&self, values: &[f64]) -> f64 {
        let larger = |m: f64, e: f64| if e <= m { m } else { e };
        let max = |(t, part): (usize, &[f64])| self.errors(t * TASK, part).fold(0.0, |m, e| larger(m, e.abs()));
        values.par_chunks(TASK).enumerate().map(max).reduce(|| 0.0, larger)
    }

    fn output(
        &self,
        candidate: &mut Candidate,
        bands: Bands,
        trial: Trial,
        residual: Option<(Vec<i32>, f64)>,
    ) -> Output {
        let (residual, quantum) = residual.unzip();
        let transform = &candidate.transform;
        let step = trial.quantiser.step;
        let mut integers = Integers { bands, residual };
        let split = Split::choose(transform.pyramid(), &integers);
        let mut payload = Vec::new();
        let guide = candidate.predicted.as_mut().zip(self.input.prediction);
        let guide = guide.map(|(predicted, prediction)| Guide { predicted, prediction, step, quantum });
        let (quantiser, is_predicted) = (Some(trial.quantiser), guide.is_some());
        Head { kind: transform.kind(), quantiser, quantum, split, is_predicted }.write(&mut payload);
        payload.extend(streams::encode(&mut integers, transform.pyramid(), self.input.dims, split, guide));
        let unpredicted_bytes = (payload.len() as f64 * candidate.gain) as usize;
        let gains = candidate.predicted.as_ref().map_or_else(Vec::new, Predicted::gains);
        Output { payload, values: trial.values, kind: transform.kind(), unpredicted_bytes, gains }
    }
}

/// The next step to try, between `low` (too many bytes) and `high`, when the last gave `excess` times what is wanted:
/// halving the step costs about one bit per value that is not zero, so size goes as a power of the step.
fn next_step(step: f64, excess: f64, low: f64, high: f64) -> f64 {
    let guess = step * excess.powf(1.1);
    if guess > low * 1.0005 && guess < high / 1.0005 {
        guess
    } else if low > 0.0 && high.is_finite() {
        (low * high).sqrt()
    } else if excess > 1.0 {
        step * 2.0
    } else {
        step / 2.0
    }
}

/// A transform with the coefficients of the field.
struct Candidate {
    transform: Transform,
    coefficients: Vec<f64>,
    sample: Sample,
    /// What was taken from the coefficients.
    predicted: Option<Predicted>,
    /// The coefficients before.
    unpredicted: Option<Sample>,
    /// Estimated cost without the prediction over that with it.
    gain: f64,
}

/// Integers of the bands of a transform.
type Bands = Vec<Vec<i32>>;

/// A quantiser and the values that it gives.
struct Trial {
    quantiser: Quantiser,
    values: Vec<f64>,
}

impl Candidate {
    fn new(transform: Transform, values: &[f64], prediction: Option<Prediction>, step: f64) -> Self {
        let mut coefficients = values.to_vec();
        transform.forward(&mut coefficients);
        let pyramid = transform.pyramid();
        let unpredicted = prediction.map(|_| Sample::of(&coefficients, pyramid));
        let mut predicted = prediction.map(|prediction| Predicted::new(prediction.values, &transform));
        if let Some(predicted) = &mut predicted {
            predicted.choose_gains(&coefficients, pyramid, step);
            predicted.add_to(&mut coefficients, pyramid, -1.0);
        }
        let predicted = predicted.filter(|predicted| !predicted.is_nothing());
        let sample = Sample::of(&coefficients, pyramid);
        Candidate { transform, coefficients, sample, predicted, unpredicted, gain: 1.0 }
    }

    /// The quantiser with this squared error over all coefficients: the sample, corrected by one look at all.
    fn with_error(&self, square: f64, guess: f64) -> Option<Quantiser> {
        let bias = self.sample.tuned(guess).bias;
        let mut step = self.sample.solve_error(square, guess, self.sample.largest, bias)?;
        let quantiser = Quantiser { step, bias };
        let all = quantiser.square_error(&self.coefficients, self.transform.pyramid());
        let correction = self.sample.square_error(&quantiser) / all;
        if correction.is_finite() && correction > 0.0 {
            step = self.sample.solve_error(square * correction, step, self.sample.largest, bias)?;
        }
        Some(Quantiser { step: storable(step), bias })
    }

    /// True when the integers of all coefficients fit.
    fn fits(&self, quantiser: &Quantiser) -> bool {
        quantiser.step > 0.0 && self.sample.largest / quantiser.step < MAX_INTEGER
    }

    fn trial(&self, quantiser: Quantiser) -> Option<Trial> {
        self.fits(&quantiser)
            .then(|| Trial { quantiser, values: self.values(quantiser.reconstruct(&self.coefficients)) })
    }

    /// As [`Self::trial`], with the integers, in the memory of the coefficients: there is no other one after it.
    fn last_trial(&mut self, quantiser: Quantiser) -> Option<(Bands, Trial)> {
        self.fits(&quantiser).then(|| {
            let mut coefficients = std::mem::take(&mut self.coefficients);
            let bands = quantiser.quantise(&coefficients, self.transform.pyramid());
            quantiser.dequantise(&bands, self.transform.pyramid(), &mut coefficients);
            (bands, Trial { quantiser, values: self.values(coefficients) })
        })
    }

    /// The integers; the coefficients are gone.
    fn take_bands(&mut self, quantiser: &Quantiser) -> Bands {
        quantiser.quantise(&std::mem::take(&mut self.coefficients), self.transform.pyramid())
    }

    /// Values of coefficients less the prediction.
    fn values(&self, mut coefficients: Vec<f64>) -> Vec<f64> {
        if let Some(predicted) = &self.predicted {
            predicted.add_to(&mut coefficients, self.transform.pyramid(), 1.0);
        }
        self.transform.inverse(&mut coefficients);
        coefficients
    }
}
