//! A prediction of the field, used coefficient by coefficient: one gain per band of a wavelet or per shell of frequencies of a
//! DCT, and magnitudes to expect as contexts.

use std::sync::LazyLock;

use super::dct::SQUARED;
use super::kind::Transform;
use super::neighbours::N_HINTS;
use super::probe::BITS_PER_SQUARE;
use super::pyramid::{Band, Pyramid, for_rows};
use crate::entropy::integer::signed;
use crate::entropy::{Bit, Coder, MagnitudeModel};
use crate::field::Real;

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

/// Shells of equal width from frequency 0 to half a period per value along every axis. Bands of a DCT, an octave each, are too wide: what
/// is noise in a prediction lies at their upper ends.
const N_SHELLS: u32 = 32;
/// The shell of each mean of squared frequencies, in [`SQUARED`] / 4096.
static SHELLS: LazyLock<[u8; 4096]> =
    LazyLock::new(|| std::array::from_fn(|mean| ((mean as u32 * N_SHELLS * N_SHELLS) >> 12).isqrt() as u8));

/// Which coefficients share a gain.
enum Groups {
    /// Those of a band.
    Bands,
    /// Those of a shell; squares of frequencies over the rank, per axis.
    Shells(Vec<Vec<u32>>),
}

impl Groups {
    fn of<T: Real>(transform: &Transform<T>) -> Self {
        match transform {
            Transform::Dct(_, plan) => {
                let rank = plan.axes.len() as u32;
                Groups::Shells(plan.axes.iter().map(|axis| axis.squares.iter().map(|s| s / rank).collect()).collect())
            }
            Transform::None(_) | Transform::Wavelet(_) => Groups::Bands,
        }
    }

    fn n(&self, pyramid: &Pyramid) -> usize {
        match self {
            Groups::Bands => pyramid.bands.len(),
            Groups::Shells(_) => N_SHELLS as usize,
        }
    }

    /// Calls `row(offset in the array, group of each coefficient from there on)` for pieces of all of the array.
    fn for_rows(&self, pyramid: &Pyramid, mut row: impl FnMut(usize, &[u8])) {
        let sizes = &pyramid.sizes[0];
        match self {
            Groups::Bands => {
                for (group, band) in pyramid.bands.iter().enumerate() {
                    let groups = vec![group as u8; band.dims[band.dims.len() - 1]];
                    for_rows(sizes, &band.origin, &band.dims, |at, _, _| row(at, &groups));
                }
            }
            Groups::Shells(squares) => {
                let (last, leading) = squares.split_last().map_or((&[][..], &[][..]), |(l, rest)| (&l[..], rest));
                let mut groups = vec![0; last.len()];
                let n_rows: usize = leading.iter().map(Vec::len).product();
                for r in 0..n_rows {
                    let (mut rest, mut sum) = (r, 0);
                    for axis in leading.iter().rev() {
                        sum += axis[rest % axis.len()];
                        rest /= axis.len();
                    }
                    groups.iter_mut().zip(last).for_each(|(g, s)| *g = SHELLS[((sum + s) / (SQUARED >> 12)) as usize]);
                    row(r * last.len(), &groups);
                }
            }
        }
    }
}

/// A prediction under one transform.
pub(super) struct Predicted<T> {
    /// Coefficients, all bands in one array.
    pub coefficients: Vec<T>,
    groups: Groups,
    /// Per group, in `1 / UNIT`; a decoder fills them in.
    gains: Vec<u8>,
}

impl<T: Real> Predicted<T> {
    /// The prediction less `middle` in the coefficients of `transform`, gains unknown.
    pub fn new(values: &[f64], transform: &Transform<T>, middle: f64) -> Self {
        let mut coefficients: Vec<T> = values.iter().map(|v| T::of(v - middle)).collect();
        transform.forward(&mut coefficients);
        let groups = Groups::of(transform);
        let gains = vec![0; groups.n(transform.pyramid())];
        Predicted { coefficients, groups, gains }
    }

    /// Chooses the gains that leave the least squares of these coefficients, where squares in units of `step` are worth the bits of
    /// a gain (always for a step of 0).
    pub fn choose_gains(&mut self, coefficients: &[T], pyramid: &Pyramid, step: f64) {
        let mut sums = vec![[0.0; 2]; self.gains.len()];
        self.groups.for_rows(pyramid, |at, groups| {
            let pairs = coefficients[at..].iter().zip(&self.coefficients[at..]);
            for (group, (c, p)) in groups.iter().zip(pairs) {
                let [product, square] = &mut sums[usize::from(*group)];
                let (c, p) = (c.wide(), p.wide());
                *product += c * p;
                *square += p * p;
            }
        });
        let mut last = UNIT as u8;
        for (gain, [product, square]) in self.gains.iter_mut().zip(sums) {
            let best = UNIT * product / square;
            let best = if best > 0.0 { best.round().min(f64::from(MAX_GAIN)) as u8 } else { 0 };
            let squares = |gain: u8| {
                let gain = f64::from(gain) / UNIT;
                (gain * square - 2.0 * product) * gain
            };
            // Rate and error in the unit of squares.
            let worth = step * step / BITS_PER_SQUARE;
            let n_bits = 2.0 + 2.0 * libm::log2(1.0 + f64::from(best.abs_diff(last)));
            last = if squares(last) > squares(best) + worth * n_bits { best } else { last };
            *gain = last;
        }
    }

    /// Gains as factors.
    pub fn gains(&self) -> Vec<f32> {
        self.gains.iter().map(|&gain| f32::from(gain) / UNIT as f32).collect()
    }

    /// True when the prediction is of no use.
    pub fn is_nothing(&self) -> bool {
        self.gains.iter().all(|&gain| gain == 0)
    }

    /// `coefficients += sign * gain * prediction`, each with the gain of its group.
    pub fn add_to(&self, coefficients: &mut [T], pyramid: &Pyramid, sign: f64) {
        let factors: Vec<T> = self.gains.iter().map(|&gain| T::of(sign * f64::from(gain) / UNIT)).collect();
        self.groups.for_rows(pyramid, |at, groups| {
            let pairs = coefficients[at..].iter_mut().zip(&self.coefficients[at..]);
            groups.iter().zip(pairs).for_each(|(group, (c, p))| *c += factors[usize::from(*group)] * *p);
        });
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

fn hints_of<T: Real>(values: &[T], inverse: f64, hints: &mut [u8]) {
    for (hint, value) in hints.iter_mut().zip(values) {
        let x = value.wide().abs() * inverse;
        *hint = HINT_LIMITS.iter().map(|&limit| u8::from(x >= limit)).sum();
    }
}
