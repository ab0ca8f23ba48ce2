//! Does this device compute what the model says, and how fast can it be: for `inr doctor` and the benchmarks.

use super::GpuBackend;
use super::owner;
use super::shader::{FMA_PEAK_FLOPS, fma_peak_source};
use crate::backend::{Backend, TrainingSet};
use crate::model::SirenShape;
use crate::model::siren::OMEGA;
use crate::train::{Schedule, random_u32};
use crate::{Error, Result};
use std::time::Instant;
use wgpu::BufferUsages as Usage;

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
    /// Seconds in all, compiling included.
    pub seconds: f64,
}

impl GpuBackend {
    /// Evaluates and trains a small network and compares with f64: about a second, some more on software Vulkan.
    ///
    /// # Errors
    /// [`Error::Backend`] when the device fails, computes something else or does not learn.
    pub fn self_test(&self) -> Result<SelfTest> {
        let start = Instant::now();
        let params = initial_params();
        let mut values = vec![0.0; DIMS[0] * DIMS[1]];
        self.evaluate_siren(&SHAPE, &params, &DIMS, &mut values)?;
        let max_deviation = max_deviation(&params, &values);
        let schedule = Schedule { n_steps: 120, batch: 512, peak_rate: 2e-3, n_warmup: 10, final_fraction: 0.1 };
        // Learning a constant from noisy initial values works for any correct gradient.
        let target = vec![0.5; values.len()];
        let set = TrainingSet { dims: &DIMS, values: &target, n_channels: 1 };
        let mut training = self.train_siren(&SHAPE, &params, set, 1)?;
        let first_loss = training.run(&schedule, 0, 10)?;
        training.run(&schedule, 10, 100)?;
        let last_loss = training.run(&schedule, 110, 10)?;
        if max_deviation < TOLERANCE && last_loss < 0.5 * first_loss {
            return Ok(SelfTest { max_deviation, first_loss, last_loss, seconds: start.elapsed().as_secs_f64() });
        }
        Err(Error::Backend {
            backend: self.name(),
            reason: format!(
                "the self-test failed (deviation {max_deviation:.1e}, loss {first_loss:.1e} to {last_loss:.1e}): \
                 update the driver or set backend=cpu"
            ),
        })
    }

    /// Measured f32 peak in operations per second: multiply-adds in registers, best of several runs of 50 ms or more.
    ///
    /// # Errors
    /// [`Error::Backend`] when the device fails.
    pub fn measure_peak(&self) -> Result<f64> {
        let adapter = self.info().index;
        owner::call(move |state| {
            state.device(adapter)?.guarded(|device| {
                let most = device.limits().max_compute_workgroups_per_dimension as usize;
                let pipeline = device.pipeline(&fma_peak_source(), "fma_peak", "w");
                let (mut n_groups, mut best, mut n_long) = (4, 0.0_f64, 0);
                while n_long < 5 {
                    let sink = device.buffer(4 * 256 * n_groups, Usage::STORAGE)?;
                    let group = device.bind(&pipeline, &[(&sink, None)]);
                    let start = Instant::now();
                    device.submit(|encoder| {
                        let mut pass = encoder.begin_compute_pass(&Default::default());
                        pass.set_pipeline(&pipeline);
                        pass.set_bind_group(0, &group, &[]);
                        pass.dispatch_workgroups(n_groups as u32, 1, 1);
                    })?;
                    let seconds = start.elapsed().as_secs_f64();
                    best = best.max(FMA_PEAK_FLOPS * (256 * n_groups) as f64 / seconds);
                    if seconds < 0.05 && 2 * n_groups <= most {
                        n_groups *= 2;
                    } else {
                        n_long += 1;
                    }
                }
                Ok(best)
            })
        })
    }
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
