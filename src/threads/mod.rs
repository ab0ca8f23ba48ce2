//! The worker threads: pools of our own, because a forked child cannot use its parent's and a host's floating-point
//! mode must not reach them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

mod simd_mode;

pub use simd_mode::canonical;

use crate::process::{self, PerProcess};
use crate::{Error, Result, ranks};

/// What a thread takes before it does anything: its stack, and some for the allocator and the signal stack.
const THREAD_BYTES: usize = (2 << 20) + (256 << 10);

/// Pools by number of threads.
static POOLS: PerProcess<Mutex<HashMap<usize, Arc<ThreadPool>>>> = PerProcess::new(Mutex::default);

/// Runs `work` on a pool of `n_threads` (0: see [`number`]) in canonical floating-point mode.
/// Rayon calls inside stay in that pool.
///
/// # Errors
/// [`Error::Internal`] when threads cannot be started, else what `work` returns.
pub fn install<R: Send>(n_threads: usize, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    pool(n_threads)?.install(work)
}

/// What 0 threads stands for where a program has said so; else 0.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);

/// Sets what 0 threads stands for in this process, readers of datasets included (0: this process's share of the cores again).
pub fn set_default(n_threads: usize) {
    DEFAULT.store(n_threads, Ordering::Relaxed);
}

/// What 0 threads stands for: what [`set_default`] said, `RAYON_NUM_THREADS`, or this process's share of the node's cores.
pub fn number(n_threads: usize) -> usize {
    let of_rayon = || std::env::var("RAYON_NUM_THREADS").ok()?.trim().parse().ok().filter(|&n| n > 0);
    match (n_threads, DEFAULT.load(Ordering::Relaxed)) {
        (0, 0) => of_rayon().unwrap_or_else(ranks::n_threads),
        (0, default) => default,
        (n_threads, _) => n_threads,
    }
}

/// The pool of `n_threads` of this process.
///
/// # Errors
/// [`Error::Internal`] when threads cannot be started.
pub fn pool(n_threads: usize) -> Result<Arc<ThreadPool>> {
    let n_threads = number(n_threads);
    let mut pools = POOLS.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&n_threads) {
        return Ok(Arc::clone(pool));
    }
    let built = ThreadPoolBuilder::new()
        .num_threads(affordable(n_threads)?)
        .thread_name(|i| format!("inr-{i}"))
        // A new thread inherits the floating-point mode of the host thread that happens to start it.
        .start_handler(|_| std::mem::forget(canonical()))
        .build();
    let pool =
        Arc::new(built.map_err(|e| Error::Internal(format!("threads cannot be started, {e}; set 'threads' lower")))?);
    // Every thread takes what it needs for itself now, before anybody asks whether there is memory for the work.
    pool.broadcast(|_| ());
    pools.insert(n_threads, Arc::clone(&pool));
    Ok(pool)
}

/// As many threads, or fewer where there is no memory for so many: a thread that lacks it on its way up ends the process.
///
/// # Errors
/// [`Error::Internal`] when there is none for a single one.
fn affordable(n_threads: usize) -> Result<usize> {
    let fewer = std::iter::successors(Some(n_threads), |n| (*n > 1).then_some(n / 2));
    let found = fewer.into_iter().find(|n| process::has_memory(n.saturating_mul(THREAD_BYTES)));
    found.ok_or_else(|| Error::Internal("threads cannot be started, there is no memory for a stack".to_owned()))
}
