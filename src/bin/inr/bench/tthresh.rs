//! TTHRESH: a relative L2 target of its own, three dimensions at least.

use adios2_inr::field::Array;
use adios2_inr::{Norm, Target};
use anyhow::{Result, bail};
use tthresh::{Buffer, ErrorBound};

use super::codec::{Block, Codec, Control};

/// TTHRESH.
pub struct Tthresh;

impl Codec for Tthresh {
    fn name(&self) -> &str {
        "tthresh"
    }

    fn control(&self, goal: &Target) -> Control {
        let is_pointwise = matches!(goal, Target::Accuracy(_, Norm::Linf, _));
        if is_pointwise { Control::Unable } else { Control::Search }
    }

    fn ranks(&self) -> std::ops::RangeInclusive<usize> {
        3..=8
    }

    fn encode(&self, block: Block, _: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
        let target = ErrorBound::RMSE(knob);
        let _silent = silence()?;
        let part = match block.values {
            Array::F32(v) => tthresh::compress(v, block.dims, target, false, false),
            Array::F64(v) => tthresh::compress(v, block.dims, target, false, false),
        }?;
        Ok(vec![part])
    }

    fn decode(&self, _: Block, parts: &[Vec<u8>]) -> Result<Array> {
        let _silent = silence()?;
        match tthresh::decompress(&parts[0], false, false)?.0 {
            Buffer::F32(v) => Ok(Array::F32(v)),
            Buffer::F64(v) => Ok(Array::F64(v)),
            _ => bail!("decoded to another type"),
        }
    }

    fn note(&self) -> Option<&'static str> {
        Some("tthresh bounds the RMS error only, of arrays of at least three axes")
    }
}

/// The library prints sizes whatever it is told, and our stdout may be JSON.
fn silence() -> Result<gag::Gag> {
    Ok(gag::Gag::stdout()?)
}
