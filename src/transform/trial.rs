//! One transform on trial: the coefficients of a field under it, and values back from them.

use super::kind::{Kind, Transform};
use super::payload::storable;
use super::prediction::{Predicted, Prediction};
use super::quantise::{MAX_INTEGER, Quantiser};
use super::sample::Sample;
use crate::field::Real;

/// A transform with the coefficients of the field.
pub(super) struct Trial<T> {
    pub transform: Transform<T>,
    pub coefficients: Vec<T>,
    pub sample: Sample,
    /// What was taken from the coefficients.
    pub predicted: Option<Predicted<T>>,
    /// The coefficients before.
    pub unpredicted: Option<Sample>,
    /// Estimated cost without the prediction over that with it.
    pub gain: f64,
    /// Another transform whose estimated cost is hardly larger.
    pub rival: Option<Kind>,
}

/// Integers of the bands of a transform.
pub(super) type Bands = Vec<Vec<i32>>;

impl<T: Real> Trial<T> {
    /// Transforms `values`, less `prediction`, in place. `step` is a likely one of the quantiser.
    pub fn new(
        transform: Transform<T>,
        values: Vec<T>,
        (prediction, middle): (Option<Prediction>, f64),
        step: f64,
    ) -> Self {
        let mut coefficients = values;
        transform.forward(&mut coefficients);
        let pyramid = transform.pyramid();
        let unpredicted = prediction.map(|_| Sample::of(&coefficients, pyramid));
        let mut predicted = prediction.map(|prediction| Predicted::new(prediction.values, &transform, middle));
        if let Some(predicted) = &mut predicted {
            predicted.choose_gains(&coefficients, pyramid, step);
            predicted.add_to(&mut coefficients, pyramid, -1.0);
        }
        let predicted = predicted.filter(|predicted| !predicted.is_nothing());
        let sample = Sample::of(&coefficients, pyramid);
        Trial { transform, coefficients, sample, predicted, unpredicted, gain: 1.0, rival: None }
    }

    /// The quantiser with this squared error over all coefficients, as the sample says it times `correction`.
    pub fn with_error(&self, square: f64, guess: f64, correction: f64) -> Option<Quantiser> {
        let bias = self.sample.tuned(guess).bias;
        let step = self.sample.solve_error(square / correction, guess, self.sample.largest, bias)?;
        Some(Quantiser { step: storable(step), bias })
    }

    /// How many times the error of the sample that of all coefficients is.
    pub fn correction(&self, quantiser: &Quantiser) -> f64 {
        let all = quantiser.square_error(&self.coefficients, self.transform.pyramid());
        let correction = all / self.sample.square_error(quantiser);
        if correction.is_finite() && correction > 0.0 { correction } else { 1.0 }
    }

    /// True when the integers of all coefficients fit.
    pub fn fits(&self, quantiser: &Quantiser) -> bool {
        quantiser.step > 0.0 && self.sample.largest / quantiser.step < MAX_INTEGER
    }

    /// What a decoder makes of the integers of `quantiser`, which fit, before its last step.
    pub fn values(&self, quantiser: &Quantiser) -> Vec<T> {
        self.restored(quantiser.reconstruct(&self.coefficients))
    }

    /// The integers; the coefficients are gone.
    pub fn take_bands(&mut self, quantiser: &Quantiser) -> Bands {
        quantiser.quantise(&std::mem::take(&mut self.coefficients), self.transform.pyramid())
    }

    /// [`Self::take_bands`] and [`Self::values`] in the memory of the coefficients.
    pub fn take_both(&mut self, quantiser: &Quantiser) -> (Bands, Vec<T>) {
        let mut coefficients = std::mem::take(&mut self.coefficients);
        let bands = quantiser.quantise(&coefficients, self.transform.pyramid());
        quantiser.dequantise(&bands, self.transform.pyramid(), &mut coefficients);
        (bands, self.restored(coefficients))
    }

    fn restored(&self, mut coefficients: Vec<T>) -> Vec<T> {
        if let Some(predicted) = &self.predicted {
            predicted.add_to(&mut coefficients, self.transform.pyramid(), 1.0);
        }
        self.transform.inverse(&mut coefficients);
        coefficients
    }
}
