//! SZ3 with its default algorithm (interpolation and Lorenzo prediction).

use adios2_inr::Target;
use adios2_inr::field::Array;
use anyhow::Result;
use sz3::{Config, DimensionedData, ErrorBound, SZ3Compressible};

use super::codec::{Block, Codec, Control};

/// SZ3.
pub struct Sz3 {
    /// Whether a field is cut into a part for each thread, which costs bytes.
    pub has_threads: bool,
}

impl Codec for Sz3 {
    fn name(&self) -> &str {
        "sz3"
    }

    fn control(&self, goal: &Target) -> Control {
        Control::by_bound(goal)
    }

    fn encode(&self, block: Block, _: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
        let part = match block.values {
            Array::F32(v) => encode(v, block.dims, self.config(knob)),
            Array::F64(v) => encode(v, block.dims, self.config(knob)),
        }?;
        Ok(vec![part])
    }

    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array> {
        let part = parts[0].as_slice();
        Ok(match like.values {
            Array::F32(_) => Array::F32(sz3::decompress::<f32, _>(part)?.1.into_data()),
            Array::F64(_) => Array::F64(sz3::decompress::<f64, _>(part)?.1.into_data()),
        })
    }
}

impl Sz3 {
    fn config(&self, bound: f64) -> Config {
        Config::new(ErrorBound::Absolute(bound)).openmp(self.has_threads)
    }
}

fn encode<T: SZ3Compressible>(values: &[T], dims: &[usize], config: Config) -> Result<Vec<u8>> {
    // SZ3 takes up to four dimensions; surplus slow ones are merged.
    let n_merged = dims.len().saturating_sub(4);
    let mut shape = DimensionedData::build(&values).dim(dims[..=n_merged].iter().product())?;
    for &d in &dims[n_merged + 1..] {
        shape = shape.dim(d)?;
    }
    Ok(sz3::compress_with_config(&shape.finish()?, &config)?)
}
