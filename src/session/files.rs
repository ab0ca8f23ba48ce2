//! Files of model stores that this process reads, kept open.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::Result;
use crate::process::PerProcess;
use crate::store::Index;

/// Files kept open.
const N_FILES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

static FILES: PerProcess<Mutex<LruCache<PathBuf, StoreFile>>> = PerProcess::new(|| Mutex::new(LruCache::new(N_FILES)));

/// An open file of a model store.
#[derive(Clone, Debug)]
pub struct StoreFile {
    /// Another one for each file that was opened: what was decoded from one says nothing about another at the same path.
    pub number: u64,
    index: Arc<Mutex<Index>>,
}

impl StoreFile {
    /// What is in it.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file at `path` as it was when it was looked at last, which may be now; `None` without one.
///
/// # Errors
/// As [`Index::open`].
pub fn open(path: &Path) -> Result<Option<StoreFile>> {
    let files = || FILES.get().lock().unwrap_or_else(PoisonError::into_inner);
    let known = files().get(path).cloned();
    if let Some(known) = known.filter(|known| known.index().is_current()) {
        return Ok(Some(known));
    }
    if !path.exists() {
        return Ok(None);
    }
    static N_OPENED: AtomicU64 = AtomicU64::new(0);
    let index = Arc::new(Mutex::new(Index::open(path)?));
    let opened = StoreFile { number: N_OPENED.fetch_add(1, Ordering::Relaxed), index };
    files().put(path.to_owned(), opened.clone());
    Ok(Some(opened))
}
