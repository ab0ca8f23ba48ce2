//! Reading steps of chains: from the last key on, each step once; decoded steps are kept for the next and for other variables.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use lru::LruCache;

use self::payload::Payload;
use super::facts::key;
use crate::codec::{self, DEFAULT_LIMIT, History, StepPlace, predicted};
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

/// Payload of a [`Kind::STEP`] entry.
pub mod payload {
    /// Set in the first byte where the step of another variable is needed too.
    const BESIDE: u8 = 4;

    /// What a step needs, and its record.
    pub struct Payload<'a> {
        /// Steps before it, 0 to 2.
        pub needs: u32,
        /// Series and step of another variable in the same file.
        pub beside: Option<(u32, u32)>,
        /// For [`crate::codec::predicted::decode`].
        pub record: &'a [u8],
    }

    impl Payload<'_> {
        /// One byte, where another variable is needed its series and step, then the record.
        pub fn write(&self) -> Vec<u8> {
            let mut bytes = vec![self.needs as u8];
            if let Some(beside) = &self.beside {
                bytes[0] |= BESIDE;
                bytes = postcard::to_extend(beside, bytes).expect("memory takes two numbers");
            }
            bytes.extend(self.record);
            bytes
        }
    }

    /// Mirror of [`Payload::write`]; `None` for anything else.
    pub fn read(payload: &[u8]) -> Option<Payload<'_>> {
        let (&first, mut record) = payload.split_first()?;
        let mut beside = None;
        if first & BESIDE != 0 {
            let (found, rest) = postcard::take_from_bytes(record).ok()?;
            (beside, record) = (Some(found), rest);
        }
        let needs = (first & !BESIDE).into();
        (needs <= 2).then_some(Payload { needs, beside, record })
    }
}

/// A chain in a file of the model store.
type ChainKey = (PathBuf, u32);

/// A decoded step of a chain with the one before it.
type StepKey = (ChainKey, u32);

struct Cache {
    files: LruCache<PathBuf, Arc<Mutex<Index>>>,
    histories: LruCache<StepKey, History>,
    predictors: LruCache<(ChainKey, u32), Arc<Predictor>>,
    n_bytes: usize,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(|| {
    let (files, predictors) = (LruCache::new(N_FILES), LruCache::new(N_PREDICTORS));
    Mutex::new(Cache { files, histories: LruCache::unbounded(), predictors, n_bytes: 0 })
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
    Chains { path, index: &index }.decode(place, true, out).map(|_| Some(()))
}

/// The chains of a file.
struct Chains<'a> {
    path: &'a Path,
    index: &'a Mutex<Index>,
}

impl Chains<'_> {
    /// Decodes a step into `out` and returns the history after it; whether it may need another variable.
    fn decode(&self, place: &StepPlace, may_need_others: bool, out: &mut [u8]) -> Result<Option<History>> {
        let chain: ChainKey = (self.path.to_owned(), place.series);
        let (from, mut history) = start(self.index, place, &chain)?;
        for step in from..=place.step {
            let lost = || lost(self.index, place, step);
            let entry = entry(self.index, place.series, step)?.ok_or_else(lost)?;
            let Payload { needs, beside, record } = payload::read(&entry).ok_or_else(lost)?;
            if let Some((series, step)) = beside {
                let other = StepPlace { series, step, ..*place };
                let other = may_need_others.then(|| self.history(&other)).ok_or_else(lost)??;
                history = history.and_then(|history| history.beside(&other));
            }
            let find = |number| predictor(self.index, &chain, number, 0);
            history = predicted::decode(record, needs as usize, history.as_ref(), &find, out)?;
            N_DECODED.fetch_add(1, Ordering::Relaxed);
            if let Some(history) = &history {
                keep((chain.clone(), step), history.clone());
            }
        }
        Ok(history)
    }

    /// A step of another variable and the one before it.
    fn history(&self, place: &StepPlace) -> Result<History> {
        let key = ((self.path.to_owned(), place.series), place.step);
        if let Some(history) = cache().histories.get(&key) {
            return Ok(history.clone());
        }
        let entry = entry(self.index, place.series, place.step)?.ok_or_else(|| lost(self.index, place, place.step))?;
        let record = payload::read(&entry).ok_or_else(|| lost(self.index, place, place.step))?.record;
        let mut bytes = codec::room(codec::inspect(record)?.raw_bytes, DEFAULT_LIMIT)?;
        self.decode(place, false, &mut bytes)?.ok_or_else(|| lost(self.index, place, place.step))
    }
}

/// The record of a step of the store file at `path`; `None` when the file is not there or holds no such step.
///
/// # Errors
/// As [`decode`].
pub fn record(path: &Path, place: &StepPlace) -> Result<Option<Vec<u8>>> {
    let Some(index) = open(path, place)? else { return Ok(None) };
    let entry = entry(&index, place.series, place.step)?.ok_or_else(|| lost(&index, place, place.step))?;
    payload::read(&entry).map(|found| Some(found.record.to_vec())).ok_or_else(|| lost(&index, place, place.step))
}

/// The first step to decode for `place`, and the history before it.
fn start(index: &Mutex<Index>, place: &StepPlace, chain: &ChainKey) -> Result<(u32, Option<History>)> {
    let (mut step, mut needed) = (place.step, place.step);
    loop {
        let entry = entry(index, place.series, step)?.ok_or_else(|| lost(index, place, step))?;
        let needs = payload::read(&entry).ok_or_else(|| lost(index, place, step))?.needs;
        needed = needed.min(step.checked_sub(needs).ok_or_else(|| lost(index, place, step))?);
        let known = step.checked_sub(1).and_then(|before| cache().histories.get(&(chain.clone(), before)).cloned());
        if needed == step {
            // A step that stands alone needs none, but the one after it may need both.
            return Ok((step, known));
        }
        if let Some(history) = known.filter(|history| step - needed <= history.n_steps() as u32) {
            return Ok((step, Some(history)));
        }
        step -= 1;
        if place.step - step > LONGEST {
            return Err(lost(index, place, place.step));
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
    let lost = || Error::corrupt(format!("predictor {number} of series {} is lost{}", chain.1, why(index)));
    let bytes = bytes.ok_or_else(lost)?;
    let found = predicted::decode_predictor(&bytes, number, &|before| predictor(index, chain, before, depth + 1))?;
    cache().predictors.put(known, Arc::clone(&found));
    Ok(found)
}

fn lost(index: &Mutex<Index>, place: &StepPlace, step: u32) -> Error {
    let StepPlace { series, step: wanted, store } = place;
    let whose = if *store == NO_STORE { String::new() } else { format!(" of series {series} in store {store:016x}") };
    Error::corrupt(format!("step {wanted}{whose} needs step {step}, which is lost or damaged{}", why(index)))
}

/// Says of a file with damage where it is.
fn why(index: &Mutex<Index>) -> String {
    let damage = index.lock().unwrap_or_else(PoisonError::into_inner).damage();
    damage.map(|damage| format!(": {damage}")).unwrap_or_default()
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
            return there(known, found, place);
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
    let stale = cache.histories.iter().map(|(step, _)| step.clone()).filter(|step| step.0.0 == path);
    for step in stale.collect::<Vec<_>>() {
        forget(&mut cache, &step);
    }
    drop(cache);
    there(index, found, place)
}

/// An index that may not have the step of `place`: a file of this name is no other's, so that damage is why.
fn there(index: Arc<Mutex<Index>>, found: bool, place: &StepPlace) -> Result<Option<Arc<Mutex<Index>>>> {
    let is_damaged = || index.lock().unwrap_or_else(PoisonError::into_inner).damage().is_some();
    match found || !is_damaged() {
        true => Ok(found.then_some(index)),
        false => Err(lost(&index, place, place.step)),
    }
}

fn forget(cache: &mut Cache, step: &StepKey) {
    if let Some(old) = cache.histories.pop(step) {
        cache.n_bytes -= old.last_bytes();
    }
}

/// Two steps in a row share what they have in common, so that each counts with its last step.
fn keep(step: StepKey, history: History) {
    let mut cache = cache();
    forget(&mut cache, &step);
    cache.n_bytes += history.last_bytes();
    cache.histories.put(step, history);
    while cache.n_bytes > KEPT_BYTES && cache.histories.len() > 1 {
        let Some((_, old)) = cache.histories.pop_lru() else { break };
        cache.n_bytes -= old.last_bytes();
    }
}
