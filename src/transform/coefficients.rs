//! Context coder of one band of integers (quantised coefficients, or the residual of a whole field).
//!
//! A value's context is the weighted sum of the magnitudes of coded neighbours (behind it in the row, in earlier rows,
//! and at its place in the parent band), in half octaves. Tiles without any non-zero value cost one decision.

use crate::entropy::integer::{N_PREFIX, code_exp_golomb, code_raw_bits, signed};
use crate::entropy::sequence::half_octave;

use super::simd;
use crate::entropy::{Bit, Coder};

/// Context levels; the last takes everything from `2^11.5` up.
const N_LEVELS: usize = 24;
/// Unary decisions per context.
const N_UNARY: usize = 14;
/// Magnitudes count up to this in sums, so that sums over all neighbours fit 16 bits.
const MAX_MAGNITUDE: u16 = 1023;
/// Zeros around the rows of magnitudes.
const GUARD: usize = 2;

/// Classes of [`Slab::hints`], from the least to the largest magnitude to expect.
pub(super) const N_HINTS: usize = 6;

/// Probabilities of the decisions about one value at one context level.
#[derive(Clone, Debug, Default)]
struct LevelModel {
    unary: [Bit; N_UNARY],
    low: [Bit; 4],
}

/// Everything that adapts while a band is coded; a finer band may start from the state a coarser one left.
#[derive(Clone, Debug)]
pub(super) struct BandModel {
    /// `[hint][level]`: values without a hint first, then each class, where there are any.
    levels: Vec<LevelModel>,
    prefix: [Bit; N_PREFIX],
    tiles: [Bit; 12],
}

impl BandModel {
    /// For bands that may have hints or for ones that have none.
    pub fn new(has_hints: bool) -> Self {
        let n_sets = if has_hints { 1 + N_HINTS } else { 1 };
        BandModel {
            levels: vec![LevelModel::default(); n_sets * N_LEVELS],
            prefix: [Bit::default(); N_PREFIX],
            tiles: [Bit::default(); 12],
        }
    }
}

/// The band one level coarser, as context.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub values: &'a [i32],
    pub dims: &'a [usize],
}

/// A slab of a band: rows `first..` along axis 0 of a band with `dims` (those of the slab).
#[derive(Clone, Copy)]
pub(super) struct Slab<'a> {
    pub dims: &'a [usize],
    /// Size of the whole band along axis 0, and the slab's start in it.
    pub band_size: usize,
    pub first: usize,
    pub parent: Option<Parent<'a>>,
    /// What a prediction lets expect of each value of the slab, as a class below [`N_HINTS`].
    pub hints: Option<&'a [u8]>,
}

/// Tile size per axis, last axis first.
const TILE: [usize; 5] = [16, 8, 4, 2, 1];

/// Number of low bits that a value of this level splits off: its mean magnitude is about `2^(level / 2) / weight`.
fn shift(level: usize, weight: u32) -> u32 {
    let mean_octave = (level as u32 / 2).saturating_sub(weight.ilog2());
    mean_octave.saturating_sub(1)
}

/// Geometry of one slab while it is coded.
struct Rows<'a> {
    slab: Slab<'a>,
    /// Values per row.
    length: usize,
    /// Row distance along each leading axis.
    strides: Vec<usize>,
    index: Vec<usize>,
    /// `[n_rows][length + 2 GUARD]`, zero where nothing is coded yet.
    magnitudes: Vec<u16>,
    /// Weighted sum over the neighbours that do not lie in the row itself.
    around: Vec<u16>,
    tiles: Tiles,
}

/// Which tiles hold anything.
struct Tiles {
    sizes: Vec<usize>,
    counts: Vec<usize>,
    strides: Vec<usize>,
    used: Vec<bool>,
}

impl Tiles {
    fn new(dims: &[usize]) -> Self {
        let rank = dims.len();
        let sizes: Vec<usize> = (0..rank).map(|axis| TILE[(rank - 1 - axis).min(TILE.len() - 1)]).collect();
        let counts: Vec<usize> = dims.iter().zip(&sizes).map(|(&n, &t)| n.div_ceil(t)).collect();
        let strides = strides(&counts);
        let used = vec![false; counts.iter().product()];
        Tiles { sizes, counts, strides, used }
    }

    /// Marks the tiles that hold a non-zero value.
    fn find(&mut self, values: &[i32], dims: &[usize]) {
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

    /// First tile of a row.
    fn of_row(&self, index: &[usize]) -> usize {
        index.iter().enumerate().map(|(axis, &i)| i / self.sizes[axis] * self.strides[axis]).sum()
    }

    fn width(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// Codes all flags, each in the context of its predecessors along the axes.
    fn code<C: Coder>(&mut self, coder: &mut C, models: &mut [Bit; 12]) {
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

/// The next index in row-major order.
fn advance(index: &mut [usize], dims: &[usize]) {
    for (i, &n) in index.iter_mut().zip(dims).rev() {
        *i += 1;
        if *i < n {
            return;
        }
        *i = 0;
    }
}

/// Codes one slab: `values` are read by an encoder and filled in by a decoder, where they must start as zeros.
pub(super) fn code_slab<C: Coder>(coder: &mut C, model: &mut BandModel, values: &mut [i32], slab: Slab) {
    if values.is_empty() {
        return;
    }
    let mut tiles = Tiles::new(slab.dims);
    if C::ENCODES {
        tiles.find(values, slab.dims);
    }
    tiles.code(coder, &mut model.tiles);
    if !tiles.used.contains(&true) {
        return;
    }
    let mut rows = Rows::new(slab, tiles);
    let weight = rows.weight();
    let shifts: [u32; N_LEVELS] = std::array::from_fn(|level| shift(level, weight));
    for (r, row) in values.chunks_exact_mut(rows.length).enumerate() {
        rows.code_row(coder, model, &shifts, r, row);
        let n_leading = rows.index.len();
        advance(&mut rows.index, &slab.dims[..n_leading]);
    }
}

impl<'a> Rows<'a> {
    fn new(slab: Slab<'a>, tiles: Tiles) -> Self {
        let (length, leading) = slab.dims.split_last().map_or((1, &[][..]), |(&n, leading)| (n, leading));
        let n_rows: usize = leading.iter().product();
        Rows {
            slab,
            length,
            strides: strides(leading),
            index: vec![0; leading.len()],
            magnitudes: vec![0; n_rows * (length + 2 * GUARD)],
            around: vec![0; length],
            tiles,
        }
    }

    /// Sum of all weights of [`Rows::sum_around`] and of the row itself.
    fn weight(&self) -> u32 {
        let n = self.strides.len() as u32;
        3 + 5 * n + n * n.saturating_sub(1) + if self.slab.parent.is_some() { 2 } else { 0 }
    }

    fn code_row<C: Coder>(
        &mut self,
        coder: &mut C,
        model: &mut BandModel,
        shifts: &[u32; N_LEVELS],
        r: usize,
        row: &mut [i32],
    ) {
        let first_tile = self.tiles.of_row(&self.index);
        let width = self.tiles.width();
        let n_tiles = self.length.div_ceil(width);
        if self.tiles.used[first_tile..first_tile + n_tiles].iter().all(|used| !used) {
            return;
        }
        self.sum_around(r);
        let pitch = self.length + 2 * GUARD;
        let magnitudes = &mut self.magnitudes[r * pitch..(r + 1) * pitch];
        for (t, values) in row.chunks_mut(width).enumerate() {
            if !self.tiles.used[first_tile + t] {
                continue;
            }
            let from = t * width;
            let around = &self.around[from..from + values.len()];
            let magnitudes = &mut magnitudes[from..from + values.len() + GUARD];
            let first = r * self.length + from;
            let hints = self.slab.hints.map(|hints| &hints[first..first + values.len()]);
            code_values(coder, model, shifts, values, Context { around, hints }, magnitudes);
        }
    }

    /// Fills `around` for row `r`: predecessors along each leading axis, their diagonals, and the parent.
    fn sum_around(&mut self, r: usize) {
        self.around.fill(0);
        let (n, pitch) = (self.length, self.length + 2 * GUARD);
        let (magnitudes, around) = (&self.magnitudes, &mut self.around[..n]);
        let row = |r: usize| &magnitudes[r * pitch..(r + 1) * pitch];
        for (axis, &stride) in self.strides.iter().enumerate() {
            if self.index[axis] == 0 {
                continue;
            }
            let near = row(r - stride);
            simd::add_near(around, near);
            if self.index[axis] > 1 {
                add(around, &row(r - 2 * stride)[GUARD..]);
            }
            for (other, &other_stride) in self.strides.iter().enumerate().skip(axis + 1) {
                if self.index[other] > 0 {
                    add(around, &row(r - stride - other_stride)[GUARD..]);
                }
                if self.index[other] + 1 < self.slab.dims[other] {
                    add(around, &row(r - stride + other_stride)[GUARD..]);
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
        let magnitude = |v: i32| 2 * v.unsigned_abs().min(u32::from(MAX_MAGNITUDE)) as u16;
        for (k, sum) in self.around.iter_mut().enumerate() {
            *sum += magnitude(row[parent_index(k + offset, last, n_parent)]);
        }
    }
}

/// Place in the parent band along one axis.
#[inline(always)]
fn parent_index(i: usize, n: usize, n_parent: usize) -> usize {
    if n == n_parent { i } else { (i / 2).min(n_parent - 1) }
}

/// Adds the row of a direct neighbour, twice, and its diagonals; `near` starts [`GUARD`] before the first sum.
#[inline(always)]
pub(super) fn add_near(sums: &mut [u16], near: &[u16]) {
    for (sum, near) in sums.iter_mut().zip(near[GUARD - 1..].windows(3)) {
        *sum += near[0] + 2 * near[1] + near[2];
    }
}

fn add(sums: &mut [u16], terms: &[u16]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// What is known about neighbouring values of one row before they are coded.
struct Context<'a> {
    around: &'a [u16],
    hints: Option<&'a [u8]>,
}

/// Codes neighbouring values of one row; `magnitudes` starts two before the first of them.
#[inline(always)]
fn code_values<C: Coder>(
    coder: &mut C,
    model: &mut BandModel,
    shifts: &[u32; N_LEVELS],
    values: &mut [i32],
    context: Context,
    magnitudes: &mut [u16],
) {
    let (mut two_back, mut one_back) = (magnitudes[0], magnitudes[1]);
    for (i, (value, out)) in values.iter_mut().zip(&mut magnitudes[GUARD..]).enumerate() {
        let sum = u32::from(context.around[i]) + 2 * u32::from(one_back) + u32::from(two_back);
        let level = half_octave(sum).min(N_LEVELS - 1);
        let set = context.hints.map_or(0, |hints| 1 + usize::from(hints[i]));
        let models = &mut model.levels[set * N_LEVELS + level];
        let coded = code_value(coder, models, &mut model.prefix, shifts[level], *value);
        *value = coded;
        two_back = one_back;
        one_back = coded.unsigned_abs().min(u32::from(MAX_MAGNITUDE)) as u16;
        *out = one_back;
    }
}

/// One value: its magnitude without `shift` low bits in unary, these bits, and its sign.
#[inline(always)]
fn code_value<C: Coder>(
    coder: &mut C,
    model: &mut LevelModel,
    prefix: &mut [Bit; N_PREFIX],
    shift: u32,
    v: i32,
) -> i32 {
    let magnitude = v.unsigned_abs();
    let high = magnitude >> shift;
    if !coder.code(&mut model.unary[0], high > 0) {
        if shift == 0 {
            return 0;
        }
        return code_low(coder, model, shift, 0, magnitude, v < 0);
    }
    let mut n = 1;
    while n < N_UNARY && coder.code(&mut model.unary[n], high > n as u32) {
        n += 1;
    }
    let mut coded = n as u32;
    if n == N_UNARY {
        coded = coded.saturating_add(code_exp_golomb(coder, prefix, high.wrapping_sub(n as u32)));
    }
    code_low(coder, model, shift, coded, magnitude, v < 0)
}

/// The low bits, the first of them adaptive, and the sign of what is not zero.
#[inline(always)]
fn code_low<C: Coder>(coder: &mut C, model: &mut LevelModel, shift: u32, high: u32, low: u32, negative: bool) -> i32 {
    let mut magnitude = high;
    if shift > 0 {
        let top = coder.code(&mut model.low[high.min(3) as usize], low >> (shift - 1) & 1 == 1);
        let rest = code_raw_bits(coder, low & ((1 << (shift - 1)) - 1), shift - 1);
        magnitude = high.checked_shl(shift).unwrap_or(0) | u32::from(top) << (shift - 1) | rest;
    }
    if magnitude == 0 {
        return 0;
    }
    let negative = coder.code_even(negative);
    signed(magnitude, negative)
}
