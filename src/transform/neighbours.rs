//! What surrounds the values of a band while they are coded: sums of the magnitudes of coded neighbours, the band one level
//! coarser, and tiles without any non-zero value.

use super::mixing::Apart;
use super::simd;
use crate::entropy::{Bit, Coder};
use crate::field::advance;

/// Magnitudes count up to this in sums, so that sums over all neighbours fit 16 bits.
pub(super) const MAX_MAGNITUDE: u16 = 1023;
/// Zeros around the rows of magnitudes.
pub(super) const GUARD: usize = 2;

/// Classes of [`Slab::hints`], from the least to the largest magnitude to expect.
pub(super) const N_HINTS: usize = 6;

/// What the magnitudes of neighbours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// Those next to a value along an axis and in the band one level coarser twice, others once: of records without a mark.
    Even,
    /// Those next to a value most.
    Near,
}

impl Weights {
    /// Bits by which magnitudes next to a value along an axis are shifted: sums over other rows fit 16 bits in five dimensions.
    pub const fn near_bits(self) -> u32 {
        match self {
            Weights::Even => 1,
            Weights::Near => 3,
        }
    }

    /// Bits by which magnitudes in the band one level coarser are.
    fn parent_bits(self) -> u32 {
        u32::from(self == Weights::Even)
    }
}

/// The band one level coarser, as context.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub values: &'a [i32],
    pub dims: &'a [usize],
}

/// A slab of a band: rows `first..` along axis 0 of a band with `dims` (those of the slab).
#[derive(Clone)]
pub(super) struct Slab<'a> {
    pub dims: Vec<usize>,
    /// Size of the whole band along axis 0, and the slab's start in it.
    pub band_size: usize,
    pub first: usize,
    pub parent: Option<Parent<'a>>,
    pub weights: Weights,
    /// Whether further contexts are mixed in.
    pub mixes: bool,
    /// What a prediction lets expect of each value of the slab, as a class below [`N_HINTS`].
    pub hints: Option<&'a [u8]>,
}

/// Tile size per axis, last axis first.
const TILE: [usize; 5] = [WIDTH, 8, 4, 2, 1];
/// Values per tile along a row.
pub(super) const WIDTH: usize = 16;

/// Geometry of one slab while it is coded.
pub(super) struct Rows<'a> {
    pub slab: &'a Slab<'a>,
    /// Values per row.
    pub length: usize,
    /// Row distance along each leading axis.
    strides: Vec<usize>,
    index: Vec<usize>,
    /// Rows that are kept: as far back as neighbours lie.
    n_kept: usize,
    /// `[row modulo n_kept][length + 2 GUARD]`, zero where nothing is coded yet.
    pub magnitudes: Vec<u16>,
    /// Weighted sum over the neighbours that do not lie in the row itself; whole tiles.
    pub around: Vec<u16>,
    /// The magnitude at the place of each value in the band one level coarser.
    pub parents: Vec<u16>,
    /// What further contexts are of.
    pub apart: Option<Apart>,
    tiles: Tiles,
    /// Of the current row.
    first_tile: usize,
}

/// Which tiles hold anything.
pub(super) struct Tiles {
    sizes: Vec<usize>,
    counts: Vec<usize>,
    strides: Vec<usize>,
    used: Vec<bool>,
}

impl Tiles {
    pub fn new(dims: &[usize]) -> Self {
        let rank = dims.len();
        let sizes: Vec<usize> = (0..rank).map(|axis| TILE[(rank - 1 - axis).min(TILE.len() - 1)]).collect();
        let counts: Vec<usize> = dims.iter().zip(&sizes).map(|(&n, &t)| n.div_ceil(t)).collect();
        let strides = strides(&counts);
        let used = vec![false; counts.iter().product()];
        Tiles { sizes, counts, strides, used }
    }

    /// Marks the tiles that hold a non-zero value.
    pub fn find(&mut self, values: &[i32], dims: &[usize]) {
        let (&length, leading) = dims.split_last().unwrap_or((&1, &[]));
        let mut index = vec![0; leading.len()];
        for row in values.chunks_exact(length) {
            let first = self.of_row(&index);
            for (used, part) in self.used[first..].iter_mut().zip(row.chunks(self.sizes[leading.len()])) {
                *used |= part.iter().fold(0, |any, v| any | v) != 0;
            }
            advance(&mut index, leading);
        }
    }

    /// True when no tile holds anything.
    pub fn are_empty(&self) -> bool {
        !self.used.contains(&true)
    }

    /// Values in tiles that hold anything, at most.
    pub fn n_values(&self) -> usize {
        self.used.iter().filter(|&&used| used).count() * self.sizes.iter().product::<usize>()
    }

    /// First tile of a row.
    fn of_row(&self, index: &[usize]) -> usize {
        index.iter().enumerate().map(|(axis, &i)| i / self.sizes[axis] * self.strides[axis]).sum()
    }

    /// Codes all flags, each in the context of its predecessors along the axes.
    pub fn code<C: Coder>(&mut self, coder: &mut C, models: &mut [Bit; 12]) {
        let mut index = vec![0; self.counts.len()];
        for t in 0..self.used.len() {
            let (mut n, mut inside) = (0, 0);
            for (&i, &stride) in index.iter().zip(&self.strides) {
                if i > 0 {
                    inside = 1;
                    n += usize::from(self.used[t - stride]);
                }
            }
            self.used[t] = coder.code(&mut models[inside * 6 + n], self.used[t]);
            advance(&mut index, &self.counts);
        }
    }
}

/// Strides of a row-major array, in elements.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (0..dims.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * dims[axis + 1];
    }
    strides
}

impl<'a> Rows<'a> {
    pub fn new(slab: &'a Slab<'a>, tiles: Tiles) -> Self {
        let (length, leading) = slab.dims.split_last().map_or((1, &[][..]), |(&n, leading)| (n, leading));
        let strides = strides(leading);
        let n_kept = 2 * strides.first().map_or(0, |&stride| stride) + 1;
        Rows {
            slab,
            length,
            strides,
            index: vec![0; leading.len()],
            magnitudes: vec![0; n_kept * (length + 2 * GUARD)],
            n_kept,
            around: vec![0; length.next_multiple_of(WIDTH)],
            parents: vec![0; length.next_multiple_of(WIDTH)],
            apart: slab.mixes.then(|| Apart::new(length)),
            tiles,
            first_tile: 0,
        }
    }

    /// Sum of all weights of [`Rows::sum_around`] and of the row itself.
    pub fn weight(&self) -> u32 {
        let (n, near) = (self.strides.len() as u32, 1 << self.slab.weights.near_bits());
        let parent = if self.slab.parent.is_some() { 1 << self.slab.weights.parent_bits() } else { 0 };
        near + 1 + (near + 3) * n + n * n.saturating_sub(1) + parent
    }

    /// Goes to row `r`, which comes after the last one, and sums its neighbours up; false when no tile of it holds anything.
    pub fn go_to(&mut self, r: usize) -> bool {
        if r > 0 {
            let n_leading = self.index.len();
            advance(&mut self.index, &self.slab.dims[..n_leading]);
        }
        let at = self.magnitudes_at(r);
        self.magnitudes[at..at + self.length + 2 * GUARD].fill(0);
        self.first_tile = self.tiles.of_row(&self.index);
        let n_tiles = self.length.div_ceil(WIDTH);
        let is_used = self.tiles.used[self.first_tile..self.first_tile + n_tiles].contains(&true);
        if is_used {
            self.sum_around(r);
        }
        is_used
    }

    /// Where the magnitudes of a row start, with the guard before them.
    #[inline]
    pub fn magnitudes_at(&self, r: usize) -> usize {
        r % self.n_kept * (self.length + 2 * GUARD)
    }

    /// Whether tile `t` of the current row holds anything.
    #[inline]
    pub fn is_used(&self, t: usize) -> bool {
        self.tiles.used[self.first_tile + t]
    }

    /// Fills `around` for row `r`: predecessors along each leading axis, their diagonals, and the parent.
    fn sum_around(&mut self, r: usize) {
        self.around.fill(0);
        self.apart.iter_mut().for_each(Apart::clear);
        let (n, pitch, n_kept) = (self.length, self.length + 2 * GUARD, self.n_kept);
        let (magnitudes, around) = (&self.magnitudes, &mut self.around[..n]);
        let row = |r: usize| &magnitudes[r % n_kept * pitch..][..pitch];
        for (axis, &stride) in self.strides.iter().enumerate() {
            if self.index[axis] == 0 {
                continue;
            }
            let near = row(r - stride);
            simd::add_near(around, near, self.slab.weights.near_bits());
            let is_above = axis + 1 == self.strides.len();
            self.apart.iter_mut().for_each(|apart| apart.add(&near[GUARD..], is_above));
            if self.index[axis] > 1 {
                simd::add(around, &row(r - 2 * stride)[GUARD..]);
            }
            for (other, &other_stride) in self.strides.iter().enumerate().skip(axis + 1) {
                if self.index[other] > 0 {
                    simd::add(around, &row(r - stride - other_stride)[GUARD..]);
                }
                if self.index[other] + 1 < self.slab.dims[other] {
                    simd::add(around, &row(r - stride + other_stride)[GUARD..]);
                }
            }
        }
        self.add_parent();
    }

    fn add_parent(&mut self) {
        let Some(parent) = self.slab.parent else { return };
        let rank = parent.dims.len();
        let (n_parent, mut at) = (parent.dims[rank - 1], 0);
        for (axis, &i) in self.index.iter().enumerate() {
            let (i, n) = if axis == 0 { (i + self.slab.first, self.slab.band_size) } else { (i, self.slab.dims[axis]) };
            at = at * parent.dims[axis] + parent_index(i, n, parent.dims[axis]);
        }
        let last = if rank == 1 { self.slab.band_size } else { self.length };
        let offset = if rank == 1 { self.slab.first } else { 0 };
        let row = &parent.values[at * n_parent..(at + 1) * n_parent];
        let magnitude = |v: i32| v.unsigned_abs().min(u32::from(MAX_MAGNITUDE)) as u16;
        if n_parent < last && offset % 2 == 0 {
            // Two values have one parent; a last one may share that of the two before it.
            let row = &row[offset / 2..];
            let parents = &mut self.parents[..self.length];
            for (two, &v) in parents.chunks_mut(2).zip(row) {
                two.fill(magnitude(v));
            }
            let n = (2 * row.len()).min(parents.len());
            let same = row.last().map_or(0, |&v| magnitude(v));
            parents[n..].fill(same);
        } else {
            for (k, parent) in self.parents[..self.length].iter_mut().enumerate() {
                *parent = magnitude(row[parent_index(k + offset, last, n_parent)]);
            }
        }
        simd::add_shifted(&mut self.around, &self.parents, self.slab.weights.parent_bits());
    }
}

/// Place in the parent band along one axis.
#[inline(always)]
fn parent_index(i: usize, n: usize, n_parent: usize) -> usize {
    if n == n_parent { i } else { (i / 2).min(n_parent - 1) }
}

/// Adds the row of a direct neighbour, shifted by `n_bits`, and its diagonals; `near` starts [`GUARD`] before the first sum.
#[inline(always)]
pub(super) fn add_near(sums: &mut [u16], near: &[u16], n_bits: u32) {
    for (sum, near) in sums.iter_mut().zip(near[GUARD - 1..].windows(3)) {
        *sum += near[0] + (near[1] << n_bits) + near[2];
    }
}

/// Adds term by term, shifted by `n_bits`.
#[inline(always)]
pub(super) fn add_shifted(sums: &mut [u16], terms: &[u16], n_bits: u32) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term << n_bits);
}

/// Adds term by term.
#[inline(always)]
pub(super) fn add(sums: &mut [u16], terms: &[u16]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// Magnitudes as sums count them.
#[inline(always)]
pub(super) fn magnitudes(values: &[i32], out: &mut [u16]) {
    for (out, v) in out.iter_mut().zip(values) {
        *out = v.unsigned_abs().min(u32::from(MAX_MAGNITUDE)) as u16;
    }
}
