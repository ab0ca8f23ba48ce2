//! How errors are spread between the largest negative and the largest positive one.

use serde::{Deserialize, Serialize};

use super::step::Step;

/// Odd, so that the middle one holds what is exact.
const BINS: usize = 65;

/// Shares of the values by their error, in equal bins from `-largest` to `largest`: in units of the largest error the
/// shape (flat, bell, spike) of codecs with different errors compares; `largest` gives the units of the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Largest finite `|y - x|`.
    pub largest: f64,
    /// Share of the values with a finite error in each bin, lowest errors first; all 0 without values.
    pub shares: Vec<f64>,
}

/// Of the values of all steps that count.
pub fn of(steps: &[Step]) -> Histogram {
    let mut largest = 0.0_f64;
    each(steps, |error| largest = largest.max(error.abs()));
    let mut counts = [0_u64; BINS];
    let scale = if largest > 0.0 { BINS as f64 / 2.0 / largest } else { 0.0 };
    each(steps, |error| counts[((error * scale + BINS as f64 / 2.0) as usize).min(BINS - 1)] += 1);
    let n = counts.iter().sum::<u64>().max(1);
    Histogram { largest, shares: counts.iter().map(|&count| count as f64 / n as f64).collect() }
}

/// Visits all finite errors of values that count.
fn each(steps: &[Step], mut visit: impl FnMut(f64)) {
    for step in steps {
        let pairs = step.decoded.iter().zip(step.original.iter()).enumerate();
        let errors = pairs.filter(|(i, _)| step.valid.is_none_or(|valid| valid[*i])).map(|(_, (y, x))| y - x);
        errors.filter(|error| error.is_finite()).for_each(&mut visit);
    }
}
