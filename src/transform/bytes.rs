//! Goals for the number of bytes: the finest step whose payload has no more.

use super::Output;
use super::payload::storable;
use super::points::Finished;
use super::quantise::Quantiser;
use super::sample::Sample;
use super::search::{Found, Search};
use super::trial::Trial;
use crate::Result;
use crate::field::Real;

/// Attempts to land just below a number of bytes.
const ATTEMPTS: usize = 12;

impl<T: Real> Search<'_, T> {
    /// The best transform for a number of bytes, and a first step.
    pub fn best_bytes(&self, n_bytes: usize) -> Option<(f64, Trial<T>)> {
        let bits = 8.0 * n_bytes as f64;
        let cost = |sample: &Sample| {
            let step = sample.solve_bits(bits, sample.largest)?;
            Some((sample.square_error(&Quantiser::plain(step)), step))
        };
        self.best(|slices| slices.solve_bits(bits), cost)
    }

    /// Encodes; `finest` is the smallest step that the working precision is good for.
    pub fn bytes(&self, n_bytes: usize, finest: f64) -> Found {
        match self.best_bytes(n_bytes) {
            Some((step, _)) if step < finest => Found::TooFine,
            Some((step, trial)) => Found::Output(self.within_bytes(n_bytes, step, trial)),
            None => Found::Output(Ok(None)),
        }
    }

    fn within_bytes(&self, n_bytes: usize, mut step: f64, mut trial: Trial<T>) -> Result<Option<Output>> {
        let mut found: Option<(f64, Output)> = None;
        let (mut low, mut high) = (0.0f64, f64::INFINITY);
        for _ in 0..ATTEMPTS {
            let quantiser = trial.sample.tuned(storable(step));
            if !trial.fits(&quantiser) {
                low = step;
                step = if high.is_finite() { (low * high).sqrt() } else { 2.0 * step };
                continue;
            }
            let Finished { values, errors, .. } = self.last().compare(trial.values(&quantiser), self.input);
            let error = errors.l2;
            let bands = quantiser.quantise(&trial.coefficients, trial.transform.pyramid());
            let output = self.output(&mut trial, bands, quantiser, values, None)?;
            let size = output.payload.len();
            if size <= n_bytes {
                high = step;
                if found.as_ref().is_none_or(|f| error < f.0) {
                    found = Some((error, Output { errors: Some(errors), ..output }));
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
