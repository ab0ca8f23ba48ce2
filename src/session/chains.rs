//! Reading steps of chains: from the last key on, each step once, the newest one of a chain kept for the next.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use lru::LruCache;

use super::facts::key;
use crate::codec::{History, StepPlace, predicted};
use crate::predict::Predictor;
use crate::store::{Index, Kind};
use crate::{Error, Result};

/// Store files kept open.
const N_FILES: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Predictors kept decoded.
const N_PREDICTORS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Limit of the decoded steps kept, in bytes; the newest one stays, or reading forward would decode from the key on each time.
const KEPT_BYTES: usize = 256 << 20;
/// Longest chain that is followed; a longer one is damage.
const LONGEST: u32 = 10_001;

/// Stands in a [`StepPlace`] for a file that is no part of a dataset.
pub const NO_STORE: u64 = 0;

/// Payload of a [`Kind::STEP`] entry: one byte, how many steps before it the record needs, then the record.
pub mod payload {

    /// Of a record that needs so many steps before it.
    pub fn write(needs: usize, record: &[u8]) -> Vec<u8> {
        [&[needs as u8], record].concat()
    }

    /// How many steps it needs, and the record; `None` for anything else.
    pub fn read(payload: &[u8]) -> Option<(u32, &[u8])> {
        payload.split_first().filter(|(needs, _)| **needs <= 2).map(|(&needs, record)| (needs.into(), record))
    }
}

/// A chain in a file of the model store.
type ChainKey = (PathBuf, u32);

/// The last step of a chain that was decoded.
#[derive(Clone)]
struct Kept {
    step: u32,
    history: History,
}

struct Cache {
    files: LruCache<PathBuf, Arc<Mutex<Index>>>,
    kept: LruCache<ChainKey, Kept>,
    predictors: LruCache<(ChainKey, u32), Arc<Predictor>>,
    n_bytes: usize,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(|| {
    let (files, predictors) = (LruCache::new(N_FILES), LruCache::new(N_PREDICTORS));
    Mutex::new(Cache { files, kept: LruCache::unbounded(), predictors, n_bytes: 0 })
});

static N_DECODED: AtomicU64 = AtomicU64::new(0);

/// Steps of chains that this process has decoded.
pub fn n_steps_decoded() -> u64 {
    N_DECODED.load(Ordering::Relaxed)
}

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes a step of the store file at `path` into `out`; `None` when the file is not there or holds no such step.
///
/// # Errors
/// [`Error::Corrupt`] when the step or one that it needs is damaged or lost.
pub fn decode(path: &Path, place: &StepPlace, out: &mut [u8]) -> Result<Option<()>> {
    let Some(index) = open(path, place)? else { return Ok(None) };
    let chain: ChainKey = (path.to_owned(), place.series);
    let kept = cache().kept.get(&chain).filter(|kept| kept.step < place.step).cloned();
    let (from, mut history) = start(&index, place, kept.as_ref())?;
    for step in from..=place.step {
        let entry = entry(&index, place.series, step)?.ok_or_else(|| lost(place, step))?;
        let (needs, record) = payload::read(&entry).ok_or_else(|| lost(place, step))?;
        let find = |number| predictor(&index, &chain, number, 0);
        history = predicted::decode(record, needs as usize, history.as_ref(), &find, out)?;
        N_DECODED.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(history) = history {
        keep(chain, Kept { step: place.step, history });
    }
    Ok(Some(()))
}

/// The record of a step of the store file at `path`; `None` when the file is not there or holds no such step.
///
/// # Errors
/// As [`decode`].
pub fn record(path: &Path, place: &StepPlace) -> Result<Option<Vec<u8>>> {
    let Some(index) = open(path, place)? else { return Ok(None) };
    let entry = entry(&index, place.series, place.step)?.ok_or_else(|| lost(place, place.step))?;
    payload::read(&entry).map(|(_, record)| Some(record.to_vec())).ok_or_else(|| lost(place, place.step))
}

/// The first step to decode for `place`, and the history before it.
fn start(index: &Mutex<Index>, place: &StepPlace, kept: Option<&Kept>) -> Result<(u32, Option<History>)> {
    let (mut step, mut needed) = (place.step, place.step);
    loop {
        let entry = entry(index, place.series, step)?.ok_or_else(|| lost(place, step))?;
        let (needs, _) = payload::read(&entry).ok_or_else(|| lost(place, step))?;
        needed = needed.min(step.checked_sub(needs).ok_or_else(|| lost(place, step))?);
        if needed == step {
            return Ok((step, None));
        }
        let is_next = |kept: &&Kept| kept.step.checked_add(1) == Some(step);
        let reaches = |kept: &&Kept| step - needed <= kept.history.n_steps() as u32;
        if let Some(kept) = kept.filter(is_next).filter(reaches) {
            return Ok((step, Some(kept.history.clone())));
        }
        step -= 1;
        if place.step - step > LONGEST {
            return Err(lost(place, place.step));
        }
    }
}

fn entry(index: &Mutex<Index>, series: u32, step: u32) -> Result<Option<Vec<u8>>> {
    index.lock().unwrap_or_else(PoisonError::into_inner).get(key(Kind::STEP, series, step))
}

/// The predictor of this number; those that it updates come first. They are few hundred bytes each, and many.
fn predictor(index: &Mutex<Index>, chain: &ChainKey, number: u32, depth: u32) -> Result<Arc<Predictor>> {
    if depth > predicted::MAX_UPDATES {
        return Err(Error::corrupt(format!("predictor {number} of series {} updates too many others", chain.1)));
    }
    let known = (chain.clone(), number);
    if let Some(found) = cache().predictors.get(&known) {
        return Ok(Arc::clone(found));
    }
    let bytes = index.lock().unwrap_or_else(PoisonError::into_inner).get(key(Kind::PREDICTOR, chain.1, number))?;
    let bytes = bytes.ok_or_else(|| Error::corrupt(format!("predictor {number} of series {} is lost", chain.1)))?;
    let found = predicted::decode_predictor(&bytes, number, &|before| predictor(index, chain, before, depth + 1))?;
    cache().predictors.put(known, Arc::clone(&found));
    Ok(found)
}

fn lost(place: &StepPlace, step: u32) -> Error {
    let StepPlace { series, step: wanted, store } = place;
    let whose = if *store == NO_STORE { String::new() } else { format!(" of series {series} in store {store:016x}") };
    Error::corrupt(format!("step {wanted}{whose} needs step {step}, which is lost or damaged"))
}

/// The index of the file at `path`, which knows the step of `place`.
fn open(path: &Path, place: &StepPlace) -> Result<Option<Arc<Mutex<Index>>>> {
    let has = |index: &Index| index.has(key(Kind::STEP, place.series, place.step));
    let known = cache().files.get(path).cloned();
    if let Some(known) = known {
        let mut index = known.lock().unwrap_or_else(PoisonError::into_inner);
        if index.is_current() {
            if !has(&index) {
                index.refresh()?;
            }
            let found = has(&index);
            drop(index);
            return Ok(found.then_some(known));
        }
    }
    if !path.exists() {
        return Ok(None);
    }
    let index = Index::open(path)?;
    let found = has(&index);
    let index = Arc::new(Mutex::new(index));
    let mut cache = cache();
    cache.files.put(path.to_owned(), Arc::clone(&index));
    cache.predictors.clear();
    // What was decoded from another file at this path says nothing about this one.
    let stale: Vec<ChainKey> = cache.kept.iter().map(|(chain, _)| chain.clone()).filter(|c| c.0 == path).collect();
    for chain in stale {
        forget(&mut cache, &chain);
    }
    Ok(found.then_some(index))
}

fn forget(cache: &mut Cache, chain: &ChainKey) {
    if let Some(old) = cache.kept.pop(chain) {
        cache.n_bytes -= old.history.n_bytes();
    }
}

fn keep(chain: ChainKey, kept: Kept) {
    let mut cache = cache();
    forget(&mut cache, &chain);
    cache.n_bytes += kept.history.n_bytes();
    cache.kept.put(chain, kept);
    while cache.n_bytes > KEPT_BYTES && cache.kept.len() > 1 {
        let Some((_, old)) = cache.kept.pop_lru() else { break };
        cache.n_bytes -= old.history.n_bytes();
    }
}
