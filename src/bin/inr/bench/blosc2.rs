//! Blosc2: lossless, bits of equal significance put together and then Zstandard.

use std::sync::Once;

use adios2_inr::Target;
use adios2_inr::field::{self, Array};
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
        let decode = |part: &Vec<u8>| blosc2::decompress::<u8>(part).map_err(|e| anyhow!("{e}"));
        let chunks = parts.iter().map(decode).collect::<Result<Vec<_>>>()?;
        Ok(field::values(dtype_of(like.values), 0, &chunks.concat())?.as_slice().to_array())
    }

    fn note(&self) -> Option<&'static str> {
        Some("blosc2 is lossless (bit shuffle, Zstandard 5): its copy is exact whatever is asked")
    }
}
