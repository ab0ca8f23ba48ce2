//! Collapse: the optimiser throws the network off, what it knew of the past is gone, and it would not come back.

use crate::backend::series::StepLoss;

/// A loss on the past that grows by more than this within one snapshot is a collapse.
const FACTOR: f32 = 3.0;
/// Relative losses below this grow without any harm.
const HARMLESS: f32 = 0.02;
/// What the second snapshot may do to the first is measured against this.
const AT_FIRST: f32 = 0.15;
/// The learning rate never falls below this part of the one that was asked for.
const SLOWEST: f32 = 1.0 / 16.0;
/// What the learning rate wins back with each snapshot that goes well: it doubles in eight.
const RECOVERY: f32 = 1.090_507_7;

/// Remembers the loss on stored sketches and how far the learning rate was lowered.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct Watch {
    last: f32,
    rate_factor: f32,
}

impl Default for Watch {
    fn default() -> Self {
        Watch { last: AT_FIRST, rate_factor: 1.0 }
    }
}

impl Watch {
    /// Whether a stretch of training with these losses collapsed.
    pub fn is_collapse(&self, losses: &[StepLoss]) -> bool {
        let end = end(losses);
        let is_finite = end.iter().all(|l| l.now.is_finite() && l.past.is_finite());
        !is_finite || mean(end) > FACTOR * self.last.max(HARMLESS)
    }

    /// What the learning rate is multiplied with.
    pub fn rate_factor(&self) -> f32 {
        self.rate_factor
    }

    /// Halves the learning rate for the next try.
    pub fn slow_down(&mut self) {
        self.rate_factor = (0.5 * self.rate_factor).max(SLOWEST);
    }

    /// Makes the losses of a stretch the new measure; the learning rate recovers.
    pub fn accept(&mut self, losses: &[StepLoss]) {
        let mean = mean(end(losses));
        // Without a past there is nothing to measure against.
        if mean > 0.0 {
            self.last = mean;
        }
        self.rate_factor = (RECOVERY * self.rate_factor).min(1.0);
    }
}

/// The last third.
fn end(losses: &[StepLoss]) -> &[StepLoss] {
    &losses[losses.len() - losses.len().div_ceil(3)..]
}

fn mean(losses: &[StepLoss]) -> f32 {
    losses.iter().map(|l| l.past).sum::<f32>() / losses.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(past: f32) -> Vec<StepLoss> {
        vec![StepLoss { now: 0.9, past }; 6]
    }

    #[test]
    fn only_a_jump_of_the_past_is_a_collapse() {
        let mut watch = Watch::default();
        let mut goes_on = |past| {
            let is_collapse = watch.is_collapse(&losses(past));
            if !is_collapse {
                watch.accept(&losses(past));
            }
            !is_collapse
        };
        assert!(goes_on(0.0), "there is no past yet");
        assert!(!goes_on(0.5), "half of the first snapshot is lost");
        assert!(goes_on(0.4) && goes_on(0.05) && goes_on(0.14));
        assert!(!goes_on(0.43));
        assert!(goes_on(0.4), "measured against the last good one");
        assert!(!goes_on(f32::NAN));
        assert!(!watch.is_collapse(&[]));
    }

    #[test]
    fn the_rate_falls_at_a_collapse_and_comes_back() {
        let mut watch = Watch::default();
        watch.slow_down();
        assert_eq!(watch.rate_factor(), 0.5);
        (0..9).for_each(|_| watch.accept(&losses(0.1)));
        assert_eq!(watch.rate_factor(), 1.0);
        (0..9).for_each(|_| watch.slow_down());
        assert_eq!(watch.rate_factor(), SLOWEST);
    }
}
