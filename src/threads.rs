//! The worker threads: pools of our own, because a forked child cannot use its parent's and a host's floating-point
//! mode must not reach them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Pools by (process, number of threads); a forked child leaves its parent's untouched.
static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;

/// Runs `work` on a pool of `n_threads` (0: as many as the process may use). Rayon calls inside stay in that pool.
/// When no thread can be started, `work` runs on the calling thread.
pub fn install<R: Send>(n_threads: usize, work: impl FnOnce() -> R + Send) -> R {
    match pool(n_threads) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn pool(n_threads: usize) -> Option<Arc<ThreadPool>> {
    let key = (std::process::id(), n_threads);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&key) {
        return Some(Arc::clone(pool));
    }
    let named = |i| format!("inr-{i}");
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(n_threads).thread_name(named).build().ok()?);
    pools.insert(key, Arc::clone(&pool));
    Some(pool)
}
