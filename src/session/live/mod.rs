//! Series mode while a run writes: which series there are, and when their networks are finished.
//!
//! ```text
//! block -> Series::encode -> Running::push (train) -> candidate, decoded from its bytes -> promise kept? -> publish -> record
//!                                                                                     \-> no: the codec of single blocks
//! segment full, operator gone, process ends -> Running::finish: consolidate, certificate, publish for good
//! ```
//! Locks are taken in one order: registry, then series, then writer.

mod chain;
mod config;
mod index;
mod offers;
mod running;
mod series;
mod worth;
mod writer;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use chain::Predicting;
pub use config::{DEFAULT_SECONDS, resume};
use offers::Offers;
pub use running::{Candidate, Running};
use series::Series;
pub use writer::Nodes;
use writer::Writer;

use super::{Attempt, SeriesKey, panic_text};
use crate::process::{self, PerProcess};
use crate::settings::Temporal;
use crate::{Block, Settings};

/// Series remembered; beyond it those that are not in training are forgotten.
const MAX_SERIES: usize = 4096;

/// What the run log says a block was no part of.
const NO_STEP: &str = "steps before";

/// A place in a variable of a dataset.
type Spot = (String, String, Vec<usize>);

#[derive(Default)]
struct Registry {
    series: HashMap<Spot, Arc<Mutex<Series>>>,
    chains: HashMap<Spot, Arc<Mutex<Predicting>>>,
    offers: Offers,
    writers: HashMap<String, Arc<Mutex<Writer>>>,
}

/// A forked child starts afresh: its parent's threads and devices are not there.
static REGISTRY: PerProcess<Mutex<Registry>> = PerProcess::new(Mutex::default);

fn registry() -> MutexGuard<'static, Registry> {
    lock(REGISTRY.get())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spot(key: &SeriesKey) -> Spot {
    (key.dataset.clone(), key.variable.clone(), key.start.clone())
}

/// Why blocks of a series cannot refer to others, whatever `temporal` says.
pub fn refusal(key: &SeriesKey) -> Option<&'static str> {
    // SST tells a name too, and announces itself in a file; a folder of that name is an older run's.
    let is_stream = || !Path::new(&key.dataset).is_dir() || Path::new(&format!("{}.sst", key.dataset)).is_file();
    match key.dataset.is_empty() || key.variable.is_empty() {
        true => Some(
            "the engine names no dataset or variable, so 'temporal' has no effect: use BP5 of ADIOS2 2.11 or newer",
        ),
        false if is_stream() => Some(
            "the engine keeps no folder where earlier steps could stand (a stream), so 'temporal' has no effect and each \
             step stands alone: set temporal=none, or use BP5",
        ),
        false => None,
    }
}

/// Encodes a block as the next step of its series, or by `alone`, with a note why.
pub fn encode(key: &SeriesKey, block: &Block, settings: &Settings, alone: &dyn Fn() -> Attempt) -> Attempt {
    if let Some(why) = refusal(key) {
        let mut attempt = alone();
        attempt.note(NO_STEP, why);
        return attempt;
    }
    let attempt = catch_unwind(AssertUnwindSafe(|| match settings.temporal {
        Temporal::Predict => encode_in_chain(key, block, settings, alone),
        _ => encode_in_series(key, block, settings, alone),
    }));
    attempt.unwrap_or_else(|panic| {
        let mut attempt = alone();
        attempt.note(NO_STEP, &panic_text(&panic));
        attempt
    })
}

fn encode_in_series(key: &SeriesKey, block: &Block, settings: &Settings, alone: &dyn Fn() -> Attempt) -> Attempt {
    let (series, writer) = find(key, settings);
    let mut series = lock(&series);
    let published = lock(&writer).ensure();
    series.meet(key);
    let mut attempt = series.encode(block, settings, alone);
    if series.is_running() {
        at_exit();
    }
    if let Err(error) = published {
        attempt.warning.get_or_insert_with(|| format!("{error}; steps of the series may be lost"));
    }
    attempt
}

fn encode_in_chain(key: &SeriesKey, block: &Block, settings: &Settings, alone: &dyn Fn() -> Attempt) -> Attempt {
    let ((chain, writer), offers) = (find_chain(key), registry().offers.before(key));
    let mut chain = lock(&chain);
    let published = lock(&writer).ensure();
    chain.meet(key);
    let mut attempt = chain.encode(block, settings, &offers, alone);
    let offer = chain.offer();
    drop(chain);
    registry().offers.put(key, offer);
    at_exit();
    if let Err(error) = published {
        attempt.warning.get_or_insert_with(|| format!("{error}; predicted steps may be lost"));
    }
    attempt
}

fn writer_of(registry: &mut Registry, key: &SeriesKey) -> Arc<Mutex<Writer>> {
    let new = || Arc::new(Mutex::new(Writer::new(key.dataset.as_ref(), key.generation)));
    Arc::clone(registry.writers.entry(key.dataset.clone()).or_insert_with(new))
}

fn find_chain(key: &SeriesKey) -> (Arc<Mutex<Predicting>>, Arc<Mutex<Writer>>) {
    let mut registry = registry();
    if registry.chains.len() >= MAX_SERIES {
        // A chain that is forgotten starts anew with a key; one that is locked is in use.
        registry.chains.retain(|_, chain| chain.try_lock().is_err());
        registry.offers = Offers::default();
    }
    let writer = writer_of(&mut registry, key);
    let new = || Arc::new(Mutex::new(Predicting::new(key, Arc::clone(&writer))));
    let chain = Arc::clone(registry.chains.entry(spot(key)).or_insert_with(new));
    (chain, writer)
}

fn find(key: &SeriesKey, settings: &Settings) -> (Arc<Mutex<Series>>, Arc<Mutex<Writer>>) {
    let mut registry = registry();
    if registry.series.len() >= MAX_SERIES {
        // A series that is locked is in use.
        registry.series.retain(|_, series| series.try_lock().map_or(true, |series| series.is_running()));
    }
    let writer = writer_of(&mut registry, key);
    let new_series = || Arc::new(Mutex::new(Series::new(key, Arc::clone(&writer), settings)));
    let series = Arc::clone(registry.series.entry(spot(key)).or_insert_with(new_series));
    (series, writer)
}

/// Ends what is kept of a variable that gets no more blocks. Never fails: what is not done here, `inr finalize` does.
pub fn finish(key: &SeriesKey) {
    let mut guard = registry();
    let series = guard.series.get(&spot(key)).cloned();
    let is_chain = guard.chains.remove(&spot(key)).is_some();
    guard.offers.put(key, None);
    drop(guard);
    if let Some(series) = &series {
        finish_one(series);
    }
    if is_chain {
        publish_again(&key.dataset);
    }
    if is_chain || series.is_some() {
        close(&key.dataset);
    }
}

/// ADIOS2 may have emptied the folder since the last block.
fn publish_again(dataset: &str) {
    let writer = registry().writers.get(dataset).cloned();
    if let Some(writer) = writer {
        let _ = catch_unwind(AssertUnwindSafe(|| lock(&writer).ensure()));
    }
}

/// Forgets a dataset without a series in training: a process that writes many keeps no files of them open.
fn close(dataset: &str) {
    let mut registry = registry();
    let is_of_it = |spot: &Spot| spot.0 == dataset;
    // A series that is locked is in use.
    let is_running = |series: &Mutex<Series>| series.try_lock().map_or(true, |series| series.is_running());
    let is_in_series = registry.series.iter().any(|(spot, series)| is_of_it(spot) && is_running(series));
    if !is_in_series && !registry.chains.keys().any(is_of_it) {
        registry.series.retain(|spot, _| !is_of_it(spot));
        registry.offers.forget(dataset);
        registry.writers.remove(dataset);
    }
}

fn finish_one(series: &Mutex<Series>) {
    // A panic here would end the host; the store has all that is needed to go on later.
    let _ = catch_unwind(AssertUnwindSafe(|| lock(series).finish(None)));
}

/// Datasets this process writes series to.
pub fn datasets() -> Vec<PathBuf> {
    registry().writers.keys().map(PathBuf::from).collect()
}

/// When the process ends, all segments do. Handlers run in the reverse order of their registration: this one has to come
/// after those of the devices, once the first series is in training.
fn at_exit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| process::at_exit(finish_all));
}

extern "C" fn finish_all() {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let all: Vec<_> = registry().series.values().cloned().collect();
        all.iter().for_each(|series| finish_one(series));
        datasets().iter().for_each(|dataset| publish_again(&dataset.to_string_lossy()));
    }));
}
