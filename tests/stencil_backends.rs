//! Kernels of predictors, one body per check, run by every backend: inference to the bit, training against f64 and the CPU.

#[macro_use]
#[path = "common/backends.rs"]
mod backends;
#[path = "common/tolerance.rs"]
mod tolerance;

use adios2_inr::backend::Backend;
use adios2_inr::backend::cpu::{CpuBackend, Instructions};
use adios2_inr::backend::stencil::{Batch, StencilShape, StencilState, StencilStep};
use adios2_inr::predict::network::output;
use adios2_inr::predict::stencil::{Grid, n_inputs, shifted};
use adios2_inr::predict::{Beside, Dense, Mlp, Past, Scaling, Units};
use adios2_inr::train::random_u32;
use approx::assert_relative_eq;

every_backend! {
    inference_gives_the_bits_of_the_reference,
    overflowing_inputs_and_sums_give_the_bits_of_the_reference,
    a_grid_of_several_chunks_gives_the_bits_of_the_reference,
    gradients_match_the_reference,
    a_gradient_over_many_samples_matches_the_reference,
    a_short_fit_lowers_the_loss_and_agrees_with_the_plain_cpu,
    the_same_steps_repeat_bit_for_bit_in_one_call_or_two,
    sizes_that_disagree_are_errors_that_leave_the_state_alone,
}

const DIMS: [&[usize]; 9] =
    [&[1], &[150], &[9, 17], &[1, 70], &[5, 7, 20], &[1, 1, 3], &[16, 17, 18], &[3, 4, 5, 6], &[2, 3, 2, 3, 4]];
const WIDTHS: [Option<[usize; 2]>; 6] =
    [None, Some([16, 16]), Some([32, 32]), Some([6, 20]), Some([64, 64]), Some([2, 2])];

fn random(seed: u32, i: usize) -> u32 {
    random_u32(seed, i as u32)
}

/// Weights and biases over their whole ranges.
fn dense(n_inputs: usize, n_outputs: usize, shift: u8, seed: u32) -> Dense {
    let weights = (0..n_inputs * n_outputs).map(|i| random(seed, i) as i8).collect();
    let biases = (0..n_outputs).map(|j| random(seed + 100, j) as i16).collect();
    Dense { n_inputs, weights, biases, shift }
}

fn network(n_inputs: usize, widths: Option<[usize; 2]>, shift: u8) -> (Dense, Option<Mlp>) {
    let layers = |[a, b]: [usize; 2]| [dense(n_inputs, a, shift, 1), dense(a, b, shift, 2), dense(b, 1, shift, 3)];
    (dense(n_inputs, 1, shift, 4), widths.map(|widths| Mlp { layers: layers(widths) }))
}

fn field(n: usize, seed: u32, size: f64) -> Vec<f64> {
    (0..n).map(|i| size * (f64::from(random(seed, i)) / f64::from(u32::MAX) - 0.5)).collect()
}

/// What src/model/stencil/network.rs says of every point.
fn reference(grid: &Grid, dims: &[usize], linear: &Dense, mlp: Option<&Mlp>) -> Vec<i32> {
    let at_point = |index: usize| {
        let at = grid.at(index);
        let mut x = vec![0; grid.n_inputs()];
        grid.raw_inputs(at, &mut x);
        for (x, input) in x.iter_mut().zip(&grid.inputs) {
            *x = shifted(*x, input.shift);
        }
        output(linear, &x).wrapping_add(mlp.map_or(0, |mlp| mlp.output(&x)))
    };
    (0..dims.iter().product()).map(at_point).collect()
}

fn assert_bits(backend: &dyn Backend, grid: &Grid, dims: &[usize], widths: Option<[usize; 2]>, shift: u8) {
    let (linear, mlp) = network(grid.n_inputs(), widths, shift);
    let all = backend.infer_stencil(grid, &linear, mlp.as_ref()).expect("outputs");
    assert_eq!(all.len(), grid.span().len());
    let found: Vec<i32> = (0..dims.iter().product()).map(|index| all[grid.at(index) - grid.span().start]).collect();
    let expected = reference(grid, dims, &linear, mlp.as_ref());
    let differing = found.iter().zip(&expected).filter(|(f, e)| f != e).count();
    assert_eq!(differing, 0, "{} of {} points, {dims:?} {widths:?} {shift}", differing, expected.len());
}

fn inference_gives_the_bits_of_the_reference(backend: &dyn Backend) {
    for dims in DIMS {
        let n = dims.iter().product();
        let [last, before, now] = [1, 2, 3].map(|seed| field(n, seed, 2.0));
        let own = Units { offset: 0.1, exponent: 20, shifts: [10, 9, 11, 6] };
        let other = Units { offset: -0.2, exponent: 19, shifts: [9, 9, 8, 8] };
        for (i, widths) in WIDTHS.into_iter().enumerate() {
            let before = Some(&before[..]).filter(|_| i != 2);
            let past = Past { last: &last, before, beside: Some(Beside { now: &now, last: &last }) };
            for beside in [None, Some(other)] {
                let grid = Grid::new(past, dims, &Scaling { own, beside });
                assert_bits(backend, &grid, dims, widths, 9);
            }
        }
    }
}

fn overflowing_inputs_and_sums_give_the_bits_of_the_reference(backend: &dyn Backend) {
    let dims = [6, 7, 8];
    let n = dims.iter().product();
    for (exponent, shifts, shift) in
        [(24, [-3, -15, 0, 1], 4), (60, [-128, 127, 30, 31], 15), (26, [1, 0, -1, 0], 4), (-100, [0, 0, 0, 0], 7)]
    {
        let [last, before] = [1, 2].map(|seed| field(n, seed, 7.0));
        let scaling = Scaling { own: Units { offset: -1.0, exponent, shifts }, beside: None };
        let grid = Grid::new(Past { last: &last, before: Some(&before), beside: None }, &dims, &scaling);
        for widths in [None, Some([16, 16]), Some([64, 64])] {
            assert_bits(backend, &grid, &dims, widths, shift);
        }
    }
}

/// A device takes 2^20 points at a time.
fn a_grid_of_several_chunks_gives_the_bits_of_the_reference(backend: &dyn Backend) {
    let dims = [1025, 1040];
    let [last, before] = [1, 2].map(|seed| field(1025 * 1040, seed, 2.0));
    let scaling = Scaling { own: Units { offset: 0.0, exponent: 20, shifts: [10, 9, 11, 6] }, beside: None };
    let grid = Grid::new(Past { last: &last, before: Some(&before), beside: None }, &dims, &scaling);
    assert_bits(backend, &grid, &dims, None, 8);
}

/// Samples of a function that is not linear, and a network for it.
struct Case {
    shape: StencilShape,
    inputs: Vec<f32>,
    stride: usize,
    targets: Vec<f32>,
    transform: Vec<f32>,
    weights: Vec<f32>,
}

impl Case {
    fn new((rank, n_fields): (usize, usize), width: usize, n: usize) -> Self {
        let shape = StencilShape { n_inputs: n_inputs(rank, n_fields), width };
        let stride = (shape.n_inputs + 2).next_multiple_of(16);
        let number = |i: usize| random(7, i) as f32 / u32::MAX as f32 * 3.0 - 1.5;
        let inputs: Vec<f32> = (0..n * stride).map(number).collect();
        let target = |x: &[f32]| 0.3 * (x[0] - x[3]).abs() + 0.2 * x[1] * x[2];
        let targets = inputs.chunks_exact(stride).map(target).collect();
        let weights = (0..n).map(|i| random(9, i) as f32 / u32::MAX as f32 * 2.0).collect();
        // Cells of 1, 2, 4, 8 or 16, whatever fits.
        let cell = 1 << n.trailing_zeros().min(4);
        let transform = (0..cell * cell).map(|i| random(11, i) as f32 / u32::MAX as f32 - 0.5).collect();
        Case { shape, inputs, stride, targets, transform, weights }
    }

    fn batch(&self) -> Batch<'_> {
        Batch {
            inputs: &self.inputs,
            stride: self.stride,
            targets: &self.targets,
            transform: &self.transform,
            weights: &self.weights,
        }
    }

    fn state(&self) -> StencilState {
        let spread = (2.0 / self.shape.n_inputs as f32).sqrt();
        let number = |i: usize| (random(5, i) as f32 / u32::MAX as f32 * 2.0 - 1.0) * spread;
        StencilState::new(self.shape, (0..self.shape.n_params()).map(number).collect())
    }

    /// Loss and gradient in f64.
    fn reference(&self, params: &[f32]) -> (f64, Vec<f64>) {
        let StencilShape { n_inputs, width } = self.shape;
        let p = |i: usize| f64::from(params[i]);
        let (mut loss, mut gradient) = (0.0, vec![0.0; params.len()]);
        let bent = |z: f64| 0.25 * (z.clamp(-1.0, 1.0) + 1.0).powi(2) + (z.max(1.0) - 1.0);
        let slope = |z: f64| 0.5 * (z.clamp(-1.0, 1.0) + 1.0);
        // Sums of a layer with weights `[n][width]` at `at`, biases behind them.
        let sums = |x: &[f64], at: usize| -> Vec<f64> {
            let sum = |j| x.iter().enumerate().map(|(k, x)| x * p(at + k * width + j)).sum::<f64>();
            (0..width).map(|j| p(at + x.len() * width + j) + sum(j)).collect()
        };
        let (second, last, n) = (self.shape.second(), self.shape.last(), self.targets.len() as f64);
        let layers = |row: &[f32]| {
            let x: Vec<f64> = row[..n_inputs].iter().map(|&x| x.into()).collect();
            let z1 = sums(&x, 0);
            let h1: Vec<f64> = z1.iter().map(|&z| bent(z)).collect();
            let z2 = sums(&h1, second);
            let h2: Vec<f64> = z2.iter().map(|&z| bent(z)).collect();
            let output = h2.iter().enumerate().map(|(j, h)| h * p(last + j)).sum::<f64>() + p(last + width);
            (x, z1, h1, z2, h2, output)
        };
        let rows: Vec<&[f32]> = self.inputs.chunks_exact(self.stride).collect();
        let errors: Vec<f64> = rows.iter().zip(&self.targets).map(|(row, &t)| layers(row).5 - f64::from(t)).collect();
        let cell = self.batch().cell();
        let mut derivatives = vec![0.0; errors.len()];
        for (i, weight) in self.weights.iter().enumerate() {
            let (first, row) = (i / cell * cell, &self.transform[i % cell * cell..][..cell]);
            let coefficient: f64 = row.iter().zip(&errors[first..]).map(|(&t, e)| f64::from(t) * e).sum();
            loss += f64::from(*weight) * coefficient * coefficient / n;
            for (&t, derivative) in row.iter().zip(&mut derivatives[first..]) {
                *derivative += 2.0 * f64::from(*weight) * coefficient * f64::from(t) / n;
            }
        }
        for (row, d) in rows.into_iter().zip(derivatives) {
            let (x, z1, h1, z2, h2, _) = layers(row);
            gradient[last + width] += d;
            let mut back = vec![0.0; width];
            for j in 0..width {
                gradient[last + j] += d * h2[j];
                let dz = d * p(last + j) * slope(z2[j]);
                gradient[self.shape.second_biases() + j] += dz;
                for k in 0..width {
                    gradient[second + k * width + j] += dz * h1[k];
                    back[k] += dz * p(second + k * width + j);
                }
            }
            for k in 0..width {
                let dz = back[k] * slope(z1[k]);
                gradient[self.shape.first_biases() + k] += dz;
                (0..n_inputs).for_each(|i| gradient[i * width + k] += dz * x[i]);
            }
        }
        (loss, gradient)
    }
}

fn assert_gradient(backend: &dyn Backend, case: &Case) {
    let state = case.state();
    let (loss, gradient) = backend.stencil_gradient(&state, case.batch()).expect("a gradient");
    let (expected_loss, expected) = case.reference(&state.params);
    assert_relative_eq!(f64::from(loss), expected_loss, max_relative = tolerance::F32);
    let square = |v: f64| v * v;
    let error: f64 = gradient.iter().zip(&expected).map(|(&g, e)| square(f64::from(g) - e)).sum();
    let deviation = (error / expected.iter().copied().map(square).sum::<f64>()).sqrt();
    assert!(deviation < 1e-5, "{:?}: {deviation:e}", case.shape);
}

fn gradients_match_the_reference(backend: &dyn Backend) {
    let cases = [(1, 16, 1), (3, 16, 150), (3, 32, 500), (2, 48, 97), (5, 64, 144), (4, 32, 1000)];
    for ((rank, width, n), n_fields) in cases.into_iter().zip([1, 2].into_iter().cycle()) {
        assert_gradient(backend, &Case::new((rank, n_fields), width, n));
    }
    // The reference itself, by finite differences.
    let case = Case::new((4, 1), 16, 40);
    let params = case.state().params;
    let (_, gradient) = case.reference(&params);
    for i in (0..params.len()).step_by(11) {
        let loss = |change: f32| {
            let mut moved = params.clone();
            moved[i] += change;
            case.reference(&moved).0
        };
        let step = 1.0 / 4096.0;
        let slope = (loss(step) - loss(-step)) / f64::from(2.0 * step);
        assert_relative_eq!(slope, gradient[i], epsilon = 1e-4, max_relative = tolerance::SLOPE);
    }
}

/// Software Vulkan drivers stop an invocation after 65,535 loop iterations: only many samples show it.
fn a_gradient_over_many_samples_matches_the_reference(backend: &dyn Backend) {
    assert_gradient(backend, &Case::new((3, 1), 16, 30_008));
}

/// Steps of `n` samples over all of them.
fn steps(case: &Case, n: usize, n_steps: usize) -> Vec<StencilStep> {
    let last = case.targets.len() - n + case.batch().cell();
    (0..n_steps).map(|i| StencilStep { first: i * n % last, n, rate: 5e-3 }).collect()
}

fn a_short_fit_lowers_the_loss_and_agrees_with_the_plain_cpu(backend: &dyn Backend) {
    let case = Case::new((2, 1), 16, 4000);
    let fit = |backend: &dyn Backend| {
        let mut state = case.state();
        let losses = backend.train_stencil(&mut state, case.batch(), &steps(&case, 512, 120)).expect("steps");
        assert_eq!((losses.len(), state.n_steps), (120, 120));
        let averaged = StencilState { params: state.average.clone(), ..state };
        let (averaged, _) = backend.stencil_gradient(&averaged, case.batch()).expect("a loss");
        (losses[0], losses[110..].iter().sum::<f32>() / 10.0, averaged)
    };
    let (first, last, averaged) = fit(backend);
    assert!(last < 0.2 * first, "loss {first} -> {last}");
    assert!(averaged < 0.5 * first, "loss {first}, of the average {averaged}");
    let (_, plain, plain_averaged) =
        fit(&CpuBackend::with_instructions(1, Instructions::Scalar).expect("always there"));
    assert_relative_eq!(f64::from(last), f64::from(plain), max_relative = tolerance::RUNS);
    assert_relative_eq!(f64::from(averaged), f64::from(plain_averaged), max_relative = tolerance::RUNS);
}

fn the_same_steps_repeat_bit_for_bit_in_one_call_or_two(backend: &dyn Backend) {
    let case = Case::new((3, 1), 32, 3000);
    let steps = steps(&case, 704, 12);
    let fit = |parts: &[&[StencilStep]]| {
        let mut state = case.state();
        for part in parts {
            backend.train_stencil(&mut state, case.batch(), part).expect("steps");
        }
        state
    };
    let whole = fit(&[&steps]);
    assert_eq!(whole, fit(&[&steps]));
    assert_eq!(whole, fit(&[&steps[..5], &[], &steps[5..]]));
}

fn sizes_that_disagree_are_errors_that_leave_the_state_alone(backend: &dyn Backend) {
    let case = Case::new((1, 1), 16, 100);
    let (batch, step) = (case.batch(), StencilStep { first: 0, n: 100, rate: 1e-3 });
    let refuses = |state: StencilState, batch: Batch, step: StencilStep| {
        let mut trained = state.clone();
        assert!(backend.train_stencil(&mut trained, batch, &[step]).is_err());
        assert_eq!(trained, state);
    };
    refuses(case.state(), batch, StencilStep { first: 1, ..step });
    refuses(case.state(), batch, StencilStep { n: 0, ..step });
    refuses(case.state(), batch, StencilStep { n: 99, ..step });
    refuses(case.state(), Batch { transform: &[1.0; 9], ..batch }, step);
    refuses(case.state(), Batch { stride: 16, ..batch }, step);
    refuses(case.state(), Batch { targets: &case.targets[1..], ..batch }, step);
    refuses(case.state(), Batch { weights: &case.weights[1..], ..batch }, step);
    let shape = StencilShape { width: 24, ..case.shape };
    refuses(StencilState::new(shape, vec![0.0; shape.n_params()]), batch, step);
    refuses(StencilState::new(case.shape, vec![0.0; 3]), batch, step);
}
