//! Probability of one binary decision: the mean of a fast and a slow estimate, both quick at the start.

/// Probabilities are fractions of `1 << PROBABILITY_BITS`.
pub const PROBABILITY_BITS: u32 = 16;

/// No probability comes closer to 0 or 1 than this, so that a surprise costs at most 12 bits.
const MARGIN: u32 = 16;

/// States carry this many bits more than probabilities: the slow one then reaches the margin.
const STATE_BITS: u32 = 22;

/// Rates are fractions of `1 << RATE_BITS`.
const RATE_BITS: u32 = 16;

/// Observations after which the rates stay put.
const N_RATES: usize = 256;

/// Slowest rate of the fast and of the slow state, as observations.
const FAST_WINDOW: u32 = 20;
const SLOW_WINDOW: u32 = 250;

/// `max(1 / (n + 1.5), 1 / window)` after `n` observations, in integers.
const RATES: [[u32; 2]; N_RATES] = {
    let mut rates = [[0; 2]; N_RATES];
    let mut n = 0;
    while n < N_RATES {
        let quick = (2 << RATE_BITS) / (2 * n as u32 + 3);
        let (fast, slow) = ((1 << RATE_BITS) / FAST_WINDOW, (1 << RATE_BITS) / SLOW_WINDOW);
        rates[n] = [if quick > fast { quick } else { fast }, if quick > slow { quick } else { slow }];
        n += 1;
    }
    rates
};

/// Adaptive probability that a decision is true.
#[derive(Clone, Copy, Debug)]
pub struct Bit {
    fast: u32,
    slow: u32,
    n: u32,
}

impl Default for Bit {
    fn default() -> Self {
        Bit { fast: 1 << (STATE_BITS - 1), slow: 1 << (STATE_BITS - 1), n: 0 }
    }
}

impl Bit {
    /// Probability of true, in `(0, 1 << PROBABILITY_BITS)`.
    #[inline(always)]
    pub fn probability(&self) -> u32 {
        let p = (self.fast + self.slow) >> (STATE_BITS - PROBABILITY_BITS + 1);
        p.clamp(MARGIN, (1 << PROBABILITY_BITS) - MARGIN)
    }

    /// Takes one observation in.
    #[inline(always)]
    pub fn update(&mut self, bit: bool) {
        let [fast, slow] = RATES[self.n as usize & (N_RATES - 1)];
        self.n += u32::from(self.n < N_RATES as u32 - 1);
        self.fast = approach(self.fast, bit, fast);
        self.slow = approach(self.slow, bit, slow);
    }

    /// Forgets how much was seen, so that the next observations weigh more; the probability stays.
    pub fn rejuvenate(&mut self, n_max: u32) {
        self.n = self.n.min(n_max);
    }
}

/// Moves `state` towards the end of the range that `bit` names.
#[inline(always)]
fn approach(state: u32, bit: bool, rate: u32) -> u32 {
    let target = if bit { 1i64 << STATE_BITS } else { 0 };
    let step = ((target - i64::from(state)) * i64::from(rate)) >> RATE_BITS;
    (i64::from(state) + step) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_source_drives_the_probability_to_the_margin() {
        for bit in [false, true] {
            let mut b = Bit::default();
            (0..10_000).for_each(|_| b.update(bit));
            let expected = if bit { (1 << PROBABILITY_BITS) - MARGIN } else { MARGIN };
            assert_eq!(b.probability(), expected);
        }
    }

    #[test]
    fn the_estimate_follows_the_frequency() {
        let mut b = Bit::default();
        (0..10_000u32).for_each(|i| b.update(i % 4 == 0));
        let p = f64::from(b.probability()) / f64::from(1 << PROBABILITY_BITS);
        assert!((p - 0.25).abs() < 0.05, "{p}");
    }
}
