//! When something else is coded beside what serves: soon at first, and rarely once nothing comes of it.

/// Predicted steps before the first trial and, at most, between two of them.
const FIRST: usize = 2;
const LONGEST: usize = 64;

/// Counts steps.
#[derive(Clone, Copy, Debug)]
pub struct Trials {
    n_steps: usize,
    /// The step of the next trial, and how many lie between it and the one after it unless it changes something.
    next: usize,
    interval: usize,
}

impl Default for Trials {
    fn default() -> Self {
        Trials { n_steps: 0, next: FIRST, interval: FIRST }
    }
}

impl Trials {
    /// Counts a step.
    pub fn count(&mut self) {
        self.n_steps += 1;
    }

    /// True when it is time for the next trial.
    pub fn is_due(&self) -> bool {
        self.n_steps >= self.next
    }

    /// Takes over what came of a trial.
    pub fn learn(&mut self, has_changed: bool) {
        self.interval = if has_changed { FIRST } else { (2 * self.interval).min(LONGEST) };
        self.next = self.n_steps + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_become_rare_until_one_changes_something() {
        let (mut trials, mut when) = (Trials::default(), Vec::new());
        for step in 1..200 {
            trials.count();
            if trials.is_due() {
                trials.learn(step == 2 || step == 128);
                when.push(step);
            }
        }
        assert_eq!(when, [2, 4, 8, 16, 32, 64, 128, 130, 134, 142, 158, 190]);
    }
}
