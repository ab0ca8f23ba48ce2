//! By how much the estimated best step of the quantiser is off for predicted steps of a series: found by trying.

/// Predicted steps between trials.
const EVERY: usize = 8;
/// A trial is this much finer or coarser.
const RATIO: f64 = 1.4;
/// How far the factor may go, as a power of [`RATIO`].
const FARTHEST: i32 = 3;

/// A factor that climbs to where steps take the least bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepFactor {
    /// The factor as a power of [`RATIO`].
    power: i32,
    tries_coarser: bool,
    n_steps: usize,
}

impl StepFactor {
    /// What the estimated step is multiplied by.
    pub fn get(&self) -> f64 {
        RATIO.powi(self.power)
    }

    /// Counts a step, and says what else is to be tried for it, if anything.
    pub fn rival(&mut self) -> Option<StepFactor> {
        self.n_steps += 1;
        let power = self.power + if self.tries_coarser { 1 } else { -1 };
        let is_due = self.n_steps % EVERY == EVERY / 2;
        is_due.then_some(StepFactor { power: power.clamp(-FARTHEST, FARTHEST), ..*self })
    }

    /// Takes over what was tried where it took fewer bytes; else the next trial goes the other way.
    pub fn learn(&mut self, rival: StepFactor, is_smaller: bool) {
        if is_smaller {
            self.power = rival.power;
        } else {
            self.tries_coarser = !self.tries_coarser;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_climbs_to_the_best_one_and_stays_near_it() {
        for best in [0.5f64, 1.0, 1.9, 100.0] {
            let cost = |factor: StepFactor| (factor.get() / best).ln().abs();
            let mut factor = StepFactor::default();
            for _ in 0..20 * EVERY {
                if let Some(rival) = factor.rival() {
                    factor.learn(rival, cost(rival) < cost(factor));
                }
            }
            let nearest = best.min(RATIO.powi(FARTHEST));
            assert!((factor.get() / nearest).ln().abs() <= RATIO.ln() / 2.0 + 1e-9, "{best}: {}", factor.get());
        }
    }
}
