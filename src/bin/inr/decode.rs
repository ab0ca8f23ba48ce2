//! `inr decode`: one record back into an array.

use std::path::PathBuf;
use std::time::Instant;

use adios2_inr::session::{ChainArray, ChainReader};
use adios2_inr::{Dtype, Error, codec};
use anyhow::{Context as _, Result};

use crate::{Done, Usage, npy, progress, table};

const EXAMPLES: &str = "\
Examples:
  inr decode u.inr u.npy
  inr decode u.inr u7.npy --step 7
  python3 -c \"import numpy; print(numpy.load('u.npy').shape)\"

The array is written in C order. The same record gives the same bits on every machine.";

/// Decode a record into a .npy array
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The record
    #[arg(value_name = "IN.inr")]
    input: PathBuf,
    /// The array to write
    #[arg(value_name = "OUT.npy")]
    output: PathBuf,
    /// Of an array written with --temporal predict: this step alone, from 0, decoded from the last key on
    #[arg(long, value_name = "N")]
    step: Option<u32>,
    /// Refuse what claims to be larger, in bytes; an array of one value takes 29 bytes whatever its size
    #[arg(long, value_name = "BYTES", default_value_t = codec::DEFAULT_LIMIT)]
    limit: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was decoded.
struct Decoded {
    dtype: Dtype,
    dims: Vec<usize>,
    stored_bytes: usize,
    seconds: f64,
}

pub fn run(args: &Args) -> Result<Done> {
    let path = args.input.display();
    let spinner = progress::spinner(format!("decoding {path}"));
    let decoded = if ChainReader::is_one(&args.input) { steps(args) } else { record(args) };
    spinner.finish_and_clear();
    let Decoded { dtype, dims, stored_bytes, seconds } = decoded?;
    let raw_bytes = dims.iter().product::<usize>() * dtype.size();
    if args.json {
        let object = serde_json::json!({
            "input": path.to_string(),
            "output": args.output.display().to_string(),
            "dtype": dtype.name(),
            "dims": dims,
            "raw_bytes": raw_bytes,
            "stored_bytes": stored_bytes,
            "seconds": seconds,
        });
        return Done::ok(format!("{object}\n"));
    }
    Done::ok(format!(
        "{path} -> {} ({} {})\n{} -> {} bytes in {} s\n",
        args.output.display(),
        table::dims(&dims),
        dtype.name(),
        table::bytes(stored_bytes),
        table::bytes(raw_bytes),
        table::number(seconds),
    ))
}

fn record(args: &Args) -> Result<Decoded> {
    let name = || args.input.display().to_string();
    if args.step.is_some() {
        return Err(Usage(format!("{}: holds one array and no steps: leave --step out", name())).into());
    }
    let record = std::fs::read(&args.input).with_context(name)?;
    let started = Instant::now();
    let decoded = codec::decode_within(&record, args.limit).with_context(name)?;
    let seconds = started.elapsed().as_secs_f64();
    let array = npy::Array { dtype: decoded.dtype, dims: decoded.dims, bytes: decoded.bytes };
    npy::write(&args.output, &array)?;
    Ok(Decoded { dtype: array.dtype, dims: array.dims, stored_bytes: record.len(), seconds })
}

/// One step, or all of them with one in memory at a time.
fn steps(args: &Args) -> Result<Decoded> {
    let name = || args.input.display().to_string();
    let started = Instant::now();
    let reader = ChainReader::open(&args.input).with_context(name)?;
    let ChainArray { dtype, n_steps, dims } = reader.array().clone();
    let decode = |step| reader.decode(step).with_context(name);
    let asked = reader.array().step_bytes().with_context(name)? as u64;
    if asked > args.limit {
        return Err(Error::Limit { asked, limit: args.limit }).with_context(name);
    }
    let dims = match args.step {
        Some(step) if step >= n_steps => {
            return Err(Usage(format!("{}: has {n_steps} steps, so there is no step {step} (from 0)", name())).into());
        }
        Some(step) => {
            npy::write_parts(&args.output, dtype, &dims, std::iter::once_with(|| decode(step)))?;
            dims
        }
        None => {
            let all = reader.array().all_dims();
            npy::write_parts(&args.output, dtype, &all, (0..n_steps).map(decode))?;
            all
        }
    };
    let stored_bytes = std::fs::metadata(&args.input).with_context(name)?.len() as usize;
    Ok(Decoded { dtype, dims, stored_bytes, seconds: started.elapsed().as_secs_f64() })
}
