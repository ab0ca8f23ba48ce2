//! Adaptive binary range coding of integers and masks: bits in, bytes out, the same on every machine.
//!
//! Layers, lowest first: [`range`] (arithmetic on intervals), [`bit`] (adaptive probability of one binary decision),
//! [`mixer`] (one probability from several), [`recorder`] (an encoder that checks itself), [`integer`] (binarisation of magnitudes and signed integers), [`sequence`] and [`mask`] (whole arrays).

pub mod bit;
pub mod integer;
pub mod mask;
pub mod mixer;
pub mod range;
pub mod rans;
pub mod recorder;
pub mod sequence;

pub use bit::Bit;
pub use integer::{MagnitudeModel, N_DIRECT};
pub use mask::{decode_bits, encode_bits};
pub use mixer::Mixer;
pub use range::{Coder, Decoder, Encoder};
pub use recorder::Recorder;
pub use sequence::{decode_integers, encode_integers};
