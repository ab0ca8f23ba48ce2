//! Further contexts of a value, whose models are mixed with that of its level: fewer bytes for several times the work, `effort=best`.

use super::coefficients::{Decide, LevelModel, N_DECISIONS};
use super::simd;
use crate::entropy::{Coder, Mixer};

/// Models that are mixed.
const N: usize = 3;
/// Classes of a magnitude.
const N_CLASSES: usize = 6;
/// Numbers of low bits that are told apart.
const N_SHIFTS: usize = 8;
const N_CONTEXTS: usize = N_CLASSES * N_CLASSES * N_CLASSES * N_SHIFTS;

/// Models of the further contexts, and what each is worth in every decision.
#[derive(Clone, Debug)]
pub(super) struct Mixing {
    /// By what surrounds a value, and by what precedes it in its row and in the band one level coarser.
    models: [Vec<LevelModel>; N - 1],
    mixers: [Mixer<N>; N_DECISIONS],
}

impl Default for Mixing {
    fn default() -> Self {
        let models = std::array::from_fn(|_| vec![LevelModel::default(); N_CONTEXTS]);
        Mixing { models, mixers: [Mixer::default(); N_DECISIONS] }
    }
}

/// Magnitudes near a value, each by itself.
pub(super) struct Near {
    /// The last one in the row, and the one before.
    pub back: [u16; 2],
    /// See [`Apart`].
    pub above: u16,
    pub others: u16,
    /// In the band one level coarser.
    pub parent: u16,
}

impl Mixing {
    /// What decides about a value in these surroundings, whose level has a model and splits `shift` low bits off.
    #[inline]
    pub fn at<'a>(&'a mut self, level: &'a mut LevelModel, near: &Near, shift: u32) -> Mixed<'a> {
        let [left, left2] = near.back;
        let places = [[left, near.above, near.others], [left2, left, near.parent]];
        let [a, b] = places.map(|magnitudes| {
            let classes = magnitudes.iter().fold(0, |sum, &m| sum * N_CLASSES + class(m >> shift));
            classes * N_SHIFTS + (shift as usize).min(N_SHIFTS - 1)
        });
        let [of_a, of_b] = &mut self.models;
        Mixed { models: [level, &mut of_a[a], &mut of_b[b]], mixers: &mut self.mixers }
    }
}

fn class(magnitude: u16) -> usize {
    match magnitude {
        0..=2 => usize::from(magnitude),
        3..=4 => 3,
        5..=8 => 4,
        _ => 5,
    }
}

/// Models of one value.
pub(super) struct Mixed<'a> {
    models: [&'a mut LevelModel; N],
    mixers: &'a mut [Mixer<N>; N_DECISIONS],
}

impl Decide for Mixed<'_> {
    #[inline]
    fn decide<C: Coder>(&mut self, coder: &mut C, n: usize, bit: bool) -> bool {
        self.mixers[n].code(coder, self.models.each_mut().map(|model| &mut model.0[n]), bit)
    }
}

/// Magnitudes of the neighbours of a row next to it along the leading axes, in sums that keep the last of these axes apart.
pub(super) struct Apart {
    /// Along the last leading axis.
    pub above: Vec<u16>,
    /// Along all others.
    pub others: Vec<u16>,
}

impl Apart {
    /// For rows of this length.
    pub fn new(length: usize) -> Self {
        Apart { above: vec![0; length], others: vec![0; length] }
    }

    pub fn clear(&mut self) {
        self.above.fill(0);
        self.others.fill(0);
    }

    /// Adds a neighbouring row.
    pub fn add(&mut self, row: &[u16], is_above: bool) {
        let sums = if is_above { &mut self.above } else { &mut self.others };
        simd::add(sums, row);
    }
}
