//! The ends of a field: its smallest and largest values, how often they occur, and which values count at all.

use rayon::prelude::*;

use super::array::Slice;
use super::wide::wide;

/// A fill value must lie at least this many ranges of the remaining field away from it.
const FAR: f64 = 1.0;
/// Values that are looked at together, and those of a task.
const AT_ONCE: usize = 512;
const TASK: usize = 1 << 18;

/// Which values are finite and none of `fills`.
pub fn valid(values: Slice, fills: &[f64]) -> Vec<bool> {
    let mut valid = vec![true; values.len()];
    let parts = valid.par_chunks_mut(AT_ONCE).enumerate();
    parts.for_each(|(k, valid)| find_valid_in(values, k * AT_ONCE, fills, valid));
    valid
}

wide! {
    /// [`read_valid`] without the values.
    fn find_valid_in(values: Slice, first: usize, fills: &[f64], valid: &mut [bool]) = find_valid;
}

#[inline(always)]
fn find_valid(values: Slice, first: usize, fills: &[f64], valid: &mut [bool]) {
    read_valid(values, first, fills, &mut [0.0; AT_ONCE][..valid.len()], valid);
}

/// Reads the values from `first` on, and which of them are finite and none of `fills`.
#[inline(always)]
fn read_valid(values: Slice, first: usize, fills: &[f64], read: &mut [f64], valid: &mut [bool]) {
    values.read(first, read);
    valid.iter_mut().zip(&*read).for_each(|(ok, v)| *ok = v.is_finite());
    for fill in fills {
        valid.iter_mut().zip(&*read).for_each(|(ok, v)| *ok &= v != fill);
    }
}

wide! {
    /// [`count`].
    fn count_at(values: Slice, first: usize, fills: &[f64], ends: [f64; 4]) -> Option<[usize; 3]> = count;
}

/// How many of few values are valid, and how many of them are the outer ends, if all others lie between the inner ones.
#[inline(always)]
fn count(values: Slice, first: usize, fills: &[f64], ends: [f64; 4]) -> Option<[usize; 3]> {
    let [low, second_low, second_high, high] = ends;
    let n = AT_ONCE.min(values.len() - first);
    let (mut read, mut valid) = ([0.0; AT_ONCE], [true; AT_ONCE]);
    let (read, valid) = (&mut read[..n], &mut valid[..n]);
    read_valid(values, first, fills, read, valid);
    let n_valid = count_valid(read, valid, |_| true);
    let (n_low, n_high) = (count_valid(read, valid, |v| v == low), count_valid(read, valid, |v| v == high));
    let n_between = count_valid(read, valid, |v| (v > second_low) & (v < second_high));
    (low < high && n_low + n_between + n_high == n_valid).then_some([n_valid, n_low, n_high])
}

/// How many valid values are so.
#[inline(always)]
fn count_valid(values: &[f64], valid: &[bool], is_so: impl Fn(f64) -> bool) -> usize {
    values.iter().zip(valid).map(|(&v, &ok)| u64::from(ok & is_so(v))).sum::<u64>() as usize
}

/// The two smallest and two largest distinct values and how often the outermost occur.
pub struct Ends {
    pub n_valid: usize,
    pub low: f64,
    second_low: f64,
    n_low: usize,
    pub high: f64,
    second_high: f64,
    n_high: usize,
}

impl Ends {
    /// Of no values.
    const NONE: Ends = Ends {
        n_valid: 0,
        low: f64::INFINITY,
        second_low: f64::INFINITY,
        n_low: 0,
        high: f64::NEG_INFINITY,
        second_high: f64::NEG_INFINITY,
        n_high: 0,
    };

    /// Of the values that are finite and none of `fills`.
    pub fn of(values: Slice, fills: &[f64]) -> Ends {
        let tasks = (0..values.len()).into_par_iter().step_by(TASK);
        tasks
            .map(|first| Ends::between(values, (first, values.len().min(first + TASK)), fills))
            .reduce(|| Ends::NONE, Ends::and)
    }

    fn between(values: Slice, (from, to): (usize, usize), fills: &[f64]) -> Ends {
        let mut e = Ends::NONE;
        for first in (from..to).step_by(AT_ONCE) {
            let ends = [e.low, e.second_low, e.second_high, e.high];
            if let Some([n_valid, n_low, n_high]) = count_at(values, first, fills, ends) {
                (e.n_valid, e.n_low, e.n_high) = (e.n_valid + n_valid, e.n_low + n_low, e.n_high + n_high);
                continue;
            }
            let few = (first..to.min(first + AT_ONCE)).map(|i| values.get(i));
            few.filter(|v| v.is_finite() && !fills.contains(v)).for_each(|v| e.add(v));
        }
        e
    }

    /// Of the values of both.
    fn and(self, other: Ends) -> Ends {
        let (a, b) = if self.low <= other.low { (&self, &other) } else { (&other, &self) };
        let is_one = a.low == b.low;
        let (low, second_low) = (a.low, a.second_low.min(if is_one { b.second_low } else { b.low }));
        let n_low = a.n_low + if is_one { b.n_low } else { 0 };
        let (a, b) = if self.high >= other.high { (&self, &other) } else { (&other, &self) };
        let is_one = a.high == b.high;
        let (high, second_high) = (a.high, a.second_high.max(if is_one { b.second_high } else { b.high }));
        let n_high = a.n_high + if is_one { b.n_high } else { 0 };
        Ends { n_valid: self.n_valid + other.n_valid, low, second_low, n_low, high, second_high, n_high }
    }

    fn add(&mut self, v: f64) {
        self.n_valid += 1;
        if v <= self.second_low {
            if v < self.low {
                (self.second_low, self.low, self.n_low) = (self.low, v, 1);
            } else if v == self.low {
                self.n_low += 1;
            } else {
                self.second_low = v;
            }
        }
        if v >= self.second_high {
            if v > self.high {
                (self.second_high, self.high, self.n_high) = (self.high, v, 1);
            } else if v == self.high {
                self.n_high += 1;
            } else {
                self.second_high = v;
            }
        }
    }

    /// The outermost value that repeats and lies far from all others, if there is one.
    pub fn far_off_end(&self) -> Option<f64> {
        // One stray repeat in a large field is an outlier, not a fill value.
        let often = (self.n_valid / 10_000).max(2);
        let low_gap = self.second_low - self.low;
        let high_gap = self.high - self.second_high;
        let is_far = |n: usize, gap: f64, rest: f64| n >= often && gap.is_finite() && gap > FAR * rest && gap > 0.0;
        if low_gap >= high_gap && is_far(self.n_low, low_gap, self.high - self.second_low) {
            return Some(self.low);
        }
        is_far(self.n_high, high_gap, self.second_high - self.low).then_some(self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_parts_are_those_of_the_whole() {
        let values: Vec<f64> =
            (0..3 * TASK).map(|i| [9.0, 1.0, 5.0, 1.0, 9.0, 3.0][i % 6] + (i / TASK % 2) as f64).collect();
        let all = Ends::of(values[..].into(), &[]);
        let mut slowly = Ends::NONE;
        values.iter().for_each(|&v| slowly.add(v));
        let parts = |e: &Ends| (e.n_valid, [e.low, e.second_low, e.second_high, e.high], e.n_low, e.n_high);
        assert_eq!(parts(&all), parts(&slowly));
    }
}
