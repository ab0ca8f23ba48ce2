//! Speed of the SIREN kernels: `cargo bench --bench kernels -- [--widths 16,64] [--layers 4] [--seconds 0.5] [--threads 1]
//! [--clock cpu] [--only siren|series|predictor]`.
//!
//! For each network 3 -> width x layers -> 1: training and evaluation in samples/s and as a share of the device's measured
//! multiply-add peak, on every graphics device and on the CPU (`--threads` leaves the graphics devices out). Then training
//! of two series networks, in nodes/s. Then predictors of 3D fields: training, integer inference with its gathering of
//! neighbours, and on the CPU the same network in floating point on inputs gathered before. With `--clock cpu` the time is
//! the CPU time of this process divided by its threads: what the CPU rows would show on a machine that nobody else uses.

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::backend::series::{Moment, SeriesProblem, Step, Target};
use adios2_inr::backend::{Backend, TrainingSet};
use adios2_inr::mesh::Mesh;
use adios2_inr::model::{NetworkKind, SeriesShape, SirenShape};
use adios2_inr::sketch::{Importance, Sketch, SketchKind, SketchRule, norms};
use adios2_inr::train::Objective;
use adios2_inr::train::Schedule;
use cpu_time::ProcessTime;
use std::sync::Arc;
use std::time::Instant;

#[path = "kernels/stencil.rs"]
mod stencil;

const DIMS: [usize; 3] = [64, 64, 64];

/// A backend and how to measure its peak in FLOP/s.
struct Device {
    backend: Box<dyn Backend>,
    /// Threads of a CPU, whose time can be measured.
    n_threads: Option<usize>,
    peak: Box<dyn Fn() -> f64>,
    /// Points per training step and steps per call: enough to fill the device for some tens of milliseconds.
    batch: u32,
    n_steps: u32,
}

/// Everything to measure; `n_threads` restricts the CPU rows.
fn devices(n_threads: Option<usize>) -> Vec<Device> {
    let cpu = |n: usize| {
        let backend = CpuBackend::new(n);
        let peak = backend.clone();
        let peak = Box::new(move || peak.measure_peak(40).expect("threads start"));
        Device { backend: Box::new(backend), n_threads: Some(n), peak, batch: 16_384, n_steps: 4 }
    };
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    match n_threads {
        Some(n) => vec![cpu(n)],
        None if all == 1 => gpus().chain([cpu(1)]).collect(),
        None => gpus().chain([cpu(1), cpu(all)]).collect(),
    }
}

/// Every graphics device; software ones are for tests.
#[cfg(feature = "gpu")]
fn gpus() -> impl Iterator<Item = Device> {
    use adios2_inr::backend::gpu::{GpuBackend, adapters};
    let found = adapters().unwrap_or_else(|e| {
        eprintln!("no GPU is measured: {e}");
        Vec::new()
    });
    found.into_iter().filter(|adapter| !adapter.is_software()).filter_map(|adapter| {
        let backend = match GpuBackend::open(Some(&adapter.index.to_string()), false) {
            Ok(backend) => backend,
            Err(e) => {
                eprintln!("{} is left out: {e}", adapter.name);
                return None;
            }
        };
        let peak = backend.clone();
        let peak = Box::new(move || peak.measure_peak().expect("the device works"));
        Some(Device { backend: Box::new(backend), n_threads: None, peak, batch: 1 << 18, n_steps: 32 })
    })
}

#[cfg(not(feature = "gpu"))]
fn gpus() -> impl Iterator<Item = Device> {
    std::iter::empty()
}

struct Options {
    widths: Vec<usize>,
    layers: Vec<usize>,
    seconds: f64,
    n_threads: Option<usize>,
    is_cpu_time: bool,
    only: Option<String>,
}

fn options() -> Options {
    let args: Vec<String> = std::env::args().collect();
    let value = |key: &str| args.iter().position(|a| a == key).and_then(|i| args.get(i + 1));
    let list = |key: &str, default: &[usize]| match value(key) {
        Some(text) => text.split(',').map(|n| n.parse().expect("a list of whole numbers")).collect(),
        None => default.to_vec(),
    };
    Options {
        widths: list("--widths", &[16, 32, 64, 128]),
        layers: list("--layers", &[2, 4, 6]),
        seconds: value("--seconds").map_or(0.3, |s| s.parse().expect("seconds")),
        n_threads: value("--threads").map(|n| n.parse().expect("a number of threads")),
        is_cpu_time: value("--clock").is_some_and(|c| c == "cpu"),
        only: value("--only").cloned(),
    }
}

/// How long to measure, and the threads that share the CPU time if that is the clock.
#[derive(Clone, Copy)]
struct Clock {
    seconds: f64,
    cpu_threads: Option<usize>,
    /// Of a device on which one step takes a while.
    is_slow: bool,
}

impl Device {
    fn clock(&self, options: &Options) -> Clock {
        let cpu_threads = self.n_threads.filter(|_| options.is_cpu_time);
        Clock { seconds: options.seconds, cpu_threads, is_slow: self.n_steps == 1 }
    }
}

impl Clock {
    /// Best samples/s of `work`, which handles `n_samples` a call.
    fn best_rate(self, n_samples: usize, mut work: impl FnMut()) -> f64 {
        work();
        let (start, mut best) = (Instant::now(), f64::INFINITY);
        while start.elapsed().as_secs_f64() < self.seconds {
            let (wall, cpu) = (Instant::now(), ProcessTime::now());
            work();
            best = best.min(match self.cpu_threads {
                Some(n) => cpu.elapsed().as_secs_f64() / n as f64,
                None => wall.elapsed().as_secs_f64(),
            });
        }
        n_samples as f64 / best
    }
}

fn training_rate(device: &Device, shape: &SirenShape, values: &[f32], clock: Clock) -> f64 {
    let Device { backend, batch, n_steps, .. } = device;
    let set = TrainingSet { dims: &DIMS, values, n_channels: 1 };
    let schedule = Schedule { n_steps: 1 << 30, batch: *batch, peak_rate: 1e-4, n_warmup: 10, final_fraction: 1.0 };
    let mut training = backend.train_siren(shape, &shape.initial_params(0), set, 0).expect("training starts");
    let mut step = 0;
    clock.best_rate((batch * n_steps) as usize, || {
        training.run(&schedule, step, *n_steps).expect("steps");
        step += n_steps;
    })
}

fn evaluation_rate(backend: &dyn Backend, shape: &SirenShape, clock: Clock) -> f64 {
    let params = shape.initial_params(0);
    let mut out = vec![0.0; DIMS.iter().product()];
    clock.best_rate(out.len(), || backend.evaluate_siren(shape, &params, &DIMS, &mut out).expect("an evaluation"))
}

/// Nodes/s of steps as in situ training takes them: 4096 random nodes of a snapshot and 16 sketches of 1024 nodes.
fn series_rate(backend: &dyn Backend, shape: SeriesShape, clock: Clock) -> f64 {
    let mesh = Arc::new(Mesh::grid(&[256, 256]));
    let values: Vec<f32> = (0..mesh.n_nodes()).map(|i| (i as f32 * 0.01).sin()).collect();
    let problem = SeriesProblem { shape, mesh: Arc::clone(&mesh), objective: Objective::default(), seed: 0 };
    let mut training = backend.train_series(problem, &shape.initial_params(0)).expect("training starts");
    let rule = SketchRule { kind: SketchKind::Importance, n_rows: 1024, n_bits: 8, exact_norms: true };
    let moment = |slot: usize| Moment { t: slot as f32 / 16.0, window: [slot as f32 / 16.0].into() };
    let importance = Importance::new(&mesh);
    for slot in 1..=16 {
        let sketch = Sketch::take(&rule, slot as u64, &values, 1, &importance);
        training.put(slot, moment(slot), Target::Sketch(Arc::new(sketch))).expect("a sketch");
    }
    let norms = norms(&values, 1, 1e-3);
    training.put(0, moment(0), Target::Snapshot { values: Arc::new(values), norms }).expect("a snapshot");
    let step = Step { now: vec![0], past: (1..=16).collect(), n_nodes: 4096, rate: 1e-4 };
    // Several calls' worth of warm-up: a GPU learns how many steps to submit at a time.
    let steps = vec![step; if clock.is_slow { 1 } else { 64 }];
    clock.best_rate(steps.len() * (4096 + 16 * 1024), || {
        training.run(&steps, None).expect("steps");
    })
}

fn print_series(devices: &[Device], options: &Options) {
    let film = SeriesShape { kind: NetworkKind::Film, n_space: 2, width: 32, n_blocks: 3, n_channels: 1, time_span: 1 };
    let hypernet = SeriesShape { kind: NetworkKind::Hypernet, width: 16, ..film };
    println!("\n| device | series network | train M nodes/s | GFLOP/s |\n|---|---|---|---|");
    for device in devices {
        for shape in [film, hypernet] {
            let rate = series_rate(&*device.backend, shape, device.clock(options));
            let (name, width, n_blocks) = (shape.kind.name(), shape.width, shape.n_blocks);
            let speed = rate * shape.flops_train() / 1e9;
            println!("| {} | {name} {width}x{n_blocks} | {:.3} | {speed:.1} |", device.backend.name(), rate / 1e6);
        }
    }
}

fn main() {
    let options = options();
    let devices = devices(options.n_threads);
    let is_wanted = |kind: &str| options.only.as_ref().is_none_or(|only| only == kind);
    if is_wanted("siren") {
        print_sirens(&devices, &options);
    }
    if is_wanted("series") {
        print_series(&devices, &options);
    }
    if is_wanted("predictor") {
        stencil::print(&devices, &options);
    }
}

fn print_sirens(devices: &[Device], options: &Options) {
    let n_points: usize = DIMS.iter().product();
    let values: Vec<f32> = (0..n_points).map(|i| (i as f32 * 0.001).sin()).collect();
    println!(
        "| device | network | peak GFLOP/s | train M samples/s | GFLOP/s | of peak | evaluate M samples/s | GFLOP/s | of peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for device in devices {
        let Device { backend, peak, .. } = device;
        let clock = device.clock(options);
        for (&width, &n_layers) in options.widths.iter().flat_map(|w| options.layers.iter().map(move |l| (w, l))) {
            let shape = SirenShape { n_inputs: 3, width, n_blocks: n_layers / 2, n_outputs: 1 };
            let before = peak();
            let train = training_rate(device, &shape, &values, clock);
            let evaluate = evaluation_rate(&**backend, &shape, clock);
            let peak = before.max(peak());
            let cell = |rate: f64, flops: f64| {
                let speed = rate * flops;
                format!("{:.3} | {:.1} | {:.0} %", rate / 1e6, speed / 1e9, 100.0 * speed / peak)
            };
            println!(
                "| {} | 3-{width}x{n_layers}-1 | {:.0} | {} | {} |",
                backend.name(),
                peak / 1e9,
                cell(train, shape.flops_train()),
                cell(evaluate, shape.flops_forward())
            );
        }
    }
}
