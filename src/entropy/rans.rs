//! Symbols with fixed tables: the range variant of asymmetric numeral systems (Duda, "Asymmetric numeral systems: entropy
//! coding combining speed of Huffman coding with compression rate of arithmetic coding", 2013), and raw bits beside it.
//!
//! A stream is the encoder's last state (8 bytes), words of 4 bytes, and the raw bits from the end backwards. The decoder knows
//! that it was read right when it comes back to the first state with nothing left.

use crate::{Error, Result};

/// Symbols of a table.
pub const N_SYMBOLS: usize = 16;
/// Shares of symbols are fractions of `1 << SHARE_BITS`.
const SHARE_BITS: u32 = 16;
/// The state lies in `[LEAST, LEAST << 32)`; it starts at this.
const LEAST: u64 = 1 << 31;
/// Most bits that are taken from the raw bits at once.
const MAX_RAW: u32 = 32;

/// The shares of all symbols; none is 0.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Table {
    /// Where each symbol's share begins.
    starts: [u16; N_SYMBOLS],
    shares: [u16; N_SYMBOLS],
}

impl Table {
    /// From the chance, in `1 / 65536`, that a symbol is larger than `k` where it is not smaller, for all `k` but the last.
    pub fn new(larger: [u16; N_SYMBOLS - 1]) -> Self {
        let mut table = Table { starts: [0; N_SYMBOLS], shares: [0; N_SYMBOLS] };
        let (mut start, mut left) = (0u32, 1u32 << SHARE_BITS);
        for (k, chance) in larger.into_iter().enumerate() {
            // Every symbol behind this one needs a share as well.
            let n_behind = (N_SYMBOLS - 1 - k) as u32;
            let rest = ((left * u32::from(chance >> 1)) >> (SHARE_BITS - 1)).clamp(n_behind, left - 1);
            (table.starts[k], table.shares[k]) = (start as u16, (left - rest) as u16);
            (start, left) = (start + (left - rest), rest);
        }
        (table.starts[N_SYMBOLS - 1], table.shares[N_SYMBOLS - 1]) = (start as u16, left as u16);
        table
    }

    /// Bits that a symbol costs.
    pub fn bits(&self, symbol: usize) -> f64 {
        f64::from(SHARE_BITS) - libm::log2(f64::from(self.shares[symbol]))
    }
}

/// Finds the symbol of a slot; how depends on the processor, what is found does not.
pub trait Find {
    /// The last symbol that starts at or before `slot`.
    fn find(starts: &[u16; N_SYMBOLS], slot: u16) -> usize;
}

/// For any processor.
pub struct Plain;

impl Find for Plain {
    #[inline(always)]
    fn find(starts: &[u16; N_SYMBOLS], slot: u16) -> usize {
        starts.iter().map(|&start| usize::from(start <= slot)).sum::<usize>() - 1
    }
}

/// Collects raw bits, the lowest first.
#[derive(Debug, Default)]
pub struct RawBits {
    bits: u64,
    n: u32,
    bytes: Vec<u8>,
}

impl RawBits {
    /// Adds the `n <= 32` low bits of `value`, which has no others.
    #[inline(always)]
    pub fn push(&mut self, value: u32, n: u32) {
        self.bits |= u64::from(value) << self.n;
        self.n += n;
        if self.n >= 32 {
            self.bytes.extend_from_slice(&(self.bits as u32).to_le_bytes());
            self.bits >>= 32;
            self.n -= 32;
        }
    }

    /// Bytes of all bits.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len() + self.n.div_ceil(8) as usize
    }

    /// The bytes, in the order in which a stream ends with them.
    fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&self.bits.to_le_bytes()[..self.n.div_ceil(8) as usize]);
        self.bytes.reverse();
        self.bytes
    }
}

/// What an encoder does with a symbol: divisions by its share as products (Giesen, "Interleaved entropy coders", 2014, after
/// Alverson, "Integer division using reciprocals", 1991).
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// States from here on are too large.
    limit: u64,
    reciprocal: u64,
    shift: u32,
    bias: u32,
    rest: u32,
}

impl Step {
    /// Of a symbol of a table.
    pub fn new(table: &Table, symbol: usize) -> Self {
        let (start, share) = (u32::from(table.starts[symbol]), u32::from(table.shares[symbol]));
        let (limit, whole) = (u64::from(share) << (63 - SHARE_BITS), 1u32 << SHARE_BITS);
        if share < 2 {
            return Step { limit, reciprocal: u64::MAX, shift: 0, bias: start + whole - 1, rest: whole - share };
        }
        let shift = share.next_power_of_two().ilog2();
        let reciprocal = (1u128 << (shift + 63)).div_ceil(u128::from(share));
        Step { limit, reciprocal: reciprocal as u64, shift: shift - 1, bias: start, rest: whole - share }
    }
}

/// A stream of symbols, given from the last to the first, and of raw bits.
pub fn encode(steps: impl Iterator<Item = Step>, raw: RawBits) -> Vec<u8> {
    let (mut state, mut words) = (LEAST, Vec::new());
    for step in steps {
        if state >= step.limit {
            words.push(state as u32);
            state >>= 32;
        }
        let quotient = ((u128::from(state) * u128::from(step.reciprocal)) >> 64) as u64 >> step.shift;
        state += u64::from(step.bias) + quotient * u64::from(step.rest);
    }
    let mut bytes = state.to_le_bytes().to_vec();
    bytes.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
    bytes.extend(raw.finish());
    bytes
}

/// Reads a stream of [`encode`]. Behind its ends it reads zeros; [`Decoder::finish`] tells.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'a> {
    state: u64,
    raw: u64,
    n_raw: u32,
    bytes: &'a [u8],
    /// Read from the front and from the back.
    front: usize,
    back: usize,
}

impl<'a> Decoder<'a> {
    /// Starts to read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for fewer bytes than a state has.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let state =
            bytes.first_chunk::<8>().ok_or_else(|| Error::corrupt("a stream of symbols ends within its state"))?;
        Ok(Decoder { state: u64::from_le_bytes(*state), raw: 0, n_raw: 0, bytes, front: 8, back: 0 })
    }

    /// Reads a symbol.
    #[inline(always)]
    pub fn symbol<F: Find>(&mut self, table: &Table) -> usize {
        let slot = self.state as u16;
        let symbol = F::find(&table.starts, slot) & (N_SYMBOLS - 1);
        let (share, start) = (u64::from(table.shares[symbol]), u64::from(table.starts[symbol]));
        self.state = share * (self.state >> SHARE_BITS) + (u64::from(slot) - start);
        if self.state < LEAST {
            self.state = self.state << 32 | u64::from(self.word());
        }
        symbol
    }

    #[inline(always)]
    fn word(&mut self) -> u32 {
        let word = self.bytes.get(self.front..).and_then(|rest| rest.first_chunk::<4>());
        self.front += 4;
        word.map_or(0, |word| u32::from_le_bytes(*word))
    }

    /// The next 32 raw bits, which stay.
    #[inline(always)]
    pub fn peek(&mut self) -> u32 {
        if self.n_raw < MAX_RAW {
            self.fill();
        }
        self.raw as u32
    }

    /// Passes over `n <= 32` raw bits.
    #[inline(always)]
    pub fn skip(&mut self, n: u32) {
        self.raw >>= n;
        self.n_raw -= n;
    }

    /// Reads `n <= 32` raw bits.
    #[inline(always)]
    pub fn raw(&mut self, n: u32) -> u32 {
        let value = u64::from(self.peek()) & ((1 << n) - 1);
        self.skip(n);
        value as u32
    }

    #[inline(always)]
    fn fill(&mut self) {
        let end = self.bytes.len().saturating_sub(self.back);
        let word = match self.bytes[..end].last_chunk::<4>() {
            Some(word) => u32::from_be_bytes(*word),
            None => self.last_word(end),
        };
        self.raw |= u64::from(word) << self.n_raw;
        (self.n_raw, self.back) = (self.n_raw + 32, self.back + 4);
    }

    #[cold]
    fn last_word(&self, end: usize) -> u32 {
        self.bytes[..end].iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
    }

    /// Whether all symbols are read, `n_raw` bytes before the end.
    pub fn is_at_raw(&self, n_raw: usize) -> bool {
        self.state == LEAST && self.front + n_raw == self.bytes.len()
    }

    /// Checks that the stream ended here.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a stream that is too long, too short or changed.
    pub fn finish(self) -> Result<()> {
        // What was taken from the raw bits, in whole bytes; what is left of the last one is zero.
        let n_bits = 8 * self.back - self.n_raw as usize;
        let is_whole = self.front + n_bits.div_ceil(8) == self.bytes.len();
        let left = (n_bits.div_ceil(8) * 8 - n_bits) as u32;
        if is_whole && self.state == LEAST && self.raw & ((1 << left) - 1) == 0 {
            return Ok(());
        }
        Err(Error::corrupt("a stream of symbols does not end as an encoder ends it: it was changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_raw_bits_come_back_and_the_end_is_found() {
        let tables = [Table::new([1 << 15; 15]), Table::new([100; 15]), Table::new([65_000; 15])];
        let symbols: Vec<usize> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 28) as usize).collect();
        let mut raw = RawBits::default();
        symbols.iter().for_each(|&s| raw.push(s as u32 & 7, 3));
        let bytes = encode(symbols.iter().enumerate().rev().map(|(i, &s)| Step::new(&tables[i % 3], s)), raw);
        let mut decoder = Decoder::new(&bytes).unwrap();
        for (i, &symbol) in symbols.iter().enumerate() {
            assert_eq!(decoder.symbol::<Plain>(&tables[i % 3]), symbol);
            assert_eq!(decoder.raw(3), symbol as u32 & 7);
        }
        decoder.finish().unwrap();
    }

    #[test]
    fn shares_fill_the_table_and_none_is_empty() {
        for chance in [0, 1, 300, 1 << 15, u16::MAX] {
            let table = Table::new([chance; 15]);
            assert_eq!(table.shares.iter().map(|&share| u32::from(share)).sum::<u32>(), 1 << SHARE_BITS);
            assert!(table.shares.iter().all(|&share| share > 0), "{chance}");
        }
    }
}
