//! Whole fits: targets, budgets, warm starts, repetition.

use adios2_inr::backend::TrainingSet;
use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::model::SirenShape;
use adios2_inr::train::{Budget, Fit, fit_siren};

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
    let backend: &dyn adios2_inr::backend::Backend = &CpuBackend::new(1);
    backend.evaluate_siren(&SHAPE, &fit.params, &DIMS, &mut out).expect("an evaluation");
    let square: f64 = out.iter().zip(&values).map(|(y, t)| f64::from(y - t).powi(2)).sum();
    assert!((fit.rms - (square / values.len() as f64).sqrt()).abs() < 1e-9);
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
