//! An encoder that remembers its decisions and sees, when it ends, that its bytes give them back.

use super::range::{Coder, Decoder, Encoder, MAX_RAW_BITS};
use crate::{Error, Result};

/// Marks what was written with even odds: above the value its number of bits.
const RAW: u32 = 1 << 31;

/// Writes decisions and remembers them with their probabilities.
#[derive(Debug, Default)]
pub struct Recorder {
    encoder: Encoder,
    /// `probability << 1 | bit`, or `RAW | n_bits << MAX_RAW_BITS | value`.
    decisions: Vec<u32>,
}

impl Coder for Recorder {
    const ENCODES: bool = true;

    #[inline(always)]
    fn decide(&mut self, probability: u32, bit: bool) -> bool {
        self.decisions.push(probability << 1 | u32::from(bit));
        self.encoder.decide(probability, bit)
    }

    #[inline(always)]
    fn code_even(&mut self, bit: bool) -> bool {
        self.code_raw(u32::from(bit), 1) != 0
    }

    #[inline(always)]
    fn code_raw(&mut self, value: u32, n_bits: u32) -> u32 {
        self.decisions.push(RAW | n_bits << MAX_RAW_BITS | value);
        self.encoder.code_raw(value, n_bits)
    }
}

impl Recorder {
    /// The bytes of [`Encoder::finish`], read back.
    ///
    /// # Errors
    /// [`Error::Internal`] when they give other decisions.
    pub fn finish(self) -> Result<Vec<u8>> {
        let bytes = self.encoder.finish();
        let mut decoder = Decoder::new(&bytes);
        let is_same = self.decisions.iter().fold(true, |is_same, &decision| {
            is_same
                & if decision & RAW != 0 {
                    decoder.is_raw(decision & 0xFFFF, decision >> MAX_RAW_BITS & 31)
                } else {
                    decoder.is_bit(decision >> 1, decision & 1 != 0)
                }
        });
        if is_same && decoder.finish().is_ok() { Ok(bytes) } else { Err(Error::changed()) }
    }
}
