//! Parts of a larger field: what each says about the step that all of them share, and its payload with that step.

use super::kind::Kind;
use super::payload::storable;
use super::points::Finished;
use super::probe;
use super::quantise::{MAX_INTEGER, Quantiser};
use super::sample::{Sample, root};
use super::search::Search;
use super::{Goal, Input, Output, Tries};
use crate::Result;
use crate::field::Real;
use crate::settings::Effort;

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
            let excess = probe::excess::<T>(input, &search.last(), trial.transform.kind(), &quantiser);
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
    let finest = 1.001 * largest / MAX_INTEGER;
    storable(step.unwrap_or(largest.max(f64::MIN_POSITIVE)).max(finest))
}

/// A field under one transform with one step: the sum of squared errors at the points that count, and the payload; `None` when
/// integers cannot hold the coefficients.
///
/// # Errors
/// As [`super::search::encode`].
pub(super) fn with_step<T: Real>(input: &Input, kind: Kind, step: f64) -> Result<Option<(f64, Output)>> {
    // No search comes before that could tell whether mixing pays: it does in every field that is known.
    let mixes = input.tries.effort == Effort::Best;
    let input = &Input { tries: Tries { mixes, ..input.tries }, ..*input };
    let search = Search::<T>::new(input, Goal::Bytes(0));
    let mut trial = search.trial(kind, step);
    let quantiser = trial.sample.tuned(step);
    if !trial.fits(&quantiser) {
        return Ok(None);
    }
    let (bands, values) = trial.take_both(&quantiser);
    let Finished { values, errors, .. } = search.last().compare(values, input);
    Ok(Some((errors.l2.powi(2), search.output(&mut trial, bands, quantiser, values, None)?)))
}
