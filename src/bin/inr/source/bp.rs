//! BP datasets: every step of global arrays.

use std::path::Path;

use adios2_inr::adios2::{Dataset, Variable};
use adios2_inr::npy::Array;
use anyhow::{Result, bail};

use super::cf::OTHER_TYPE;
use super::file::{Entry, File, Part, Steps, cut};

/// The dataset.
pub struct Bp {
    dataset: Dataset,
    entries: Vec<Entry>,
}

impl Bp {
    /// Opens the dataset.
    pub fn open(path: &Path) -> Result<Bp> {
        let dataset = Dataset::open(path)?;
        let entries = dataset.variables().iter().map(entry).collect();
        Ok(Bp { dataset, entries })
    }
}

fn entry(variable: &Variable) -> Entry {
    let dtype = match variable.dtype {
        _ if variable.is_string => Err("is text"),
        None => Err(OTHER_TYPE),
        Some(_) if variable.shape.is_empty() => Err("is no global array"),
        Some(dtype) => Ok(dtype),
    };
    Entry {
        name: variable.name.clone(),
        dims: variable.shape.clone(),
        dtype,
        steps: Steps::Own(variable.n_steps),
        is_coordinate: false,
    }
}

impl File for Bp {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize, part: Part) -> Result<Array> {
        let (variable, step) = (&self.dataset.variables()[entry], if let Part::Step(step) = part { step } else { 0 });
        let Some(dtype) = variable.dtype else { bail!("variable '{}' {OTHER_TYPE}", variable.name) };
        let array = Array { dtype, dims: variable.shape.clone(), bytes: self.dataset.read_step(variable, step)? };
        Ok(if let Part::Cut { axis, index } = part { cut(&array, axis, index) } else { array })
    }
}
