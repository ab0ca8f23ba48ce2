//! BP datasets: every step of global arrays.

use std::path::Path;

use adios2_inr::adios2::{Dataset, Variable};
use anyhow::{Result, bail, ensure};

use super::source::{Source, grid_axes, join_axes, numbers};

/// Variables of one shape.
pub struct Bp {
    dataset: Dataset,
    variables: Vec<Variable>,
    names: Vec<String>,
}

impl Bp {
    /// Opens the dataset.
    pub fn open(path: &Path, names: &[String]) -> Result<Bp> {
        let dataset = Dataset::open(path)?;
        ensure!(!names.is_empty(), "'data.variables' is missing: set it to some of {}", list(&dataset));
        let variables = names.iter().map(|name| find(&dataset, name)).collect::<Result<Vec<_>>>()?;
        let first = &variables[0];
        for v in &variables {
            ensure!(
                !v.shape.is_empty() && v.shape == first.shape && v.n_steps == first.n_steps,
                "variable '{}' is {} steps of {:?}, '{}' is {} of {:?}: all must be global arrays of one shape",
                v.name,
                v.n_steps,
                v.shape,
                first.name,
                first.n_steps,
                first.shape
            );
        }
        Ok(Bp { dataset, names: names.to_vec(), variables })
    }

    fn values(&self, variable: &Variable, step: usize) -> Result<Vec<f64>> {
        let Some(dtype) = variable.dtype else { bail!("variable '{}' has no numbers", variable.name) };
        numbers(dtype, &self.dataset.read_step(variable, step)?)
    }
}

fn list(dataset: &Dataset) -> String {
    dataset.variables().iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn find(dataset: &Dataset, name: &str) -> Result<Variable> {
    match dataset.variables().iter().find(|v| v.name == name) {
        Some(variable) => Ok(variable.clone()),
        None => bail!("there is no variable '{name}': choose from {}", list(dataset)),
    }
}

impl Source for Bp {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_steps(&self) -> usize {
        self.variables[0].n_steps
    }

    fn dims(&self) -> &[usize] {
        &self.variables[0].shape
    }

    fn default_axes(&self) -> Option<&str> {
        grid_axes(self.dims().len())
    }

    fn read(&self, step: usize, array: usize) -> Result<Vec<f64>> {
        self.values(&self.variables[array], step)
    }

    fn points(&self, names: &[String]) -> Result<(Vec<f64>, usize)> {
        let values = |name: &String| self.values(&find(&self.dataset, name)?, 0);
        join_axes(&names.iter().map(values).collect::<Result<Vec<_>>>()?)
    }
}
