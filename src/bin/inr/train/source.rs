//! What every kind of file gives: arrays with steps.

use std::path::Path;

use adios2_inr::{Dtype, field};
use anyhow::{Result, bail, ensure};

/// Arrays with steps. All arrays have the same dimensions.
pub trait Source {
    /// Names of the arrays.
    fn names(&self) -> &[String];

    /// Steps of each array.
    fn n_steps(&self) -> usize;

    /// Dimensions of an array in one step, slowest first.
    fn dims(&self) -> &[usize];

    /// What the axes of a step are where the format says it: they span a grid, or nothing is known.
    fn default_axes(&self) -> Option<&str>;

    /// Values of one step of array number `array`.
    fn read(&self, step: usize, array: usize) -> Result<Vec<f64>>;

    /// Coordinates `[n_nodes][d]` and `d` from `d` arrays of the same file.
    fn points(&self, names: &[String]) -> Result<(Vec<f64>, usize)>;
}

/// The path's extension in lower case.
pub fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Coordinates of variables, one per axis, side by side: `[n][d]`.
pub fn join_axes(axes: &[Vec<f64>]) -> Result<(Vec<f64>, usize)> {
    let n = axes.first().map_or(0, Vec::len);
    ensure!(n > 0 && axes.iter().all(|a| a.len() == n), "'data.points' names variables of different lengths");
    Ok(((0..n).flat_map(|i| axes.iter().map(move |a| a[i])).collect(), axes.len()))
}

/// Real numbers as f64.
pub fn numbers(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f64>> {
    if matches!(dtype, Dtype::C32 | Dtype::C64) {
        bail!("complex numbers are not trained on: save real and imaginary part as two channels");
    }
    Ok(field::component(dtype, 0, bytes)?)
}

/// Names of grid axes for `n` of them, fastest last; `None` where it cannot be a grid.
pub fn grid_axes(n: usize) -> Option<&'static str> {
    ["x", "yx", "zyx", "wzyx"].get(n.checked_sub(1)?).copied()
}
