//! The parameter that just keeps a goal.

use anyhow::{Context as _, Result};

/// How long is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Patience {
    /// For one array.
    OfOne,
    /// For one of many windows, or where a trial encodes a whole series.
    OfMany,
}

impl Patience {
    /// Trials after which a parameter that serves is taken, and how close to the goal one is close enough.
    fn limits(self) -> (i32, f64) {
        if self == Patience::OfMany { (8, 0.995) } else { (N_TRIALS, 0.998) }
    }
}

/// Trials at most.
const N_TRIALS: i32 = 24;
/// A search ends when parameters just within and just beyond the goal are this close.
const CLOSEST: f64 = 1.001;

/// The largest parameter whose excess, which grows with it, is at most 1, among those closing in on it: a bracket, then
/// interpolation on log scales.
///
/// # Errors
/// When no parameter serves, or a trial fails.
pub fn search(first: f64, patience: Patience, excess_of: impl Fn(f64) -> Result<f64>) -> Result<f64> {
    let (n_enough, close) = patience.limits();
    let mut x = first;
    // Parameter and excess just within and just beyond the goal.
    let (mut within, mut beyond) = (None::<(f64, f64)>, None::<(f64, f64)>);
    for trial in 0..N_TRIALS {
        let excess = excess_of(x)?.clamp(1e-12, 1e12);
        if excess <= 1.0 {
            within = Some(within.filter(|best| best.0 >= x).unwrap_or((x, excess)));
        } else {
            beyond = Some((x, excess));
        }
        // Where steps of a parameter change nothing, longer and longer ones do.
        let longer = |factor: f64| factor.powi(trial + 1).clamp(1.0 / 16.0, 16.0);
        x = match (within, beyond) {
            (Some((_, excess)), _) if excess >= close || trial + 1 >= n_enough => break,
            (Some((low, _)), Some((high, _))) if high / low < CLOSEST => break,
            (Some(low), Some(high)) => between(low, high),
            (Some((low, excess)), None) => low * longer((1.01 / excess).clamp(1.02, 16.0)),
            (None, Some((high, excess))) => high * longer((0.99 / excess).clamp(1.0 / 16.0, 1.0 / 1.02)),
            (None, None) => unreachable!("every trial is within or beyond"),
        };
    }
    let (x, _) = within.with_context(|| format!("no parameter reached the goal in {N_TRIALS} tries"))?;
    Ok(x)
}

/// A point between two parameters where a power law through both excesses meets 1, kept off the ends.
fn between((low, e_low): (f64, f64), (high, e_high): (f64, f64)) -> f64 {
    let share = (1.0 / e_low).ln() / (e_high / e_low).ln();
    let share = if share.is_finite() { share.clamp(0.15, 0.85) } else { 0.5 };
    low * (high / low).powf(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_laws_and_stairs_are_climbed_to_the_goal() {
        for first in [1e-6, 1.0, 1e6] {
            // The last bit of a power differs between processors: the excess is what must hold, not x <= 3.
            let power_law = |x: f64| (x / 3.0).powf(0.3);
            let x = search(first, Patience::OfOne, |x| Ok(power_law(x))).unwrap();
            assert!(power_law(x) <= 1.0 && (2.9..3.001).contains(&x), "{first}: {x}");
            // Powers of two, as tolerances of zfp are.
            let stairs = |x: f64| x.log2().floor().exp2() / 3.0;
            let x = search(first, Patience::OfOne, |x| Ok(stairs(x))).unwrap();
            assert!(stairs(x) <= 1.0 && (1.999..4.001).contains(&x), "{first}: {x}");
        }
        assert!(search(1.0, Patience::OfMany, |_| Ok(f64::INFINITY)).is_err());
    }
}
