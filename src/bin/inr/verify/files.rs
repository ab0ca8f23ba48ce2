//! An array beside a record, a file of predicted steps or another array.

use std::path::Path;

use adios2_inr::npy::{self, Array};
use adios2_inr::session::ChainReader;
use adios2_inr::settings::Target;
use adios2_inr::{Settings, codec};
use anyhow::{Context as _, Result, ensure};

use super::{Args, Piece};
use crate::Usage;

/// What was promised for an array that does not say so itself.
#[derive(clap::Args)]
pub struct PromiseArgs {
    /// Of an array: the error that was promised
    #[arg(long, value_name = "VALUE")]
    accuracy: Option<String>,
    /// Of the accuracy (default: REL)
    #[arg(long, value_name = "REL|ABS")]
    mode: Option<String>,
    /// Of the accuracy (default: L2)
    #[arg(long, value_name = "L2|Linf")]
    norm: Option<String>,
    /// Of an array: the PSNR that was promised
    #[arg(long, value_name = "DB")]
    psnr: Option<String>,
    /// A value that marks missing data
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    fill: Option<String>,
}

impl PromiseArgs {
    fn settings(&self) -> Result<Settings> {
        let all = [
            ("accuracy", &self.accuracy),
            ("mode", &self.mode),
            ("norm", &self.norm),
            ("psnr", &self.psnr),
            ("fill", &self.fill),
        ];
        Ok(Settings::from_pairs(all.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))))?)
    }

    fn is_given(&self) -> bool {
        self.accuracy.is_some() || self.psnr.is_some()
    }
}

/// Hands over the array as one block, or step by step.
pub fn visit(args: &Args, take: &mut dyn FnMut(Piece)) -> Result<()> {
    let original = npy::read(&args.original)?;
    if ChainReader::is_one(&args.decoded) {
        return steps(args, &original, take);
    }
    let name = || args.decoded.display().to_string();
    let settings = args.promise.settings()?;
    let piece = |decoded: Array, promise, fill, n_stored| -> Result<Piece> {
        ensure_same(&original, &decoded, &args.decoded)?;
        let (original_bytes, decoded) = (original.bytes.clone(), Ok(decoded.bytes));
        let blank = blank(&original, &original.dims, &args.original);
        Ok(Piece { original: original_bytes, decoded, promise, fill, n_stored, ..blank })
    };
    if args.decoded.extension().is_some_and(|extension| extension == "npy") {
        if !args.promise.is_given() {
            let what = format!("{}: an array does not say what was promised: set --accuracy or --psnr", name());
            return Err(Usage(what).into());
        }
        take(piece(npy::read(&args.decoded)?, Some(settings.target), settings.fill, original.bytes.len())?);
        return Ok(());
    }
    let record = std::fs::read(&args.decoded).with_context(name)?;
    let summary = codec::inspect(&record).with_context(name)?;
    let fill = codec::fill_of(&record).with_context(name)?.or(settings.fill);
    let decoded = codec::decode(&record).with_context(name)?;
    let decoded = Array { dtype: decoded.dtype, dims: decoded.dims, bytes: decoded.bytes };
    take(piece(decoded, promise(summary.target, args)?, fill, record.len())?);
    Ok(())
}

/// What the record promised, unless something else is asked for.
fn promise(of_record: Option<Target>, args: &Args) -> Result<Option<Target>> {
    if args.promise.is_given() { Ok(Some(args.promise.settings()?.target)) } else { Ok(of_record) }
}

/// The steps of a file of predicted ones.
fn steps(args: &Args, original: &Array, take: &mut dyn FnMut(Piece)) -> Result<()> {
    let name = || args.decoded.display().to_string();
    let reader = ChainReader::open(&args.decoded).with_context(name)?;
    let array = reader.array();
    let shape = Array { dtype: array.dtype, dims: array.all_dims(), bytes: Vec::new() };
    ensure_same(original, &shape, &args.decoded)?;
    let step_bytes = array.step_bytes()?.max(1);
    for (step, bytes) in (0u32..).zip(original.bytes.chunks_exact(step_bytes)) {
        let record = reader.record(step);
        let about = record.as_ref().ok();
        let summary = about.map(|record| codec::inspect(record)).transpose()?;
        take(Piece {
            step: step as usize,
            original: bytes.to_vec(),
            promise: promise(summary.and_then(|summary| summary.target), args)?,
            fill: about.map(|record| codec::fill_of(record)).transpose()?.flatten(),
            n_stored: about.map_or(0, Vec::len),
            decoded: record.and_then(|_| reader.decode(step)).map_err(Into::into),
            ..blank(original, &array.dims, &args.original)
        });
    }
    Ok(())
}

/// A block of an array that is called as its file is.
fn blank(array: &Array, dims: &[usize], path: &Path) -> Piece {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Piece::new(name, array.dtype, dims)
}

fn ensure_same(original: &Array, decoded: &Array, path: &Path) -> Result<()> {
    ensure!(
        (original.dtype, &original.dims) == (decoded.dtype, &decoded.dims),
        "{}: holds {:?} {} where the original has {:?} {}",
        path.display(),
        decoded.dims,
        decoded.dtype.name(),
        original.dims,
        original.dtype.name(),
    );
    Ok(())
}
