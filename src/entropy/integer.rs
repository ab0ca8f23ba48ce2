//! Integers as binary decisions: unary with one adaptive probability each up to [`N_DIRECT`], then Exp-Golomb.

use super::bit::Bit;
use super::range::{Coder, Decoder, Encoder, MAX_RAW_BITS};

/// Magnitudes below this are written in unary.
pub const N_DIRECT: usize = 14;

/// Adaptive bits of the Exp-Golomb prefix; magnitudes fit 32 bits.
pub const N_PREFIX: usize = 32;

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
    /// Writes a magnitude.
    pub fn encode(&mut self, encoder: &mut Encoder, magnitude: u32) {
        self.code(encoder, magnitude);
    }

    /// Reads a magnitude.
    pub fn decode(&mut self, decoder: &mut Decoder) -> u32 {
        self.code(decoder, 0)
    }

    /// Codes a magnitude; anything a damaged stream yields fits 32 bits.
    #[inline]
    pub fn code<C: Coder>(&mut self, coder: &mut C, magnitude: u32) -> u32 {
        for (i, bit) in self.unary.iter_mut().enumerate() {
            if !coder.code(bit, magnitude > i as u32) {
                return i as u32;
            }
        }
        let n = N_DIRECT as u32;
        n.saturating_add(code_exp_golomb(coder, &mut self.prefix, magnitude.wrapping_sub(n)))
    }
}

/// Writes up to 32 equally likely bits.
pub fn encode_raw(encoder: &mut Encoder, value: u32, n_bits: u32) {
    code_raw_bits(encoder, value, n_bits);
}

/// Reads up to 32 equally likely bits.
pub fn decode_raw(decoder: &mut Decoder, n_bits: u32) -> u32 {
    code_raw_bits(decoder, 0, n_bits)
}

/// Writes a sign, true for negative.
pub fn encode_sign(encoder: &mut Encoder, negative: bool) {
    encoder.code_even(negative);
}

/// Reads a sign.
pub fn decode_sign(decoder: &mut Decoder) -> bool {
    decoder.even()
}

/// Exp-Golomb of order 0: the number of bits of `value + 1` in unary, then these bits without the leading one.
#[cold]
pub fn code_exp_golomb<C: Coder>(coder: &mut C, prefix: &mut [Bit; N_PREFIX], value: u32) -> u32 {
    let value = u64::from(value) + 1;
    let n_bits = value.ilog2();
    let n_bits = (0..N_PREFIX as u32).find(|&i| coder.code(&mut prefix[i as usize], i == n_bits));
    let n_bits = n_bits.unwrap_or(N_PREFIX as u32);
    let low = code_raw_bits(coder, value as u32 & low_bits(n_bits), n_bits);
    u32::try_from((1u64 << n_bits | u64::from(low)) - 1).unwrap_or(u32::MAX)
}

fn low_bits(n_bits: u32) -> u32 {
    u32::MAX.checked_shr(32 - n_bits).unwrap_or(0)
}

/// Codes up to 32 equally likely bits.
#[inline]
pub fn code_raw_bits<C: Coder>(coder: &mut C, value: u32, n_bits: u32) -> u32 {
    if n_bits > MAX_RAW_BITS {
        let high = coder.code_raw(value >> MAX_RAW_BITS, n_bits - MAX_RAW_BITS);
        high << MAX_RAW_BITS | coder.code_raw(value & low_bits(MAX_RAW_BITS), MAX_RAW_BITS)
    } else {
        coder.code_raw(value, n_bits)
    }
}

/// `magnitude` with a sign; `2^31` and more saturate, which only a damaged stream asks for (and -2^31 needs).
#[inline(always)]
pub fn signed(magnitude: u32, negative: bool) -> i32 {
    let value = if negative { -i64::from(magnitude) } else { i64::from(magnitude) };
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
