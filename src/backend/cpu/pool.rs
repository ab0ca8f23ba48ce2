//! Thread pools, one per process and size: a forked child has none of its parent's threads, so it gets its own.

use crate::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, PoisonError};

struct Entry {
    process: u32,
    n_threads: usize,
    pool: Arc<ThreadPool>,
}

static POOLS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The pool of `n_threads` (0: one per core, or `RAYON_NUM_THREADS`) of this process.
pub(super) fn get(n_threads: usize) -> Result<Arc<ThreadPool>> {
    let process = std::process::id();
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = pools.iter().find(|e| (e.process, e.n_threads) == (process, n_threads)) {
        return Ok(entry.pool.clone());
    }
    let name = |i| format!("inr-cpu-{i}");
    let pool = ThreadPoolBuilder::new().num_threads(n_threads).thread_name(name).build();
    let pool = Arc::new(pool.map_err(|e| Error::Backend {
        backend: "cpu".into(),
        reason: format!("{n_threads} threads could not be started ({e}): set 'threads' lower"),
    })?);
    pools.push(Entry { process, n_threads, pool: pool.clone() });
    Ok(pool)
}
