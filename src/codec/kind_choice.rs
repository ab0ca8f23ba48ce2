//! Which kind of predictor takes the fewest bytes in a series: found by trying, because errors of the same size are not equally dear.

use super::slot::Kind;
use crate::settings::PredictorChoice;

/// Predicted steps before the first trial and, at most, between two of them.
const FIRST: usize = 2;
const LONGEST: usize = 64;

/// The better kind so far.
#[derive(Clone, Copy, Debug)]
pub struct KindChoice {
    kind: Kind,
    n_steps: usize,
    /// The step of the next trial, and how many lie between it and the one after it unless it changes the kind.
    next: usize,
    interval: usize,
}

impl Default for KindChoice {
    fn default() -> Self {
        KindChoice { kind: Kind::Linear, n_steps: 0, next: FIRST, interval: FIRST }
    }
}

impl KindChoice {
    /// The kind that serves; `None` for the last step itself.
    pub fn get(&self, wanted: PredictorChoice) -> Option<Kind> {
        match wanted {
            PredictorChoice::Last => None,
            PredictorChoice::Linear => Some(Kind::Linear),
            PredictorChoice::Network => Some(Kind::Network),
            PredictorChoice::Auto => Some(self.kind),
        }
    }

    /// Counts a step, and says what else is to be tried for it, if anything.
    pub fn rival(&mut self, wanted: PredictorChoice) -> Option<Kind> {
        self.n_steps += 1;
        let other = if self.kind == Kind::Network { Kind::Linear } else { Kind::Network };
        (wanted == PredictorChoice::Auto && self.n_steps == self.next).then_some(other)
    }

    /// Takes over what was tried where it took fewer bytes; trials that change nothing become rarer.
    pub fn learn(&mut self, rival: Kind, is_smaller: bool) {
        if is_smaller {
            (self.kind, self.interval) = (rival, FIRST);
        } else {
            self.interval = (2 * self.interval).min(LONGEST);
        }
        self.next = self.n_steps + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_kind_is_found_and_trials_become_rare() {
        let mut choice = KindChoice::default();
        let mut trials = Vec::new();
        for step in 1..200 {
            let better = if step < 100 { Kind::Network } else { Kind::Linear };
            if let Some(rival) = choice.rival(PredictorChoice::Auto) {
                choice.learn(rival, rival == better);
                trials.push(step);
            }
        }
        assert_eq!(choice.get(PredictorChoice::Auto), Some(Kind::Linear));
        assert_eq!(trials, [2, 4, 8, 16, 32, 64, 128, 130, 134, 142, 158, 190]);
    }

    #[test]
    fn a_kind_that_the_user_names_has_no_rival() {
        let mut choice = KindChoice::default();
        let wanted = PredictorChoice::Linear;
        assert!((0..100).all(|_| choice.rival(wanted).is_none() && choice.get(wanted) == Some(Kind::Linear)));
    }
}
