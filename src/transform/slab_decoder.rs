//! Slabs of large bands from their bytes, two at a time, value by value, so that neither waits for itself.

use super::classes::{self, CLASSES, ENDLESS, N_SHIFTS, N_TABLES, Shifts};
use super::joined::length;
use super::lane::Lane;
use super::neighbours::{self, GUARD, MAX_MAGNITUDE, Slab, Tiles, WIDTH, Weights};
use super::simd;
use super::tables::Tables;
use crate::entropy::integer::signed;
use crate::entropy::rans::{self, Find};
use crate::entropy::{Bit, Decoder};
use crate::{Error, Result};

/// A slab to decode.
pub(super) struct Job<'a> {
    pub bytes: &'a [u8],
    pub slab: &'a Slab<'a>,
    /// Zeros that are filled in.
    pub values: &'a mut [i32],
}

/// A job in work; nothing is left to do without a decoder.
pub(super) struct Work<'a> {
    lane: Lane<'a>,
    decoder: Option<rans::Decoder<'a>>,
    values: &'a mut [i32],
}

impl<'a> Work<'a> {
    fn new(job: Job<'a>) -> Result<Self> {
        let (n, rest) = length(job.bytes)?;
        let (flags, rest) =
            rest.split_at_checked(n).ok_or_else(|| Error::corrupt("a slab is shorter than its tiles"))?;
        let mut tiles = Tiles::new(&job.slab.dims);
        let mut decoder = Decoder::new(flags);
        tiles.code(&mut decoder, &mut [Bit::default(); 12]);
        decoder.finish()?;
        let decoder = if tiles.are_empty() { None } else { Some(rans::Decoder::new(rest)?) };
        if decoder.is_none() && !rest.is_empty() {
            return Err(Error::corrupt("a slab of zeros has bytes behind its tiles"));
        }
        Ok(Work { lane: Lane::new(job.slab, tiles), decoder, values: job.values })
    }

    /// Goes to a row; false when nothing of it is coded.
    fn go_to(&mut self, r: usize) -> bool {
        self.decoder.is_some() && r < self.lane.n_rows && self.lane.go_to(r)
    }

    /// The tile `t` of the current row, if anything of it is coded.
    #[inline(always)]
    fn tile(&self, t: usize) -> Option<(Tile<'_>, State<'a>)> {
        let (decoder, lane) = (self.decoder?, &self.lane);
        let from = t * WIDTH;
        if from >= lane.rows.length || !lane.rows.is_used(t) {
            return None;
        }
        let n = WIDTH.min(lane.rows.length - from);
        let magnitudes = &lane.rows.magnitudes[lane.magnitudes_at() + from..];
        let back = [u32::from(magnitudes[1]), u32::from(magnitudes[0])];
        let (around, sides) = lane.known(t);
        Some((Tile { n, around, sides, shifts: &lane.shifts }, State { decoder, back, values: [0; WIDTH] }))
    }

    /// Goes on behind tile `t`.
    #[inline(always)]
    fn leave(&mut self, t: usize, state: &State<'a>) {
        self.decoder = Some(state.decoder);
        let (from, first, at) = (t * WIDTH, self.lane.row * self.lane.rows.length, self.lane.magnitudes_at());
        let to = self.lane.rows.length.min(from + WIDTH);
        let decoded = &state.values[..to - from];
        neighbours::magnitudes(decoded, &mut self.lane.rows.magnitudes[at + GUARD + from..at + GUARD + to]);
        self.values[first + from..first + to].copy_from_slice(decoded);
    }
}

/// Neighbouring values of one row and what is known about them.
struct Tile<'t> {
    n: usize,
    around: &'t [u16; WIDTH],
    sides: &'t [u16; WIDTH],
    shifts: &'t Shifts,
}

/// What changes from value to value.
#[derive(Clone, Copy)]
struct State<'a> {
    decoder: rans::Decoder<'a>,
    /// Magnitudes of the last two values.
    back: [u32; 2],
    values: [i32; WIDTH],
}

impl Tile<'_> {
    /// Decodes value `i`.
    #[inline(always)]
    fn step<F: Find, const NEAR_BITS: u32>(&self, state: &mut State, tables: &Tables, i: usize) {
        let State { decoder, back, values } = state;
        let (level, context) =
            classes::context(self.around[i & (WIDTH - 1)], *back, NEAR_BITS, self.sides[i & (WIDTH - 1)]);
        let shift = self.shifts[level & (N_SHIFTS - 1)];
        let symbol = decoder.symbol::<F>(&tables[context & (N_TABLES - 1)]);
        let (least, n_bits) = CLASSES[symbol];
        let value = if symbol == ENDLESS {
            read_endless(decoder, least, shift)
        } else {
            let (bits, n_bits) = (decoder.peek(), n_bits + shift);
            let magnitude = (least << shift) + (bits & ((1 << n_bits) - 1));
            let is_coded = u32::from(magnitude != 0);
            let negative = (bits >> n_bits & is_coded) as i32;
            decoder.skip(n_bits + is_coded);
            (magnitude as i32 ^ -negative) + negative
        };
        values[i & (WIDTH - 1)] = value;
        *back = [value.unsigned_abs().min(u32::from(MAX_MAGNITUDE)), back[0]];
    }
}

/// Decodes one slab or two.
///
/// # Errors
/// [`Error::Corrupt`].
pub(super) fn decode(jobs: [Option<Job>; 2], tables: &Tables) -> Result<()> {
    let [a, b] = jobs.map(|job| job.map(Work::new).transpose());
    let (mut a, mut b) = (a?, b?);
    let n_rows = |work: &Option<Work>| work.as_ref().map_or(0, |work| work.lane.n_rows);
    for r in 0..n_rows(&a).max(n_rows(&b)) {
        let a = a.as_mut().and_then(|work| work.go_to(r).then_some(work));
        let b = b.as_mut().and_then(|work| work.go_to(r).then_some(work));
        match (a, b) {
            (Some(a), Some(b)) => simd::decode_rows(a, b, tables),
            (Some(work), None) | (None, Some(work)) => simd::decode_row(work, tables),
            (None, None) => {}
        }
    }
    [a, b].into_iter().flatten().try_for_each(|work| work.decoder.map_or(Ok(()), rans::Decoder::finish))
}

/// Decodes one row.
#[inline(always)]
pub(super) fn decode_row<F: Find>(work: &mut Work, tables: &Tables) {
    match work.lane.rows.slab.weights {
        Weights::Even => one_row::<F, { Weights::Even.near_bits() }>(work, tables),
        Weights::Near => one_row::<F, { Weights::Near.near_bits() }>(work, tables),
    }
}

/// Decodes two rows of slabs with the same weights in turns.
#[inline(always)]
pub(super) fn decode_rows<F: Find>(a: &mut Work, b: &mut Work, tables: &Tables) {
    match a.lane.rows.slab.weights {
        Weights::Even => two_rows::<F, { Weights::Even.near_bits() }>(a, b, tables),
        Weights::Near => two_rows::<F, { Weights::Near.near_bits() }>(a, b, tables),
    }
}

#[inline(always)]
fn one_row<F: Find, const NEAR_BITS: u32>(work: &mut Work, tables: &Tables) {
    (0..work.lane.rows.length.div_ceil(WIDTH)).for_each(|t| decode_tile::<F, NEAR_BITS>(work, t, tables));
}

#[inline(always)]
fn two_rows<F: Find, const NEAR_BITS: u32>(a: &mut Work, b: &mut Work, tables: &Tables) {
    for t in 0..a.lane.rows.length.max(b.lane.rows.length).div_ceil(WIDTH) {
        // States are copied, which keeps them in registers.
        let (Some((tile_a, mut of_a)), Some((tile_b, mut of_b))) = (a.tile(t), b.tile(t)) else {
            decode_tile::<F, NEAR_BITS>(a, t, tables);
            decode_tile::<F, NEAR_BITS>(b, t, tables);
            continue;
        };
        let n = tile_a.n.min(tile_b.n);
        for i in 0..n {
            tile_a.step::<F, NEAR_BITS>(&mut of_a, tables, i);
            tile_b.step::<F, NEAR_BITS>(&mut of_b, tables, i);
        }
        (n..tile_a.n).for_each(|i| tile_a.step::<F, NEAR_BITS>(&mut of_a, tables, i));
        (n..tile_b.n).for_each(|i| tile_b.step::<F, NEAR_BITS>(&mut of_b, tables, i));
        a.leave(t, &of_a);
        b.leave(t, &of_b);
    }
}

#[inline(always)]
fn decode_tile<F: Find, const NEAR_BITS: u32>(work: &mut Work, t: usize, tables: &Tables) {
    if let Some((tile, mut state)) = work.tile(t) {
        (0..tile.n).for_each(|i| tile.step::<F, NEAR_BITS>(&mut state, tables, i));
        work.leave(t, &state);
    }
}

#[cold]
fn read_endless(decoder: &mut rans::Decoder, least: u32, shift: u32) -> i32 {
    let n_bits = decoder.raw(6).min(32);
    let value = (1u64 << n_bits | u64::from(decoder.raw(n_bits))) - 1 + u64::from(least);
    let magnitude = value << shift | u64::from(decoder.raw(shift));
    signed(magnitude.min(u64::from(u32::MAX)) as u32, decoder.raw(1) != 0)
}
