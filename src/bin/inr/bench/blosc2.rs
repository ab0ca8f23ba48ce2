//! Blosc2: lossless, bits of equal significance put together and then Zstandard.

use std::sync::Once;

use adios2_inr::Target;
use adios2_inr::field::Array;
use anyhow::{Result, anyhow};
use blosc2::{CLevel, Codec as Compressor, Filter};

use super::codec::{Block, Codec, Control, dtype_of, element_bytes};

/// Blosc2.
pub struct Blosc2;

/// Bytes per chunk at most; the format takes up to 2 GiB.
const CHUNK: usize = 1 << 30;

impl Blosc2 {
    /// With so many threads (0: all), which the library has for the whole process.
    pub fn new(n_threads: usize) -> Blosc2 {
        static STARTED: Once = Once::new();
        STARTED.call_once(blosc2::init);
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        blosc2::set_nthreads(if n_threads == 0 { all() } else { n_threads });
        Blosc2
    }
}

/// The chunks one after the other.
fn joined<T: Copy>(parts: &[Vec<u8>]) -> Result<Vec<T>> {
    let mut chunks = parts.iter().map(|part| blosc2::decompress::<T>(part).map_err(|e| anyhow!("{e}")));
    let mut all = chunks.next().unwrap_or(Ok(Vec::new()))?;
    for chunk in chunks {
        all.extend(chunk?);
    }
    Ok(all)
}

impl Codec for Blosc2 {
    fn name(&self) -> &str {
        "blosc2"
    }

    fn control(&self, _: &Target) -> Control {
        Control::Lossless
    }

    fn encode(&self, block: Block, _: &Target, _: f64) -> Result<Vec<Vec<u8>>> {
        let size = dtype_of(block.values).size();
        let encode = |chunk: &[u8]| {
            let (filter, compressor) = (Some(Filter::BitShuffle), Some(Compressor::ZSTD));
            blosc2::compress(chunk, Some(size), Some(CLevel::Five), filter, compressor).map_err(|e| anyhow!("{e}"))
        };
        element_bytes(block.values).chunks(CHUNK).map(encode).collect()
    }

    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array> {
        Ok(match like.values {
            Array::F32(_) => Array::F32(joined(parts)?),
            Array::F64(_) => Array::F64(joined(parts)?),
        })
    }

    fn note(&self) -> Option<&'static str> {
        Some("blosc2 is lossless (bit shuffle, Zstandard 5): its copy is exact whatever is asked")
    }
}
