//! SPERR: 2D and 3D natively, 1D as one row, more dimensions as a stack of 3D volumes.

use adios2_inr::Target;
use adios2_inr::field::Array;
use anyhow::Result;
use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3};
use sperr::{CompressionMode, Element};

use super::codec::{Block, Codec, Control};

/// SPERR's own default for the size of the pieces a volume is cut into.
const CHUNK: usize = 256;

/// SPERR.
pub struct Sperr;

impl Codec for Sperr {
    fn name(&self) -> &str {
        "sperr"
    }

    fn control(&self, goal: &Target) -> Control {
        Control::by_bound(goal)
    }

    fn ranks(&self) -> std::ops::RangeInclusive<usize> {
        1..=3
    }

    fn encode(&self, block: Block, goal: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
        // For other goals the quantisation step, which spends nothing on outliers.
        let mode = match self.control(goal) {
            Control::Bound => CompressionMode::PointwiseError { pwe: knob },
            _ => CompressionMode::QuantisationStep { q: knob },
        };
        match block.values {
            Array::F32(v) => encode(v, block.dims, mode),
            Array::F64(v) => encode(v, block.dims, mode),
        }
    }

    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array> {
        Ok(match like.values {
            Array::F32(v) => Array::F32(decode(parts, like.dims, vec![0.0; v.len()])?),
            Array::F64(v) => Array::F64(decode(parts, like.dims, vec![0.0; v.len()])?),
        })
    }

    fn note(&self) -> Option<&'static str> {
        Some(
            "sperr stores 1D as one row and 4D as a stack of 3D volumes (sum of bytes); at goals other than Linf its quantisation step is searched; \
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
