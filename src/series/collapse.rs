//! Collapse: the optimiser throws the network off, what it knew of the past is gone, and it would not come back.

use crate::backend::series::StepLoss;

/// A loss on the past that grows by more than this within one snapshot is a collapse.
const FACTOR: f32 = 3.0;
/// Relative losses below this grow without any harm.
const HARMLESS: f32 = 0.02;

/// Remembers the loss on stored sketches.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Watch {
    last: Option<f32>,
}

impl Watch {
    /// Looks at the losses of a stretch of training; true when it collapsed. What is fine becomes the new measure.
    pub fn is_collapse(&mut self, losses: &[StepLoss]) -> bool {
        let end = &losses[losses.len() - losses.len().div_ceil(3)..];
        if end.iter().any(|l| !l.now.is_finite() || !l.past.is_finite()) {
            return true;
        }
        let mean = end.iter().map(|l| l.past).sum::<f32>() / end.len().max(1) as f32;
        if mean == 0.0 {
            return false;
        }
        if self.last.is_some_and(|last| mean > FACTOR * last.max(HARMLESS)) {
            return true;
        }
        self.last = Some(mean);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jump_of_the_past_is_a_collapse() {
        let losses = |past: f32| vec![StepLoss { now: 0.9, past }; 6];
        let mut watch = Watch::default();
        assert!(!watch.is_collapse(&losses(0.0)), "there is no past yet");
        assert!(!watch.is_collapse(&losses(0.5)));
        assert!(!watch.is_collapse(&losses(0.05)));
        assert!(!watch.is_collapse(&losses(0.14)));
        assert!(watch.is_collapse(&losses(0.43)));
        assert!(!watch.is_collapse(&losses(0.4)), "measured against the last good one");
        assert!(watch.is_collapse(&losses(f32::NAN)));
        assert!(!watch.is_collapse(&[]));
    }
}
