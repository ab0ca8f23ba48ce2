//! Which kind of predictor takes the fewest bytes in a series: found by trying, because errors of the same size are not equally dear.

use super::slot::Kind;
use super::trials::Trials;
use crate::settings::PredictorChoice;

/// The better kind so far.
#[derive(Clone, Copy, Debug)]
pub struct KindChoice {
    kind: Kind,
    trials: Trials,
}

impl Default for KindChoice {
    fn default() -> Self {
        KindChoice { kind: Kind::Linear, trials: Trials::default() }
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
        self.trials.count();
        let other = if self.kind == Kind::Network { Kind::Linear } else { Kind::Network };
        (wanted == PredictorChoice::Auto && self.trials.is_due()).then_some(other)
    }

    /// Takes over what was tried where it took fewer bytes.
    pub fn learn(&mut self, rival: Kind, is_smaller: bool) {
        if is_smaller {
            self.kind = rival;
        }
        self.trials.learn(is_smaller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_kind_is_found() {
        let mut choice = KindChoice::default();
        for step in 1..200 {
            let better = if step < 100 { Kind::Network } else { Kind::Linear };
            if let Some(rival) = choice.rival(PredictorChoice::Auto) {
                choice.learn(rival, rival == better);
            }
            let is_found = choice.get(PredictorChoice::Auto) == Some(better);
            assert!(is_found || step < 2 || (100..128).contains(&step), "{step}");
        }
    }

    #[test]
    fn a_kind_that_the_user_names_has_no_rival() {
        let mut choice = KindChoice::default();
        let wanted = PredictorChoice::Linear;
        assert!((0..100).all(|_| choice.rival(wanted).is_none() && choice.get(wanted) == Some(Kind::Linear)));
    }
}
