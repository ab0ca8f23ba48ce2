//! Fixed contexts and symbols of magnitudes, for bands that are large enough to describe their statistics in tables.
//!
//! The context of a value is its level (the weighted sum of all coded neighbours), the part of that in its own row, and a class of
//! its parent or of what a prediction lets expect. Its symbol is its magnitude without some low bits, large ones in classes.

use crate::entropy::rans::N_SYMBOLS;
use crate::entropy::sequence::half_octave;

/// Context levels, half octaves of the sum; the last takes everything from `2^11.5` up.
pub(super) const N_LEVELS: usize = 24;
/// Classes of what precedes in the row, half octaves.
const N_OWN: usize = 12;
/// Classes of the parent, or of hints.
const N_SIDES: usize = 6;
/// All contexts.
pub(super) const N_CONTEXTS: usize = N_SIDES * N_OWN * N_LEVELS;
/// Tables there are room for, a power of two.
pub(super) const N_TABLES: usize = N_CONTEXTS.next_power_of_two();
/// Sums up to this are looked up; larger ones are like it.
const N_SUMS: usize = 4096;

/// Level of each sum.
static LEVELS: [u16; N_SUMS] = classes(N_LEVELS, 1);
/// Class of each part in the own row, where the last value counts twice, as an offset of contexts.
static OWN: [u16; N_SUMS] = classes(N_OWN, N_LEVELS);

const fn classes(n: usize, unit: usize) -> [u16; N_SUMS] {
    let mut classes = [0; N_SUMS];
    let mut sum = 0;
    while sum < N_SUMS {
        let class = half_octave(sum as u32);
        classes[sum] = (if class < n { class } else { n - 1 } * unit) as u16;
        sum += 1;
    }
    classes
}

/// Offset of contexts for the magnitude of the parent.
#[inline(always)]
pub(super) fn side_of_parent(parent: u16) -> u16 {
    let class = u16::from(parent >= 2) + u16::from(parent >= 8) + u16::from(parent >= 32);
    class * (N_OWN * N_LEVELS) as u16
}

/// Offset of contexts for a hint.
#[inline(always)]
pub(super) fn side_of_hint(hint: u8) -> u16 {
    u16::from(hint) * (N_OWN * N_LEVELS) as u16
}

/// Level and context of a value from the sum of neighbours outside its row, the last two magnitudes in it, the bits by which the last
/// one is shifted and the offset of its side.
#[inline(always)]
pub(super) fn context(around: u16, [last, before]: [u32; 2], near_bits: u32, side: u16) -> (usize, usize) {
    let own = (last << near_bits) + before;
    let level = usize::from(LEVELS[(u32::from(around) + own).min(N_SUMS as u32 - 1) as usize]);
    let own = (own >> (near_bits - 1)) as usize & (N_SUMS - 1);
    (level, level + usize::from(OWN[own]) + usize::from(side))
}

/// The smallest magnitude of each symbol, and the bits behind it.
pub(super) static CLASSES: [(u32, u32); N_SYMBOLS] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 1),
    (12, 2),
    (16, 4),
    (32, 6),
    (96, 10),
    (1120, 0),
];
/// The symbol of magnitudes that do not end: an Exp-Golomb code follows.
pub(super) const ENDLESS: usize = N_SYMBOLS - 1;

/// The symbol of a magnitude.
#[inline(always)]
pub(super) fn symbol(magnitude: u32) -> usize {
    if magnitude < 10 {
        return magnitude as usize;
    }
    10 + CLASSES[11..].iter().filter(|(least, _)| magnitude >= *least).count()
}

/// By level; longer than there are levels, a power of two.
pub(super) type Shifts = [u32; N_SHIFTS];
pub(super) const N_SHIFTS: usize = N_LEVELS.next_power_of_two();

/// Low bits that values of each level split off, where the weights of neighbours have this sum: their mean magnitude is about
/// `2^(level / 2) / weight`.
pub(super) fn shifts(weight: u32) -> Shifts {
    std::array::from_fn(|level| (level as u32 / 2).saturating_sub(weight.ilog2() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magnitude_has_one_symbol_whose_bits_reach_it() {
        for magnitude in (0..5000).chain([1 << 20, u32::MAX]) {
            let (least, n_bits) = CLASSES[symbol(magnitude)];
            assert!(
                magnitude >= least && (symbol(magnitude) == ENDLESS || magnitude - least < 1 << n_bits),
                "{magnitude}"
            );
        }
    }
}
