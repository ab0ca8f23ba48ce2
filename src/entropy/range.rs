//! Binary range coder: a 64-bit interval, 32 bits out at a time, carries run back into the bytes already written.
//!
//! The stream ends with the fewest bytes that name a point of the last interval, and the decoder checks that they do.

use super::bit::{Bit, PROBABILITY_BITS};
use crate::{Error, Result};

/// The interval is widened when it gets narrower than this.
const NARROW: u64 = 1 << 32;

/// Most bits that one call of the raw-bit functions moves.
pub const MAX_RAW_BITS: u32 = 16;

/// What [`Encoder`] and [`Decoder`] have in common, so that one function describes both directions of a syntax: the
/// encoder writes what it is given and returns it, the decoder passes over what it is given and returns what it reads.
pub trait Coder {
    /// Whether what it is given matters.
    const ENCODES: bool;
    /// One decision that is true with this probability, in `(0, 1 << PROBABILITY_BITS)`.
    fn decide(&mut self, probability: u32, bit: bool) -> bool;
    /// One decision with even odds.
    fn code_even(&mut self, bit: bool) -> bool;
    /// `n_bits <= MAX_RAW_BITS` bits with even odds.
    fn code_raw(&mut self, value: u32, n_bits: u32) -> u32;

    /// One decision with an adaptive probability.
    #[inline(always)]
    fn code(&mut self, model: &mut Bit, bit: bool) -> bool {
        let bit = self.decide(model.probability(), bit);
        model.update(bit);
        bit
    }
}

impl Coder for Encoder {
    const ENCODES: bool = true;

    #[inline(always)]
    fn decide(&mut self, probability: u32, bit: bool) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * u64::from(probability);
        if bit {
            self.range = bound;
        } else {
            self.advance(bound);
            self.range -= bound;
        }
        self.widen();
        bit
    }

    #[inline(always)]
    fn code_even(&mut self, bit: bool) -> bool {
        self.raw(u32::from(bit), 1);
        bit
    }

    #[inline(always)]
    fn code_raw(&mut self, value: u32, n_bits: u32) -> u32 {
        self.raw(value, n_bits);
        value
    }
}

impl Coder for Decoder<'_> {
    const ENCODES: bool = false;

    #[inline(always)]
    fn decide(&mut self, probability: u32, _: bool) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * u64::from(probability);
        let bit = self.offset < bound;
        if bit {
            self.range = bound;
        } else {
            self.offset -= bound;
            self.range -= bound;
        }
        self.widen();
        bit
    }

    #[inline(always)]
    fn code_even(&mut self, _: bool) -> bool {
        self.even()
    }

    #[inline(always)]
    fn code_raw(&mut self, _: u32, n_bits: u32) -> u32 {
        self.raw(n_bits)
    }
}

/// Writes decisions.
#[derive(Debug)]
pub struct Encoder {
    low: u64,
    range: u64,
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { low: 0, range: u64::MAX, bytes: Vec::new() }
    }
}

impl Encoder {
    /// Writes `bit` with the model's probability, which then adapts.
    #[inline(always)]
    pub fn bit(&mut self, model: &mut Bit, bit: bool) {
        self.code(model, bit);
    }

    /// Writes the low `n_bits <= MAX_RAW_BITS` bits of `value`, each as likely as not.
    #[inline(always)]
    pub fn raw(&mut self, value: u32, n_bits: u32) {
        debug_assert!(n_bits <= MAX_RAW_BITS && u64::from(value) < 1 << n_bits);
        self.range >>= n_bits;
        self.advance(self.range * u64::from(value));
        self.widen();
    }

    #[inline(always)]
    fn advance(&mut self, by: u64) {
        let (low, carry) = self.low.overflowing_add(by);
        self.low = low;
        if carry {
            self.carry();
        }
    }

    #[inline(always)]
    fn widen(&mut self) {
        if self.range < NARROW {
            self.bytes.extend_from_slice(&((self.low >> 32) as u32).to_be_bytes());
            self.low <<= 32;
            self.range <<= 32;
        }
    }

    /// The interval never passes the end of the first byte, so there is always a byte that is not 0xFF.
    #[cold]
    fn carry(&mut self) {
        for byte in self.bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }

    /// Ends the stream: the smallest point of the interval that ends in the most zero bytes, without these.
    pub fn finish(mut self) -> Vec<u8> {
        let last = self.range - 1;
        for n_bytes in 0..8u32 {
            let mask = u64::MAX.checked_shr(8 * n_bytes).unwrap_or(0);
            let up = self.low.wrapping_neg() & mask;
            if up <= last {
                self.advance(up);
                self.bytes.extend_from_slice(&self.low.to_be_bytes()[..n_bytes as usize]);
                return self.bytes;
            }
        }
        self.bytes.extend_from_slice(&self.low.to_be_bytes());
        self.bytes
    }
}

/// Reads decisions. Behind the end of its bytes it reads zeros; [`Decoder::finish`] tells.
#[derive(Debug)]
pub struct Decoder<'a> {
    /// Distance of the point from the lower end of the interval.
    offset: u64,
    range: u64,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Decoder<'a> {
    /// Starts to read a stream of [`Encoder::finish`].
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Decoder { offset: 0, range: u64::MAX, bytes, position: 0 };
        decoder.offset = u64::from(decoder.word()) << 32;
        decoder.offset |= u64::from(decoder.word());
        decoder
    }

    #[inline(always)]
    fn word(&mut self) -> u32 {
        let word = match self.bytes.get(self.position..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(chunk) => u32::from_be_bytes(*chunk),
            None => self.last_word(),
        };
        self.position += 4;
        word
    }

    #[cold]
    fn last_word(&self) -> u32 {
        let byte = |i: usize| u32::from(self.bytes.get(self.position + i).copied().unwrap_or(0));
        byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3)
    }

    /// Reads one decision.
    #[inline(always)]
    pub fn bit(&mut self, model: &mut Bit) -> bool {
        self.code(model, false)
    }

    /// Whether `bit` follows, which was written with this probability.
    #[inline(always)]
    pub fn is_bit(&mut self, probability: u32, bit: bool) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * u64::from(probability);
        let is_same = (self.offset < bound) == bit;
        // Goes on with the known bit: the next one does not have to wait for a comparison.
        let (skipped, range) = if bit { (0, bound) } else { (bound, self.range - bound) };
        (self.offset, self.range) = (self.offset.wrapping_sub(skipped), range);
        self.widen();
        is_same
    }

    /// Whether `value` follows, which was written as `n_bits` equally likely bits.
    #[inline(always)]
    pub fn is_raw(&mut self, value: u32, n_bits: u32) -> bool {
        self.range >>= n_bits;
        self.offset = self.offset.wrapping_sub(self.range * u64::from(value));
        let is_same = self.offset < self.range;
        self.widen();
        is_same
    }

    /// Reads `n_bits <= MAX_RAW_BITS` equally likely bits.
    #[inline(always)]
    pub fn raw(&mut self, n_bits: u32) -> u32 {
        debug_assert!(n_bits <= MAX_RAW_BITS);
        self.range >>= n_bits;
        // Only a damaged stream points behind the last value.
        let value = (self.offset / self.range).min((1 << n_bits) - 1);
        self.offset -= value * self.range;
        self.widen();
        value as u32
    }

    /// Reads one decision with even odds: what [`Encoder::raw`] writes for one bit.
    #[inline(always)]
    pub fn even(&mut self) -> bool {
        self.range >>= 1;
        let bit = self.offset >= self.range;
        if bit {
            // A damaged stream may point behind both halves; any value will do then.
            self.offset -= self.range;
        }
        self.widen();
        bit
    }

    #[inline(always)]
    fn widen(&mut self) {
        if self.range < NARROW {
            self.offset = (self.offset << 32) | u64::from(self.word());
            self.range <<= 32;
        }
    }

    /// Checks that the stream ended here: all bytes used, none missing, and the last ones as the encoder writes them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a stream that is truncated, too long or not what an encoder wrote.
    pub fn finish(self) -> Result<()> {
        let n_tail = (self.bytes.len() + 8).checked_sub(self.position).filter(|&n| n <= 8);
        let Some(n_tail) = n_tail else {
            return Err(Error::corrupt(format!(
                "an entropy-coded stream has {} bytes where {} to {} were read",
                self.bytes.len(),
                self.position.saturating_sub(8),
                self.position
            )));
        };
        let unit = |n_bytes: usize| u64::MAX.checked_shr(8 * n_bytes as u32).unwrap_or(0);
        let smallest = self.offset <= unit(n_tail) && self.offset < self.range;
        let shortest = n_tail == 0 || {
            let mut tail = [0; 8];
            tail[..n_tail].copy_from_slice(&self.bytes[self.bytes.len() - n_tail..]);
            let up = u64::from_be_bytes(tail).wrapping_neg() & unit(n_tail - 1);
            self.offset.checked_add(up).is_none_or(|offset| offset >= self.range)
        };
        if smallest && shortest {
            return Ok(());
        }
        Err(Error::corrupt("an entropy-coded stream does not end as an encoder ends it: it was changed"))
    }
}
