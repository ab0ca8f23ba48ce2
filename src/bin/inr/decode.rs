//! `inr decode`: one record back into an array.

use std::path::PathBuf;

use adios2_inr::codec;
use anyhow::{Context as _, Result};

use crate::{Done, npy, progress, table};

const EXAMPLES: &str = "\
Examples:
  inr decode u.inr u.npy
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
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let path = args.input.display();
    let record = std::fs::read(&args.input).with_context(|| path.to_string())?;
    let spinner = progress::spinner(format!("decoding {path}"));
    let started = std::time::Instant::now();
    let decoded = codec::decode(&record).with_context(|| path.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    spinner.finish_and_clear();
    let array = npy::Array { dtype: decoded.dtype, dims: decoded.dims, bytes: decoded.bytes };
    npy::write(&args.output, &array)?;
    if args.json {
        let object = serde_json::json!({
            "input": path.to_string(),
            "output": args.output.display().to_string(),
            "dtype": array.dtype.name(),
            "dims": array.dims,
            "raw_bytes": array.bytes.len(),
            "stored_bytes": record.len(),
            "seconds": seconds,
        });
        return Done::ok(format!("{object}\n"));
    }
    Done::ok(format!(
        "{path} -> {} ({} {})\n{} -> {} bytes in {} s\n",
        args.output.display(),
        table::dims(&array.dims),
        array.dtype.name(),
        table::bytes(record.len()),
        table::bytes(array.bytes.len()),
        table::number(seconds),
    ))
}
