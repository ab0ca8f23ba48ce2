//! Training of series networks: one body per check, run by every backend, against finite differences and each other.

#[macro_use]
#[path = "common/backends.rs"]
mod backends;
#[path = "common/tolerance.rs"]
mod tolerance;

use std::sync::{Arc, LazyLock};

use adios2_inr::backend::Backend;
use adios2_inr::backend::cpu::{CpuBackend, Instructions};
use adios2_inr::backend::series::{Moment, SeriesProblem, SeriesTraining, Step, Target};
use adios2_inr::mesh::Mesh;
use adios2_inr::model::{NetworkKind, SeriesShape};
use adios2_inr::sketch::{Importance, Sketch, SketchKind, SketchRule, norms};
use adios2_inr::train::{Loss, Objective, Optimiser};
use approx::{assert_abs_diff_eq, assert_relative_eq};

every_backend! {
    gradients_match_finite_differences,
    gradients_and_steps_agree_with_the_plain_cpu,
    other_sizes_meshes_and_losses_agree_with_the_plain_cpu,
    rounded_weights_are_what_losses_see_and_gradients_pass_through,
    a_threshold_ends_a_run_without_a_step,
    a_run_in_two_pieces_equals_one_run,
    training_lowers_the_loss,
    empty_slots_and_foreign_states_are_errors,
}

static PLAIN: LazyLock<CpuBackend> =
    LazyLock::new(|| CpuBackend::with_instructions(1, Instructions::Scalar).expect("runs everywhere"));

const KINDS: [NetworkKind; 3] = [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet];
const N_STEPS: usize = 6;
const DIMS: [usize; 2] = [18, 17];

/// A wave that moves over a grid, two channels.
fn snapshot(step: usize, mesh: &Mesh) -> Vec<f32> {
    let mut x = vec![0.0; 2 * mesh.n_nodes()];
    mesh.nodes(0, &mut x);
    let t = step as f32 / N_STEPS as f32;
    x.chunks(2).flat_map(|x| [(3.0 * x[0] - 2.0 * t).sin() + 0.1, (2.0 * x[1] + x[0] + t).cos()]).collect()
}

fn moment(step: usize) -> Moment {
    let t = 2.0 * step as f32 / (N_STEPS - 1) as f32 - 1.0;
    Moment { t, window: Arc::new([t]) }
}

fn shape(kind: NetworkKind) -> SeriesShape {
    SeriesShape { kind, n_space: 2, width: 16, n_blocks: 2, n_channels: 2, time_span: 1 }
}

/// A run with a whole snapshot in each slot `0..N_STEPS` and a sketch of it in slot `10 + step`.
fn training(
    backend: &dyn Backend,
    kind: NetworkKind,
    sketch: SketchKind,
    objective: Objective,
) -> Box<dyn SeriesTraining> {
    let mesh = Arc::new(Mesh::grid(&DIMS));
    let problem = SeriesProblem { shape: shape(kind), mesh: Arc::clone(&mesh), objective, seed: 5 };
    let mut training = backend.train_series(problem, &shape(kind).initial_params(3)).expect("starts");
    let importance = Importance::new(&mesh);
    let rule = SketchRule { kind: sketch, n_rows: 40, n_bits: 8, exact_norms: true };
    for step in 0..N_STEPS {
        let values = snapshot(step, &mesh);
        let norms = norms(&values, 2, 1e-3);
        let taken = Sketch::take(&rule, 100 + step as u64, &values, 2, &importance);
        training.put(step, moment(step), Target::Snapshot { values: Arc::new(values), norms }).expect("fits");
        training.put(10 + step, moment(step), Target::Sketch(Arc::new(taken))).expect("fits");
    }
    training
}

fn step(now: &[usize], past: &[usize], n_nodes: u32) -> Step {
    Step { now: now.to_vec(), past: past.to_vec(), n_nodes, rate: 1e-3 }
}

/// The objective at shifted parameters.
fn objective_at(training: &mut dyn SeriesTraining, shift: &[f64], scale: f64, step: &Step, weight: f64) -> f64 {
    let state = training.state().expect("state");
    let mut moved = state.clone();
    moved.params.iter_mut().zip(shift).for_each(|(p, s)| *p += (scale * s) as f32);
    training.restore(&moved).expect("same network");
    let still = Step { rate: 0.0, ..step.clone() };
    let loss = training.run(&[still], Some(f32::INFINITY)).expect("runs")[0];
    training.restore(&state).expect("same network");
    f64::from(loss.now) + weight * f64::from(loss.past)
}

fn gradients_match_finite_differences(backend: &dyn Backend) {
    let cases = [
        (SketchKind::Importance, step(&[5], &[10, 12, 14], 100)),
        (SketchKind::Subsample, step(&[], &[11, 13], 0)),
        // 306 nodes: more than one tile.
        (SketchKind::Importance, step(&[5, 1], &[], 0)),
        (SketchKind::Fjlt, step(&[5], &[10, 12], 60)),
        (SketchKind::Srht, step(&[], &[10, 12], 0)),
        (SketchKind::Gaussian, step(&[], &[10, 12], 0)),
    ];
    for kind in KINDS {
        for (sketch, step) in &cases {
            let mut training = training(backend, kind, *sketch, Objective::default());
            let gradient = training.gradient(step).expect("gradient");
            let shape = shape(kind);
            let (generator, weights) = (shape.generator_params().start, shape.generator_weights());
            let n = gradient.len();
            for range in [0..generator, generator..weights.start, weights.clone(), weights.end..n] {
                let norm = gradient[range.clone()].iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
                if range.is_empty() || norm < 1e-6 {
                    continue;
                }
                let inside = |i: usize, g: f32| if range.contains(&i) { f64::from(g) / norm } else { 0.0 };
                let direction: Vec<f64> = gradient.iter().enumerate().map(|(i, g)| inside(i, *g)).collect();
                let h = 2e-3 / norm.max(1.0);
                let mut at = |scale| objective_at(training.as_mut(), &direction, scale, step, 5.0);
                let difference = (at(h) - at(-h)) / (2.0 * h);
                // Losses of about 5 have so many digits.
                let rounding = 3e-7 * 5.0 / h;
                assert_relative_eq!(
                    difference,
                    norm,
                    epsilon = tolerance::LOSS_SLOPE * norm + rounding,
                    max_relative = 0.0
                );
            }
        }
    }
}

fn gradients_and_steps_agree_with_the_plain_cpu(backend: &dyn Backend) {
    for kind in KINDS {
        for sketch in [SketchKind::Importance, SketchKind::Srht, SketchKind::Fjlt] {
            let step = step(&[5], &[10, 11, 13], 64);
            let mut pair = [backend, &*PLAIN].map(|b| training(b, kind, sketch, Objective::default()));
            let [a, b] = pair.each_mut().map(|t| t.gradient(&step).expect("gradient"));
            assert!(relative(&a, &b) < 2e-4, "{kind:?} {sketch:?}: {}", relative(&a, &b));
            let steps = vec![step; 3];
            let [(la, a), (lb, b)] = pair.each_mut().map(|t| {
                let losses = t.run(&steps, None).expect("runs");
                (losses, t.state().expect("state"))
            });
            for (a, b) in la.iter().zip(&lb) {
                assert_abs_diff_eq!(f64::from(a.now), f64::from(b.now), epsilon = tolerance::STEPS);
                assert_abs_diff_eq!(f64::from(a.past), f64::from(b.past), epsilon = tolerance::STEPS);
            }
            assert_eq!((a.n_steps, b.n_steps), (3, 3));
            assert!(relative(&a.params, &b.params) < 1e-3, "{kind:?} {sketch:?}: {}", relative(&a.params, &b.params));
        }
    }
}

/// A step over a snapshot and a sketch, far from the sizes of the other tests.
struct Case {
    shape: SeriesShape,
    dims: &'static [usize],
    /// The grid's nodes as points without order.
    is_scattered: bool,
    sketch: SketchKind,
    loss: Loss,
    n_nodes: u32,
}

impl Case {
    fn mesh(&self) -> Mesh {
        let grid = Mesh::grid(self.dims);
        if !self.is_scattered {
            return grid;
        }
        let mut x = vec![0.0; grid.n_nodes() * self.dims.len()];
        grid.nodes(0, &mut x);
        let bent = x.iter().map(|&x| 5.0 + f64::from(x + 0.3 * x * x)).collect::<Vec<_>>();
        Mesh::points(&bent, self.dims.len()).expect("finite")
    }

    fn training(&self, backend: &dyn Backend) -> Box<dyn SeriesTraining> {
        let (mesh, n_channels) = (Arc::new(self.mesh()), self.shape.n_channels);
        let values: Vec<f32> = (0..mesh.n_nodes() * n_channels).map(|i| 1.1 + (i as f32 * 0.37).sin()).collect();
        let objective = Objective { loss: self.loss, ..Objective::default() };
        let problem = SeriesProblem { shape: self.shape, mesh: Arc::clone(&mesh), objective, seed: 77 };
        let mut training = backend.train_series(problem, &self.shape.initial_params(8)).expect("starts");
        let rule = SketchRule { kind: self.sketch, n_rows: 60, n_bits: 12, exact_norms: false };
        let sketch = Sketch::take(&rule, 1 << 40, &values, n_channels, &Importance::new(&mesh));
        let norms = norms(&values, n_channels, 1e-3);
        let moment = |t: f32| Moment { t, window: (0..self.shape.time_span).map(|i| t + 0.05 * i as f32).collect() };
        // Something in front, so that nothing begins at 0.
        for (slot, t) in [(7, -0.9), (3, 0.4)] {
            let target = Target::Snapshot { values: Arc::new(values.clone()), norms: norms.clone() };
            training.put(slot, moment(t), target).expect("fits");
            training.put(100 + slot, moment(t - 0.1), Target::Sketch(Arc::new(sketch.clone()))).expect("fits");
        }
        training.remove(7);
        training
    }
}

fn other_sizes_meshes_and_losses_agree_with_the_plain_cpu(backend: &dyn Backend) {
    let shape = |kind, n_space, width, n_blocks, n_channels, time_span| SeriesShape {
        kind,
        n_space,
        width,
        n_blocks,
        n_channels,
        time_span,
    };
    let cases = [
        Case {
            shape: shape(NetworkKind::Film, 3, 13, 1, 5, 3),
            dims: &[5, 1, 40],
            is_scattered: true,
            sketch: SketchKind::Gaussian,
            loss: Loss::Rpw,
            n_nodes: 0,
        },
        Case {
            shape: shape(NetworkKind::Hypernet, 1, 8, 0, 16, 1),
            dims: &[333],
            is_scattered: false,
            sketch: SketchKind::Subsample,
            loss: Loss::L2,
            n_nodes: 100,
        },
        Case {
            shape: shape(NetworkKind::Tinr, 4, 40, 3, 1, 1),
            dims: &[4, 5, 3, 6],
            is_scattered: true,
            sketch: SketchKind::Importance,
            loss: Loss::L1,
            n_nodes: 1000,
        },
        // More tiles than an invocation may loop over on software Vulkan.
        Case {
            shape: shape(NetworkKind::Film, 2, 8, 1, 2, 1),
            dims: &[500, 400],
            is_scattered: false,
            sketch: SketchKind::Fjlt,
            loss: Loss::R3,
            n_nodes: 0,
        },
    ];
    for case in &cases {
        let step = step(&[3], &[103, 107], case.n_nodes);
        let [a, b] = [backend, &*PLAIN].map(|backend| case.training(backend).gradient(&step).expect("gradient"));
        assert!(relative(&a, &b) < 2e-4, "{:?} {:?}: {}", case.shape, case.loss, relative(&a, &b));
        let [a, b] = [backend, &*PLAIN].map(|backend| case.training(backend).loss(&[3, 103]).expect("loss"));
        assert_relative_eq!(a, b, max_relative = tolerance::F32);
    }
}

fn rounded_weights_are_what_losses_see_and_gradients_pass_through(backend: &dyn Backend) {
    let step = step(&[], &[10, 12], 0);
    let mut training = training(backend, NetworkKind::Film, SketchKind::Importance, Objective::default());
    let state = training.state().expect("state");
    let grid = vec![0.01f32; state.params.len()];
    let rounded: Vec<f32> = state.params.iter().map(|p| 0.01 * (p / 0.01).round_ties_even()).collect();
    training.round_to(Some(grid)).expect("rounds");
    let through = training.gradient(&step).expect("gradient");
    training.round_to(None).expect("rounds");
    training.restore(&adios2_inr::backend::series::TrainingState { params: rounded, ..state }).expect("same network");
    let at_rounded = training.gradient(&step).expect("gradient");
    assert!(relative(&through, &at_rounded) < 1e-4, "{}", relative(&through, &at_rounded));
}

fn a_threshold_ends_a_run_without_a_step(backend: &dyn Backend) {
    let mut training = training(backend, NetworkKind::Film, SketchKind::Importance, Objective::default());
    let before = training.state().expect("state");
    let losses = training.run(&vec![step(&[2], &[10], 50); 4], Some(1e3)).expect("runs");
    assert_eq!(losses.len(), 1);
    assert_eq!(training.state().expect("state"), before);
    assert_eq!(training.run(&vec![step(&[2], &[10], 50); 4], Some(1e-9)).expect("runs").len(), 4);
    assert_eq!(training.state().expect("state").n_steps, 4);
}

fn a_run_in_two_pieces_equals_one_run(backend: &dyn Backend) {
    let steps: Vec<Step> = (0..6).map(|i| step(&[5], &[10 + i % 3, 13], 50)).collect();
    let objective = Objective { optimiser: Optimiser::Radam, ..Objective::default() };
    let mut whole = training(backend, NetworkKind::Hypernet, SketchKind::Importance, objective);
    whole.run(&steps, None).expect("runs");
    let mut pieces = training(backend, NetworkKind::Hypernet, SketchKind::Importance, objective);
    pieces.run(&steps[..2], None).expect("runs");
    let state = pieces.state().expect("state");
    pieces.run(&steps[3..], None).expect("runs");
    pieces.restore(&state).expect("same network");
    pieces.run(&steps[2..], None).expect("runs");
    assert_eq!(whole.state().expect("state"), pieces.state().expect("state"));
}

fn training_lowers_the_loss(backend: &dyn Backend) {
    for optimiser in [Optimiser::Adam, Optimiser::Radam] {
        let objective = Objective { optimiser, ..Objective::default() };
        let mut training = training(backend, NetworkKind::Film, SketchKind::Importance, objective);
        let before = training.loss(&[10, 12, 14]).expect("loss");
        let steps: Vec<Step> = (0..200).map(|_| step(&[5], &[10, 12, 14], 64)).collect();
        training.run(&steps, None).expect("runs");
        let after = training.loss(&[10, 12, 14]).expect("loss");
        assert!(after < 0.5 * before, "{optimiser:?}: {before} -> {after}");
        assert_eq!(training.n_evaluations(), 200 * (64 + 3 * 40));
    }
}

fn empty_slots_and_foreign_states_are_errors(backend: &dyn Backend) {
    let mut film = training(backend, NetworkKind::Film, SketchKind::Importance, Objective::default());
    assert!(film.run(&[step(&[99], &[], 0)], None).is_err());
    film.remove(0);
    assert!(film.loss(&[0]).is_err());
    let tinr =
        training(backend, NetworkKind::Tinr, SketchKind::Importance, Objective::default()).state().expect("state");
    assert!(film.restore(&tinr).is_err());
}

/// The tiles that real GPUs get are run here too, on whatever device there is.
#[cfg(feature = "gpu")]
#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn the_tiles_for_real_gpus_train_as_the_plain_cpu_does() {
    use adios2_inr::backend::gpu::{DeviceKind, GpuBackend};
    let backend = GpuBackend::open(None, true).expect("a driver").with_tiles_for(DeviceKind::Hardware);
    let step = step(&[5, 1], &[10, 12], 0);
    let gradient = |backend: &dyn Backend| {
        let mut training = training(backend, NetworkKind::Film, SketchKind::Fjlt, Objective::default());
        training.gradient(&step).expect("gradient")
    };
    let deviation = relative(&gradient(&backend), &gradient(&*PLAIN));
    assert!(deviation < 2e-4, "{deviation}");
}

#[cfg(feature = "gpu")]
#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn what_has_no_gpu_kernel_is_refused_with_the_way_out() {
    let backend = backends::gpu().expect("a driver");
    let mesh = Arc::new(Mesh::grid(&DIMS));
    let start = |width, loss| {
        let shape = SeriesShape { width, ..shape(NetworkKind::Film) };
        let objective = Objective { loss, ..Objective::default() };
        let problem = SeriesProblem { shape, mesh: Arc::clone(&mesh), objective, seed: 1 };
        backend.train_series(problem, &shape.initial_params(1))
    };
    let mut training = start(16, Loss::R3).expect("starts");
    let errors = [
        start(136, Loss::R3).err(),
        start(16, Loss::W2).err(),
        training.put(0, moment(0), Target::Frozen).err(),
        training.freeze().err(),
    ];
    for error in errors {
        let text = error.expect("no kernel").to_string();
        assert!(text.contains("backend=cpu"), "{text}");
    }
}

#[test]
fn cpu_bits_do_not_depend_on_threads_or_instructions() {
    let run = |n_threads, instructions| {
        let backend = CpuBackend::with_instructions(n_threads, instructions).ok()?;
        let mut training = training(&backend, NetworkKind::Film, SketchKind::Importance, Objective::default());
        training.run(&vec![step(&[5], &[10, 11, 12], 0); 4], None).expect("runs");
        Some(training.state().expect("state"))
    };
    let expected = run(1, Instructions::Scalar);
    for (n_threads, instructions) in [(1, Instructions::best()), (3, Instructions::best()), (2, Instructions::Avx2)] {
        if let Some(state) = run(n_threads, instructions) {
            assert_eq!(Some(state), expected, "{n_threads} threads, {instructions}");
        }
    }
}

#[test]
fn frozen_targets_hold_the_generated_parameters_where_they_were() {
    let objective = Objective { weight: 5.0, ..Objective::default() };
    let mut training = training(&*PLAIN, NetworkKind::Hypernet, SketchKind::None, objective);
    training.put(20, moment(1), Target::Frozen).expect("fits");
    assert!(training.run(&[step(&[], &[20], 0)], None).is_err(), "nothing is frozen yet");
    training.freeze().expect("freezes");
    assert_eq!(training.run(&[step(&[5], &[20], 0)], None).expect("runs")[0].past, 0.0);
    training.run(&vec![step(&[5], &[], 50); 5], None).expect("runs");
    let moved = training.loss(&[20]).expect("loss");
    assert!(moved > 0.0);
    training.run(&vec![Step { rate: 1e-4, ..step(&[], &[20], 0) }; 200], None).expect("runs");
    let back = training.loss(&[20]).expect("loss");
    assert!(back < 0.5 * moved, "{moved} {back}");
}

#[test]
fn sobolev_training_lowers_values_and_slopes() {
    let objective = Objective { loss: Loss::W2, ..Objective::default() };
    let mut training = training(&*PLAIN, NetworkKind::Tinr, SketchKind::Subsample, objective);
    let before = training.loss(&[5]).expect("loss");
    training.run(&vec![step(&[5], &[10], 64); 100], None).expect("runs");
    let after = training.loss(&[5]).expect("loss");
    assert!(after < 0.3 * before, "{before} -> {after}");
}

fn relative(a: &[f32], b: &[f32]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let difference = square(&mut a.iter().zip(b).map(|(x, y)| f64::from(x - y)));
    difference / square(&mut b.iter().map(|x| f64::from(*x)))
}
