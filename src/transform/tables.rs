//! Tables of all contexts: chosen for the fewest bits of both, data and tables, and coded one after the other.

use std::sync::LazyLock;

use super::classes::{N_CONTEXTS, N_LEVELS, N_TABLES};
use crate::Result;
use crate::entropy::integer::signed;
use crate::entropy::rans::{N_SYMBOLS, Table};
use crate::entropy::{Bit, Coder, Decoder, Encoder, MagnitudeModel};

/// Chances are `1 / (1 + exp(-q / UNIT))`.
const UNIT: f64 = 4.0;
/// Largest magnitude of `q`.
const MAX: i32 = 44;
/// Decisions of a table: larger than `k`?
const N_DECISIONS: usize = N_SYMBOLS - 1;

/// Chance in `1 / 65536` of each `q`, and bits of a decision that is true or false.
static CHANCES: LazyLock<Vec<(u16, [f64; 2])>> = LazyLock::new(|| {
    let chance = |q: i32| {
        let p = 1.0 / (1.0 + libm::exp(f64::from(-q) / UNIT));
        let share = (p * 65536.0).round().clamp(1.0, 65535.0);
        (share as u16, [libm::log2(65536.0 / share), libm::log2(65536.0 / (65536.0 - share))])
    };
    (-MAX..=MAX).map(chance).collect()
});

/// About the bits of a change of `q`.
static CHANGES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let bits = |change: i32| if change > 0 { 2.0 + 1.5 * libm::log2(f64::from(change)) } else { 0.7 };
    (0..=2 * MAX).map(bits).collect()
});

/// How often each symbol occurs, per context.
pub(super) type Counts = Vec<[u32; N_SYMBOLS]>;

/// A table per context, and some more.
pub(super) type Tables = Box<[Table; N_TABLES]>;

/// No occurrences.
pub(super) fn no_counts() -> Counts {
    vec![[0; N_SYMBOLS]; N_CONTEXTS]
}

/// `q` of the decisions of a table, and how many of them there are.
#[derive(Clone, Copy)]
struct Row {
    q: [i32; N_DECISIONS],
    n: usize,
}

impl Row {
    const UNKNOWN: Row = Row { q: [-2; N_DECISIONS], n: 0 };

    /// What decision `k` is expected to have: what the row before had, else what the decision before has.
    fn expected(&self, before: &Row, k: usize) -> i32 {
        if k < before.n || k == 0 { before.q[k] } else { self.q[k - 1] }
    }

    fn table(&self) -> Table {
        let chance = |k: usize| if k < self.n { CHANCES[(self.q[k] + MAX) as usize].0 } else { 0 };
        Table::new(std::array::from_fn(chance))
    }
}

/// Everything that adapts while tables are coded.
struct Models {
    used: [Bit; 4],
    numbers: MagnitudeModel,
    changes: [MagnitudeModel; 3],
    signs: [Bit; 3],
}

impl Models {
    fn new() -> Self {
        let changes = [MagnitudeModel::default(); 3];
        Models { used: [Bit::default(); 4], numbers: MagnitudeModel::default(), changes, signs: [Bit::default(); 3] }
    }

    /// Codes a row after the one before.
    fn code<C: Coder>(&mut self, coder: &mut C, row: &mut Row, before: &Row) {
        let change = code_signed(coder, &mut self.numbers, &mut self.signs[2], row.n as i32 - before.n as i32);
        row.n = (before.n as i32).saturating_add(change).clamp(0, N_DECISIONS as i32) as usize;
        for k in 0..row.n {
            let (expected, place) = (row.expected(before, k), k.min(2));
            let sign = &mut self.signs[usize::from(k > 0)];
            let change = code_signed(coder, &mut self.changes[place], sign, row.q[k] - expected);
            row.q[k] = expected.saturating_add(change).clamp(-MAX, MAX);
        }
    }
}

fn code_signed<C: Coder>(coder: &mut C, model: &mut MagnitudeModel, sign: &mut Bit, value: i32) -> i32 {
    let magnitude = model.code(coder, value.unsigned_abs());
    let negative = magnitude != 0 && coder.code(sign, value < 0);
    signed(magnitude, negative)
}

/// The row with the fewest bits for these counts and for itself, if it is worth having after the row before.
fn choose(counts: &[u32; N_SYMBOLS], before: &Row) -> Option<Row> {
    let mut row = Row { n: counts.iter().rposition(|&n| n > 0)?, ..Row::UNKNOWN };
    let (mut left, mut own_bits): (u32, f64) = (counts.iter().sum(), 2.0 + CHANGES[row.n.abs_diff(before.n)]);
    for (k, &n_here) in counts.iter().enumerate().take(row.n) {
        let smaller = f64::from(n_here);
        left -= n_here;
        let larger = f64::from(left);
        let expected = row.expected(before, k);
        let change = |q: i32| CHANGES[(q - expected).unsigned_abs() as usize];
        let cost = |q: i32| {
            let bits = CHANCES[(q + MAX) as usize].1;
            larger * bits[0] + smaller * bits[1] + change(q)
        };
        let best = UNIT * libm::log((larger + 0.4) / (smaller + 0.4));
        let best = best.round().clamp(f64::from(-MAX), f64::from(MAX)) as i32;
        let (from, to) = (best.min(expected), best.max(expected));
        row.q[k] = (from..=to).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(best);
        own_bits += change(row.q[k]);
    }
    let bits = |row: &Row| {
        let table = row.table();
        (0..N_SYMBOLS).map(|symbol| f64::from(counts[symbol]) * table.bits(symbol)).sum::<f64>()
    };
    (bits(&row) + own_bits < bits(before)).then_some(row)
}

/// Codes the rows of all contexts; `choose(context, row before)` gives those of an encoder. Contexts without one have that of the row
/// before.
fn code_all<C: Coder>(coder: &mut C, mut choose: impl FnMut(usize, &Row) -> Option<Row>) -> Tables {
    let mut models = Models::new();
    let mut tables = vec![Row::UNKNOWN.table(); N_TABLES];
    let (mut before, mut used) = (Row::UNKNOWN, [false; N_CONTEXTS]);
    for context in 0..N_CONTEXTS {
        let chosen = choose(context, &before);
        let around = usize::from(context > 0 && used[context - 1])
            + 2 * usize::from(context >= N_LEVELS && used[context - N_LEVELS]);
        used[context] = coder.code(&mut models.used[around], chosen.is_some());
        if used[context] {
            let mut row = chosen.unwrap_or(Row::UNKNOWN);
            models.code(coder, &mut row, &before);
            before = row;
        }
        tables[context] = before.table();
    }
    tables.try_into().expect("there are N_TABLES of them")
}

/// The bytes of tables for these counts.
pub(super) fn encode(counts: &Counts) -> Vec<u8> {
    let mut encoder = Encoder::default();
    code_all(&mut encoder, |context, before| choose(&counts[context], before));
    encoder.finish()
}

/// Mirror of [`encode`].
///
/// # Errors
/// [`crate::Error::Corrupt`].
pub(super) fn decode(bytes: &[u8]) -> Result<Tables> {
    let mut decoder = Decoder::new(bytes);
    let tables = code_all(&mut decoder, |_, _| None);
    decoder.finish()?;
    Ok(tables)
}
