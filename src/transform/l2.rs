//! Goals for the norm of the error: a step whose error lies just below.

use super::Output;
use super::points::Finished;
use super::probe::{self, Slices};
use super::quantise::Quantiser;
use super::sample::Sample;
use super::search::Search;
use super::trial::Trial;
use crate::Result;
use crate::field::{Array, Real};
use crate::metrics::Errors;
use crate::settings::Effort;

/// Attempts to land just below the goal.
const ATTEMPTS: usize = 6;

/// Parts of the goal.
struct Parts {
    /// Aimed at.
    aim: f64,
    /// Close enough to stop after one attempt, after two, and so on.
    close: [f64; ATTEMPTS],
}

impl Parts {
    fn of(effort: Effort) -> Self {
        match effort {
            Effort::Fast => Parts { aim: 0.985, close: [0.93, 0.93, 0.9, 0.8, 0.0, 0.0] },
            Effort::Default => Parts { aim: 0.998, close: [0.987, 0.99, 0.985, 0.98, 0.96, 0.0] },
            Effort::Best => Parts { aim: 0.9993, close: [0.9985, 0.9985, 0.9985, 0.998, 0.99, 0.0] },
        }
    }
}

/// Where few coefficients matter, the error falls in jumps and may pass over the goal: further attempts, each aiming at a part of
/// the last one's square.
const RETREATS: usize = 8;
const RETREAT: f64 = 0.6;

impl<T: Real> Search<'_, T> {
    fn parts(&self) -> Parts {
        Parts::of(self.input.tries.effort)
    }

    /// Squared error over all points, from a bound over those that count, as far as they are like the others.
    pub fn aim(&self, bound: f64) -> f64 {
        (self.parts().aim * bound).powi(2) * self.n_points() / self.n_counted()
    }

    /// The best transform under a bound of the norm, and a first step.
    pub fn best_l2(&self, bound: f64) -> Option<(f64, Trial<T>)> {
        let (aim, guess) = (self.aim(bound), self.likely_step);
        let likely = |slices: &Slices| slices.solve_error(aim, guess);
        let cost = |sample: &Sample| {
            let step = sample.solve_error(aim, guess, sample.largest, [0; 2])?;
            Some((sample.bits(step), step))
        };
        self.best(likely, cost)
    }

    /// Encodes; `None` when the bound cannot be kept.
    ///
    /// # Errors
    /// As [`super::search::encode`].
    pub fn l2(&self, bound: f64) -> Result<Option<Output>> {
        let aim = self.aim(bound);
        let Some((mut step, mut trial)) = self.best_l2(bound) else { return Ok(None) };
        let correction;
        let Some(quantiser) = trial.with_error(aim, step, 1.0) else { return Ok(None) };
        let is_sampled = self.input.tries.effort == Effort::Fast;
        (step, correction) = (quantiser.step, if is_sampled { 1.0 } else { trial.correction(&quantiser) });
        let excess = probe::excess::<T>(self.input, &self.last(), trial.transform.kind(), &quantiser);
        let (mut square, mut found): (f64, Option<(Errors, Quantiser, Option<Array>)>) = (aim / excess, None);
        for (attempt, close) in (1..).zip(self.parts().close.into_iter().chain([0.0; RETREATS])) {
            let quantiser = trial.with_error(square, step, correction).filter(|quantiser| trial.fits(quantiser));
            let Some(quantiser) = quantiser else { break };
            step = quantiser.step;
            // One set of values at a time: the best one's are made again if another attempt comes after it.
            found.iter_mut().for_each(|(_, _, values)| *values = None);
            let Finished { values, errors, .. } = self.last().compare(trial.values(&quantiser), self.input);
            let error = errors.l2;
            if error <= bound && found.as_ref().is_none_or(|f| error > f.0.l2) {
                found = Some((errors, quantiser, Some(values)));
            }
            let is_close = (error <= bound && error >= close * bound) || error == 0.0 || error.is_nan();
            if is_close || (attempt >= ATTEMPTS && found.is_some()) {
                break;
            }
            square *= (self.parts().aim * bound / error).powi(2) * if attempt < ATTEMPTS { 1.0 } else { RETREAT };
        }
        let Some((errors, quantiser, values)) = found else { return Ok(None) };
        let (bands, values) = match values {
            Some(values) => (trial.take_bands(&quantiser), values),
            None => {
                let (bands, values) = trial.take_both(&quantiser);
                (bands, self.last().finish(values))
            }
        };
        let output = self.output(&mut trial, bands, quantiser, values, None)?;
        Ok(Some(Output { errors: Some(errors), ..output }))
    }
}
