//! Context coder of one band of integers (quantised coefficients, or the residual of a whole field).
//!
//! A value's context is the weighted sum of the magnitudes of coded neighbours (behind it in the row, in earlier rows,
//! and at its place in the parent band), in half octaves. Tiles without any non-zero value cost one decision. Values whose context
//! is zero are not coded one by one, but as runs of zeros between those that are something else.

use super::mixing::{Mixing, Near};
use super::neighbours::{GUARD, MAX_MAGNITUDE, N_HINTS, Rows, Slab, Tiles, WIDTH, Weights};
use super::runs::{Coders, Runs};
use crate::entropy::integer::{N_PREFIX, code_exp_golomb, code_raw_bits, signed};
use crate::entropy::sequence::half_octave;
use crate::entropy::{Bit, Coder};

/// Context levels; the last takes everything from `2^11.5` up.
const N_LEVELS: usize = 24;
/// Unary decisions per context.
const N_UNARY: usize = 14;
/// And decisions about the first of the low bits, by what is above it.
const N_LOW: usize = 4;
pub(super) const N_DECISIONS: usize = N_UNARY + N_LOW;

/// Probabilities of the decisions about one value in one context.
#[derive(Clone, Debug, Default)]
pub(super) struct LevelModel(pub [Bit; N_DECISIONS]);

/// What decides about one value.
pub(super) trait Decide {
    /// Codes decision `n < N_DECISIONS`.
    fn decide<C: Coder>(&mut self, coder: &mut C, n: usize, bit: bool) -> bool;
}

impl Decide for LevelModel {
    #[inline(always)]
    fn decide<C: Coder>(&mut self, coder: &mut C, n: usize, bit: bool) -> bool {
        coder.code(&mut self.0[n], bit)
    }
}

/// Everything that adapts while a band is coded; a finer band may start from the state a coarser one left.
#[derive(Clone, Debug)]
pub(super) struct BandModel {
    /// `[hint][level]`: values without a hint first, then each class, where there are any.
    levels: Vec<LevelModel>,
    prefix: [Bit; N_PREFIX],
    tiles: [Bit; 12],
    /// None where zeros are coded one by one.
    runs: Option<Runs>,
    /// None where levels are the only contexts.
    mixing: Option<Box<Mixing>>,
}

impl BandModel {
    /// For bands that may have hints or for ones that have none, with runs of zeros or without, and with contexts mixed in or without.
    pub fn new(has_hints: bool, has_runs: bool, mixes: bool) -> Self {
        let n_sets = if has_hints { 1 + N_HINTS } else { 1 };
        BandModel {
            levels: vec![LevelModel::default(); n_sets * N_LEVELS],
            prefix: [Bit::default(); N_PREFIX],
            tiles: [Bit::default(); 12],
            runs: has_runs.then(Runs::default),
            mixing: mixes.then(Box::default),
        }
    }

    /// Ends the last band of this model.
    pub fn finish<C: Coder>(&mut self, coders: &mut Coders<C>) {
        self.runs.iter_mut().for_each(|runs| runs.finish(&mut coders.runs));
    }
}

/// Number of low bits that a value of this level splits off: its mean magnitude is about `2^(level / 2) / weight`.
fn shift(level: usize, weight: u32) -> u32 {
    let mean_octave = (level as u32 / 2).saturating_sub(weight.ilog2());
    mean_octave.saturating_sub(1)
}

/// Codes one slab: `values` are read by an encoder and filled in by a decoder, where they must start as zeros.
pub(super) fn code_slab<C: Coder>(coders: &mut Coders<C>, model: &mut BandModel, values: &mut [i32], slab: &Slab) {
    if values.is_empty() {
        return;
    }
    let mut tiles = Tiles::new(&slab.dims);
    if C::ENCODES {
        tiles.find(values, &slab.dims);
    }
    tiles.code(&mut coders.values, &mut model.tiles);
    if tiles.are_empty() {
        return;
    }
    let mut rows = Rows::new(slab, tiles);
    let weight = rows.weight();
    let shifts: [u32; N_LEVELS] = std::array::from_fn(|level| shift(level, weight));
    for (r, row) in values.chunks_exact_mut(rows.length).enumerate() {
        if rows.go_to(r) {
            code_row(coders, model, &shifts, &mut rows, r, row);
        }
    }
}

fn code_row<C: Coder>(
    coders: &mut Coders<C>,
    model: &mut BandModel,
    shifts: &[u32; N_LEVELS],
    rows: &mut Rows,
    r: usize,
    row: &mut [i32],
) {
    let at = rows.magnitudes_at(r);
    for (t, values) in row.chunks_mut(WIDTH).enumerate() {
        if !rows.is_used(t) {
            continue;
        }
        let from = t * WIDTH;
        let around = &rows.around[from..from + values.len()];
        let magnitudes = &mut rows.magnitudes[at + from..][..values.len() + GUARD];
        let first = r * rows.length + from;
        let hints = rows.slab.hints.map(|hints| &hints[first..first + values.len()]);
        let apart = rows.apart.as_ref().map(|apart| {
            [&apart.above, &apart.others, &rows.parents].map(|magnitudes| &magnitudes[from..from + values.len()])
        });
        let context = Context { around, hints, apart };
        match rows.slab.weights {
            Weights::Even => {
                code_values::<C, { Weights::Even.near_bits() }>(coders, model, shifts, values, context, magnitudes)
            }
            Weights::Near => {
                code_values::<C, { Weights::Near.near_bits() }>(coders, model, shifts, values, context, magnitudes)
            }
        }
    }
}

/// What is known about neighbouring values of one row before they are coded.
struct Context<'a> {
    around: &'a [u16],
    hints: Option<&'a [u8]>,
    /// For further contexts: see [`Near`].
    apart: Option<[&'a [u16]; 3]>,
}

impl Context<'_> {
    /// A bit for each value that is not expected to be zero, whatever precedes it in its row.
    #[inline(always)]
    fn bits(&self) -> u32 {
        bits(self.around) | self.hints.map_or(0, bits)
    }
}

/// A bit for each of at most [`WIDTH`] numbers that is not zero.
#[inline(always)]
fn bits<T: Copy + Default + PartialEq>(numbers: &[T]) -> u32 {
    numbers.iter().enumerate().fold(0, |bits, (i, &n)| bits | u32::from(n != T::default()) << i)
}

/// Codes neighbouring values of one row; `magnitudes` starts two before the first of them.
#[inline(always)]
fn code_values<C: Coder, const NEAR_BITS: u32>(
    coders: &mut Coders<C>,
    model: &mut BandModel,
    shifts: &[u32; N_LEVELS],
    values: &mut [i32],
    context: Context,
    magnitudes: &mut [u16],
) {
    let n = values.len();
    let expected = if model.runs.is_some() { context.bits() } else { u32::MAX };
    // Where a run of zeros ends at the latest.
    let stops = expected | 1 << n | if C::ENCODES { bits(values) } else { 0 };
    let (mut two_back, mut one_back) = (magnitudes[0], magnitudes[1]);
    let mut i = 0;
    while i < n {
        let mut is_end = false;
        if one_back | two_back == 0
            && let Some(runs) = &mut model.runs
            && expected >> i & 1 == 0
        {
            i += runs.pass(&mut coders.runs, (stops >> i).trailing_zeros()) as usize;
            if i == n {
                break;
            }
            is_end = expected >> i & 1 == 0;
            if is_end {
                runs.end(&mut coders.runs);
            }
        }
        let sum = u32::from(context.around[i]) + (u32::from(one_back) << NEAR_BITS) + u32::from(two_back);
        let level = half_octave(sum).min(N_LEVELS - 1);
        let set = context.hints.map_or(0, |hints| 1 + usize::from(hints[i]));
        let models = &mut model.levels[set * N_LEVELS + level];
        let (coder, prefix, shift, value) = (&mut coders.values, &mut model.prefix, shifts[level], (values[i], is_end));
        let coded = match (&mut model.mixing, context.apart) {
            (Some(mixing), Some(apart)) => {
                let [above, others, parent] = apart.map(|magnitudes| magnitudes[i]);
                let near = Near { back: [one_back, two_back], above, others, parent };
                code_value(coder, &mut mixing.at(models, &near, shift), prefix, shift, value)
            }
            _ => code_value(coder, models, prefix, shift, value),
        };
        values[i] = coded;
        two_back = one_back;
        one_back = coded.unsigned_abs().min(u32::from(MAX_MAGNITUDE)) as u16;
        magnitudes[GUARD + i] = one_back;
        i += 1;
    }
}

/// One value, which may be known not to be zero: its magnitude without `shift` low bits in unary, these bits, and its sign.
#[inline(always)]
fn code_value<C: Coder>(
    coder: &mut C,
    model: &mut impl Decide,
    prefix: &mut [Bit; N_PREFIX],
    shift: u32,
    (v, is_used): (i32, bool),
) -> i32 {
    let magnitude = v.unsigned_abs();
    let high = magnitude >> shift;
    if !is_used && !model.decide(coder, 0, high > 0) {
        if shift == 0 {
            return 0;
        }
        return code_low(coder, model, shift, 0, magnitude, v < 0);
    }
    let mut n = 1;
    while n < N_UNARY && model.decide(coder, n, high > n as u32) {
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
fn code_low<C: Coder>(coder: &mut C, model: &mut impl Decide, shift: u32, high: u32, low: u32, negative: bool) -> i32 {
    let mut magnitude = high;
    if shift > 0 {
        let n = N_UNARY + (high as usize).min(N_LOW - 1);
        let top = model.decide(coder, n, low >> (shift - 1) & 1 == 1);
        let rest = code_raw_bits(coder, low & ((1 << (shift - 1)) - 1), shift - 1);
        magnitude = high.checked_shl(shift).unwrap_or(0) | u32::from(top) << (shift - 1) | rest;
    }
    if magnitude == 0 {
        return 0;
    }
    let negative = coder.code_even(negative);
    signed(magnitude, negative)
}
