//! Variables with steps, and which of a file's arrays they are.

use std::path::Path;
use std::rc::Rc;

use adios2_inr::Dtype;
use adios2_inr::npy::Array;
use anyhow::{Context as _, Result, bail, ensure};

use super::file::{Entry, File, Part, Steps, find, list, without};
use super::hints::Hints;
use super::open::{open, split};

/// Where a variable's steps are, and how to get them.
#[derive(Clone)]
pub struct Variable {
    /// Its name; of a file with one array the file's own name.
    pub name: String,
    /// Dimensions of a step, slowest first.
    pub dims: Vec<usize>,
    /// Element type.
    pub dtype: Dtype,
    /// How many there are to read.
    pub n_steps: usize,
    file: Rc<dyn File>,
    entry: usize,
    axis: Option<usize>,
    /// The file's number of step 0.
    first: usize,
}

/// The variables of a file, each by itself (they may differ in shape): those named, or all fields.
///
/// The path may be `FILE:VARIABLE` where no file has that whole name.
pub fn variables(path: &Path, hints: &Hints) -> Result<Vec<Variable>> {
    let (path, named) = split(path);
    let file = open(&path, hints)?;
    let names = named.map_or_else(|| hints.variables.clone(), |name| vec![name]);
    choose(&file, &names, hints).with_context(|| path.display().to_string())
}

fn choose(file: &Rc<dyn File>, names: &[String], hints: &Hints) -> Result<Vec<Variable>> {
    let chosen = match names {
        [] if file.has_names() => fields(file.as_ref(), hints)?,
        [] => vec![0],
        names => names.iter().map(|name| find(file.as_ref(), name)).collect::<Result<_>>()?,
    };
    chosen
        .into_iter()
        .map(|entry| {
            let variable = Variable::new(file, entry, hints)?;
            if !matches!(variable.dtype, Dtype::F32 | Dtype::F64) {
                let how = match variable.dtype {
                    Dtype::C32 | Dtype::C64 => "save real and imaginary part as two arrays of float32 or float64",
                    _ => "convert it to float32 or float64",
                };
                bail!(
                    "variable '{}' holds {}, which is not compressed with a bound: {how}",
                    variable.name,
                    variable.dtype.name()
                );
            }
            Ok(variable)
        })
        .collect()
}

/// Arrays that look like fields: floating-point numbers, no coordinates, with several axes or many values in a step.
fn fields(file: &dyn File, hints: &Hints) -> Result<Vec<usize>> {
    let is_field = |entry: &Entry| {
        let is_float = matches!(entry.dtype, Ok(Dtype::F32 | Dtype::F64));
        let step = series(entry, hints).map(|series| series.dims).unwrap_or_default();
        is_float && !entry.is_coordinate && (step.len() >= 2 || step.iter().product::<usize>() >= 64)
    };
    let found: Vec<usize> = (0..file.entries().len()).filter(|&i| is_field(&file.entries()[i])).collect();
    if found.is_empty() {
        bail!(
            "has no field of floating-point numbers (2 axes or 64 values in a step): set {} to some of {}",
            hints.key("variables"),
            list(file)
        );
    }
    Ok(found)
}

/// An array as steps.
struct Series {
    dims: Vec<usize>,
    n_steps: usize,
    axis: Option<usize>,
}

fn series(entry: &Entry, hints: &Hints) -> Result<Series> {
    let (name, dims, key) = (&entry.name, &entry.dims, hints.key("time_axis"));
    let axis = match (entry.steps, hints.time_axis) {
        (Steps::Own(n), None) => return Ok(Series { dims: dims.clone(), n_steps: n, axis: None }),
        (Steps::One, None) => return Ok(Series { dims: dims.clone(), n_steps: 1, axis: None }),
        (Steps::Own(n), Some(_)) if n != 1 => bail!("variable '{name}' has {n} steps of its own: leave {key} away"),
        (Steps::FirstAxis, None) => 0,
        (_, Some(axis)) => axis,
    };
    ensure!(axis < dims.len(), "variable '{name}' is {dims:?}: {key} cannot be {axis}, its axes count from 0");
    Ok(Series { dims: without(dims, axis), n_steps: dims[axis], axis: Some(axis) })
}

impl Variable {
    /// Array number `entry` of a file.
    pub fn new(file: &Rc<dyn File>, entry: usize, hints: &Hints) -> Result<Variable> {
        let found = &file.entries()[entry];
        let name = found.name.clone();
        let dtype = found.dtype.map_err(|why| anyhow::anyhow!("variable '{name}' {why}"))?;
        if let Some(dims) = hints.dims.as_ref().filter(|dims| **dims != found.dims) {
            let (found, said) = (hints.dims_text(&found.dims), hints.dims_text(dims));
            bail!("variable '{name}' is {found}, not {said}: {} is for raw files", hints.key("dims"));
        }
        if let Some(said) = hints.dtype.filter(|said| *said != dtype) {
            let key = hints.key("dtype");
            bail!("variable '{name}' holds {}, not {}: {key} is for raw files", dtype.name(), said.name());
        }
        let Series { dims, n_steps, axis } = series(found, hints)?;
        let (first, end) = hints.steps.as_ref().map_or((0, n_steps), |s| (s.start, s.end));
        let end = if end == usize::MAX { n_steps } else { end };
        if first >= end || end > n_steps {
            let all = if axis.is_none() && n_steps == 1 {
                format!(" ({} makes steps)", hints.key("time_axis"))
            } else {
                String::new()
            };
            bail!("{} cannot be {first}:{end}: variable '{name}' has {n_steps} steps{all}", hints.key("steps"));
        }
        ensure!(!dims.contains(&0), "variable '{name}' has no values: a step is {dims:?}");
        Ok(Variable { name, dims, dtype, n_steps: end - first, file: file.clone(), entry, axis, first })
    }

    /// Values of one step: packed ones unpacked, missing ones NaN.
    pub fn read(&self, step: usize) -> Result<Array> {
        ensure!(step < self.n_steps, "variable '{}' has no step {step}: it has {}", self.name, self.n_steps);
        let index = self.first + step;
        let part = self.axis.map_or(Part::Step(index), |axis| Part::Cut { axis, index });
        self.file.read(self.entry, part).with_context(|| format!("variable '{}', step {step}", self.name))
    }
}
