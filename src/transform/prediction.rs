//! A prediction of the field, used coefficient by coefficient: one gain per band, and magnitudes to expect as contexts.

use rayon::prelude::*;

use super::coefficients::N_HINTS;
use super::kind::Transform;
use super::pyramid::{Band, Pyramid, for_rows};
use crate::entropy::integer::signed;
use crate::entropy::{Bit, Coder, MagnitudeModel};

/// What a decoder expects of a field before it reads the payload.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a> {
    /// `product(dims)` values, finite everywhere.
    pub values: &'a [f64],
    /// The field one step earlier, likewise: where the prediction moves away from it, more is to be corrected.
    pub last: &'a [f64],
}

/// Gains are multiples of `1 / UNIT`, up to [`MAX_GAIN`].
const UNIT: f64 = 32.0;
const MAX_GAIN: u8 = 40;
/// Upper limits of the classes of hints, in steps of the quantiser; the last class has none.
const HINT_LIMITS: [f64; N_HINTS - 1] = [0.25, 0.75, 1.5, 3.0, 8.0];

/// A prediction under one transform.
pub(super) struct Predicted {
    /// Coefficients, all bands in one array.
    pub coefficients: Vec<f64>,
    /// Per band of the pyramid, in `1 / UNIT`; a decoder fills them in.
    gains: Vec<u8>,
}

impl Predicted {
    /// The prediction in the coefficients of `transform`, gains unknown.
    pub fn new(values: &[f64], transform: &Transform) -> Self {
        let mut coefficients = values.to_vec();
        transform.forward(&mut coefficients);
        Predicted { coefficients, gains: vec![0; transform.pyramid().bands.len()] }
    }

    /// Chooses the gains that leave the least squares of these coefficients.
    pub fn choose_gains(&mut self, coefficients: &[f64], pyramid: &Pyramid) {
        let gain = |band: &Band| {
            let (mut product, mut square) = (0.0, 0.0);
            for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |at, _, n| {
                for (c, p) in coefficients[at..at + n].iter().zip(&self.coefficients[at..at + n]) {
                    product += c * p;
                    square += p * p;
                }
            });
            let gain = UNIT * product / square;
            if gain > 0.0 { gain.round().min(f64::from(MAX_GAIN)) as u8 } else { 0 }
        };
        self.gains = pyramid.bands.par_iter().map(gain).collect();
    }

    /// Gains as factors.
    pub fn gains(&self) -> Vec<f32> {
        self.gains.iter().map(|&gain| f32::from(gain) / UNIT as f32).collect()
    }

    /// True when the prediction is of no use.
    pub fn is_nothing(&self) -> bool {
        self.gains.iter().all(|&gain| gain == 0)
    }

    /// `coefficients += sign * gain * prediction`, band by band.
    pub fn add_to(&self, coefficients: &mut [f64], pyramid: &Pyramid, sign: f64) {
        for (band, &gain) in pyramid.bands.iter().zip(&self.gains).filter(|(_, gain)| **gain > 0) {
            let gain = sign * f64::from(gain) / UNIT;
            for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |at, _, n| {
                let predicted = &self.coefficients[at..at + n];
                coefficients[at..at + n].iter_mut().zip(predicted).for_each(|(c, p)| *c += gain * p);
            });
        }
    }

    /// Codes the gains, each after the one before.
    pub fn code_gains<C: Coder>(&mut self, coder: &mut C) {
        let (mut model, mut sign, mut last) = (MagnitudeModel::default(), Bit::default(), UNIT as i32);
        for gain in &mut self.gains {
            let change = i32::from(*gain) - last;
            let magnitude = model.code(coder, change.unsigned_abs());
            let negative = magnitude != 0 && coder.code(&mut sign, change < 0);
            last = last.saturating_add(signed(magnitude, negative)).clamp(0, i32::from(MAX_GAIN));
            *gain = last as u8;
        }
    }

    /// Classes of the magnitudes to expect in a band.
    pub fn hints(&self, band: &Band, pyramid: &Pyramid, step: f64) -> Vec<u8> {
        let mut hints = vec![0; band.len()];
        for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |at, to, n| {
            hints_of(&self.coefficients[at..at + n], 1.0 / step, &mut hints[to..to + n]);
        });
        hints
    }
}

impl Prediction<'_> {
    /// Classes of the corrections to expect at each point.
    pub(super) fn hints(&self, quantum: f64) -> Vec<u8> {
        let change: Vec<f64> = self.values.iter().zip(self.last).map(|(v, l)| v - l).collect();
        let mut hints = vec![0; change.len()];
        hints_of(&change, 1.0 / quantum, &mut hints);
        hints
    }
}

fn hints_of(values: &[f64], inverse: f64, hints: &mut [u8]) {
    for (hint, value) in hints.iter_mut().zip(values) {
        let x = value.abs() * inverse;
        *hint = HINT_LIMITS.iter().map(|&limit| u8::from(x >= limit)).sum();
    }
}
