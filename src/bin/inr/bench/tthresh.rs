//! TTHRESH: a relative L2 target of its own, three dimensions at least.

use adios2_inr::field::Array;
use anyhow::{Result, bail};
use tthresh::{Buffer, ErrorBound};

use super::codecs::{Codec, Control, Stored};
use super::data::{Data, Decoded};
use super::goal::Goal;

/// TTHRESH.
pub struct Tthresh;

impl Codec for Tthresh {
    fn name(&self) -> &str {
        "tthresh"
    }

    fn control(&self, _: Goal) -> Control {
        Control::Search
    }

    fn encode(&self, data: &Data, _: Goal, knob: f64) -> Result<Stored> {
        let target = ErrorBound::RMSE(knob);
        let part = match &data.filled {
            Array::F32(v) => tthresh::compress(v, &data.dims, target, false, false),
            Array::F64(v) => tthresh::compress(v, &data.dims, target, false, false),
        }?;
        Ok(Stored { parts: vec![part], model: String::new() })
    }

    fn decode(&self, _: &Data, stored: &Stored) -> Result<Decoded> {
        match tthresh::decompress(&stored.parts[0], false, false)?.0 {
            Buffer::F32(v) => Ok(Decoded::Values(Array::F32(v))),
            Buffer::F64(v) => Ok(Decoded::Values(Array::F64(v))),
            _ => bail!("decoded to another type"),
        }
    }

    fn note(&self) -> Option<&'static str> {
        Some(
            "tthresh bounds the RMS error only; at Linf its target is searched so that the measured maximum is under the bound",
        )
    }
}
