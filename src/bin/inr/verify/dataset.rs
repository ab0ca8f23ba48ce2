//! A BP dataset beside the one it was compressed from, or beside an array.

use std::path::Path;

use adios2_inr::adios2::{BlockInfo, Dataset, Plugin, Stored, Variable};
use adios2_inr::npy::Steps;
use adios2_inr::{codec, session};
use anyhow::{Context as _, Result, bail, ensure};

use super::{Args, Piece};
use crate::Usage;

/// Where the original values come from.
enum Original {
    Dataset(Dataset),
    Array(Steps),
}

/// Hands over every block that the dataset has.
pub fn visit(args: &Args, take: &mut dyn FnMut(Piece)) -> Result<()> {
    let dataset = Dataset::open(&args.decoded)?;
    let plugin = Plugin::load()?;
    let path = std::path::absolute(&args.decoded).with_context(|| args.decoded.display().to_string())?;
    let path = path.display().to_string();
    let mut original = match args.original.is_dir() {
        true => Original::Dataset(Dataset::open(&args.original)?),
        false => Original::Array(Steps::open(&args.original)?),
    };
    for variable in variables(args, &dataset, &original)? {
        for step in 0..variable.n_steps {
            let blocks = dataset.blocks(variable, step)?;
            let blocks: Vec<_> = blocks.into_iter().enumerate().filter(|(_, info)| !info.is_value).collect();
            if blocks.is_empty() {
                continue;
            }
            let source = Source::of(&mut original, variable, step, &args.original)?;
            for (block, info) in blocks {
                let n_bytes = dataset.n_bytes(variable, &info.dims)?;
                if n_bytes == 0 {
                    continue;
                }
                let stored = dataset.stored(&plugin, variable, step, block, n_bytes);
                let dtype = variable.dtype.unwrap_or(adios2_inr::Dtype::U8);
                let original = source.block(&info, block, n_bytes)?;
                let mut piece = Piece { step, block, original, ..Piece::new(variable.name.clone(), dtype, &info.dims) };
                let read = || Ok(dataset.read_block(variable, step, block)?);
                piece.decoded = match stored {
                    Ok(stored) => look(&mut piece, stored, &path, read),
                    Err(error) => Err(error.into()),
                };
                take(piece);
            }
        }
    }
    Ok(())
}

/// Those that are compared: all arrays, or the one asked for.
fn variables<'a>(args: &Args, dataset: &'a Dataset, original: &Original) -> Result<Vec<&'a Variable>> {
    let is_array = |variable: &&Variable| variable.dtype.is_some() && (variable.n_dims > 0);
    let all = dataset.variables().iter().filter(is_array);
    let chosen: Vec<&Variable> = match &args.variable {
        Some(name) => vec![dataset.variable(name)?],
        None => all.collect(),
    };
    if matches!(original, Original::Array(_)) && chosen.len() > 1 {
        return Err(Usage(format!("{}: has several variables: set --variable", args.decoded.display())).into());
    }
    Ok(chosen)
}

/// Notes what was promised for a block that is stored so, and gives what readers get.
fn look(piece: &mut Piece, stored: Stored, path: &str, read: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    match stored {
        Stored::Values(bytes) => {
            piece.n_stored = bytes.len();
            Ok(bytes)
        }
        Stored::Record(record) => {
            let own = session::own_record(path, &record)?;
            piece.promise = codec::inspect(&own)?.target;
            piece.fill = codec::fill_of(&own)?;
            piece.n_stored = own.len();
            read()
        }
    }
}

/// The original values of a step.
enum Source<'a> {
    /// A global array.
    Whole { bytes: Vec<u8>, shape: Vec<usize>, size: usize },
    /// Local arrays, block by block.
    Blocks { dataset: &'a Dataset, variable: &'a Variable, step: usize },
}

impl<'a> Source<'a> {
    fn of(original: &'a mut Original, variable: &Variable, step: usize, path: &Path) -> Result<Source<'a>> {
        let (name, size) = (&variable.name, variable.dtype.map_or(1, adios2_inr::Dtype::size));
        let path = path.display();
        match original {
            Original::Dataset(dataset) => {
                let found = dataset.variable(name)?;
                ensure!(found.dtype == variable.dtype, "{path}: variable '{name}' is of another type");
                ensure!(step < found.n_steps, "{path}: variable '{name}' has {} steps only", found.n_steps);
                if variable.shape.is_empty() || found.shape.is_empty() {
                    return Ok(Source::Blocks { dataset, variable: found, step });
                }
                Ok(Source::Whole { bytes: dataset.read_step(found, step)?, shape: found.shape.clone(), size })
            }
            Original::Array(steps) => {
                ensure!(Some(steps.dtype) == variable.dtype, "{path}: is of another type than variable '{name}'");
                let shape = variable.shape.clone();
                if steps.dims == shape && variable.n_steps == 1 {
                    let mut bytes = Vec::new();
                    for _ in 0..steps.dims[0] {
                        bytes.extend(steps.read_next()?);
                    }
                    return Ok(Source::Whole { bytes, shape, size });
                }
                if steps.dims.split_first() != Some((&variable.n_steps, &shape)) {
                    let (found, n_steps) = (&steps.dims, variable.n_steps);
                    bail!("{path}: has the dimensions {found:?}, variable '{name}' has {n_steps} steps of {shape:?}");
                }
                Ok(Source::Whole { bytes: steps.read_next()?, shape, size })
            }
        }
    }

    fn block(&self, info: &BlockInfo, block: usize, n_bytes: usize) -> Result<Vec<u8>> {
        match self {
            Source::Whole { bytes, shape, size } => cut(bytes, shape, info, *size),
            Source::Blocks { dataset, variable, step } => {
                let bytes = dataset.read_block(variable, *step, block)?;
                let name = &variable.name;
                ensure!(bytes.len() == n_bytes, "block {block} of variable '{name}' has another size in the original");
                Ok(bytes)
            }
        }
    }
}

/// The part of a global array that a block is, row by row.
fn cut(bytes: &[u8], shape: &[usize], info: &BlockInfo, size: usize) -> Result<Vec<u8>> {
    let n_axes = shape.len();
    let fits = info.start.len() == n_axes && info.dims.len() == n_axes;
    let ends = info.start.iter().zip(&info.dims).zip(shape);
    let is_inside = fits && ends.clone().all(|((&start, &n), &of)| start.checked_add(n).is_some_and(|end| end <= of));
    ensure!(
        is_inside,
        "a block of {:?} at {:?} does not lie in the original, which has {shape:?}",
        info.dims,
        info.start
    );
    let row = info.dims[n_axes - 1] * size;
    let n_rows = info.dims[..n_axes - 1].iter().product::<usize>();
    let mut out = Vec::with_capacity(n_rows * row);
    for number in 0..n_rows {
        let (mut rest, mut at, mut stride) = (number, info.start[n_axes - 1], shape[n_axes - 1]);
        for axis in (0..n_axes - 1).rev() {
            at += (info.start[axis] + rest % info.dims[axis]) * stride;
            rest /= info.dims[axis];
            stride *= shape[axis];
        }
        let part = bytes.get(at * size..at * size + row);
        out.extend(part.with_context(|| format!("the original has fewer values than {shape:?}"))?);
    }
    Ok(out)
}
