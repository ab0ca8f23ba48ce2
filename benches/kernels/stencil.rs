//! Rows of predictors' networks on the 27 neighbours of two steps.

use super::{Clock, DIMS, Device, Options};
use adios2_inr::backend::Backend;
use adios2_inr::backend::cpu::Instructions;
use adios2_inr::backend::cpu::stencil::Training;
use adios2_inr::backend::stencil::{Batch, StencilShape, StencilState, StencilStep};
use adios2_inr::predict::stencil::{Grid, n_inputs};
use adios2_inr::predict::{Dense, Mlp, Past, Scaling, Units};

/// Samples of a step, as `temporal=predict` takes them, and for devices that more suits.
const BATCH: usize = 1024;
const LARGE_BATCH: usize = 16_384;
const N_SAMPLES: usize = 1 << 16;
/// Of a 3D field.
const CELL: usize = 8;

fn number(i: usize) -> f32 {
    ((i * 7919) % 2003) as f32 / 1001.0 - 1.0
}

struct Samples {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
    transform: [f32; CELL * CELL],
    stride: usize,
}

impl Samples {
    fn new(shape: &StencilShape) -> Self {
        let stride = (shape.n_inputs + 2).next_multiple_of(16);
        let inputs = (0..N_SAMPLES * stride).map(number).collect();
        let targets = (0..N_SAMPLES).map(number).collect();
        Samples { inputs, targets, weights: vec![1.0; N_SAMPLES], transform: std::array::from_fn(number), stride }
    }

    fn batch(&self) -> Batch<'_> {
        let Samples { inputs, targets, weights, transform, stride } = self;
        Batch { inputs, stride: *stride, targets, transform, weights }
    }
}

fn state(shape: StencilShape) -> StencilState {
    StencilState::new(shape, (0..shape.n_params()).map(|i| 0.1 * number(3 * i)).collect())
}

/// Samples/s; calls are long enough for the upload of the samples not to matter.
fn training_rate(backend: &dyn Backend, shape: StencilShape, n: usize, clock: Clock) -> f64 {
    let (samples, mut state) = (Samples::new(&shape), state(shape));
    let n_steps = if clock.is_slow { 2 } else { N_SAMPLES * 8 / n };
    let step = |i| StencilStep { first: i * n % (N_SAMPLES - n + CELL), n, rate: 1e-4 };
    let steps: Vec<StencilStep> = (0..n_steps).map(step).collect();
    clock.best_rate(n_steps * n, || {
        backend.train_stencil(&mut state, samples.batch(), &steps).expect("steps");
    })
}

/// Values/s, neighbours gathered from the grid.
fn inference_rate(backend: &dyn Backend, width: usize, clock: Clock) -> f64 {
    let n = DIMS.iter().product();
    let [last, before]: [Vec<f64>; 2] = [1, 2].map(|step| (0..n).map(|i| number(i + step).into()).collect());
    let own = Units { offset: 0.0, exponent: 24, shifts: [14, 13, 12, 11] };
    let scaling = Scaling { own, beside: None };
    let grid = Grid::new(Past { last: &last, before: Some(&before), beside: None }, &DIMS, &scaling);
    let dense = |n_inputs: usize, n_outputs: usize| {
        let weights: Vec<f32> = (0..n_inputs * n_outputs).map(|i| 0.1 * number(i)).collect();
        Dense::quantise(n_inputs, &weights, &vec![0.1; n_outputs])
    };
    let mlp = Mlp { layers: [dense(grid.n_inputs(), width), dense(width, width), dense(width, 1)] };
    let linear = dense(grid.n_inputs(), 1);
    clock.best_rate(n, || {
        backend.infer_stencil(&grid, &linear, Some(&mlp)).expect("outputs");
    })
}

/// Values/s of the network in floating point.
fn float_rate(n_threads: usize, shape: StencilShape, clock: Clock) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let (samples, training) = (Samples::new(&shape), Training::new(state(shape), Instructions::best()));
    clock.best_rate(N_SAMPLES, || {
        pool.install(|| training.outputs(&samples.inputs, samples.stride));
    })
}

/// One row for each device, width and batch.
pub fn print(devices: &[Device], options: &Options) {
    println!();
    println!(
        "| device | predictor | batch | train M samples/s | GFLOP/s | of peak | integers M values/s | floats M values/s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for device in devices {
        let clock = device.clock(options);
        for (width, n) in [(16, BATCH), (16, LARGE_BATCH), (32, BATCH), (32, LARGE_BATCH)] {
            let shape = StencilShape { n_inputs: n_inputs(DIMS.len(), 1), width };
            let before = (device.peak)();
            let train = training_rate(&*device.backend, shape, n, clock);
            let integers = inference_rate(&*device.backend, width, clock);
            let peak = before.max((device.peak)());
            let speed = train * shape.flops_train();
            let floats =
                device.n_threads.map_or("-".to_owned(), |n| format!("{:.2}", float_rate(n, shape, clock) / 1e6));
            println!(
                "| {} | {}-{width}-{width}-1 | {n} | {:.3} | {:.1} | {:.0} % | {:.2} | {floats} |",
                device.backend.name(),
                shape.n_inputs,
                train / 1e6,
                speed / 1e9,
                100.0 * speed / peak,
                integers / 1e6,
            );
        }
    }
}
