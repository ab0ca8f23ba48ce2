//! The worker threads: pools of our own, because a forked child cannot use its parent's and a host's floating-point
//! mode must not reach them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

mod simd_mode;

pub use simd_mode::canonical;

use crate::{Error, Result, ranks};

/// Pools by (process, number of threads); a forked child leaves its parent's untouched.
static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;

/// Runs `work` on a pool of `n_threads` (0: see [`number`]) in canonical floating-point mode.
/// Rayon calls inside stay in that pool.
///
/// # Errors
/// [`Error::Internal`] when threads cannot be started, else what `work` returns.
pub fn install<R: Send>(n_threads: usize, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    pool(n_threads)?.install(work)
}

/// What 0 threads stands for: `RAYON_NUM_THREADS`, or this process's share of the node's cores.
pub fn number(n_threads: usize) -> usize {
    let of_rayon = || std::env::var("RAYON_NUM_THREADS").ok()?.trim().parse().ok().filter(|&n| n > 0);
    if n_threads > 0 { n_threads } else { of_rayon().unwrap_or_else(ranks::n_threads) }
}

/// The pool of `n_threads` of this process.
///
/// # Errors
/// [`Error::Internal`] when threads cannot be started.
pub fn pool(n_threads: usize) -> Result<Arc<ThreadPool>> {
    let key = (std::process::id(), number(n_threads));
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&key) {
        return Ok(Arc::clone(pool));
    }
    let built = ThreadPoolBuilder::new()
        .num_threads(key.1)
        .thread_name(|i| format!("inr-{i}"))
        // A new thread inherits the floating-point mode of the host thread that happens to start it.
        .start_handler(|_| std::mem::forget(canonical()))
        .build();
    let pool =
        Arc::new(built.map_err(|e| Error::Internal(format!("threads cannot be started, {e}; set 'threads' lower")))?);
    pools.insert(key, Arc::clone(&pool));
    Ok(pool)
}
