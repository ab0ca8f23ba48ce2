//! One body per check, run by every backend: against the f64 reference, against each other, against themselves.

#[macro_use]
#[path = "common/backends.rs"]
mod backends;

#[path = "common/siren_reference.rs"]
mod siren_reference;
#[path = "common/tolerance.rs"]
mod tolerance;

use adios2_inr::backend::cpu::{CpuBackend, Instructions};
use adios2_inr::backend::{Backend, TrainingSet};
use adios2_inr::mesh::axis;
use adios2_inr::model::SirenShape;
use adios2_inr::train::{Schedule, sample_index};
use approx::assert_relative_eq;
use siren_reference::{Reference, relative_l2};
use std::sync::LazyLock;

every_backend! {
    small_batch_gradients_match_the_reference,
    large_batch_gradients_match_the_reference,
    evaluation_matches_the_reference,
    a_short_fit_lowers_the_loss_and_agrees_with_the_plain_cpu,
    the_same_seed_repeats_bit_for_bit,
    a_run_in_two_pieces_equals_one_run,
    sizes_that_disagree_are_errors,
}

/// A smooth field on a grid and a network for it.
struct Case {
    dims: Vec<usize>,
    values: Vec<f32>,
    shape: SirenShape,
    params: Vec<f32>,
}

impl Case {
    fn new(dims: &[usize], width: usize, n_blocks: usize, n_outputs: usize) -> Self {
        let shape = SirenShape { n_inputs: dims.len(), width, n_blocks, n_outputs };
        let n_points: usize = dims.iter().product();
        let value = |i: usize| (point(dims, i / n_outputs).iter().sum::<f64>() * 2.0 + (i % n_outputs) as f64).sin();
        let values = (0..n_points * n_outputs).map(|i| value(i) as f32).collect();
        Case { dims: dims.to_vec(), values, shape, params: shape.initial_params(11) }
    }

    fn set(&self) -> TrainingSet<'_> {
        TrainingSet { dims: &self.dims, values: &self.values, n_channels: self.shape.n_outputs }
    }

    /// The samples of a step as the reference takes them.
    fn samples(&self, seed: u64, step: u32, batch: u32) -> Vec<(Vec<f64>, Vec<f64>)> {
        let (n_points, n) = (self.values.len() / self.shape.n_outputs, self.shape.n_outputs);
        let sample = |s: u32| {
            let i = sample_index(seed, step, s, n_points as u32) as usize;
            let target = self.values[i * n..(i + 1) * n].iter().map(|&v| f64::from(v)).collect();
            (point(&self.dims, i), target)
        };
        (0..batch).map(sample).collect()
    }
}

/// Coordinates of a grid point.
fn point(dims: &[usize], index: usize) -> Vec<f64> {
    let mut rest = index;
    let mut x: Vec<f64> = dims
        .iter()
        .rev()
        .map(|&n| {
            let i = rest % n;
            rest /= n;
            f64::from(axis(n)[i])
        })
        .collect();
    x.reverse();
    x
}

fn schedule(n_steps: u32, batch: u32) -> Schedule {
    Schedule { n_steps, batch, peak_rate: 1e-3, n_warmup: 10, final_fraction: 0.05 }
}

fn gradient_deviation(backend: &dyn Backend, case: &Case, step: u32, batch: u32) -> f64 {
    let seed = 0x1234_5678_9abc_def0;
    let mut training = backend.train_siren(&case.shape, &case.params, case.set(), seed).expect("training starts");
    let gradient = training.gradient(step, batch).expect("a gradient");
    let reference = Reference::new(case.shape, &case.params).gradient(&case.samples(seed, step, batch));
    relative_l2(&gradient, &reference)
}

fn small_batch_gradients_match_the_reference(backend: &dyn Backend) {
    let cases = [
        (Case::new(&[7, 9, 11], 16, 1, 1), 1),
        (Case::new(&[40, 30, 20], 64, 2, 1), 500),
        (Case::new(&[300], 24, 0, 3), 97),
        (Case::new(&[3, 5, 2, 4, 3], 9, 3, 2), 130),
        (Case::new(&[50, 60], 128, 1, 16), 300),
        (Case::new(&[50, 60], 100, 2, 5), 64),
    ];
    for (case, batch) in cases {
        let deviation = gradient_deviation(backend, &case, 3, batch);
        assert!(deviation < 1e-5, "{:?}: {deviation:e}", case.shape);
    }
}

/// Software Vulkan drivers stop an invocation after 65,535 loop iterations: only a large batch shows it.
fn large_batch_gradients_match_the_reference(backend: &dyn Backend) {
    static CASE: LazyLock<(Case, Vec<f64>)> = LazyLock::new(|| {
        let case = Case::new(&[64, 64, 64], 32, 2, 1);
        let reference = Reference::new(case.shape, &case.params).gradient(&case.samples(1, 0, 50_001));
        (case, reference)
    });
    let (case, reference) = &*CASE;
    let mut training = backend.train_siren(&case.shape, &case.params, case.set(), 1).expect("training starts");
    let deviation = relative_l2(&training.gradient(0, 50_001).expect("a gradient"), reference);
    assert!(deviation < 1e-5, "{deviation:e}");
}

fn evaluation_matches_the_reference(backend: &dyn Backend) {
    for case in [Case::new(&[12, 13, 11], 32, 2, 1), Case::new(&[1, 401], 20, 1, 3), Case::new(&[6; 5], 128, 0, 2)] {
        let mut out = vec![f32::NAN; case.values.len()];
        backend.evaluate_siren(&case.shape, &case.params, &case.dims, &mut out).expect("an evaluation");
        let reference = Reference::new(case.shape, &case.params);
        let n_points = out.len() / case.shape.n_outputs;
        let expected: Vec<f64> = (0..n_points).flat_map(|i| reference.evaluate(&point(&case.dims, i))).collect();
        let deviation = relative_l2(&out, &expected);
        assert!(deviation < 3e-6, "{:?}: {deviation:e}", case.shape);
    }
}

fn a_short_fit_lowers_the_loss_and_agrees_with_the_plain_cpu(backend: &dyn Backend) {
    let case = Case::new(&[24, 20, 16], 16, 1, 1);
    let schedule = Schedule { peak_rate: 5e-3, ..schedule(100, 512) };
    let fit = |backend: &dyn Backend| {
        let mut training = backend.train_siren(&case.shape, &case.params, case.set(), 5).expect("training starts");
        let first = training.run(&schedule, 0, 1).expect("a step");
        training.run(&schedule, 1, 89).expect("steps");
        (first, training.run(&schedule, 90, 10).expect("steps"))
    };
    let (first, last) = fit(backend);
    assert!(last < 0.2 * first, "loss {first} -> {last}");
    let (_, plain) = fit(&CpuBackend::with_instructions(1, Instructions::Scalar).expect("always there"));
    assert_relative_eq!(f64::from(last), f64::from(plain), max_relative = tolerance::RUNS);
}

fn the_same_seed_repeats_bit_for_bit(backend: &dyn Backend) {
    let case = Case::new(&[30, 40], 32, 1, 2);
    let fit = |seed| {
        let mut training = backend.train_siren(&case.shape, &case.params, case.set(), seed).expect("training starts");
        let loss = training.run(&schedule(20, 3000), 0, 20).expect("steps");
        (loss.to_bits(), training.params().expect("parameters"))
    };
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1), fit(2));
}

fn a_run_in_two_pieces_equals_one_run(backend: &dyn Backend) {
    let case = Case::new(&[30, 40], 16, 1, 1);
    let fit = |pieces: &[(u32, u32)]| {
        let mut training = backend.train_siren(&case.shape, &case.params, case.set(), 9).expect("training starts");
        for &(first, n_steps) in pieces {
            training.run(&schedule(20, 700), first, n_steps).expect("steps");
        }
        training.params().expect("parameters")
    };
    assert_eq!(fit(&[(0, 20)]), fit(&[(0, 7), (7, 13)]));
}

fn sizes_that_disagree_are_errors(backend: &dyn Backend) {
    let case = Case::new(&[4, 5], 8, 1, 1);
    let bad = TrainingSet { values: &case.values[1..], ..case.set() };
    assert!(backend.train_siren(&case.shape, &case.params, bad, 0).is_err());
    assert!(backend.train_siren(&case.shape, &case.params[1..], case.set(), 0).is_err());
    let wide = SirenShape { width: 200, ..case.shape };
    assert!(backend.train_siren(&wide, &wide.initial_params(0), case.set(), 0).is_err());
    assert!(backend.evaluate_siren(&case.shape, &case.params, &case.dims, &mut [0.0; 3]).is_err());
}
