//! Whole fits: targets, budgets, warm starts, repetition.

#[path = "common/tolerance.rs"]
mod tolerance;

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::backend::series::{SeriesProblem, SeriesTraining};
use adios2_inr::backend::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use adios2_inr::backend::{Backend, SirenTraining, TrainingSet};
use adios2_inr::fit::{Budget, Fit, fit_siren};
use adios2_inr::model::SirenShape;
use adios2_inr::predict::stencil::Grid;
use adios2_inr::predict::{Dense, Mlp};
use adios2_inr::train::Schedule;
use adios2_inr::{Error, Result};
use approx::assert_relative_eq;

const SHAPE: SirenShape = SirenShape { n_inputs: 2, width: 24, n_blocks: 1, n_outputs: 1 };
const DIMS: [usize; 2] = [48, 40];

/// A wave that turns with `phase`.
fn wave(phase: f32) -> Vec<f32> {
    let value = |i: usize| ((i / 40) as f32 * 0.2 + phase).sin() * ((i % 40) as f32 * 0.15).cos();
    (0..48 * 40).map(value).collect()
}

fn fit(values: &[f32], start: Option<&[f32]>, budget: Budget) -> Fit {
    let set = TrainingSet { dims: &DIMS, values, n_channels: 1 };
    fit_siren(&CpuBackend::new(2), SHAPE, set, start, budget, 3).expect("a fit")
}

fn steps(n_steps: u32, target_rms: f64) -> Budget {
    Budget { seconds: None, n_steps: Some(n_steps), target_rms, may_give_up: true }
}

#[test]
fn a_fit_reaches_its_target_and_stops_there() {
    let values = wave(0.0);
    let fit = fit(&values, None, steps(2000, 0.02));
    assert!(fit.rms <= 0.02 && fit.n_iterations < 2000, "{} after {}: {}", fit.rms, fit.n_iterations, fit.why);
    assert!(fit.why.contains("reached the target"), "{}", fit.why);
    assert!(fit.device_bytes > values.len() * 4);
}

#[test]
fn the_reported_error_is_that_of_the_returned_parameters() {
    let values = wave(0.3);
    let fit = fit(&values, None, steps(100, 0.0));
    let mut out = vec![0.0; values.len()];
    let backend = &CpuBackend::new(1);
    backend.evaluate_siren(&SHAPE, &fit.params, &DIMS, &mut out).expect("an evaluation");
    let square: f64 = out.iter().zip(&values).map(|(y, t)| f64::from(y - t).powi(2)).sum();
    assert_relative_eq!(
        fit.rms,
        (square / values.len() as f64).sqrt(),
        max_relative = tolerance::F64,
        epsilon = tolerance::F64
    );
    assert_eq!(fit.n_iterations, 100);
}

#[test]
fn a_target_out_of_reach_is_given_up_early_and_said() {
    let noise: Vec<f32> =
        (0..48 * 40u32).map(|i| (adios2_inr::train::random_u32(1, i) >> 8) as f32 / 8e6 - 1.0).collect();
    let fit = fit(&noise, None, steps(900, 1e-3));
    assert!(fit.n_iterations < 500 && fit.why.contains("gave up"), "{} steps: {}", fit.n_iterations, fit.why);
    assert!(fit.rms.is_finite() && fit.rms < 1.0);
}

#[test]
fn a_warm_start_is_ahead_of_a_cold_one() {
    let first = fit(&wave(0.0), None, steps(400, 0.0));
    let warm = fit(&wave(0.1), Some(&first.params), steps(40, 0.0));
    let cold = fit(&wave(0.1), None, steps(40, 0.0));
    assert!(warm.rms < 0.5 * cold.rms, "warm {}, cold {}", warm.rms, cold.rms);
}

#[test]
fn a_fit_of_fixed_length_repeats_bit_for_bit() {
    let run = || fit(&wave(0.0), None, steps(60, 1e-9));
    assert_eq!(run().params, run().params);
}

#[test]
fn a_time_budget_sizes_the_schedule() {
    let budget = Budget { seconds: Some(0.3), n_steps: None, target_rms: 0.0, may_give_up: true };
    let fit = fit(&wave(0.0), None, budget);
    assert!(fit.why.contains("used its budget") && fit.n_iterations > 6, "{} steps: {}", fit.n_iterations, fit.why);
    assert!(fit.rms.is_finite());
}

#[test]
fn a_start_of_another_shape_is_an_error() {
    let set = TrainingSet { dims: &DIMS, values: &wave(0.0), n_channels: 1 };
    assert!(fit_siren(&CpuBackend::new(1), SHAPE, set, Some(&[0.0; 7]), steps(5, 0.0), 0).is_err());
}

/// A device whose networks go silent after 50 steps at more than half of the rate that the first run asks for.
struct Fragile {
    first_rate: std::sync::OnceLock<f32>,
}

struct FragileTraining<'a> {
    device: &'a Fragile,
    n_params: usize,
}

impl Backend for Fragile {
    fn name(&self) -> String {
        "fragile".into()
    }

    fn training_flops(&self) -> f64 {
        1e9
    }

    fn train_siren<'a>(
        &'a self,
        shape: &SirenShape,
        _: &[f32],
        _: TrainingSet<'a>,
        _: u64,
    ) -> Result<Box<dyn SirenTraining + 'a>> {
        Ok(Box::new(FragileTraining { device: self, n_params: shape.n_params() }))
    }

    fn evaluate_siren(&self, _: &SirenShape, _: &[f32], _: &[usize], out: &mut [f32]) -> Result<()> {
        out.fill(0.0);
        Ok(())
    }

    fn train_series(&self, _: SeriesProblem, _: &[f32]) -> Result<Box<dyn SeriesTraining>> {
        Err(Error::Backend { backend: self.name(), reason: "only blocks here".into() })
    }
}

impl StencilKernels for Fragile {
    fn infer_stencil(&self, _: &Grid, _: &Dense, _: Option<&Mlp>) -> Result<Vec<i32>> {
        Err(Error::Backend { backend: self.name(), reason: "only blocks here".into() })
    }

    fn train_stencil(&self, _: &mut StencilState, _: Batch, _: &[StencilStep]) -> Result<Vec<f32>> {
        Err(Error::Backend { backend: self.name(), reason: "only blocks here".into() })
    }

    fn stencil_gradient(&self, _: &StencilState, _: Batch) -> Result<(f32, Vec<f32>)> {
        Err(Error::Backend { backend: self.name(), reason: "only blocks here".into() })
    }
}

impl SirenTraining for FragileTraining<'_> {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let first_rate = *self.device.first_rate.get_or_init(|| schedule.peak_rate);
        let is_too_fast = schedule.peak_rate > 0.5 * first_rate && first + n_steps > 50;
        Ok(if is_too_fast { 1.0 } else { 0.1 / (first + n_steps) as f32 })
    }

    fn gradient(&mut self, _: u32, _: u32) -> Result<Vec<f32>> {
        Ok(vec![0.0; self.n_params])
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        Ok(vec![0.0; self.n_params])
    }

    fn device_bytes(&self) -> usize {
        0
    }
}

#[test]
fn a_network_that_collapses_is_taken_up_again_with_a_slower_rate() {
    let values = vec![0.0; 48 * 40];
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let device = Fragile { first_rate: std::sync::OnceLock::new() };
    let fit = fit_siren(&device, SHAPE, set, None, steps(400, -1.0), 0).expect("a fit");
    assert_eq!((fit.n_iterations, fit.why.as_str()), (400, "used its budget after 400 steps"));
}
