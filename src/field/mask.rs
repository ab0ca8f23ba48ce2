//! Masks: NaN, infinities, the fill value and far-off values that repeat exactly are taken out of a field, stored
//! losslessly and given back bit for bit; statistics and bounds use what remains.

use rayon::prelude::*;

use super::array::{Array, Slice};
use super::inpaint::inpaint;
use super::wide::wide;
use crate::{Dtype, Error, Result, entropy, lossless};

/// A fill value must lie at least this many ranges of the remaining field away from it.
const FAR: f64 = 1.0;
/// Different fill values found in one field at most (both ends, a few of each).
const MAX_FILLS: usize = 4;
/// Masked bit patterns that are stored once and referred to by index.
const MAX_PALETTE: usize = 64;
/// Values that are looked at together, and those of a task.
const AT_ONCE: usize = 512;
const TASK: usize = 1 << 18;

/// Which points of a field count.
#[derive(Clone, Debug)]
pub struct Mask {
    /// True where the point counts; `None` when all do.
    pub valid: Option<Vec<bool>>,
    /// Smallest and largest valid value; `None` when no point is valid.
    pub range: Option<(f64, f64)>,
    /// Number of points taken out.
    pub n_masked: usize,
}

impl Mask {
    /// Finds the masked points of a field. `fill`: a value known to mark missing data.
    pub fn find(values: Slice, dtype: Dtype, fill: Option<f64>) -> Mask {
        let fill = fill.map(|f| if dtype == Dtype::F32 { f64::from(f as f32) } else { f });
        let mut fills: Vec<f64> = fill.into_iter().collect();
        let mut ends = Ends::of(values, &fills);
        while let Some(found) = ends.far_off_end().filter(|_| fills.len() <= MAX_FILLS) {
            fills.push(found);
            ends = Ends::of(values, &fills);
        }
        let n_masked = values.len() - ends.n_valid;
        let valid = (n_masked > 0).then(|| valid(values, &fills));
        Mask { valid, range: (ends.n_valid > 0).then_some((ends.low, ends.high)), n_masked }
    }

    /// Replaces masked values by smooth ones, so that transforms and models see no edge.
    pub fn fill_in(&self, values: &mut Array, dims: &[usize]) {
        if let (Some(valid), Some((low, high))) = (&self.valid, self.range) {
            let fallback = low / 2.0 + high / 2.0;
            match values {
                Array::F32(values) => inpaint(values, valid, dims, fallback as f32),
                Array::F64(values) => inpaint(values, valid, dims, fallback),
            }
        }
    }
}

/// Which values are finite and none of `fills`.
fn valid(values: Slice, fills: &[f64]) -> Vec<bool> {
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
struct Ends {
    n_valid: usize,
    low: f64,
    second_low: f64,
    n_low: usize,
    high: f64,
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

    fn of(values: Slice, fills: &[f64]) -> Ends {
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
    fn far_off_end(&self) -> Option<f64> {
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

/// Stores which points are masked: first section payload.
///
/// # Errors
/// [`Error::Internal`] when `dims` do not fit.
pub fn encode_positions(valid: &[bool], dims: &[usize]) -> Result<Vec<u8>> {
    entropy::encode_bits(valid, dims)
}

/// Mirror of [`encode_positions`].
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode_positions(payload: &[u8], dims: &[usize]) -> Result<Vec<bool>> {
    entropy::decode_bits(payload, dims)
}

/// The different bit patterns of [`encode_values`]; none when there are too many to list.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn palette(payload: &[u8]) -> Result<Vec<u64>> {
    let cut = || Error::corrupt("the masked values are cut off");
    let (&n, rest) = payload.split_first().ok_or_else(cut)?;
    let patterns = rest.get(..8 * usize::from(n)).ok_or_else(cut)?;
    Ok(patterns.as_chunks::<8>().0.iter().map(|bits| u64::from_le_bytes(*bits)).collect())
}

/// Stores the bit patterns of the masked points in order: a palette and indices, or all of them when too many differ.
pub fn encode_values(bits: impl Iterator<Item = u64> + Clone) -> Vec<u8> {
    let (mut palette, mut last): (Vec<u64>, _) = (Vec::new(), None);
    for pattern in bits.clone() {
        if last != Some(pattern) && !palette.contains(&pattern) {
            if palette.len() == MAX_PALETTE {
                let bytes: Vec<u8> = bits.flat_map(u64::to_le_bytes).collect();
                return [vec![0], lossless::encode(&bytes, 8)].concat();
            }
            palette.push(pattern);
        }
        last = Some(pattern);
    }
    let mut payload = vec![palette.len() as u8];
    payload.extend(palette.iter().flat_map(|p| p.to_le_bytes()));
    if palette.len() > 1 {
        let index = |pattern| palette.iter().position(|p| *p == pattern).unwrap_or_default() as i32;
        payload.extend(entropy::encode_integers(&bits.map(index).collect::<Vec<_>>()));
    }
    payload
}

/// Mirror of [`encode_values`]: the bit patterns of `n_masked` points.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode_values(payload: &[u8], n_masked: usize) -> Result<Vec<u64>> {
    let short = || Error::corrupt("the section of masked values ends early");
    let words = |bytes: &[u8]| bytes.as_chunks::<8>().0.iter().map(|&b| u64::from_le_bytes(b)).collect::<Vec<_>>();
    let (&n_palette, rest) = payload.split_first().ok_or_else(short)?;
    let n_palette = usize::from(n_palette);
    if n_palette == 0 {
        let mut bytes = vec![0; 8 * n_masked];
        lossless::decode_into(rest, 8, &mut bytes)?;
        return Ok(words(&bytes));
    }
    let (palette, stream) = rest.split_at_checked(8 * n_palette).ok_or_else(short)?;
    let palette = words(palette);
    if let [only] = palette[..] {
        return Ok(vec![only; n_masked]);
    }
    let look_up = |i: &i32| usize::try_from(*i).ok().and_then(|i| palette.get(i)).copied();
    let found: Option<Vec<u64>> = entropy::decode_integers(stream, n_masked)?.iter().map(look_up).collect();
    found.ok_or_else(|| Error::corrupt("a masked value lies outside its palette"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sea(fill: f64) -> Vec<f64> {
        (0..4096).map(|i| if i % 7 < 3 { fill } else { 4.0 + 30.0 * (f64::from(i) * 0.01).sin() }).collect()
    }

    #[test]
    fn fill_values_are_found_without_being_told() {
        for fill in [-1e34, -1e10, -99.9, 9.96921e36, f64::NAN, f64::INFINITY] {
            let mask = Mask::find(sea(fill)[..].into(), Dtype::F64, None);
            assert_eq!(mask.n_masked, 1756, "{fill}");
            assert!(mask.range.is_some_and(|(low, high)| low >= -26.0 && high <= 34.0));
        }
    }

    #[test]
    fn ordinary_fields_are_left_whole() {
        let steps: Vec<f64> = (0..4096).map(|i| f64::from(i / 512)).collect();
        let lone: Vec<f64> = (0..4096).map(|i| if i == 77 { 1e6 } else { f64::from(i) }).collect();
        for values in [steps, lone] {
            assert_eq!(Mask::find(values[..].into(), Dtype::F64, None).n_masked, 0);
        }
    }

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

    #[test]
    fn a_told_fill_value_is_compared_in_the_blocks_type() {
        let values = [f64::from(0.1f32), 0.2, 0.3];
        assert_eq!(Mask::find(values[..].into(), Dtype::F32, Some(0.1)).n_masked, 1);
    }

    #[test]
    fn masked_values_come_back_bit_for_bit() {
        for n_patterns in [1u64, 3, 64, 65, 300] {
            let bits: Vec<u64> = (0..1000).map(|i| 0x7ff8_0000_0000_0000 + i % n_patterns).collect();
            assert_eq!(decode_values(&encode_values(bits.iter().copied()), bits.len()), Ok(bits));
        }
    }
}
