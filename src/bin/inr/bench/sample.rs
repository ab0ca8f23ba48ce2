//! A part of a variable that is measured in its place.

use adios2_inr::npy::Array;
use anyhow::{Context as _, Result};

use super::data::Series;
use crate::source::Variable;
use crate::table;

/// Bytes of a sample at most, about.
const MAX_BYTES: usize = 24 << 20;
/// Steps of a sample at most.
const MAX_STEPS: usize = 24;
/// Steps of a series that are worth more than a larger part of each.
const FEW_STEPS: usize = 12;

/// Steps in the middle, of large ones the middle.
pub struct Sample {
    pub series: Series,
    /// What it is, for people.
    pub words: String,
    /// Of the sample.
    pub n_steps: usize,
    /// Values of its steps over those of whole steps.
    pub share: f64,
}

/// Takes consecutive steps from the middle of the series, and of large ones a brick in the middle of the same proportions.
pub fn sample(variable: &Variable) -> Result<Sample> {
    let step_bytes = variable.dims.iter().product::<usize>().max(1) * variable.dtype.size();
    let n_steps = (MAX_BYTES / step_bytes).clamp(FEW_STEPS, MAX_STEPS).min(variable.n_steps);
    let share = (MAX_BYTES as f64 / (n_steps * step_bytes) as f64).min(1.0);
    let brick = brick(&variable.dims, share);
    let first = (variable.n_steps - n_steps) / 2;
    let steps = (first..first + n_steps).map(|step| Ok(crop(&variable.read(step)?, &brick)));
    let series = Series::new(variable.name.clone(), steps, None)?;
    let series = series.context("its middle is constant: name other variables with --variables")?;
    let what = if brick == variable.dims { "whole steps" } else { "the middle" };
    let words = format!(
        "{n_steps} of {} steps of {} {}, {what} ({})",
        variable.n_steps,
        table::dims(&variable.dims),
        variable.dtype.name(),
        table::dims(&brick)
    );
    let n_values = |dims: &[usize]| dims.iter().product::<usize>() as f64;
    let share = n_values(&brick) / n_values(&variable.dims).max(1.0);
    Ok(Sample { n_steps: series.steps.len(), series, words, share })
}

/// Dimensions of a part of about this share, longer axes cut first.
fn brick(dims: &[usize], share: f64) -> Vec<usize> {
    let wanted = (share * dims.iter().product::<usize>() as f64).max(1.0);
    let mut brick = dims.to_vec();
    while brick.iter().product::<usize>() as f64 > wanted {
        let Some(longest) = brick.iter_mut().max() else { break };
        *longest = longest.div_ceil(2);
        if *longest == 1 {
            break;
        }
    }
    brick
}

/// The middle of an array.
fn crop(array: &Array, brick: &[usize]) -> Array {
    let size = array.dtype.size();
    let Some((row, outer)) = brick.split_last() else { return array.clone() };
    let starts: Vec<usize> = array.dims.iter().zip(brick).map(|(n, part)| (n - part) / 2).collect();
    let mut bytes = Vec::with_capacity(size * brick.iter().product::<usize>());
    for i in 0..outer.iter().product::<usize>() {
        // Where row `i` of the brick stands in the array.
        let (mut rest, mut at, mut stride) = (i, 0, *array.dims.last().unwrap_or(&1));
        for axis in (0..outer.len()).rev() {
            at += (starts[axis] + rest % outer[axis]) * stride;
            rest /= outer[axis];
            stride *= array.dims[axis];
        }
        let from = size * (at + starts[outer.len()]);
        bytes.extend_from_slice(&array.bytes[from..from + size * row]);
    }
    Array { dtype: array.dtype, dims: brick.to_vec(), bytes }
}

#[cfg(test)]
mod tests {
    use adios2_inr::Dtype;

    use super::*;

    #[test]
    fn the_middle_is_cut_out() {
        let bytes = (0..4 * 6 * 5).collect::<Vec<u8>>();
        let array = Array { dtype: Dtype::U8, dims: vec![4, 6, 5], bytes };
        let part = crop(&array, &[2, 3, 5]);
        let wanted: Vec<u8> =
            (1..3).flat_map(|z| (1..4).flat_map(move |y| (0..5).map(move |x| z * 30 + y * 5 + x))).collect();
        assert_eq!((part.bytes, part.dims), (wanted, vec![2, 3, 5]));
    }

    #[test]
    fn bricks_are_as_large_as_asked_and_cut_along_the_longest_axes() {
        assert_eq!(brick(&[100, 40], 1.0), [100, 40]);
        assert_eq!(brick(&[100, 40], 0.5), [50, 40]);
        assert_eq!(brick(&[64, 64, 64], 1.0 / 8.0), [32, 32, 32]);
        assert_eq!(brick(&[], 0.1), [0; 0]);
        assert_eq!(brick(&[3], 1e-9), [1]);
    }
}
