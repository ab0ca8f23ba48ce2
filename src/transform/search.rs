//! From a goal to a payload: which transform, which step, and the check on what the decoder will return.

use super::estimate::residual_bits;
use super::kind::{Kind, Transform};
use super::payload::{Head, storable};
use super::points::{self, Last};
use super::prediction::Predicted;
use super::probe::{self, Slices};
use super::quantise::{MAX_INTEGER, Quantiser};
use super::sample::{Sample, root};
use super::streams::{self, Guide, Integers, Split};
use super::trial::{Bands, Trial};
use super::{Goal, Input, Output, middle};
use crate::container::VERSION;
use crate::field::{Array, Real};
use crate::metrics::{Errors, Sums};
use crate::{Dtype, Error, Result};

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
const L2_AIM: f64 = 0.9965;
/// Close enough to stop after one attempt, after two, and so on.
const L2_CLOSE: [f64; L2_ATTEMPTS] = [0.99, 0.99, 0.985, 0.98, 0.96, 0.0];
/// Where few coefficients matter, the error falls in jumps and may pass over the goal: further attempts, each aiming at a part of
/// the last one's square.
const L2_RETREATS: usize = 8;
const L2_RETREAT: f64 = 0.6;
/// Attempts to land just below a number of bytes.
const BYTES_ATTEMPTS: usize = 12;
/// Errors of at least this part of half the value range leave room for the rounding of single precision.
const SINGLE: f64 = 1.0 / 32768.0;

/// Values of a field that is large.
const LARGE: usize = 1 << 22;

/// Encodes for a goal; `None` when it cannot be met.
///
/// # Errors
/// [`Error::Internal`] when the payload does not read back as it was written.
pub(super) fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    if let Some(output) = nothing(input, goal) {
        return Ok(Some(output));
    }
    if is_single(input, goal) {
        match Search::<f32>::new(input, goal).run(goal, SINGLE * input.finish.half()) {
            Found::TooFine => {}
            Found::Output(output) => return output,
        }
    }
    match Search::<f64>::new(input, goal).run(goal, 0.0) {
        Found::Output(output) => output,
        Found::TooFine => Ok(None),
    }
}

/// Whether errors that meet a goal leave room for the rounding of single precision. With a number of bytes, that is decided by
/// the step that they allow.
pub(super) fn is_single(input: &Input, goal: Goal) -> bool {
    let half = input.finish.half();
    let error = match goal {
        Goal::L2(bound) => bound / (input.values.len() as f64).sqrt(),
        Goal::Linf(bound) => bound,
        Goal::Bytes(_) => half,
    };
    error >= SINGLE * half && (half as f32).is_finite() && half as f32 >= f32::MIN_POSITIVE
}

/// What is known of a field before the step of its quantiser is.
pub(super) struct Survey {
    pub kind: Kind,
    sample: Sample,
    /// Squared error at the points that count over that of the sample.
    factor: f64,
}

/// Chooses the transform of a field that is part of a larger one; `None` when integers cannot hold its coefficients.
pub(super) fn survey<T: Real>(input: &Input, goal: Goal) -> Option<Survey> {
    let search = Search::<T>::new(input, goal);
    let (trial, factor) = match goal {
        Goal::L2(bound) => {
            let (step, trial) = search.best_l2(bound)?;
            let quantiser = trial.with_error(search.aim(bound), step, 1.0)?;
            let excess = probe::excess::<T>(input, &search.last(None), trial.transform.kind(), &quantiser);
            let factor = trial.correction(&quantiser) * excess * search.n_counted() / search.n_points();
            (trial, factor)
        }
        Goal::Bytes(n) => (search.best_bytes(n)?.1, 1.0),
        Goal::Linf(_) => return None,
    };
    Some(Survey { kind: trial.transform.kind(), sample: trial.sample, factor })
}

/// The step for all parts of a field that meets a goal for the whole, as far as their samples tell.
pub(super) fn common_step(surveys: &[Survey], goal: Goal) -> f64 {
    let largest = surveys.iter().map(|survey| survey.sample.largest).fold(0.0, f64::max);
    let error = |step: f64| {
        let of = |survey: &Survey| survey.factor * survey.sample.square_error(&Quantiser::plain(step));
        surveys.iter().map(of).sum::<f64>().max(f64::MIN_POSITIVE)
    };
    let bits = |step: f64| surveys.iter().map(|survey| survey.sample.bits(step)).sum::<f64>().max(1.0);
    let step = match goal {
        Goal::L2(bound) => root(largest / 64.0, largest, |step| libm::log(error(step) / (bound * bound)), 1.6),
        Goal::Bytes(n) => root(largest / 64.0, largest, |step| libm::log(8.0 * n as f64 / bits(step)), 1.0),
        Goal::Linf(_) => None,
    };
    storable(step.unwrap_or(largest.max(f64::MIN_POSITIVE)))
}

/// A field under one transform with one step: the sum of squared errors at the points that count, and the payload; `None` when
/// integers cannot hold the coefficients.
///
/// # Errors
/// As [`encode`].
pub(super) fn with_step<T: Real>(input: &Input, kind: Kind, step: f64) -> Result<Option<(f64, Output)>> {
    let search = Search::<T>::new(input, Goal::Bytes(0));
    let mut trial = search.trial(kind, step);
    let quantiser = trial.sample.tuned(step);
    if !trial.fits(&quantiser) {
        return Ok(None);
    }
    let (bands, values) = trial.take_both(&quantiser);
    let values = search.last(None).finish(values);
    let square = search.errors(&values).l2.powi(2);
    Ok(Some((square, search.output(&mut trial, bands, quantiser, values, None)?)))
}

/// The payload that adds nothing to the base or the middle, if that is enough.
fn nothing(input: &Input, goal: Goal) -> Option<Output> {
    let middle = middle(input.finish, input.base, VERSION);
    let last = Last { middle, ..Last::of(input.finish, input.base) };
    let is_enough = |errors: &Sums| match goal {
        Goal::L2(bound) => errors.square.sqrt() <= bound,
        Goal::Linf(bound) => errors.max <= bound,
        Goal::Bytes(_) => errors.max == 0.0,
    };
    if !points::is_enough(input, &last, is_enough) {
        return None;
    }
    let split = Split { n_levels: 0, residual: false, has_tables: true };
    let mut payload = Vec::new();
    let is_single = false;
    Head { kind: Kind::None, is_single, quantiser: None, quantum: None, split, is_predicted: false }
        .write(&mut payload);
    let values = last.finish(vec![0.0f64; input.values.len()]);
    let unpredicted_bytes = payload.len();
    Some(Output { payload, values, kind: Kind::None, unpredicted_bytes, gains: Vec::new() })
}

/// How a search ended.
enum Found {
    Output(Result<Option<Output>>),
    /// With errors below the precision of the numbers it worked in.
    TooFine,
}

struct Search<'a, T> {
    input: &'a Input<'a>,
    /// Taken from all values first.
    middle: f64,
    /// A guess that needs no look at the field; 0 when there is none.
    likely_step: f64,
    real: std::marker::PhantomData<T>,
}

impl<'a, T: Real> Search<'a, T> {
    fn new(input: &'a Input<'a>, goal: Goal) -> Self {
        let middle = middle(input.finish, input.base, VERSION);
        let likely_step = match goal {
            Goal::L2(bound) => 3.5 * bound / (input.values.len() as f64).sqrt(),
            Goal::Linf(bound) => LINF_USUAL * bound,
            Goal::Bytes(_) => 0.0,
        };
        Search { input, middle, likely_step, real: std::marker::PhantomData }
    }

    /// `finest`: the smallest error that the working precision is good for.
    fn run(&self, goal: Goal, finest: f64) -> Found {
        Found::Output(match goal {
            Goal::L2(bound) => self.l2(bound),
            Goal::Linf(bound) => self.linf(bound),
            Goal::Bytes(n_bytes) => return self.bytes(n_bytes, finest),
        })
    }

    fn n_points(&self) -> f64 {
        self.input.values.len() as f64
    }

    fn last<'b>(&'b self, residual: Option<(&'b [i32], f64)>) -> Last<'b> {
        Last { middle: self.middle, base: self.input.base, residual, finish: self.input.finish }
    }

    /// Errors of decoded values.
    fn errors(&self, values: &Array) -> Errors {
        Errors::between(self.input.values, values.as_slice(), self.input.mask)
    }

    /// A transform on trial; `step` is a likely one.
    fn trial(&self, kind: Kind, step: f64) -> Trial<T> {
        let (transform, values) = (Transform::new(kind, self.input.dims), points::load(self.input, self.middle));
        Trial::new(transform, values, (self.input.prediction, self.middle), step)
    }

    /// The trial with the least `cost(sample) = (cost, step)`; it learns what it gained by its prediction.
    fn best(
        &self,
        likely_step: impl Fn(&Slices) -> Option<f64>,
        cost: impl Fn(&Sample) -> Option<(f64, f64)>,
    ) -> Option<(f64, Trial<T>)> {
        let input = self.input;
        let kinds = match input.prediction.and_then(|prediction| prediction.only) {
            Some(kind) => vec![kind],
            None => probe::kinds::<T>(input, self.middle, likely_step),
        };
        let mut best: Option<(f64, f64, Kind, Option<Trial<T>>)> = None;
        let mut unpredicted = f64::INFINITY;
        for kind in kinds {
            // Of a large field only one set of coefficients is in memory: the best ones are made again in the end.
            best.iter_mut().filter(|_| input.values.len() > LARGE).for_each(|(_, _, _, trial)| *trial = None);
            let trial = self.trial(kind, self.likely_step);
            unpredicted = trial.unpredicted.as_ref().and_then(&cost).map_or(unpredicted, |c| c.0.min(unpredicted));
            if let Some((cost, step)) = cost(&trial.sample)
                && best.as_ref().is_none_or(|b| cost < b.0)
            {
                best = Some((cost, step, kind, Some(trial)));
            }
        }
        best.map(|(cost, step, kind, trial)| {
            let mut trial = trial.unwrap_or_else(|| self.trial(kind, self.likely_step));
            trial.gain = if unpredicted.is_finite() { unpredicted / cost.max(1.0) } else { 1.0 };
            (step, trial)
        })
    }

    /// Squared error over all points, from a bound over those that count, as far as they are like the others.
    fn aim(&self, bound: f64) -> f64 {
        (L2_AIM * bound).powi(2) * self.n_points() / self.n_counted()
    }

    /// The best transform under a bound of the norm, and a first step.
    fn best_l2(&self, bound: f64) -> Option<(f64, Trial<T>)> {
        let (aim, guess) = (self.aim(bound), self.likely_step);
        let likely = |slices: &Slices| slices.solve_error(aim, guess);
        let cost = |sample: &Sample| {
            let step = sample.solve_error(aim, guess, sample.largest, [0; 2])?;
            Some((sample.bits(step), step))
        };
        self.best(likely, cost)
    }

    fn l2(&self, bound: f64) -> Result<Option<Output>> {
        let aim = self.aim(bound);
        let Some((mut step, mut trial)) = self.best_l2(bound) else { return Ok(None) };
        let correction;
        let Some(quantiser) = trial.with_error(aim, step, 1.0) else { return Ok(None) };
        (step, correction) = (quantiser.step, trial.correction(&quantiser));
        let excess = probe::excess::<T>(self.input, &self.last(None), trial.transform.kind(), &quantiser);
        let (mut square, mut found): (f64, Option<(f64, Quantiser, Option<Array>)>) = (aim / excess, None);
        for (attempt, close) in (1..).zip(L2_CLOSE.into_iter().chain([0.0; L2_RETREATS])) {
            let quantiser = trial.with_error(square, step, correction).filter(|quantiser| trial.fits(quantiser));
            let Some(quantiser) = quantiser else { break };
            step = quantiser.step;
            // One set of values at a time: the best one's are made again if another attempt comes after it.
            found.iter_mut().for_each(|(_, _, values)| *values = None);
            let values = self.last(None).finish(trial.values(&quantiser));
            let error = self.errors(&values).l2;
            if error <= bound && found.as_ref().is_none_or(|f| error > f.0) {
                found = Some((error, quantiser, Some(values)));
            }
            let is_close = (error <= bound && error >= close * bound) || error == 0.0 || error.is_nan();
            if is_close || (attempt >= L2_ATTEMPTS && found.is_some()) {
                break;
            }
            square *= (L2_AIM * bound / error).powi(2) * if attempt < L2_ATTEMPTS { 1.0 } else { L2_RETREAT };
        }
        let Some((_, quantiser, values)) = found else { return Ok(None) };
        let (bands, values) = match values {
            Some(values) => (trial.take_bands(&quantiser), values),
            None => {
                let (bands, values) = trial.take_both(&quantiser);
                (bands, self.last(None).finish(values))
            }
        };
        self.output(&mut trial, bands, quantiser, values, None).map(Some)
    }

    fn linf(&self, bound: f64) -> Result<Option<Output>> {
        let Some(quantum) = self.quantum(bound) else { return Ok(None) };
        let (n, n_counted) = (self.n_points(), self.n_counted());
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
        let Some((step, mut trial)) = self.best(|_| Some(LINF_USUAL * bound), cost) else { return Ok(None) };
        let factor = self.input.prediction.map_or(1.0, |prediction| prediction.step_factor);
        let quantiser = trial.sample.tuned(storable(step * factor));
        if !trial.fits(&quantiser) {
            return Ok(None);
        }
        let (bands, values) = trial.take_both(&quantiser);
        let Some((residual, n_used)) = self.last(None).residual(&values, self.input, quantum, MAX_INTEGER) else {
            return Ok(None);
        };
        let residual = (n_used > 0).then_some(residual);
        let values = self.last(residual.as_deref().map(|residual| (residual, quantum))).finish(values);
        if self.errors(&values).max <= bound {
            let residual = residual.map(|residual| (residual, quantum));
            return self.output(&mut trial, bands, quantiser, values, residual).map(Some);
        }
        Ok(None)
    }

    /// Number of points that count; at least 1.
    fn n_counted(&self) -> f64 {
        let n = self.input.mask.map_or(self.input.values.len(), |mask| mask.iter().filter(|&&m| m).count());
        n.max(1) as f64
    }

    /// The widest bins of the residual that keep the bound behind rounding to the reader's type.
    fn quantum(&self, bound: f64) -> Option<f64> {
        let largest = self.input.finish.min.abs().max(self.input.finish.max.abs());
        let epsilon = if self.input.finish.dtype == Dtype::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let room = bound * (1.0 - 1e-9) - largest * epsilon;
        (room > 0.0 && bound.is_finite()).then(|| storable(2.0 * room))
    }

    /// The best transform for a number of bytes, and a first step.
    fn best_bytes(&self, n_bytes: usize) -> Option<(f64, Trial<T>)> {
        let bits = 8.0 * n_bytes as f64;
        let cost = |sample: &Sample| {
            let step = sample.solve_bits(bits, sample.largest)?;
            Some((sample.square_error(&Quantiser::plain(step)), step))
        };
        self.best(|slices| slices.solve_bits(bits), cost)
    }

    fn bytes(&self, n_bytes: usize, finest: f64) -> Found {
        match self.best_bytes(n_bytes) {
            Some((step, _)) if step < finest => Found::TooFine,
            Some((step, trial)) => Found::Output(self.within_bytes(n_bytes, step, trial)),
            None => Found::Output(Ok(None)),
        }
    }

    fn within_bytes(&self, n_bytes: usize, mut step: f64, mut trial: Trial<T>) -> Result<Option<Output>> {
        let mut found: Option<(f64, Output)> = None;
        let (mut low, mut high) = (0.0f64, f64::INFINITY);
        for _ in 0..BYTES_ATTEMPTS {
            let quantiser = trial.sample.tuned(storable(step));
            if !trial.fits(&quantiser) {
                low = step;
                step = if high.is_finite() { (low * high).sqrt() } else { 2.0 * step };
                continue;
            }
            let values = self.last(None).finish(trial.values(&quantiser));
            let error = self.errors(&values).l2;
            let bands = quantiser.quantise(&trial.coefficients, trial.transform.pyramid());
            let output = self.output(&mut trial, bands, quantiser, values, None)?;
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
        Ok(found.map(|f| f.1))
    }

    fn output(
        &self,
        trial: &mut Trial<T>,
        bands: Bands,
        quantiser: Quantiser,
        values: Array,
        residual: Option<(Vec<i32>, f64)>,
    ) -> Result<Output> {
        let (residual, quantum) = residual.unzip();
        let transform = &trial.transform;
        let mut integers = Integers { bands, residual };
        let has_guide = trial.predicted.is_some();
        let split = Split::choose(transform.pyramid(), self.input.dims, &integers, has_guide);
        let guide = trial.predicted.as_mut().zip(self.input.prediction);
        let guide = guide.map(|(predicted, prediction)| Guide { predicted, prediction, step: quantiser.step, quantum });
        let (kind, is_predicted) = (transform.kind(), guide.is_some());
        let head = Head { kind, is_single: T::IS_SINGLE, quantiser: Some(quantiser), quantum, split, is_predicted };
        let mut payload = Vec::new();
        head.write(&mut payload);
        if Head::read(&payload, VERSION)? != (head, &[]) {
            return Err(Error::Internal("the head of a transform payload reads back as another one".into()));
        }
        payload.extend(streams::encode(&mut integers, transform.pyramid(), self.input.dims, split, guide)?);
        let unpredicted_bytes = (payload.len() as f64 * trial.gain) as usize;
        let gains = trial.predicted.as_ref().map_or_else(Vec::new, Predicted::gains);
        Ok(Output { payload, values, kind, unpredicted_bytes, gains })
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
