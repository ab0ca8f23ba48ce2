//! How much work goes into one submission.

use std::time::Duration;

/// Device time to aim at per submission: long against the 0.1 ms a submission costs, short enough that several
/// threads share the device and drivers' watchdogs stay asleep.
const SUBMISSION_TIME: Duration = Duration::from_millis(60);
/// Pieces of work per submission, at most.
pub(super) const MAX_PIECES: usize = 64;

/// Pieces of work per submission, adapted to [`SUBMISSION_TIME`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace(usize);

impl Pace {
    /// One at first.
    pub fn new() -> Self {
        Pace(1)
    }

    /// Pieces that the next submission should have, 1 to [`MAX_PIECES`].
    pub fn n_pieces(self) -> usize {
        self.0
    }

    /// Learns from a submission of `n` pieces.
    pub fn learn(&mut self, n: usize, time: Duration) {
        if time > 2 * SUBMISSION_TIME {
            self.0 = (n / 2).max(1);
        } else if n >= self.0 && time < SUBMISSION_TIME {
            self.0 = (2 * self.0).min(MAX_PIECES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_grow_while_they_are_short_and_shrink_when_long() {
        let mut pace = Pace::new();
        (0..10).for_each(|_| pace.learn(pace.n_pieces(), Duration::from_millis(1)));
        assert_eq!(pace.n_pieces(), MAX_PIECES);
        pace.learn(3, Duration::from_millis(1));
        assert_eq!(pace.n_pieces(), MAX_PIECES);
        pace.learn(MAX_PIECES, Duration::from_secs(1));
        assert_eq!(pace.n_pieces(), MAX_PIECES / 2);
    }
}
