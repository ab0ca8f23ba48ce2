//! Reading steps of chains: from the last key on, each step once; decoded steps are kept for the next and for other variables.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use self::payload::Payload;
use super::facts::key;
use super::files::{self, StoreFile};
use crate::codec::{self, DEFAULT_LIMIT, History, StepPlace, predicted};
use crate::predict::Predictor;
use crate::process::PerProcess;
use crate::store::{Index, Kind};
use crate::{Error, Result};

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

/// A chain in a file of the model store: the file's number, and the series.
type ChainKey = (u64, u32);

/// A decoded step of a chain with the one before it.
type StepKey = (ChainKey, u32);

struct Cache {
    histories: LruCache<StepKey, History>,
    predictors: LruCache<(ChainKey, u32), Arc<Predictor>>,
    n_bytes: usize,
}

static CACHE: PerProcess<Mutex<Cache>> = PerProcess::new(|| {
    Mutex::new(Cache { histories: LruCache::unbounded(), predictors: LruCache::new(N_PREDICTORS), n_bytes: 0 })
});

static N_DECODED: AtomicU64 = AtomicU64::new(0);

/// Steps of chains that this process has decoded.
pub fn n_steps_decoded() -> u64 {
    N_DECODED.load(Ordering::Relaxed)
}

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    CACHE.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes a step of the store file at `path` into `out`; `None` when the file is not there or holds no such step.
///
/// # Errors
/// [`Error::Corrupt`] when the step or one that it needs is damaged or lost.
pub fn decode(path: &Path, place: &StepPlace, out: &mut [u8]) -> Result<Option<()>> {
    let Some(file) = open(path, place)? else { return Ok(None) };
    decode_step(&file, place, true, out).map(|_| Some(()))
}

/// Decodes a step into `out` and returns the history after it; whether it may need another variable.
fn decode_step(file: &StoreFile, place: &StepPlace, may_need_others: bool, out: &mut [u8]) -> Result<Option<History>> {
    let chain: ChainKey = (file.number, place.series);
    let (from, mut history) = start(file, place, chain)?;
    for step in from..=place.step {
        let lost = || lost(file, place, step);
        let entry = entry(file, place.series, step)?.ok_or_else(lost)?;
        let Payload { needs, beside, record } = payload::read(&entry).ok_or_else(lost)?;
        if let Some((series, step)) = beside {
            let other = StepPlace { series, step, ..*place };
            let other = may_need_others.then(|| history_of(file, &other)).ok_or_else(lost)??;
            history = history.and_then(|history| history.beside(&other));
        }
        let find = |number| predictor(file, chain, number, 0);
        history = predicted::decode(record, needs as usize, history.as_ref(), &find, out)?;
        N_DECODED.fetch_add(1, Ordering::Relaxed);
        if let Some(history) = &history {
            keep((chain, step), history.clone());
        }
    }
    Ok(history)
}

/// A step of another variable and the one before it.
fn history_of(file: &StoreFile, place: &StepPlace) -> Result<History> {
    let key = ((file.number, place.series), place.step);
    if let Some(history) = cache().histories.get(&key) {
        return Ok(history.clone());
    }
    let lost = || lost(file, place, place.step);
    let entry = entry(file, place.series, place.step)?.ok_or_else(lost)?;
    let record = payload::read(&entry).ok_or_else(lost)?.record;
    let mut bytes = codec::room(codec::inspect(record)?.raw_bytes, DEFAULT_LIMIT)?;
    decode_step(file, place, false, &mut bytes)?.ok_or_else(lost)
}

/// The record of a step of the store file at `path`; `None` when the file is not there or holds no such step.
///
/// # Errors
/// As [`decode`].
pub fn record(path: &Path, place: &StepPlace) -> Result<Option<Vec<u8>>> {
    let Some(file) = open(path, place)? else { return Ok(None) };
    let lost = || lost(&file, place, place.step);
    let entry = entry(&file, place.series, place.step)?.ok_or_else(lost)?;
    payload::read(&entry).map(|found| Some(found.record.to_vec())).ok_or_else(lost)
}

/// The first step to decode for `place`, and the history before it.
fn start(file: &StoreFile, place: &StepPlace, chain: ChainKey) -> Result<(u32, Option<History>)> {
    let (mut step, mut needed) = (place.step, place.step);
    loop {
        let entry = entry(file, place.series, step)?.ok_or_else(|| lost(file, place, step))?;
        let needs = payload::read(&entry).ok_or_else(|| lost(file, place, step))?.needs;
        needed = needed.min(step.checked_sub(needs).ok_or_else(|| lost(file, place, step))?);
        let known = step.checked_sub(1).and_then(|before| cache().histories.get(&(chain, before)).cloned());
        if needed == step {
            // A step that stands alone needs none, but the one after it may need both.
            return Ok((step, known));
        }
        if let Some(history) = known.filter(|history| step - needed <= history.n_steps() as u32) {
            return Ok((step, Some(history)));
        }
        step -= 1;
        if place.step - step > LONGEST {
            return Err(lost(file, place, place.step));
        }
    }
}

fn entry(file: &StoreFile, series: u32, step: u32) -> Result<Option<Vec<u8>>> {
    file.index().get(key(Kind::STEP, series, step))
}

/// The predictor of this number; those that it updates come first. They are few hundred bytes each, and many.
fn predictor(file: &StoreFile, chain: ChainKey, number: u32, depth: u32) -> Result<Arc<Predictor>> {
    if depth > predicted::MAX_UPDATES {
        return Err(Error::corrupt(format!("predictor {number} of series {} updates too many others", chain.1)));
    }
    let known = (chain, number);
    if let Some(found) = cache().predictors.get(&known) {
        return Ok(Arc::clone(found));
    }
    let bytes = file.index().get(key(Kind::PREDICTOR, chain.1, number))?;
    let lost = || Error::corrupt(format!("predictor {number} of series {} is lost{}", chain.1, why(file)));
    let bytes = bytes.ok_or_else(lost)?;
    let found = predicted::decode_predictor(&bytes, number, &|before| predictor(file, chain, before, depth + 1))?;
    cache().predictors.put(known, Arc::clone(&found));
    Ok(found)
}

fn lost(file: &StoreFile, place: &StepPlace, step: u32) -> Error {
    let StepPlace { series, step: wanted, store } = place;
    let whose = if *store == NO_STORE { String::new() } else { format!(" of series {series} in store {store:016x}") };
    Error::corrupt(format!("step {wanted}{whose} needs step {step}, which is lost or damaged{}", why(file)))
}

/// Says of a file with damage where it is.
fn why(file: &StoreFile) -> String {
    let damage = file.index().damage();
    damage.map(|damage| format!(": {damage}")).unwrap_or_default()
}

/// The file at `path`, which has the step of `place`.
fn open(path: &Path, place: &StepPlace) -> Result<Option<StoreFile>> {
    let Some(file) = files::open(path)? else { return Ok(None) };
    let mut index = file.index();
    let has = |index: &Index| index.span(key(Kind::STEP, place.series, place.step)).is_some();
    if !has(&index) {
        index.refresh()?;
    }
    let (is_there, is_damaged) = (has(&index), index.damage().is_some());
    drop(index);
    match is_there || !is_damaged {
        true => Ok(is_there.then_some(file)),
        // A file of this name is no other's.
        false => Err(lost(&file, place, place.step)),
    }
}

/// Forgets decoded steps; false when there were none.
pub fn forget_steps() -> bool {
    let mut cache = cache();
    cache.histories.clear();
    std::mem::take(&mut cache.n_bytes) > 0
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
