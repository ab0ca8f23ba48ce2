//! `inr encode`: one array into one record.

use std::path::PathBuf;

use adios2_inr::Temporal;
use adios2_inr::codec::{self, Context};
use adios2_inr::session::{self, SeriesKey};
use anyhow::{Context as _, Result};

use crate::settings_args::SettingsArgs;
use crate::{Done, encode_steps, npy, output, progress, table};

const EXAMPLES: &str = "\
Examples:
  inr encode u.npy u.inr                                  relative L2 error of at most 1e-2
  inr encode u.npy u.inr --accuracy 1e-3 --norm Linf      no value off by more than 1e-3 of the range
  inr encode u.npy u.inr --accuracy 0.05 --mode ABS --norm Linf
  inr encode u.npy u.inr --psnr 60
  inr encode u.npy u.inr --ratio 100                      as accurate as 100 : 1 allows
  inr encode u.npy u.inr --model siren --seconds 20
  inr encode u.npy u.inr --temporal predict --accuracy 1e-3 --norm Linf

With --temporal predict the first axis of the array is time: each step is predicted from the two before it, and the bound holds
in each step. 'inr decode --step' reads one of them. The file holds everything that is needed; one step is in memory at a time
(of Fortran-ordered files the whole array).

Floats and complex numbers are stored within the bound, integers without loss. Fortran-ordered files give the same
record as their C-ordered copy.";

/// Encode a .npy array into a record
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The array (float32, float64, complex64, complex128 or an integer type)
    #[arg(value_name = "IN.npy")]
    pub input: PathBuf,
    /// The record to write
    #[arg(value_name = "OUT.inr")]
    pub output: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let settings = args.settings.with([])?;
    if settings.temporal == Temporal::Predict {
        return encode_steps::run(args, &settings);
    }
    let array = npy::read(&args.input)?;
    let spinner = progress::spinner(format!("encoding {}", args.input.display()));
    let encoded = codec::encode(&array.block()?, &settings, &Context::default())
        .with_context(|| args.input.display().to_string())?;
    spinner.finish_and_clear();
    output::write_whole(&args.output, |w| Ok(w.write_all(&encoded.record)?))?;
    let report = &encoded.report;
    if let Some(log) = &settings.log {
        let line = session::Line::new(&series_key(args, &array.dims), 0, &array.block()?, report);
        session::append(log, &line).with_context(|| log.display().to_string())?;
    }
    if args.json {
        let mut object = serde_json::to_value(report)?;
        object["input"] = args.input.display().to_string().into();
        object["output"] = args.output.display().to_string().into();
        object["dtype"] = array.dtype.name().into();
        object["dims"] = array.dims.clone().into();
        return Done::ok(format!("{object}\n"));
    }
    let errors = &report.errors;
    Done::ok(format!(
        "{} ({} {}) -> {}\n{} -> {} bytes, ratio {}, model {}, {} s\npromised {}: relative L2 {}, max over range {}, PSNR {} dB\n",
        args.input.display(),
        table::dims(&array.dims),
        array.dtype.name(),
        args.output.display(),
        table::bytes(array.bytes.len()),
        table::bytes(encoded.record.len()),
        table::number(table::ratio(array.bytes.len(), encoded.record.len())),
        report.model,
        table::number(report.seconds.total),
        report.promise,
        table::error(errors.rel_l2),
        table::error(errors.max_over_range),
        table::number(errors.psnr),
    ))
}

/// The record's place in the run log: the output file, with the input's name as the variable.
pub fn series_key(args: &Args, dims: &[usize]) -> SeriesKey {
    let dataset = std::path::absolute(&args.output).unwrap_or_else(|_| args.output.clone());
    let variable = args.input.file_stem().unwrap_or_default();
    SeriesKey {
        dataset: dataset.display().to_string(),
        variable: variable.to_string_lossy().into_owned(),
        dims: dims.to_vec(),
        ..SeriesKey::default()
    }
}
