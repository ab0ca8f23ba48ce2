//! A series in training: what it keeps, what survives, what happens when training goes wrong. One body per check, run by
//! every backend.

#[macro_use]
#[path = "common/backends.rs"]
mod backends;

use std::sync::{Arc, LazyLock};

use adios2_inr::backend::Backend;
use adios2_inr::mesh::Mesh;
use adios2_inr::model::{NetworkKind, SeriesNetwork};
use adios2_inr::series::{Method, SeriesConfig, SeriesMetrics, Trainer, train};
use adios2_inr::sketch::{SketchKind, SketchRule};
use adios2_inr::train::Objective;

every_backend! {
    sketches_keep_what_a_network_without_them_forgets,
    a_resumed_series_ends_like_one_that_ran_through,
    a_collapse_is_undone_and_training_goes_on_slower,
    values_no_loss_can_hold_are_refused_and_harm_nothing,
    certificates_are_near_the_true_errors,
    evicted_sketches_take_no_memory,
    a_channel_that_begins_as_noise_finds_its_unit,
    windows_of_time_share_a_network,
    the_papers_baselines_train,
}

const SIDE: usize = 16;
const N_STEPS: usize = 12;

static MESH: LazyLock<Arc<Mesh>> = LazyLock::new(|| Arc::new(Mesh::grid(&[SIDE, SIDE])));
/// A pulse that crosses the plane, and its negative slope: `[step][node][channel]`.
static PULSE: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| (0..N_STEPS).map(pulse).collect());

fn pulse(step: usize) -> Vec<f32> {
    let at = |i: usize| 2.0 * i as f32 / (SIDE - 1) as f32 - 1.0;
    let centre = 0.07 * step as f32 - 0.4;
    let node = |i: usize| {
        let (x, y) = (at(i % SIDE) - centre, at(i / SIDE) + 0.5 * centre);
        let height = (-6.0 * (x * x + y * y)).exp();
        [height, 3.0 * x * height]
    };
    (0..SIDE * SIDE).flat_map(node).collect()
}

/// A small and quick training.
fn quick() -> SeriesConfig {
    SeriesConfig {
        width: 16,
        n_blocks: 2,
        sketch: SketchRule { n_rows: 40, ..SeriesConfig::film(N_STEPS).sketch },
        iterations: 20,
        first_iterations: 250,
        rate: 1e-3,
        n_nodes: 64,
        batch: 4,
        consolidation: 150,
        ..SeriesConfig::film(N_STEPS)
    }
}

fn new(config: &SeriesConfig, backend: &dyn Backend) -> Trainer {
    Trainer::new(config, Arc::clone(&MESH), 2, backend).expect("a trainer")
}

/// Relative error of the stored network over the series, mean of the channels.
fn error(trainer: &mut Trainer, series: &[Vec<f32>]) -> f64 {
    let network = SeriesNetwork::decode(&trainer.network().expect("a network").encode()).expect("decodes");
    let mut metrics = SeriesMetrics::new(2);
    for (step, original) in series.iter().enumerate() {
        metrics.add(original, &network.snapshot(step as f64, &MESH, 1).expect("evaluates"));
    }
    metrics.rfe.iter().sum::<f64>() / 2.0
}

fn trained(config: &SeriesConfig, method: Method, backend: &dyn Backend) -> Trainer {
    let mut trainer = train(method, config, &MESH, &PULSE, 2, backend, &mut |_, _| {}).expect("trains");
    trainer.finish(None).expect("finishes");
    trainer
}

fn without_sketches() -> SeriesConfig {
    SeriesConfig { sketch: SketchRule { kind: SketchKind::None, ..quick().sketch }, ..quick() }
}

fn sketches_keep_what_a_network_without_them_forgets(backend: &dyn Backend) {
    let kept = error(&mut trained(&quick(), Method::InSitu, backend), &PULSE);
    let forgotten = error(&mut trained(&without_sketches(), Method::InSitu, backend), &PULSE);
    assert!(kept < 0.12 && forgotten > 3.0 * kept, "with sketches {kept}, without {forgotten}");
}

fn a_resumed_series_ends_like_one_that_ran_through(backend: &dyn Backend) {
    let fast = SeriesConfig { iterations: 8, first_iterations: 20, consolidation: 30, ..quick() };
    let windows = SeriesConfig { full_size: 2, sketch_size: 3, time_span: 2, ..fast.clone() };
    let start = |config: &SeriesConfig, is_hreg: bool| {
        let trainer = new(config, backend);
        if is_hreg { trainer.with_hypernetwork_regularisation() } else { trainer }
    };
    let hypernet = SeriesConfig { network: NetworkKind::Hypernet, ..fast.clone() };
    let cases = [(fast, false), (windows, false), (hypernet, true)];
    // The GPU refuses the paper's hypernetwork regularisation.
    let has_hreg = !is_gpu(backend);
    for (config, is_hreg) in cases.into_iter().filter(|(_, is_hreg)| has_hreg || !is_hreg) {
        let (mut through, mut first) = (start(&config, is_hreg), start(&config, is_hreg));
        PULSE[..4].iter().for_each(|s| drop(first.push(s).expect("trains")));
        let bytes = first.checkpoint().expect("a checkpoint");
        let mut second = Trainer::resume(&bytes, Arc::clone(&MESH), backend).expect("resumes");
        PULSE[..8].iter().for_each(|s| drop(through.push(s).expect("trains")));
        PULSE[4..8].iter().for_each(|s| drop(second.push(s).expect("trains")));
        let finished = [&mut through, &mut second].map(|trainer| {
            trainer.finish(None).expect("finishes");
            trainer.network().expect("a network").encode()
        });
        assert_eq!(finished[0], finished[1], "{config:?}");
    }
}

fn a_collapse_is_undone_and_training_goes_on_slower(backend: &dyn Backend) {
    // Without clipping and at a full rate for the generator the second snapshot wipes out the first.
    let objective = Objective { generator_rate: 1.0, clip: 0.0, ..quick().objective };
    let mut trainer = new(&SeriesConfig { objective, iterations: 30, first_iterations: 600, ..quick() }, backend);
    let pushes: Vec<_> = PULSE[..4].iter().map(|s| trainer.push(s).expect("trains")).collect();
    let collapsed: Vec<bool> = pushes.iter().map(|push| push.collapsed).collect();
    assert_eq!(collapsed, [false, true, false, false]);
    let forgotten = |i: usize| pushes[i].losses.last().expect("losses").past;
    assert!((1..4).all(|i| forgotten(i) < 0.2), "{} {} {}", forgotten(1), forgotten(2), forgotten(3));
}

fn values_no_loss_can_hold_are_refused_and_harm_nothing(backend: &dyn Backend) {
    let mut trainer = new(&SeriesConfig { is_scaled: false, ..quick() }, backend);
    trainer.push(&PULSE[0]).expect("trains");
    let before = trainer.network().expect("a network").encode();
    for bad in [1e30, f32::NAN, f32::NEG_INFINITY] {
        let mut snapshot = PULSE[1].clone();
        snapshot[5] = bad;
        let error = trainer.push(&snapshot).expect_err("refused").to_string();
        assert!(error.contains(&bad.to_string()) || error.contains("1e30"), "{error}");
    }
    assert_eq!(trainer.network().expect("a network").encode(), before);
    trainer.push(&PULSE[1]).expect("goes on");
}

fn certificates_are_near_the_true_errors(backend: &dyn Backend) {
    let mut trainer = trained(&SeriesConfig { certificate_rows: 64, ..quick() }, Method::InSitu, backend);
    let network = trainer.network().expect("a network");
    assert_eq!(network.certificate.len(), N_STEPS);
    for (step, (original, estimates)) in PULSE.iter().zip(&network.certificate).enumerate() {
        let decoded = network.snapshot(step as f64, &MESH, 1).expect("evaluates");
        for (channel, estimate) in estimates.iter().enumerate() {
            let pairs = || original.iter().zip(&decoded).skip(channel).step_by(2);
            let square = pairs().map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            let truth = (square / pairs().map(|(a, _)| f64::from(*a).powi(2)).sum::<f64>()).sqrt();
            let ratio = f64::from(*estimate) / truth;
            assert!((0.6..1.6).contains(&ratio), "step {step}, channel {channel}: {estimate} for {truth}");
        }
    }
}

fn evicted_sketches_take_no_memory(backend: &dyn Backend) {
    let config = SeriesConfig { sketch_size: 3, certificate_rows: 0, iterations: 1, first_iterations: 1, ..quick() };
    let mut trainer = new(&config, backend);
    let bytes: Vec<usize> = PULSE[..10]
        .iter()
        .map(|s| {
            trainer.push(s).expect("trains");
            trainer.sketch_bytes()
        })
        .collect();
    assert!(bytes[0] > 0 && bytes[9] <= 4 * bytes[0], "{bytes:?}");
}

fn a_channel_that_begins_as_noise_finds_its_unit(backend: &dyn Backend) {
    let grown = |step: usize| if step < 1 { 0.0 } else { 10f32.powi((9 * step as i32 - 27).min(0)) };
    let faint = |(step, s): (usize, &Vec<f32>)| {
        let of_channel = |(i, v): (usize, &f32)| if i % 2 == 1 { v * grown(step) } else { *v };
        s.iter().enumerate().map(of_channel).collect::<Vec<f32>>()
    };
    let series: Vec<Vec<f32>> = PULSE.iter().enumerate().map(faint).collect();
    let mut trainer = new(&quick(), backend);
    let collapses = series.iter().filter(|s| trainer.push(s).expect("trains").collapsed).count();
    trainer.finish(None).expect("finishes");
    let error = error(&mut trainer, &series);
    assert!(error < 0.2 && collapses < 3, "{error} after {collapses} collapses");
}

fn windows_of_time_share_a_network(backend: &dyn Backend) {
    let config = SeriesConfig { time_span: 4, ..quick() };
    let error = error(&mut trained(&config, Method::InSitu, backend), &PULSE);
    assert!(error < 0.3, "{error}");
}

fn the_papers_baselines_train(backend: &dyn Backend) {
    let config = SeriesConfig { iterations: 500, full_batch: 4, consolidation: 0, ..quick() };
    for (method, n_rows) in [(Method::OfflineFull, 1), (Method::OfflineSketched, 120)] {
        let config = SeriesConfig { sketch: SketchRule { n_rows, ..config.sketch }, ..config.clone() };
        let error = error(&mut trained(&config, method, backend), &PULSE);
        assert!(error < 0.2, "{method:?}: {error}");
    }
    if is_gpu(backend) {
        return;
    }
    let hypernet = SeriesConfig { network: NetworkKind::Hypernet, consolidation: 0, ..without_sketches() };
    let held = error(&mut trained(&hypernet, Method::Hreg, backend), &PULSE);
    let free = error(&mut trained(&hypernet, Method::InSitu, backend), &PULSE);
    assert!(held < free, "held in place {held}, free {free}");
}

fn is_gpu(backend: &dyn Backend) -> bool {
    backend.name().contains("Vulkan")
}
