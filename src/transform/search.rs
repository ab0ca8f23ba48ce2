//! From a goal to a payload: which transform, which step, and the check on what the decoder will return.

use super::kind::{Kind, Transform};
use super::neighbours::Weights;
use super::payload::Head;
use super::points::{self, Last};
use super::prediction::Predicted;
use super::probe::{self, Slices};
use super::quantise::Quantiser;
use super::sample::Sample;
use super::streams::{self, Guide, Integers, ResidualCoder, Split};
use super::trial::{Bands, Trial};
use super::{Goal, Input, Output, Tries, kind, linf, middle};
use crate::container::VERSION;
use crate::field::{Array, Real};
use crate::metrics::Sums;
use crate::settings::Effort;
use crate::{Error, Result};

/// Errors of at least this part of half the value range leave room for the rounding of single precision.
pub(super) const SINGLE: f64 = 1.0 / 32768.0;
/// Half value ranges up to this leave room for coefficients in single precision, which are thousands of times larger in a chunk.
const LARGEST_SINGLE: f64 = 1e30;

/// Transforms whose estimated costs differ by less cannot be told apart, and of what few symbols a prediction leaves by less than that.
const CLOSE: f64 = 1.03;
const CLOSE_PREDICTED: f64 = 1.5;

/// Values of a field that is large.
const LARGE: usize = 1 << 22;

/// Encodes for a goal; `None` when it cannot be met.
///
/// # Errors
/// [`Error::Internal`] when the payload does not read back as it was written.
pub(super) fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    match nothing(input, goal) {
        Some(output) => Ok(Some(output)),
        None if input.tries.effort == Effort::Best => best_of_all(input, goal),
        None => once(input, goal),
    }
}

/// The best output of all transforms, coded in full, and under a pointwise bound of steps around the estimated best; in the end with
/// context models mixed.
fn best_of_all(input: &Input, goal: Goal) -> Result<Option<Output>> {
    let cost = |output: &Output| match goal {
        Goal::Bytes(_) => output.errors.map_or(f64::INFINITY, |errors| errors.l2),
        Goal::L2(_) | Goal::Linf(_) => output.payload.len() as f64,
    };
    let attempt = |kind, factor: f64, mixes| -> Result<(f64, Option<Output>)> {
        let step_factor = factor * input.tries.step_factor;
        let tries = Tries { only: Some(kind), step_factor, mixes, ..input.tries };
        let output = once(&Input { tries, ..*input }, goal)?;
        Ok((output.as_ref().map_or(f64::INFINITY, cost), output))
    };
    let mut best = (f64::INFINITY, None);
    let (mut best_kind, mut best_factor) = (Kind::Wavelet, 1.0);
    for kind in input.tries.only.map_or_else(|| kind::affordable(input.dims), |only| vec![only]) {
        let found = attempt(kind, 1.0, false)?;
        if found.0 < best.0 {
            (best, best_kind) = (found, kind);
        }
    }
    if matches!(goal, Goal::Linf(_)) && best.1.is_some() {
        for ratio in linf::RATIOS {
            let mut factor = ratio;
            loop {
                let found = attempt(best_kind, factor, false)?;
                if found.0 >= best.0 {
                    break;
                }
                (best, best_factor, factor) = (found, factor, factor * ratio);
            }
        }
    }
    if best.1.is_some() {
        let found = attempt(best_kind, best_factor, true)?;
        if found.0 < best.0 {
            best = found;
        }
    }
    Ok(best.1)
}

/// Encodes with the transform and the step that are estimated to be the best.
fn once(input: &Input, goal: Goal) -> Result<Option<Output>> {
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
    error >= SINGLE * half && half <= LARGEST_SINGLE && half as f32 >= f32::MIN_POSITIVE
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
    let (residual, weights) = (ResidualCoder::Common, Weights::Even);
    let split = Split { n_levels: 0, residual, has_tables: true, has_runs: false, weights, mixes: false };
    let mut payload = Vec::new();
    let is_single = false;
    Head { kind: Kind::None, is_single, quantiser: None, quantum: None, split, is_predicted: false }
        .write(&mut payload);
    let values = last.finish(vec![0.0f64; input.values.len()]);
    let unpredicted_bytes = payload.len();
    Some(Output { payload, values, errors: None, kind: Kind::None, unpredicted_bytes, gains: Vec::new() })
}

/// How a search ended.
pub(super) enum Found {
    Output(Result<Option<Output>>),
    /// With errors below the precision of the numbers it worked in.
    TooFine,
}

pub(super) struct Search<'a, T> {
    pub input: &'a Input<'a>,
    /// Taken from all values first.
    pub middle: f64,
    /// A guess that needs no look at the field; 0 when there is none.
    pub likely_step: f64,
    real: std::marker::PhantomData<T>,
}

impl<'a, T: Real> Search<'a, T> {
    pub fn new(input: &'a Input<'a>, goal: Goal) -> Self {
        let middle = middle(input.finish, input.base, VERSION);
        let likely_step = match goal {
            Goal::L2(bound) => 3.5 * bound / (input.values.len() as f64).sqrt(),
            Goal::Linf(bound) => linf::USUAL * bound,
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

    pub fn n_points(&self) -> f64 {
        self.input.values.len() as f64
    }

    /// Number of points that count; at least 1.
    pub fn n_counted(&self) -> f64 {
        let n = self.input.mask.map_or(self.input.values.len(), |mask| mask.iter().filter(|&&m| m).count());
        n.max(1) as f64
    }

    /// What is behind the transform, without a residual.
    pub fn last(&self) -> Last<'_> {
        Last { middle: self.middle, ..Last::of(self.input.finish, self.input.base) }
    }

    /// A transform on trial; `step` is a likely one.
    pub fn trial(&self, kind: Kind, step: f64) -> Trial<T> {
        let (transform, values) = (Transform::new(kind, self.input.dims), points::load(self.input, self.middle));
        Trial::new(transform, values, (self.input.prediction, self.middle), step)
    }

    /// The trial with the least `cost(sample) = (cost, step)`; it learns what it gained by its prediction.
    pub fn best(
        &self,
        likely_step: impl Fn(&Slices) -> Option<f64>,
        cost: impl Fn(&Sample) -> Option<(f64, f64)>,
    ) -> Option<(f64, Trial<T>)> {
        let input = self.input;
        let kinds = match input.tries {
            Tries { only: Some(kind), .. } => vec![kind],
            Tries { effort: Effort::Fast, .. } => vec![Kind::Wavelet],
            Tries { effort: Effort::Default, .. } => probe::kinds::<T>(input, self.middle, likely_step),
            Tries { effort: Effort::Best, .. } => kind::affordable(input.dims),
        };
        let mut best: Option<(f64, f64, Kind, Option<Trial<T>>)> = None;
        let (mut unpredicted, mut costs) = (f64::INFINITY, Vec::with_capacity(kinds.len()));
        for kind in kinds {
            // Of a large field only one set of coefficients is in memory: the best ones are made again in the end.
            best.iter_mut().filter(|_| input.values.len() > LARGE).for_each(|(_, _, _, trial)| *trial = None);
            let trial = self.trial(kind, self.likely_step);
            unpredicted = trial.unpredicted.as_ref().and_then(&cost).map_or(unpredicted, |c| c.0.min(unpredicted));
            let Some((cost, step)) = cost(&trial.sample) else { continue };
            costs.push((cost, kind));
            if best.as_ref().is_none_or(|b| cost < b.0) {
                best = Some((cost, step, kind, Some(trial)));
            }
        }
        best.map(|(cost, step, kind, trial)| {
            let mut trial = trial.unwrap_or_else(|| self.trial(kind, self.likely_step));
            let close = if input.prediction.is_some() { CLOSE_PREDICTED } else { CLOSE };
            let others = costs.into_iter().filter(|other| other.1 != kind && other.0 < close * cost);
            trial.rival = others.min_by(|a, b| a.0.total_cmp(&b.0)).map(|other| other.1);
            trial.gain = if unpredicted.is_finite() { unpredicted / cost.max(1.0) } else { 1.0 };
            (step, trial)
        })
    }

    /// The payload of these integers, read back.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn output(
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
        let tries = self.input.tries;
        let split = Split::choose(transform.pyramid(), self.input.dims, &integers, has_guide, tries);
        let guide = trial.predicted.as_mut().zip(self.input.prediction);
        let guide = guide.map(|(predicted, prediction)| Guide { predicted, prediction, step: quantiser.step, quantum });
        let (kind, is_predicted) = (transform.kind(), guide.is_some());
        let head = Head { kind, is_single: T::IS_SINGLE, quantiser: Some(quantiser), quantum, split, is_predicted };
        let mut payload = Vec::new();
        head.write(&mut payload);
        if Head::read(&payload, VERSION)? != (head, &[]) {
            return Err(Error::Internal("the head of a transform payload reads back as another one".into()));
        }
        payload.extend(streams::encode(
            &mut integers,
            transform.pyramid(),
            self.input.dims,
            (split, tries.effort),
            guide,
        )?);
        let unpredicted_bytes = (payload.len() as f64 * trial.gain) as usize;
        let gains = trial.predicted.as_ref().map_or_else(Vec::new, Predicted::gains);
        Ok(Output { payload, values, errors: None, kind, unpredicted_bytes, gains })
    }
}
