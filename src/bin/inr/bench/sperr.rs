//! SPERR: 2D and 3D natively, 1D as one row, more dimensions as a stack of 3D volumes.

use adios2_inr::field::Array;
use anyhow::Result;
use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};
use sperr::{CompressionMode, Element};

use super::codecs::{Codec, Control, Stored};
use super::data::{Data, Decoded};
use super::goal::Goal;

/// SPERR's own default for the size of the pieces a volume is cut into.
const CHUNK: usize = 256;

/// SPERR.
pub struct Sperr;

impl Codec for Sperr {
    fn name(&self) -> &str {
        "sperr"
    }

    fn control(&self, goal: Goal) -> Control {
        if goal.norm == adios2_inr::Norm::Linf { Control::Bound } else { Control::Search }
    }

    fn encode(&self, data: &Data, goal: Goal, knob: f64) -> Result<Stored> {
        // For L2 the quantisation step, which spends nothing on outliers.
        let mode = match goal.norm {
            adios2_inr::Norm::Linf => CompressionMode::PointwiseError { pwe: knob },
            adios2_inr::Norm::L2 => CompressionMode::QuantisationStep { q: knob },
        };
        let parts = match &data.filled {
            Array::F32(v) => encode(v, &data.dims, mode),
            Array::F64(v) => encode(v, &data.dims, mode),
        }?;
        Ok(Stored { parts, model: String::new() })
    }

    fn decode(&self, data: &Data, stored: &Stored) -> Result<Decoded> {
        let n = data.values.len();
        Ok(Decoded::Values(match data.filled {
            Array::F32(_) => Array::F32(decode(&stored.parts, &data.dims, vec![0.0; n])?),
            Array::F64(_) => Array::F64(decode(&stored.parts, &data.dims, vec![0.0; n])?),
        }))
    }

    fn note(&self) -> Option<&'static str> {
        Some(
            "sperr stores 1D as one row and 4D as a stack of 3D volumes (sum of bytes); at L2 its quantisation step is searched; \
             more threads than one work on pieces of 256 cubed",
        )
    }
}

/// The shape of one volume (or image: the first is 1) and how many there are.
fn volumes(dims: &[usize]) -> (usize, [usize; 3]) {
    match dims {
        [n] => (1, [1, 1, *n]),
        [h, w] => (1, [1, *h, *w]),
        [rest @ .., d, h, w] => (rest.iter().product(), [*d, *h, *w]),
        [] => (1, [1, 1, 1]),
    }
}

fn encode<T: Element>(values: &[T], dims: &[usize], mode: CompressionMode) -> Result<Vec<Vec<u8>>> {
    let (n, [d, h, w]) = volumes(dims);
    let parts = values.chunks_exact(values.len() / n).map(|volume| {
        if dims.len() < 3 {
            return Ok(sperr::compress_2d(ArrayView2::from_shape((h, w), volume)?, mode)?);
        }
        let chunks = (d.min(CHUNK), h.min(CHUNK), w.min(CHUNK));
        Ok(sperr::compress_3d(ArrayView3::from_shape((d, h, w), volume)?, mode, chunks)?)
    });
    parts.collect()
}

fn decode<T: Element>(parts: &[Vec<u8>], dims: &[usize], mut out: Vec<T>) -> Result<Vec<T>> {
    let (n, [d, h, w]) = volumes(dims);
    let volume_len = out.len() / n;
    for (part, volume) in parts.iter().zip(out.chunks_exact_mut(volume_len)) {
        if dims.len() < 3 {
            sperr::decompress_into_2d(part, ArrayViewMut2::from_shape((h, w), volume)?)?;
        } else {
            sperr::decompress_into_3d(part, ArrayViewMut3::from_shape((d, h, w), volume)?)?;
        }
    }
    Ok(out)
}
