//! Whether a series pays: its bytes, the network's share included, against the codec that needs no series.

/// Steps between two verdicts.
const WINDOW: u32 = 10;
/// Steps that a series rests at least when it was given up first; each further time twice as long.
const FIRST_REST: u32 = 20;

/// Bytes of the steps since the last verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worth {
    n_steps: u32,
    stored: usize,
    /// Steps whose size without the series is known, and the sum of these sizes.
    n_known: u32,
    alone: usize,
    has_judged: bool,
    /// Bytes per step the series would have cost when it was given up.
    cost: f64,
    /// Running mean of the bytes per step since then.
    recent: f64,
    /// Steps it rests, at least.
    rest: u32,
}

impl Worth {
    /// Whether the next step should be encoded without the series too: all steps up to the first verdict, later one per
    /// window.
    pub fn asks(&self) -> bool {
        !self.has_judged || self.n_steps == 0
    }

    /// Until the first verdict: steps are stored without the series, so that giving up costs nothing.
    pub fn is_on_trial(&self) -> bool {
        !self.has_judged
    }

    /// Adds a step that takes `stored` bytes with the series and `alone` bytes without, if that is known.
    pub fn add(&mut self, stored: usize, alone: Option<usize>) {
        self.n_steps += 1;
        self.stored += stored;
        self.n_known += u32::from(alone.is_some());
        self.alone += alone.unwrap_or(0);
    }

    /// At the end of a window: why the series does not pay, if it does not. `share` are the bytes per step that the network
    /// still costs.
    pub fn verdict(&mut self, share: f64) -> Option<String> {
        if self.n_steps < WINDOW || self.n_known == 0 {
            return None;
        }
        let with = self.stored as f64 / f64::from(self.n_steps) + share;
        let without = self.alone as f64 / f64::from(self.n_known);
        let rest = self.rest.max(FIRST_REST);
        *self = Worth { has_judged: true, cost: with, recent: without, rest, ..Worth::default() };
        (with >= without).then(|| {
            format!("given up: {with:.0} bytes per step with the network's share, {without:.0} without the series")
        })
    }

    /// Adds a step of `alone` bytes of a series that was given up. True when it goes on trial again: its blocks have come to cost
    /// more than the series would have, and it has rested.
    pub fn has_rested(&mut self, alone: usize) -> bool {
        self.n_steps += 1;
        self.recent += (alone as f64 - self.recent) / f64::from(WINDOW);
        let is_due = self.n_steps >= self.rest && self.recent > self.cost;
        if is_due {
            *self = Worth { rest: self.rest.saturating_mul(2), ..Worth::default() };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_of_missed_steps_is_given_up_after_the_first_window() {
        let mut worth = Worth::default();
        for _ in 0..WINDOW {
            assert!(worth.asks() && worth.verdict(75.0).is_none());
            worth.add(900, Some(900));
        }
        assert!(worth.verdict(75.0).unwrap().contains("975 bytes"), "misses cost the network on top");
    }

    #[test]
    fn a_series_that_pays_goes_on_and_is_looked_at_again() {
        let mut worth = Worth::default();
        (0..WINDOW).for_each(|_| worth.add(50, Some(900)));
        assert_eq!(worth.verdict(75.0), None);
        assert!(worth.asks());
        worth.add(50, Some(900));
        assert!(!worth.asks());
        (1..WINDOW).for_each(|_| worth.add(900, Some(900)));
        assert!(worth.verdict(100.0).is_some_and(|why| why.contains("915 bytes")) && worth.asks());
    }

    #[test]
    fn a_series_whose_blocks_grow_dear_is_tried_again_after_longer_and_longer_rests() {
        let mut worth = Worth::default();
        let mut rests = Vec::new();
        for _ in 0..3 {
            (0..WINDOW).for_each(|_| worth.add(900, Some(900)));
            assert!(worth.verdict(75.0).is_some());
            assert!((0..500).all(|_| !worth.has_rested(900)), "no dearer than before");
            let mut worth_again = worth;
            rests.push(worth.rest);
            assert!(worth_again.has_rested(5000) && worth_again.is_on_trial());
            worth = worth_again;
        }
        assert_eq!(rests, [20, 40, 80]);
        (0..WINDOW).for_each(|_| worth.add(900, Some(900)));
        assert!(worth.verdict(75.0).is_some() && (1..160).all(|_| !worth.has_rested(5000)) && worth.has_rested(5000));
    }
}
