//! A training step allocates nothing: counted over all threads.

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::backend::{Backend, TrainingSet};
use adios2_inr::model::SirenShape;
use adios2_inr::train::Schedule;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn training_steps_allocate_nothing() {
    let shape = SirenShape { n_inputs: 3, width: 16, n_blocks: 2, n_outputs: 1 };
    let values = vec![0.25; 20 * 20 * 20];
    let set = TrainingSet { dims: &[20, 20, 20], values: &values, n_channels: 1 };
    let schedule = Schedule { n_steps: 1000, batch: 2048, peak_rate: 1e-3, n_warmup: 10, final_fraction: 0.1 };
    let backend = CpuBackend::new(2);
    let mut training = backend.train_siren(&shape, &shape.initial_params(0), set, 0).expect("training starts");
    training.run(&schedule, 0, 20).expect("steps");
    let region = Region::new(ALLOCATOR);
    training.run(&schedule, 20, 200).expect("steps");
    let n = region.change().allocations;
    // Handing the run to the thread pool and the test harness may allocate; 200 steps may not.
    assert!(n < 20, "{n} allocations in 200 steps");
}
