//! Does this device compute what the models say: asked before it is used, and by `inr doctor`.

use super::{Backend, TrainingSet};
use crate::model::SirenShape;
use crate::model::siren::OMEGA;
use crate::model::stencil::{Dense, Grid, Mlp, Past, Scaling, Units, groups, n_inputs, network, shifted};
use crate::train::{Schedule, random_u32};
use crate::{Error, Result};
use std::time::Instant;

/// Largest deviation from f64 that a working device shows, for values of order 1: f32 phases of some tens of half
/// turns are good to about 1e-5.
const TOLERANCE: f64 = 1e-3;
/// The self-test's network.
const SHAPE: SirenShape = SirenShape { n_inputs: 2, width: 16, n_blocks: 1, n_outputs: 1 };
const DIMS: [usize; 2] = [24, 40];

/// What the self-test of a device found.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfTest {
    /// Largest difference of evaluated values from an f64 computation; values are of order 1.
    pub max_deviation: f64,
    /// Mean squared error over the first steps of a small fit.
    pub first_loss: f32,
    /// The same over its last steps.
    pub last_loss: f32,
    /// Predicted values that are not those of the model in integers.
    pub n_wrong: usize,
    /// Seconds in all, compiling included.
    pub seconds: f64,
}

/// Evaluates and trains a small network and compares with f64, and predicts a small field in integers: about a second, some more on
/// software Vulkan.
///
/// # Errors
/// [`Error::Backend`] when the device fails, computes something else or does not learn.
pub fn self_test(backend: &dyn Backend) -> Result<SelfTest> {
    let start = Instant::now();
    let params = initial_params();
    let mut values = vec![0.0; DIMS[0] * DIMS[1]];
    backend.evaluate_siren(&SHAPE, &params, &DIMS, &mut values)?;
    let max_deviation = max_deviation(&params, &values);
    let schedule = Schedule { n_steps: 120, batch: 512, peak_rate: 2e-3, n_warmup: 10, final_fraction: 0.1 };
    // Learning a constant from noisy initial values works for any correct gradient.
    let target = vec![0.5; values.len()];
    let set = TrainingSet { dims: &DIMS, values: &target, n_channels: 1 };
    let mut training = backend.train_siren(&SHAPE, &params, set, 1)?;
    let first_loss = training.run(&schedule, 0, 10)?;
    training.run(&schedule, 10, 100)?;
    let last_loss = training.run(&schedule, 110, 10)?;
    let n_wrong = n_wrong(backend)?;
    if max_deviation < TOLERANCE && last_loss < 0.5 * first_loss && n_wrong == 0 {
        return Ok(SelfTest { max_deviation, first_loss, last_loss, n_wrong, seconds: start.elapsed().as_secs_f64() });
    }
    Err(Error::Backend {
        backend: backend.name(),
        reason: format!(
            "the self-test failed (deviation {max_deviation:.1e}, loss {first_loss:.1e} to {last_loss:.1e}, {n_wrong} \
             predicted values wrong): update the driver or set backend=cpu"
        ),
    })
}

/// Predicted values of a small field that are not those of `model::stencil::network`.
fn n_wrong(backend: &dyn Backend) -> Result<usize> {
    let n = DIMS[0] * DIMS[1];
    let field = |seed| (0..n).map(|i| f64::from(random_u32(seed, i as u32)) / 2f64.powi(32)).collect::<Vec<f64>>();
    let (last, before) = (field(1), field(2));
    let scaling = Scaling { own: Units { offset: 0.1, exponent: 20, shifts: [10, 9, 7, 6] }, beside: None };
    let grid = Grid::new(Past { last: &last, before: Some(&before), beside: None }, &DIMS, &scaling);
    let inputs = n_inputs(DIMS.len(), scaling.n_fields());
    let mlp = Mlp { layers: [dense(inputs, 16, 1), dense(16, 16, 2), dense(16, 1, 3)] };
    let linear = dense(inputs, 1, 4);
    let found = backend.infer_stencil(&grid, &linear, Some(&mlp))?;
    let expected = |index: usize| {
        let mut x = vec![0; inputs];
        grid.raw_inputs(grid.at(index), &mut x);
        for (of, shift) in groups(DIMS.len(), scaling.n_fields()).zip(scaling.shifts()) {
            x[of].iter_mut().for_each(|x| *x = shifted(*x, shift));
        }
        network::output(&linear, &x).wrapping_add(mlp.output(&x))
    };
    let is_wrong = |index: &usize| found.get(grid.at(*index) - grid.span().start) != Some(&expected(*index));
    Ok((0..n).filter(is_wrong).count())
}

fn dense(n_inputs: usize, n_outputs: usize, seed: u32) -> Dense {
    let random = |i: usize| random_u32(seed, i as u32);
    let weights = (0..n_inputs * n_outputs).map(|i| random(i) as i8).collect();
    let biases = (0..n_outputs).map(|j| random(1 << 20 | j) as i16).collect();
    Dense { n_inputs, weights, biases, shift: 9 }
}

/// Uniform weights of about the size SIREN's initialisation has; reproducible.
fn initial_params() -> Vec<f32> {
    let uniform = |i: usize| random_u32(7, i as u32) as f32 / 4_294_967_296.0 - 0.5;
    (0..SHAPE.n_params()).map(|i| uniform(i) * 0.08).collect()
}

fn max_deviation(params: &[f32], values: &[f32]) -> f64 {
    let coordinate = |i: usize, n: usize| 2.0 * i as f64 / (n - 1) as f64 - 1.0;
    let one = |(i, value): (usize, &f32)| {
        let x = [coordinate(i / DIMS[1], DIMS[0]), coordinate(i % DIMS[1], DIMS[1])];
        (evaluate_f64(params, &x) - f64::from(*value)).abs()
    };
    // A NaN must not pass for a small deviation.
    values.iter().enumerate().map(one).fold(0.0, |most, d| if d <= most { most } else { d })
}

/// The model as src/model/siren.rs states it.
fn evaluate_f64(params: &[f32], x: &[f64]) -> f64 {
    let mut rest = params;
    let mut layer = |rows: usize, input: &[f64]| -> Vec<f64> {
        let (weights, after) = rest.split_at(rows * input.len());
        let (biases, after) = after.split_at(rows);
        rest = after;
        let row = |i: usize| weights[i * input.len()..].iter().zip(input).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
        (0..rows).map(|i| row(i) + f64::from(biases[i])).collect()
    };
    let sine = |sums: Vec<f64>| -> Vec<f64> { sums.iter().map(|z| (f64::from(OMEGA) * z).sin()).collect() };
    let mut y = sine(layer(SHAPE.width, x));
    for _ in 0..SHAPE.n_blocks {
        let inner = sine(layer(SHAPE.width, &y));
        let outer = sine(layer(SHAPE.width, &inner));
        y = y.iter().zip(&outer).map(|(y, s)| 0.5 * (y + s)).collect();
    }
    layer(SHAPE.n_outputs, &y)[0]
}
