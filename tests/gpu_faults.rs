//! A GPU that fails, in every way and at any call, costs no block its bound: the run goes on on the CPU, the run log says why, and the
//! device is not asked again. No driver is needed: what fails is a double behind the backend's trait.

#[path = "common/faulty.rs"]
mod faulty;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adios2_inr::backend::{Backend, choose};
use adios2_inr::session::{self, Line, SeriesKey};
use adios2_inr::{Block, Dtype, Error, Settings};
use faulty::{Calls, Fault, Faulty};

const N: usize = 48;
const FAULTS: [Fault; 6] =
    [Fault::Lost, Fault::OutOfMemory, Fault::Validation, Fault::Hang, Fault::WrongValues, Fault::NoNumbers];

/// Doubles stand in for the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands in for the GPU until it is dropped.
struct StandIn {
    calls: Arc<Calls>,
    n_opened: Arc<AtomicUsize>,
    _alone: MutexGuard<'static, ()>,
}

impl StandIn {
    /// Passes the self-test, and `n_good` calls after it.
    fn new(fault: Fault, n_good: usize) -> StandIn {
        let (alone, calls, n_opened) = (alone(), Arc::default(), Arc::<AtomicUsize>::default());
        // A name of its own, because the self-test is done once for each.
        static N_MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("double {}", N_MADE.fetch_add(1, Ordering::SeqCst));
        let (device, tested) =
            (Faulty::new(&name, fault, n_good, &calls), Faulty::new(&name, fault, usize::MAX, &calls));
        choose::stand_in(Some(Arc::new(move || Ok(Arc::new(tested.clone()) as Arc<dyn Backend>))));
        let on_gpu = Settings::from_pairs([("backend", "gpu")]).expect("settings");
        assert_eq!(choose::choose(&on_gpu).expect("it passes its self-test").backend.name(), name);
        calls.reset();
        let opened = Arc::clone(&n_opened);
        choose::stand_in(Some(Arc::new(move || {
            opened.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(device.clone()) as Arc<dyn Backend>)
        })));
        StandIn { calls, n_opened, _alone: alone }
    }

    /// What is opened is this.
    fn opening(open: impl Fn() -> adios2_inr::Result<Arc<dyn Backend>> + Send + Sync + 'static) -> StandIn {
        let (alone, n_opened) = (alone(), Arc::<AtomicUsize>::default());
        let opened = Arc::clone(&n_opened);
        choose::stand_in(Some(Arc::new(move || {
            opened.fetch_add(1, Ordering::SeqCst);
            open()
        })));
        StandIn { calls: Arc::default(), n_opened, _alone: alone }
    }

    /// Whatever would change if the device were asked again.
    fn n_asked(&self) -> (usize, usize) {
        (self.calls.n(), self.n_opened.load(Ordering::SeqCst))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        choose::stand_in(None);
    }
}

/// A pulse over a still pattern.
fn pulse(step: usize) -> Vec<f32> {
    let centre = 0.25 + 0.012 * step as f64;
    let at = |i: usize| {
        let (y, x) = ((i / N) as f64 / N as f64, (i % N) as f64 / N as f64);
        let pulse = (-30.0 * ((x - 0.5).powi(2) + (y - centre).powi(2))).exp();
        (pulse + 0.5 * (25.0 * x + 9.0 * y * y).sin() * (23.0 * y - 7.0 * x * x).sin()) as f32
    };
    (0..N * N).map(at).collect()
}

/// Waves that drift over each other, whose next step the last two tell.
fn drift(step: usize) -> Vec<f32> {
    let t = step as f64;
    let at = |i: usize| {
        let (y, x) = ((i / N) as f64, (i % N) as f64);
        ((0.31 * x - 0.12 * t).sin() * (0.23 * y + 0.08 * t).cos() + 0.4 * (0.4 * (x + y) + 0.1 * t).sin()) as f32
    };
    (0..N * N).map(at).collect()
}

/// A run of a variable, with what became of it.
struct Run {
    dataset: tempfile::TempDir,
    settings: Settings,
    /// The largest error that was promised, as a part of the range or of the norm.
    bound: f64,
    is_linf: bool,
}

const SIREN: &[(&str, &str)] = &[("model", "siren"), ("iterations", "40"), ("width", "8"), ("blocks", "1")];
const SERIES: &[(&str, &str)] =
    &[("temporal", "series"), ("iterations", "10"), ("width", "8"), ("blocks", "1"), ("segment_steps", "8")];
const CHAIN: &[(&str, &str)] =
    &[("temporal", "predict"), ("predictor", "network"), ("norm", "Linf"), ("model", "transform")];

impl Run {
    fn new(pairs: &[(&str, &str)], backend: &str, accuracy: &str) -> Run {
        let dataset = tempfile::tempdir().expect("a folder");
        let log = dataset.path().join("run.jsonl");
        let more = [
            ("backend", backend),
            ("accuracy", accuracy),
            ("log", log.to_str().expect("UTF-8")),
            ("threshold", "1"),
            ("seconds", "0.2"),
        ];
        let more = more.into_iter().filter(|(key, _)| *key != "seconds" || pairs.contains(&("temporal", "series")));
        let settings = Settings::from_pairs(pairs.iter().copied().chain(more)).expect("settings");
        let is_linf = pairs.contains(&("norm", "Linf"));
        Run { dataset, settings, bound: accuracy.parse().expect("a number"), is_linf }
    }

    fn key(&self) -> SeriesKey {
        let dataset = self.dataset.path().to_str().expect("UTF-8").to_owned();
        SeriesKey { dataset, generation: 0, variable: "u".into(), start: vec![0, 0], dims: vec![N, N] }
    }

    /// Writes a step, reads it again and checks its bound.
    fn step(&self, step: usize) -> Option<String> {
        let values = if self.is_linf { drift(step) } else { pulse(step) };
        let block = Block::new(Dtype::F32, &[N, N], bytemuck::cast_slice(&values)).expect("block");
        let outcome = session::encode(&self.key(), &block, &self.settings);
        let record = outcome.record.expect("a record");
        let mut out = vec![0; 4 * N * N];
        session::decode_from(self.dataset.path().to_str().expect("UTF-8"), &record, &mut out).expect("decodes");
        let found = out.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let errors: Vec<f64> = found.zip(&values).map(|(f, v)| f64::from(f) - f64::from(*v)).collect();
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
        let error = if self.is_linf {
            errors.iter().fold(0.0, |most: f64, e| most.max(e.abs())) / f64::from(high - low)
        } else {
            norm(&mut errors.iter().copied()) / norm(&mut values.iter().map(|v| f64::from(*v)))
        };
        assert!(error <= self.bound, "step {step}: {error}");
        outcome.warning
    }

    /// Why the CPU did what the GPU was asked to do, by the run log, step by step.
    fn refusals(&self) -> Vec<Option<String>> {
        lines(&self.dataset.path().join("run.jsonl")).into_iter().map(|line| line.report.refusal).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        session::finish(&self.key());
    }
}

fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).expect("the log");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Runs `n_steps` with a device that fails after so many calls: all steps hold, the log tells what the fault says, and a device that
/// has failed is not asked again.
fn check(run: &Run, (fault, n_good): (Fault, usize), n_steps: usize) {
    let device = StandIn::new(fault, n_good);
    let mut asked_after_failure = None;
    for step in 0..n_steps {
        run.step(step);
        let has_failed = fault.sentence().is_some() && device.calls.n() > n_good;
        if has_failed {
            let asked = *asked_after_failure.get_or_insert(device.n_asked());
            assert_eq!(device.n_asked(), asked, "{fault:?} after {n_good} calls: asked again at step {step}");
        }
    }
    assert!(device.calls.n() > n_good, "{fault:?}: only {} calls, {n_good} were to succeed", device.calls.n());
    let refusals = run.refusals();
    assert_eq!(refusals.len(), n_steps);
    if let Some(sentence) = fault.sentence() {
        assert!(refusals.iter().flatten().any(|why| why.contains(sentence)), "{fault:?} after {n_good}: {refusals:?}");
    }
}

#[test]
fn a_block_whose_network_was_in_training_when_the_gpu_failed_keeps_its_bound() {
    for fault in FAULTS {
        for (backend, n_good) in [("auto", 0), ("auto", 5), ("auto", 40), ("gpu", 2)] {
            check(&Run::new(SIREN, backend, "2e-2"), (fault, n_good), 4);
        }
    }
}

#[test]
fn a_series_whose_gpu_failed_keeps_its_bounds_and_goes_on_on_the_cpu() {
    for fault in FAULTS {
        for (backend, n_good) in [("auto", 0), ("gpu", 1), ("gpu", 7), ("gpu", 20)] {
            check(&Run::new(SERIES, backend, "0.2"), (fault, n_good), 7);
        }
    }
}

#[test]
fn a_chain_whose_gpu_failed_keeps_its_bounds_and_goes_on_on_the_cpu() {
    for fault in FAULTS {
        for n_good in [0, 1, 2, 5, 8] {
            check(&Run::new(CHAIN, "gpu", "1e-3"), (fault, n_good), 7);
        }
    }
}

#[test]
fn a_gpu_that_predicts_one_value_otherwise_than_the_cpu_is_found_out() {
    let run = Run::new(CHAIN, "gpu", "1e-3");
    let device = StandIn::new(Fault::WrongValues, 0);
    let warnings: Vec<_> = (0..6).filter_map(|step| run.step(step)).collect();
    let told = |why: &str| why.contains("otherwise than the CPU");
    assert!(warnings.len() == 1 && told(&warnings[0]), "{warnings:?}");
    assert!(run.refusals().iter().flatten().any(|why| told(why)), "{:?}", run.refusals());
    assert!(device.calls.n() > 0);
}

#[test]
fn a_gpu_that_fails_its_self_test_is_never_used() {
    for (pairs, backend, accuracy) in
        [(SIREN, "auto", "2e-2"), (SIREN, "gpu", "2e-2"), (SERIES, "gpu", "0.2"), (CHAIN, "gpu", "1e-3")]
    {
        let calls = Arc::<Calls>::default();
        let device = Faulty::new(&format!("liar {backend} {}", pairs.len()), Fault::WrongValues, 0, &calls);
        let stand_in = StandIn::opening(move || Ok(Arc::new(device.clone()) as Arc<dyn Backend>));
        let run = Run::new(pairs, backend, accuracy);
        for step in 0..4 {
            run.step(step);
        }
        let refusals = run.refusals();
        assert!(refusals.iter().flatten().any(|why| why.contains("the self-test failed")), "{backend}: {refusals:?}");
        assert!(stand_in.n_asked().1 > 0);
        let n_calls = calls.n();
        run.step(4);
        assert_eq!(calls.n(), n_calls, "it was asked again");
    }
}

#[test]
fn a_machine_whose_driver_is_gone_says_so_in_the_run_log_and_goes_on() {
    for (pairs, backend, accuracy) in
        [(SIREN, "auto", "2e-2"), (SIREN, "gpu", "2e-2"), (SERIES, "auto", "0.2"), (CHAIN, "gpu", "1e-3")]
    {
        let reason =
            "no real GPU was found (found: none): install the GPU's Vulkan driver and loader, or set backend=cpu";
        let stand_in = StandIn::opening(move || Err(Error::Backend { backend: "gpu".into(), reason: reason.into() }));
        let run = Run::new(pairs, backend, accuracy);
        let warnings: Vec<_> = (0..4).filter_map(|step| run.step(step)).collect();
        let refusals = run.refusals();
        assert!(refusals.iter().flatten().any(|why| why.contains("no real GPU was found")), "{backend}: {refusals:?}");
        // 'auto' gets what it asked for.
        assert_eq!(warnings.is_empty(), backend == "auto", "{warnings:?}");
        let asked = stand_in.n_asked();
        run.step(4);
        assert_eq!(stand_in.n_asked(), asked, "{backend}: it was looked for again");
    }
}
