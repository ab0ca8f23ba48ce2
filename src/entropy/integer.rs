//! Integers as binary decisions: unary with one adaptive probability each up to [`N_DIRECT`], then Exp-Golomb.

use super::bit::Bit;
use super::range::{Decoder, Encoder, MAX_RAW_BITS};

/// Magnitudes below this are written in unary.
pub const N_DIRECT: usize = 14;

/// Adaptive bits of the Exp-Golomb prefix; magnitudes fit 32 bits.
const N_PREFIX: usize = 32;

/// Probabilities of the decisions about one magnitude in one context.
#[derive(Clone, Copy, Debug)]
pub struct MagnitudeModel {
    unary: [Bit; N_DIRECT],
    prefix: [Bit; N_PREFIX],
}

impl Default for MagnitudeModel {
    fn default() -> Self {
        MagnitudeModel { unary: [Bit::default(); N_DIRECT], prefix: [Bit::default(); N_PREFIX] }
    }
}

impl MagnitudeModel {
    /// Writes `magnitude`.
    #[inline]
    pub fn encode(&mut self, encoder: &mut Encoder, magnitude: u32) {
        for (i, bit) in self.unary.iter_mut().enumerate() {
            let more = magnitude > i as u32;
            encoder.bit(bit, more);
            if !more {
                return;
            }
        }
        self.encode_rest(encoder, magnitude - N_DIRECT as u32);
    }

    /// Reads a magnitude; anything a damaged stream yields fits 32 bits.
    #[inline]
    pub fn decode(&mut self, decoder: &mut Decoder) -> u32 {
        for (i, bit) in self.unary.iter_mut().enumerate() {
            if !decoder.bit(bit) {
                return i as u32;
            }
        }
        (N_DIRECT as u32).saturating_add(self.decode_rest(decoder))
    }

    /// Exp-Golomb of order 0: the number of bits of `rest + 1` in unary, then these bits without the leading one.
    #[cold]
    fn encode_rest(&mut self, encoder: &mut Encoder, rest: u32) {
        let value = u64::from(rest) + 1;
        let n_bits = value.ilog2();
        for (i, bit) in self.prefix.iter_mut().enumerate() {
            encoder.bit(bit, i as u32 == n_bits);
            if i as u32 == n_bits {
                break;
            }
        }
        encode_raw(encoder, value as u32 & low_bits(n_bits), n_bits);
    }

    #[cold]
    fn decode_rest(&mut self, decoder: &mut Decoder) -> u32 {
        let n_bits = self.prefix.iter_mut().position(|bit| decoder.bit(bit)).unwrap_or(N_PREFIX) as u32;
        let value = (1u64 << n_bits) | u64::from(decode_raw(decoder, n_bits));
        u32::try_from(value - 1).unwrap_or(u32::MAX)
    }
}

fn low_bits(n_bits: u32) -> u32 {
    u32::MAX.checked_shr(32 - n_bits).unwrap_or(0)
}

/// Writes up to 32 equally likely bits.
pub fn encode_raw(encoder: &mut Encoder, value: u32, n_bits: u32) {
    if n_bits > MAX_RAW_BITS {
        encoder.raw(value >> MAX_RAW_BITS, n_bits - MAX_RAW_BITS);
        encoder.raw(value & low_bits(MAX_RAW_BITS), MAX_RAW_BITS);
    } else {
        encoder.raw(value, n_bits);
    }
}

/// Reads up to 32 equally likely bits.
pub fn decode_raw(decoder: &mut Decoder, n_bits: u32) -> u32 {
    if n_bits > MAX_RAW_BITS {
        let high = decoder.raw(n_bits - MAX_RAW_BITS);
        high << MAX_RAW_BITS | decoder.raw(MAX_RAW_BITS)
    } else {
        decoder.raw(n_bits)
    }
}

/// Writes a sign, true for negative.
#[inline(always)]
pub fn encode_sign(encoder: &mut Encoder, negative: bool) {
    encoder.raw(u32::from(negative), 1);
}

/// Reads a sign.
#[inline(always)]
pub fn decode_sign(decoder: &mut Decoder) -> bool {
    decoder.raw(1) == 1
}

/// `magnitude` with a sign; `2^31` and more saturate, which only a damaged stream asks for (and -2^31 needs).
#[inline(always)]
pub fn signed(magnitude: u32, negative: bool) -> i32 {
    let value = if negative { -i64::from(magnitude) } else { i64::from(magnitude) };
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
