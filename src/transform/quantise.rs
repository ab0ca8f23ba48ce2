//! Dead-zone quantiser: integers from coefficients and back, with stored reconstruction points.

use rayon::prelude::*;

use super::pyramid::{Pyramid, for_rows};

/// Magnitudes are rounded down after adding this: a half would be plain rounding, less widens the zero bin.
pub(super) const ROUNDING: f64 = 0.37;

/// Larger integers do not occur: a step that asks for them is too small for the data.
pub(super) const MAX_INTEGER: f64 = (1 << 30) as f64;

/// How integers become coefficients again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantiser {
    /// Width of a bin.
    pub step: f64,
    /// How far reconstruction points lie away from zero, for magnitude 1 and for larger ones, in `step / 256`.
    pub bias: [i8; 2],
}

/// Values per task of a parallel pass; sums are added per task in order, so that threads do not change them.
const TASK: usize = 1 << 16;

impl Quantiser {
    /// Without bias.
    pub fn plain(step: f64) -> Self {
        Quantiser { step, bias: [0; 2] }
    }

    /// Sum of squared errors over `coefficients`, had they gone through this quantiser.
    pub fn square_error(&self, coefficients: &[f64]) -> f64 {
        let (inverse, points) = (1.0 / self.step, self.points());
        let sums: Vec<f64> = coefficients.par_chunks(TASK).map(|c| square_error(c, inverse, points)).collect();
        sums.iter().sum::<f64>() * self.step * self.step
    }

    /// Offsets of reconstruction points from the integer, for magnitude 1 and larger ones.
    fn points(&self) -> [f64; 2] {
        self.bias.map(|bias| f64::from(bias) / 256.0)
    }

    /// The bias that is best for these coefficients.
    pub fn tuned(step: f64, coefficients: &[f64]) -> Self {
        let inverse = 1.0 / step;
        let sums: Vec<[f64; 4]> = coefficients.par_chunks(TASK).map(|c| offsets(c, inverse)).collect();
        let total = sums.iter().fold([0.0; 4], |t, s| std::array::from_fn(|i| t[i] + s[i]));
        let bias = [0, 2].map(|i| {
            let mean = if total[i + 1] > 0.0 { total[i] / total[i + 1] } else { 0.0 };
            (256.0 * mean).round() as i8
        });
        Quantiser { step, bias }
    }

    /// Integers of all bands of a pyramid.
    pub fn quantise(&self, coefficients: &[f64], pyramid: &Pyramid) -> Vec<Vec<i32>> {
        let inverse = 1.0 / self.step;
        let band = |band: &super::pyramid::Band| {
            let mut out = vec![0; band.len()];
            for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |from, to, n| {
                for (q, &c) in out[to..to + n].iter_mut().zip(&coefficients[from..from + n]) {
                    let magnitude = (c.abs() * inverse + ROUNDING) as i32;
                    *q = if c < 0.0 { -magnitude } else { magnitude };
                }
            });
            out
        };
        pyramid.bands.par_iter().map(band).collect()
    }

    /// Coefficients of the integers of all bands.
    pub fn dequantise(&self, integers: &[Vec<i32>], pyramid: &Pyramid) -> Vec<f64> {
        let mut out = vec![0.0; pyramid.sizes[0].iter().product()];
        let points = self.points();
        for (band, integers) in pyramid.bands.iter().zip(integers) {
            for_rows(&pyramid.sizes[0], &band.origin, &band.dims, |to, from, n| {
                for (c, &q) in out[to..to + n].iter_mut().zip(&integers[from..from + n]) {
                    let magnitude = f64::from(q.unsigned_abs());
                    let point = if q == 0 {
                        0.0
                    } else {
                        magnitude + if q.unsigned_abs() == 1 { points[0] } else { points[1] }
                    };
                    *c = if q < 0 { -point * self.step } else { point * self.step };
                }
            });
        }
        out
    }
}

fn square_error(coefficients: &[f64], inverse: f64, points: [f64; 2]) -> f64 {
    let mut sums = [0.0; 8];
    let mut add = |lane: usize, c: f64| {
        let x = c.abs() * inverse;
        let q = f64::from((x + ROUNDING) as i32);
        let point = if q == 0.0 { 0.0 } else { q + if q == 1.0 { points[0] } else { points[1] } };
        sums[lane] += (x - point) * (x - point);
    };
    let chunks = coefficients.chunks_exact(8);
    chunks.remainder().iter().for_each(|&c| add(0, c));
    chunks.for_each(|chunk| (0..8).for_each(|lane| add(lane, chunk[lane])));
    sums.iter().sum()
}

/// Sum of offsets from the integer and count, for magnitude 1 and for larger ones.
fn offsets(coefficients: &[f64], inverse: f64) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for &c in coefficients {
        let x = c.abs() * inverse;
        let q = f64::from((x + ROUNDING) as i32);
        if q == 1.0 {
            sums[0] += x - q;
            sums[1] += 1.0;
        } else if q > 1.0 {
            sums[2] += x - q;
            sums[3] += 1.0;
        }
    }
    sums
}
