//! Coder of large bands: values become tokens (context and symbol) and raw bits, tokens are counted, and slabs are coded with
//! the tables of these counts. Two slabs are decoded at a time, value by value, so that neither waits for itself.

use rayon::prelude::*;

use super::classes::{self, CLASSES, ENDLESS, N_SHIFTS, N_TABLES, Shifts};
use super::joined::{length, push_length};
use super::neighbours::{self, GUARD, MAX_MAGNITUDE, Rows, Slab, Tiles, WIDTH};
use super::simd;
use super::tables::{self, Counts, Tables};
use crate::entropy::integer::signed;
use crate::entropy::rans::{self, Find, N_SYMBOLS, RawBits, Step};
use crate::entropy::{Bit, Decoder, Encoder};
use crate::{Error, Result};

/// A slab on its way to bytes.
pub(super) struct Tokens {
    /// Which tiles hold anything.
    tiles: Vec<u8>,
    /// `context * N_SYMBOLS + symbol` of each value of these tiles.
    tokens: Vec<u16>,
    raw: RawBits,
}

/// The tokens of one row.
fn push_row(lane: &mut Lane, row: &[i32], tokens: &mut Vec<u16>, raw: &mut RawBits) {
    let at = lane.magnitudes_at();
    simd::magnitudes(row, &mut lane.rows.magnitudes[at + GUARD..at + GUARD + row.len()]);
    let magnitudes = &lane.rows.magnitudes[at..at + GUARD + row.len()];
    for (t, values) in row.chunks(WIDTH).enumerate() {
        if !lane.rows.is_used(t) {
            continue;
        }
        let mut of_tile = [0; WIDTH];
        let (around, sides) = lane.known(t);
        let back = magnitudes[t * WIDTH..].windows(2).map(|back| 2 * u32::from(back[1]) + u32::from(back[0]));
        let values_known = values.iter().zip(around).zip(sides).zip(back);
        for (token, (((&v, &around), &side), own)) in of_tile.iter_mut().zip(values_known) {
            let (level, context) = classes::context(around, own, side);
            let (magnitude, shift) = (v.unsigned_abs(), lane.shifts[level & (N_SHIFTS - 1)]);
            let symbol = classes::symbol(magnitude >> shift);
            *token = (context * N_SYMBOLS + symbol) as u16;
            let (least, n_bits) = CLASSES[symbol];
            if symbol == ENDLESS {
                push_endless(raw, v, least, shift);
                continue;
            }
            let low = magnitude - (least << shift);
            let n_bits = n_bits + shift;
            raw.push(low | u32::from(v < 0) << n_bits, n_bits + u32::from(v != 0));
        }
        tokens.extend_from_slice(&of_tile[..values.len()]);
    }
}

/// Exp-Golomb: the number of bits of what is above `least`, plus one, and these bits without the leading one; then the low bits and the sign.
#[cold]
fn push_endless(raw: &mut RawBits, v: i32, least: u32, shift: u32) {
    let magnitude = v.unsigned_abs();
    let value = u64::from((magnitude >> shift) - least) + 1;
    let n_bits = value.ilog2();
    raw.push(n_bits, 6);
    raw.push((value & ((1 << n_bits) - 1)) as u32, n_bits);
    raw.push(magnitude & ((1 << shift) - 1), shift);
    raw.push(u32::from(v < 0), 1);
}

#[cold]
fn read_endless(decoder: &mut rans::Decoder, least: u32, shift: u32) -> i32 {
    let n_bits = decoder.raw(6).min(32);
    let value = (1u64 << n_bits | u64::from(decoder.raw(n_bits))) - 1 + u64::from(least);
    let magnitude = value << shift | u64::from(decoder.raw(shift));
    signed(magnitude.min(u64::from(u32::MAX)) as u32, decoder.raw(1) != 0)
}

impl Tokens {
    /// Of the values of a slab.
    pub fn of(values: &[i32], slab: &Slab) -> Self {
        let mut tiles = Tiles::new(&slab.dims);
        tiles.find(values, &slab.dims);
        let mut encoder = Encoder::default();
        tiles.code(&mut encoder, &mut [Bit::default(); 12]);
        let (mut tokens, mut raw) = (Vec::new(), RawBits::default());
        if !tiles.are_empty() {
            tokens.reserve_exact(tiles.n_values().min(values.len()));
            let mut lane = Lane::new(slab, tiles);
            for r in 0..lane.n_rows {
                if lane.go_to(r) {
                    let row = &values[r * lane.rows.length..(r + 1) * lane.rows.length];
                    push_row(&mut lane, row, &mut tokens, &mut raw);
                }
            }
        }
        Tokens { tiles: encoder.finish(), tokens, raw }
    }

    /// The bytes of the slab.
    pub fn finish(self, steps: &[Step]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, self.tiles.len());
        bytes.extend(self.tiles);
        if !self.tokens.is_empty() {
            let steps = self.tokens.iter().rev().map(|&token| steps[usize::from(token)]);
            bytes.extend(rans::encode(steps, self.raw));
        }
        bytes
    }
}

/// How often each symbol occurs in each context.
pub(super) fn count(all: &[Tokens]) -> Counts {
    let of_slab = |tokens: &Tokens| {
        let mut counts = tables::no_counts();
        for token in &tokens.tokens {
            counts[usize::from(*token) / N_SYMBOLS][usize::from(*token) % N_SYMBOLS] += 1;
        }
        counts
    };
    let add = |mut sum: Counts, counts: Counts| {
        sum.as_flattened_mut().iter_mut().zip(counts.as_flattened()).for_each(|(sum, n)| *sum += n);
        sum
    };
    all.par_iter().map(of_slab).reduce(tables::no_counts, add)
}

/// The steps of all tokens that occur.
pub(super) fn steps(counts: &Counts, tables: &Tables) -> Vec<Step> {
    let all = counts.as_flattened().iter().enumerate();
    let step = |(token, &n)| {
        if n > 0 { Step::new(&tables[token / N_SYMBOLS], token % N_SYMBOLS) } else { Step::default() }
    };
    all.map(step).collect()
}

/// A slab while it is coded.
struct Lane<'a> {
    rows: Rows<'a>,
    /// Offset of contexts of each value of the current row; whole tiles.
    sides: Vec<u16>,
    shifts: Shifts,
    n_rows: usize,
    row: usize,
}

impl<'a> Lane<'a> {
    fn new(slab: &'a Slab<'a>, tiles: Tiles) -> Self {
        let rows = Rows::new(slab, tiles);
        let n_rows = slab.dims.iter().product::<usize>() / rows.length;
        Lane {
            sides: vec![0; rows.length.next_multiple_of(WIDTH)],
            shifts: classes::shifts(rows.weight()),
            n_rows,
            row: 0,
            rows,
        }
    }

    /// Goes to the next row; false when nothing of it is coded.
    fn go_to(&mut self, r: usize) -> bool {
        self.row = r;
        if !self.rows.go_to(r) {
            return false;
        }
        let length = self.rows.length;
        match self.rows.slab.hints {
            Some(hints) => {
                let hints = &hints[r * length..(r + 1) * length];
                self.sides.iter_mut().zip(hints).for_each(|(side, &hint)| *side = classes::side_of_hint(hint));
            }
            None if self.rows.slab.parent.is_some() => {
                let parents = self.sides.iter_mut().zip(&self.rows.parents);
                parents.for_each(|(side, &parent)| *side = classes::side_of_parent(parent));
            }
            None => {}
        }
        true
    }

    /// What is known of the values of tile `t` of the current row: sums of neighbours and offsets of contexts.
    #[inline(always)]
    fn known(&self, t: usize) -> (&[u16; WIDTH], &[u16; WIDTH]) {
        (&self.rows.around.as_chunks().0[t], &self.sides.as_chunks().0[t])
    }

    /// Where the magnitudes of the current row start, with the guard before them.
    fn magnitudes_at(&self) -> usize {
        self.rows.magnitudes_at(self.row)
    }
}

/// A slab to decode.
pub(super) struct Job<'a> {
    pub bytes: &'a [u8],
    pub slab: &'a Slab<'a>,
    pub values: Values<'a>,
}

/// What becomes of decoded values.
pub(super) enum Values<'a> {
    /// They go into these zeros.
    Fill(&'a mut [i32]),
    /// They should be these; and so they are as far as known.
    Check(&'a [i32], bool),
}

/// A job in work; nothing is left to do without a decoder.
pub(super) struct Work<'a> {
    lane: Lane<'a>,
    decoder: Option<rans::Decoder<'a>>,
    values: Values<'a>,
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
        match &mut self.values {
            Values::Fill(values) => values[first + from..first + to].copy_from_slice(decoded),
            Values::Check(values, is_same) => *is_same &= values[first + from..first + to] == *decoded,
        }
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
    fn step<F: Find>(&self, state: &mut State, tables: &Tables, i: usize) {
        let State { decoder, back, values } = state;
        let own = 2 * back[0] + back[1];
        let (level, context) = classes::context(self.around[i & (WIDTH - 1)], own, self.sides[i & (WIDTH - 1)]);
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
    for work in [a, b].into_iter().flatten() {
        work.decoder.map_or(Ok(()), rans::Decoder::finish)?;
        if matches!(work.values, Values::Check(_, false)) {
            return Err(super::slabs::changed());
        }
    }
    Ok(())
}

/// Decodes one row.
#[inline(always)]
pub(super) fn decode_row<F: Find>(work: &mut Work, tables: &Tables) {
    (0..work.lane.rows.length.div_ceil(WIDTH)).for_each(|t| decode_tile::<F>(work, t, tables));
}

/// Decodes two rows in turns.
#[inline(always)]
pub(super) fn decode_rows<F: Find>(a: &mut Work, b: &mut Work, tables: &Tables) {
    for t in 0..a.lane.rows.length.max(b.lane.rows.length).div_ceil(WIDTH) {
        // States are copied, which keeps them in registers.
        let (Some((tile_a, mut of_a)), Some((tile_b, mut of_b))) = (a.tile(t), b.tile(t)) else {
            decode_tile::<F>(a, t, tables);
            decode_tile::<F>(b, t, tables);
            continue;
        };
        let n = tile_a.n.min(tile_b.n);
        for i in 0..n {
            tile_a.step::<F>(&mut of_a, tables, i);
            tile_b.step::<F>(&mut of_b, tables, i);
        }
        (n..tile_a.n).for_each(|i| tile_a.step::<F>(&mut of_a, tables, i));
        (n..tile_b.n).for_each(|i| tile_b.step::<F>(&mut of_b, tables, i));
        a.leave(t, &of_a);
        b.leave(t, &of_b);
    }
}

#[inline(always)]
fn decode_tile<F: Find>(work: &mut Work, t: usize, tables: &Tables) {
    if let Some((tile, mut state)) = work.tile(t) {
        (0..tile.n).for_each(|i| tile.step::<F>(&mut state, tables, i));
        work.leave(t, &state);
    }
}
