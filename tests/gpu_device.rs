//! How the GPU backend behaves inside other people's processes: threads, fork, exit, a lost device.
//!
//! What ends or forks the process runs in a child: this test binary again, with one of the `child_` tests below.
#![cfg(all(feature = "gpu", unix))]
#![expect(unsafe_code, reason = "fork and waitpid have no safe wrapper")]

#[path = "common/tolerance.rs"]
mod tolerance;

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::backend::gpu::{DeviceKind, GpuBackend, adapters, shutdown};
use adios2_inr::backend::{Backend, TrainingSet, self_test};
use adios2_inr::model::SirenShape;
use adios2_inr::session::{self, SeriesKey};
use adios2_inr::train::Schedule;
use adios2_inr::{Block, Dtype, Error, Settings, codec};
use approx::assert_abs_diff_eq;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SHAPE: SirenShape = SirenShape { n_inputs: 2, width: 8, n_blocks: 1, n_outputs: 1 };
const DIMS: [usize; 2] = [16, 24];
const SCHEDULE: Schedule = Schedule { n_steps: 400, batch: 256, peak_rate: 2e-3, n_warmup: 10, final_fraction: 0.1 };
/// Set in children: which of them is meant.
const CHILD: &str = "INR_GPU_TEST_CHILD";

/// Tests here share one device, and two of them take it away.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open() -> GpuBackend {
    GpuBackend::open(None, true).expect("INR_TEST_GPU=1 says that there is a driver")
}

fn values() -> Vec<f32> {
    (0..DIMS[0] * DIMS[1]).map(|i| (i as f32 * 0.05).sin() * 0.5).collect()
}

/// Trains `n_steps` steps and returns loss and parameters.
fn fit(seed: u64, n_steps: u32) -> Result<(f32, Vec<f32>), Error> {
    let (backend, values) = (GpuBackend::open(None, true)?, values());
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let mut training = backend.train_siren(&SHAPE, &SHAPE.initial_params(1), set, seed)?;
    let loss = training.run(&SCHEDULE, 0, n_steps)?;
    Ok((loss, training.params()?))
}

/// Runs a `child_` test of this binary in a process of its own, for at most two minutes.
fn child(name: &str) -> Output {
    let program = std::env::current_exe().expect("this binary");
    let mut command = Command::new("timeout");
    let command = command.args(["--signal=KILL", "110"]).arg(program);
    command.args([name, "--exact", "--ignored", "--nocapture"]).env(CHILD, name).output().expect("a child process")
}

fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == name)
}

fn assert_success(output: &Output, words: &[&str]) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{text}", output.status);
    for word in words {
        assert!(text.contains(word), "'{word}' is missing in\n{text}");
    }
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn adapters_are_described_and_software_is_not_chosen_by_default() {
    let _alone = alone();
    let all = adapters().expect("a list");
    assert!(all.iter().all(|a| !a.name.is_empty() && a.workgroup_bytes >= 16384 && a.max_binding_bytes > 0));
    let chosen = GpuBackend::open(None, false);
    if all.iter().any(|a| !a.is_software()) {
        assert!(!chosen.expect("a real GPU").info().is_software());
    } else {
        let error = chosen.expect_err("software must not be chosen").to_string();
        assert!(error.contains("backend=cpu"), "{error}");
    }
    let by_index = GpuBackend::open(Some("0"), false).expect("asked for by index");
    assert_eq!(by_index.info(), &all[0]);
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn the_self_test_passes_and_the_peak_is_positive() {
    let _alone = alone();
    let report = self_test(&open()).expect("a working device");
    assert!(report.max_deviation < 1e-4 && report.last_loss < report.first_loss, "{report:?}");
    assert!(open().measure_peak().expect("a number") > 1e8);
}

/// The tiles that real GPUs get are run here too, on whatever device there is.
#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn the_tiles_for_real_gpus_compute_what_the_cpu_computes() {
    let _alone = alone();
    let cpu = CpuBackend::new(2);
    let gpu = open().with_tiles_for(DeviceKind::Hardware);
    let values: Vec<f32> = (0..1800).map(|i| (i as f32 * 0.01).sin()).collect();
    let set = TrainingSet { dims: &[20, 30], values: &values, n_channels: 3 };
    for (width, n_blocks) in [(28, 2), (128, 1)] {
        let shape = SirenShape { n_inputs: 2, width, n_blocks, n_outputs: 3 };
        let params = shape.initial_params(5);
        let gradient = |backend: &dyn Backend| {
            let mut training = backend.train_siren(&shape, &params, set, 6).expect("training starts");
            training.gradient(2, 3000).expect("a gradient")
        };
        let (found, expected) = (gradient(&gpu), gradient(&cpu));
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
        let difference = norm(&mut found.iter().zip(&expected).map(|(a, b)| f64::from(a - b)));
        assert!(difference < 1e-5 * norm(&mut expected.iter().map(|x| f64::from(*x))), "{shape:?}: {difference:e}");
        let evaluate = |backend: &dyn Backend| {
            let mut out = vec![f32::NAN; 1800];
            backend.evaluate_siren(&shape, &params, &[20, 30], &mut out).expect("an evaluation");
            out
        };
        let pairs = evaluate(&gpu).into_iter().zip(evaluate(&cpu));
        pairs.for_each(|(a, b)| assert_abs_diff_eq!(f64::from(a), f64::from(b), epsilon = tolerance::F32));
    }
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_run_reports_the_memory_it_holds_and_steps_take_no_more() {
    let _alone = alone();
    // A fresh device holds nothing of other tests that it might free meanwhile.
    shutdown();
    let backend = open();
    let Some(before) = backend.allocated_bytes().expect("a device") else { return };
    let values = values();
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let mut training = backend.train_siren(&SHAPE, &SHAPE.initial_params(1), set, 3).expect("training starts");
    let reported = training.device_bytes() as u64;
    let held = || backend.allocated_bytes().expect("a device").expect("told before");
    training.run(&SCHEDULE, 0, 10).expect("steps");
    let started = held();
    // Buffers are rounded up to the driver's alignment, and wgpu keeps some hundred bytes of its own.
    assert!((started - before).abs_diff(reported) < 8 << 10, "{reported} {before} {started}");
    training.run(&SCHEDULE, 10, 200).expect("steps");
    assert_eq!(held(), started);
    drop(training);
    assert!(held() <= before + (64 << 10), "{before} {}", held());
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_loss_that_is_not_a_number_is_an_error_and_the_device_goes_on() {
    let _alone = alone();
    let (backend, values) = (open(), values());
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let mut training = backend.train_siren(&SHAPE, &SHAPE.initial_params(1), set, 3).expect("training starts");
    let error = training.run(&Schedule { peak_rate: 1e38, ..SCHEDULE }, 0, 30).expect_err("it diverges");
    assert!(error.to_string().contains("learning rate"), "{error}");
    assert!(fit(1, 5).is_ok());
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_block_beyond_the_devices_limits_is_an_error_and_the_device_goes_on() {
    let _alone = alone();
    let backend = open();
    let n = (backend.info().max_binding_bytes / 4 + 1) as usize;
    if n > 1 << 28 {
        return; // More memory than a test should take.
    }
    let values = vec![0.0; n];
    let shape = SirenShape { n_inputs: 1, ..SHAPE };
    let set = TrainingSet { dims: &[n], values: &values, n_channels: 1 };
    let error = backend.train_siren(&shape, &shape.initial_params(1), set, 3).err().expect("too large");
    assert!(error.to_string().contains("smaller blocks"), "{error}");
    assert!(fit(1, 5).is_ok());
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn two_threads_training_at_once_get_what_each_gets_alone() {
    let _alone = alone();
    let expected = [fit(1, 100).expect("a fit"), fit(2, 100).expect("a fit")];
    assert_ne!(expected[0], expected[1]);
    let together = std::thread::scope(|scope| {
        let threads = [1, 2].map(|seed| scope.spawn(move || fit(seed, 100).expect("a fit")));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(together, expected);
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn the_device_outlives_the_thread_that_opened_it_and_comes_back_after_a_shutdown() {
    let _alone = alone();
    let first = std::thread::spawn(|| fit(3, 5)).join().expect("no panic").expect("a fit");
    assert_eq!(fit(3, 5).expect("a fit"), first);
    let backend = open();
    let values = values();
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let mut training = backend.train_siren(&SHAPE, &SHAPE.initial_params(1), set, 3).expect("training starts");
    shutdown();
    let error = training.run(&SCHEDULE, 0, 1).expect_err("its device is closed");
    assert!(matches!(error, Error::Backend { .. }), "{error}");
    assert_eq!(fit(3, 5).expect("a fit after a shutdown"), first);
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_lost_device_is_an_error_and_is_reopened_once() {
    assert_success(&child("child_loses_its_device"), &["first loss seen", "reopened", "second loss seen"]);
}

#[test]
#[ignore = "started by a_lost_device_is_an_error_and_is_reopened_once"]
fn child_loses_its_device() {
    if !is_child("child_loses_its_device") {
        return;
    }
    let backend = open();
    let values = values();
    let set = TrainingSet { dims: &DIMS, values: &values, n_channels: 1 };
    let start = || backend.train_siren(&SHAPE, &SHAPE.initial_params(1), set, 3);
    let mut training = start().expect("training starts");
    let loss = training.run(&SCHEDULE, 0, 10).expect("steps");
    backend.lose_device().expect("there is one");
    let error = training.run(&SCHEDULE, 10, 10).expect_err("the device is gone");
    assert!(matches!(&error, Error::Backend { reason, .. } if reason.contains("backend=cpu")), "{error}");
    println!("first loss seen: {error}");
    let mut again = start().expect("the device is reopened");
    assert_eq!(again.run(&SCHEDULE, 0, 10), Ok(loss));
    let stale = training.params().expect_err("the old run is gone");
    assert!(matches!(stale, Error::Backend { .. }), "{stale}");
    println!("reopened");
    backend.lose_device().expect("there is one");
    assert!(again.run(&SCHEDULE, 10, 10).is_err());
    let error = start().err().expect("no third device");
    assert!(matches!(&error, Error::Backend { reason, .. } if reason.contains("backend=cpu")), "{error}");
    println!("second loss seen: {error}");
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_driver_that_hangs_is_given_up_until_it_answers_and_the_block_is_stored_without_it() {
    assert_success(&child("child_hangs"), &["given up", "stored without it", "answers again"]);
}

#[test]
#[ignore = "started by a_driver_that_hangs_is_given_up_until_it_answers_and_the_block_is_stored_without_it"]
fn child_hangs() {
    const HANG: Duration = Duration::from_secs(8);
    if !is_child("child_hangs") {
        return;
    }
    let expected = fit(6, 5).expect("a fit");
    let (backend, begin) = (open(), Instant::now());
    backend.hang(HANG, Duration::from_millis(200));
    let error = fit(6, 5).expect_err("nobody waits so long");
    assert!(matches!(&error, Error::Backend { reason, .. } if reason.contains("does not answer")), "{error}");
    println!("given up: {error}");
    let index = backend.info().index.to_string();
    let pairs = [("backend", "gpu"), ("device", &index), ("model", "siren"), ("threshold", "1"), ("accuracy", "1e-2")];
    let settings = Settings::from_pairs(pairs).expect("settings");
    let values = values();
    let block = Block::new(Dtype::F32, &DIMS, bytemuck::cast_slice(&values)).expect("a block");
    for _ in 0..3 {
        let outcome = session::encode(&SeriesKey::default(), &block, &settings);
        let warning = outcome.warning.expect("a warning");
        assert!(warning.contains("still does not answer") && warning.contains("model=transform"), "{warning}");
        let found = codec::decode(&outcome.record.expect("a record")).expect("decodes");
        let decoded = found.bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let square = |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let error = square(&mut decoded.zip(&values).map(|(d, v)| d - v)) / square(&mut values.iter().copied());
        assert!(error <= 1e-2, "{error}");
    }
    // What came before was no late answer.
    assert!(
        begin.elapsed() < HANG,
        "the hang was over before all this was done: the machine is too busy for this test"
    );
    println!("stored without it");
    backend.hang(Duration::ZERO, Duration::from_secs(600));
    let deadline = Instant::now() + Duration::from_secs(60);
    let again = loop {
        match fit(6, 5) {
            Ok(result) => break result,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(again, expected);
    println!("answers again");
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_forked_child_opens_its_own_device_and_the_parent_goes_on() {
    assert_success(&child("child_forks"), &["grandchild ended well", "parent goes on"]);
}

#[test]
#[ignore = "started by a_forked_child_opens_its_own_device_and_the_parent_goes_on"]
fn child_forks() {
    if !is_child("child_forks") {
        return;
    }
    let expected = fit(4, 5).expect("a fit");
    std::thread::spawn(|| while fit(5, 400).is_ok() {});
    std::thread::sleep(Duration::from_millis(100));
    // SAFETY: the grandchild allocates (glibc's allocator allows it), uses what is tested here and leaves with `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // A driver may refuse to work after a fork; it must say so, not hang or compute something else.
        let code = match fit(4, 5) {
            Ok(result) => i32::from(result != expected),
            Err(Error::Backend { reason, .. }) => {
                eprintln!("in the forked child: {reason}");
                0
            }
            Err(_) => 2,
        };
        // SAFETY: leaves at once, without the handlers that belong to the parent.
        unsafe { libc::_exit(code) };
    }
    let deadline = Instant::now() + Duration::from_secs(90);
    let mut status = 0;
    // SAFETY: waits for the child made above, `status` is ours.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        assert!(Instant::now() < deadline, "the forked child hangs");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(status, 0, "wait status of the forked child");
    println!("grandchild ended well");
    assert_eq!(fit(4, 5).expect("a fit"), expected);
    println!("parent goes on");
}

#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn a_process_may_exit_while_threads_train() {
    for _ in 0..5 {
        assert_success(&child("child_exits_while_busy"), &["exiting"]);
    }
}

#[test]
#[ignore = "started by a_process_may_exit_while_threads_train"]
fn child_exits_while_busy() {
    if !is_child("child_exits_while_busy") {
        return;
    }
    fit(5, 5).expect("a fit");
    for seed in 0..3 {
        std::thread::spawn(move || while fit(seed, 400).is_ok() {});
    }
    std::thread::sleep(Duration::from_millis(300));
    println!("exiting");
    std::process::exit(0);
}
