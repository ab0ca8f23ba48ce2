//! Coder of large bands: values become tokens (context and symbol) and raw bits, tokens are counted, and slabs are coded with
//! the tables of these counts.

use rayon::prelude::*;

use super::classes::{self, CLASSES, ENDLESS, N_SHIFTS};
use super::joined::{length, push_length};
use super::lane::Lane;
use super::neighbours::{GUARD, Slab, Tiles, WIDTH};
use super::simd;
use super::tables::{self, Counts, Tables};
use crate::entropy::rans::{self, Find, N_SYMBOLS, RawBits, Step};
use crate::entropy::{Bit, Recorder};
use crate::{Error, Result};

/// A slab on its way to bytes.
#[derive(Default)]
pub(super) struct Tokens {
    /// Which tiles hold anything.
    tiles: Vec<u8>,
    /// `context * N_SYMBOLS + symbol` of each value of these tiles.
    tokens: Vec<u16>,
    raw: RawBits,
    /// Bytes of the raw bits, once they are gone.
    n_raw: usize,
}

/// The tokens of one row.
#[inline(always)]
pub(super) fn push_row(lane: &mut Lane, row: &[i32], tokens: &mut Vec<u16>, raw: &mut RawBits) {
    let at = lane.magnitudes_at();
    simd::magnitudes(row, &mut lane.rows.magnitudes[at + GUARD..at + GUARD + row.len()]);
    let magnitudes = &lane.rows.magnitudes[at..at + GUARD + row.len()];
    let near_bits = lane.rows.slab.weights.near_bits();
    for (t, values) in row.chunks(WIDTH).enumerate() {
        if !lane.rows.is_used(t) {
            continue;
        }
        let mut of_tile = [0; WIDTH];
        let (around, sides) = lane.known(t);
        let back = magnitudes[t * WIDTH..].windows(2).map(|back| [u32::from(back[1]), u32::from(back[0])]);
        let values_known = values.iter().zip(around).zip(sides).zip(back);
        for (token, (((&v, &around), &side), back)) in of_tile.iter_mut().zip(values_known) {
            let (level, context) = classes::context(around, back, near_bits, side);
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

impl Tokens {
    /// Of the values of a slab.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub fn of(values: &[i32], slab: &Slab) -> Result<Self> {
        let mut tiles = Tiles::new(&slab.dims);
        tiles.find(values, &slab.dims);
        let mut recorder = Recorder::default();
        tiles.code(&mut recorder, &mut [Bit::default(); 12]);
        let (mut tokens, mut raw) = (Vec::new(), RawBits::default());
        if !tiles.are_empty() {
            tokens.reserve_exact(tiles.n_values().min(values.len()));
            let mut lane = Lane::new(slab, tiles);
            for r in 0..lane.n_rows {
                if lane.go_to(r) {
                    let row = &values[r * lane.rows.length..(r + 1) * lane.rows.length];
                    simd::push_row(&mut lane, row, &mut tokens, &mut raw);
                }
            }
        }
        Ok(Tokens { tiles: recorder.finish()?, tokens, raw, n_raw: 0 })
    }

    /// The bytes of the slab.
    pub fn finish(&mut self, steps: &[Step]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_length(&mut bytes, self.tiles.len());
        bytes.append(&mut self.tiles);
        if !self.tokens.is_empty() {
            let steps = self.tokens.iter().rev().map(|&token| steps[usize::from(token)]);
            self.n_raw = self.raw.n_bytes();
            bytes.extend(rans::encode(steps, std::mem::take(&mut self.raw)));
        }
        bytes
    }

    /// A decoder of the symbols in the bytes of the slab, if there are any.
    fn decoder<'a>(&self, bytes: &'a [u8]) -> Result<Option<rans::Decoder<'a>>> {
        let (n, rest) = length(bytes)?;
        let is_coded = !self.tokens.is_empty();
        is_coded.then(|| rans::Decoder::new(rest.get(n..).unwrap_or_default())).transpose()
    }
}

/// Slabs whose symbols are read at a time.
pub(super) const N_AT_ONCE: usize = 4;

/// Whether the symbols of slabs are read back as they were written, in the contexts that they were written in.
///
/// # Errors
/// [`crate::Error::Internal`] when they are not.
pub(super) fn check_symbols(slabs: &[Tokens], streams: &[Vec<u8>], tables: &Tables) -> Result<()> {
    let (mut decoders, mut known) = (Vec::new(), Vec::new());
    for (tokens, bytes) in slabs.iter().zip(streams) {
        if let Some(decoder) = tokens.decoder(bytes)? {
            decoders.push(decoder);
            known.push(tokens);
        }
    }
    let tokens: Vec<&[u16]> = known.iter().map(|known| &known.tokens[..]).collect();
    let is_same = simd::read_symbols(&mut decoders, &tokens, tables);
    let are_read = decoders.iter().zip(&known).all(|(decoder, known)| decoder.is_at_raw(known.n_raw));
    if is_same && are_read { Ok(()) } else { Err(Error::changed()) }
}

/// Whether these symbols follow, in turns as long as there are [`N_AT_ONCE`] streams.
#[inline(always)]
pub(super) fn read_symbols<F: Find>(decoders: &mut [rans::Decoder], tokens: &[&[u16]], tables: &Tables) -> bool {
    let read = |decoder: &mut rans::Decoder, token: u16| {
        let (context, symbol) = (usize::from(token) / N_SYMBOLS, usize::from(token) % N_SYMBOLS);
        decoder.symbol::<F>(&tables[context]) == symbol
    };
    let (mut n, mut is_same) = (0, true);
    if let ([a, b, c, d], &[of_a, of_b, of_c, of_d]) = (&mut *decoders, tokens) {
        // Copies stay in registers.
        let mut now = [*a, *b, *c, *d];
        for (((&a, &b), &c), &d) in of_a.iter().zip(of_b).zip(of_c).zip(of_d) {
            is_same &= read(&mut now[0], a) & read(&mut now[1], b) & read(&mut now[2], c) & read(&mut now[3], d);
            n += 1;
        }
        [*a, *b, *c, *d] = now;
    }
    for (decoder, tokens) in decoders.iter_mut().zip(tokens) {
        is_same &= tokens[n..].iter().fold(true, |is_same, &token| is_same & read(decoder, token));
    }
    is_same
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
