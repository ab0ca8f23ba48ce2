//! Goals for every point: a step, and corrections of what exceeds the bound with it.

use super::estimate::residual_bits;
use super::kind::Kind;
use super::payload::storable;
use super::points::Finished;
use super::quantise::{MAX_INTEGER, Quantiser};
use super::sample::Sample;
use super::search::Search;
use super::{Goal, Input, Output, Tries};
use crate::field::Real;
use crate::settings::Effort;
use crate::{Dtype, Result};

/// Step over bound for pointwise goals.
const FACTORS: [f64; 7] = [1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6];
/// Further ones where a prediction is so good that coefficients may not pay: up to corrections alone.
const PREDICTED_FACTORS: [f64; 5] = [13.6, 19.2, 27.2, 54.4, 1000.0];
/// The one that is most often the best.
pub(super) const USUAL: f64 = 2.4;
/// Where more is tried: the next factor, finer or coarser, as long as that helps.
pub(super) const RATIOS: [f64; 2] = [0.87, 1.15];
/// Corrections with more bits per point are so many that they take as long as the coefficients, which little effort takes for worth
/// so many bits.
const SPARSE_BITS: f64 = 0.3;
const SLOW_BITS: f64 = 0.4;
/// Payloads of fewer bits per value are quickly coded twice, and of so few symbols that samples may mislead.
const LOOSE_BITS: f64 = 0.15;
/// With a bound so tight that coefficients would need larger integers, the residual takes over.
const LARGEST_BASE: f64 = MAX_INTEGER / 4.0;

impl<T: Real> Search<'_, T> {
    /// Encodes; `None` when the bound cannot be kept.
    ///
    /// # Errors
    /// As [`super::search::encode`].
    pub fn linf(&self, bound: f64) -> Result<Option<Output>> {
        let Some(quantum) = self.quantum(bound) else { return Ok(None) };
        let (n, n_counted) = (self.n_points(), self.n_counted());
        let cost = |sample: &Sample| {
            let mut best: Option<(f64, f64)> = None;
            let wider = PREDICTED_FACTORS.iter().filter(|_| self.input.prediction.is_some());
            for factor in FACTORS.iter().chain(wider) {
                let step = (factor * bound).max(sample.largest / LARGEST_BASE);
                let square = sample.square_error(&Quantiser::plain(step));
                let corrections = residual_bits((square / n).sqrt(), quantum / 2.0);
                let is_slow = self.input.tries.effort == Effort::Fast && corrections > SPARSE_BITS;
                let corrections = corrections + if is_slow { SLOW_BITS } else { 0.0 };
                let total = sample.bits(step) + n_counted * corrections;
                if best.is_some_and(|(least, _)| total > least) {
                    break;
                }
                best = Some((total, step));
            }
            best
        };
        let Some((step, mut trial)) = self.best(|_| Some(USUAL * bound), cost) else { return Ok(None) };
        let quantiser = trial.sample.tuned(storable(step * self.input.tries.step_factor));
        if !trial.fits(&quantiser) {
            return Ok(None);
        }
        let (bands, values) = trial.take_both(&quantiser);
        let corrected = self.last().correct(values, self.input, quantum, MAX_INTEGER);
        let Some(Finished { values, errors, residual }) = corrected else { return Ok(None) };
        // The bound holds by the choice of the quantum; who lays records out looks at the errors.
        let residual = residual.map(|residual| (residual, quantum));
        let output = self.output(&mut trial, bands, quantiser, values, residual)?;
        let output = Output { errors: Some(errors), ..output };
        // A predicted field is compared with all transforms once in many steps only.
        let may_mislead = self.input.prediction.is_some() || 8.0 * (output.payload.len() as f64) < LOOSE_BITS * n;
        match trial.rival.filter(|_| may_mislead) {
            Some(kind) => self.smaller(output, kind, bound).map(Some),
            None => Ok(Some(output)),
        }
    }

    /// An output or that of another transform.
    fn smaller(&self, output: Output, kind: Kind, bound: f64) -> Result<Output> {
        let input = Input { tries: Tries { only: Some(kind), ..self.input.tries }, ..*self.input };
        let other = Search::<T>::new(&input, Goal::Linf(bound)).linf(bound)?;
        let is_smaller = |other: &Output| other.payload.len() < output.payload.len();
        Ok(other.filter(is_smaller).unwrap_or(output))
    }

    /// The widest bins of the residual that keep the bound behind rounding to the reader's type.
    fn quantum(&self, bound: f64) -> Option<f64> {
        let largest = self.input.finish.min.abs().max(self.input.finish.max.abs());
        let epsilon = if self.input.finish.dtype == Dtype::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let room = bound * (1.0 - 1e-9) - largest * epsilon;
        (room > 0.0 && bound.is_finite()).then(|| storable(2.0 * room))
    }
}
