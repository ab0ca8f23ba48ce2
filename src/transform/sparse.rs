//! Coder of integers of which few are not zero, and these without pattern: how many zeros lie before each, and what it is.

use super::runs::Runs;
use crate::Result;
use crate::entropy::integer::signed;
use crate::entropy::{Coder, Decoder, MagnitudeModel, Recorder};

/// Integers that are looked at together.
const AT_ONCE: usize = 32;
/// Neighbours that are both not zero, over as many as there were without pattern: above this, contexts are worth their time.
const CLUSTERED: f64 = 5.0;

/// Magnitudes less one, by whether the one before was larger than one.
#[derive(Default)]
struct Models {
    runs: Runs,
    magnitudes: [MagnitudeModel; 2],
    is_large: bool,
}

impl Models {
    /// One integer that is not zero.
    fn code<C: Coder>(&mut self, coder: &mut C, value: i32) -> i32 {
        let magnitude = self.magnitudes[usize::from(self.is_large)].code(coder, value.unsigned_abs().wrapping_sub(1));
        self.is_large = magnitude > 0;
        let negative = coder.code_even(value < 0);
        signed(magnitude.saturating_add(1), negative)
    }
}

/// Calls `f(index, value)` for all integers that are not zero.
fn for_used(values: &[i32], mut f: impl FnMut(usize, i32)) {
    for (k, part) in values.chunks(AT_ONCE).enumerate() {
        if part.iter().fold(0, |any, v| any | v) != 0 {
            let used = part.iter().enumerate().filter(|(_, v)| **v != 0);
            used.for_each(|(i, &v)| f(k * AT_ONCE + i, v));
        }
    }
}

/// Whether those of `values` that are not zero, `n_used`, lie together; rows have `length` values.
pub(super) fn are_clustered(values: &[i32], length: usize, n_used: usize) -> bool {
    let pairs = |distance: usize| {
        let pairs = values.iter().zip(values.get(distance..).unwrap_or_default());
        pairs.filter(|(a, b)| (**a != 0) & (**b != 0)).count()
    };
    let by_chance = (n_used as f64).powi(2) / values.len() as f64;
    (pairs(1) + pairs(length)) as f64 > 2.0 * CLUSTERED * by_chance
}

/// Encodes integers.
///
/// # Errors
/// [`crate::Error::Internal`] when the bytes give other decisions.
pub(super) fn encode(values: &[i32]) -> Result<Vec<u8>> {
    let (mut recorder, mut models, mut next) = (Recorder::default(), Models::default(), 0);
    for_used(values, |i, value| {
        models.runs.code(&mut recorder, (i - next) as u32);
        models.code(&mut recorder, value);
        next = i + 1;
    });
    if next < values.len() {
        models.runs.code(&mut recorder, (values.len() - next) as u32);
    }
    recorder.finish()
}

/// Decodes into zeros.
///
/// # Errors
/// [`crate::Error::Corrupt`].
pub(super) fn decode(bytes: &[u8], values: &mut [i32]) -> Result<()> {
    let mut found = decoded(bytes, values.len());
    found.by_ref().for_each(|(i, value)| values[i] = value);
    found.decoder.finish()
}

/// What is not zero among `n` integers.
struct Decoded<'a> {
    decoder: Decoder<'a>,
    models: Models,
    next: usize,
    n: usize,
}

fn decoded(bytes: &[u8], n: usize) -> Decoded<'_> {
    Decoded { decoder: Decoder::new(bytes), models: Models::default(), next: 0, n }
}

impl Iterator for Decoded<'_> {
    type Item = (usize, i32);

    fn next(&mut self) -> Option<(usize, i32)> {
        if self.next >= self.n {
            return None;
        }
        let i = self.next + self.models.runs.code(&mut self.decoder, 0) as usize;
        self.next = i + 1;
        (i < self.n).then(|| (i, self.models.code(&mut self.decoder, 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_wherever_they_lie() {
        for (n, every) in [(0, 1), (1, 1), (1, 2), (1000, 1), (1000, 7), (5000, 990), (100_000, 33_333), (64, 100)] {
            let value =
                |i: usize| if i % every == every - 1 { [1, -1, 2, i32::MAX, i32::MIN][i / every % 5] } else { 0 };
            let values: Vec<i32> = (0..n).map(value).collect();
            let bytes = encode(&values).expect("it reads back");
            let mut back = vec![0; n];
            decode(&bytes, &mut back).expect("it decodes");
            assert_eq!(back, values, "{n} {every}");
        }
    }

    #[test]
    fn lines_are_clustered_and_points_are_not() {
        let lines: Vec<i32> = (0..10_000).map(|i| i32::from(i / 100 == 40)).collect();
        let points: Vec<i32> = (0..10_000).map(|i| i32::from(i * 7919 % 10_000 < 100)).collect();
        assert!(are_clustered(&lines, 100, 100) && !are_clustered(&points, 100, 100));
    }
}
