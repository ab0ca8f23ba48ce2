//! What a copy keeps beyond its largest error: structure, gradients, scales, and how the error is spread. docs/BENCH.md
//! lists the definitions.

mod autocorrelation;
pub mod derived;
mod differences;
pub mod divergence;
mod expression;
mod gradient;
mod histogram;
mod spectrum;
mod ssim;
mod step;

use adios2_inr::metrics::Errors;
use serde::{Deserialize, Deserializer, Serialize};

pub use histogram::Histogram;
pub use spectrum::Spectrum;
pub use step::Step;

/// Most steps that the dearer measures look at.
const SAMPLED: usize = 8;

/// What is known of a decoded series of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Mean structural similarity of at most eight evenly spaced steps; `None` where no axis is 7 long or all are constant.
    pub ssim: Option<f64>,
    /// Relative L2 error of the gradient, all steps together (0 for 0/0, infinite for a gradient where none was).
    #[serde(deserialize_with = "null_is_infinite")]
    pub gradient_error: f64,
    /// Of the errors of all steps.
    pub histogram: Histogram,
    /// Of the error at lags 1, 2, .., mean over the long axes of at most eight evenly spaced steps.
    #[serde(deserialize_with = "nulls_are_nan")]
    pub autocorrelation: Vec<f64>,
    /// Of the middle step; `None` where no axis is 2 long.
    pub spectrum: Option<Spectrum>,
    /// Of each step.
    pub per_step: Vec<Errors>,
}

/// Measures all steps of a variable, which have the same dimensions.
pub fn quality(steps: &[Step]) -> Quality {
    let sample = sampled(steps);
    Quality {
        ssim: ssim::mean(&sample),
        gradient_error: gradient::error(steps),
        histogram: histogram::of(steps),
        autocorrelation: autocorrelation::of(&sample),
        spectrum: steps.get(steps.len() / 2).and_then(spectrum::of),
        per_step: steps.iter().map(Step::errors).collect(),
    }
}

/// At most [`SAMPLED`] evenly spaced steps, the first and the last among them.
fn sampled<'a>(steps: &[Step<'a>]) -> Vec<Step<'a>> {
    let n = steps.len().min(SAMPLED);
    (0..n).map(|i| steps[i * (steps.len() - 1) / (n - 1).max(1)]).collect()
}

/// The error relative to the size of what it is an error of.
fn relative(error: f64, size: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / size }
}

/// JSON has no numbers that are not finite.
fn null_is_infinite<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Option::<f64>::deserialize(from).map(|x| x.unwrap_or(f64::INFINITY))
}

/// JSON has no numbers that are not finite.
fn nulls_are_nan<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    Vec::<Option<f64>>::deserialize(from).map(|all| all.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
mod tests;
