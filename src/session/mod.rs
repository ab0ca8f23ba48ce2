//! State of a run: networks to start from, series in training, decoded blocks, the run log, and the rule that encoding never
//! fails.
//!
//! ADIOS2 makes a new operator object per variable object, so everything here is process-global, keyed by series,
//! bounded in bytes and safe under threads.

mod chain_file;
mod chain_survey;
mod chains;
mod facts;
mod files;
mod finalize;
mod live;
mod log;
mod networks;
mod nodes;
mod query;
mod series;
mod survey;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use crate::codec::memory::SMALL;
use crate::codec::{self, Encoded, Report};
use crate::process::{self, PerProcess};
use crate::settings::{Backend as BackendChoice, ModelChoice, Temporal};
use crate::{Block, Error, Result, Settings};

pub use chain_file::{ChainArray, ChainReader, ChainWriter};
pub use chain_survey::{StoredChain, StoredStep};
pub use chains::n_steps_decoded;
pub use facts::Facts;
pub use finalize::{Consolidated, Finalized, finalize};
pub use live::{finish, refusal};
pub use log::{Line, RunLine, SegmentLine, append};
pub use networks::StoredNetworks;
pub use query::{Answer, SeriesField, StepError};
pub use series::SeriesKey;
pub use survey::{StoreFile, StoredSegment, survey, survey_file};

/// Limit of the cache of decoded blocks, in bytes.
const DECODED_BYTES: usize = 256 << 20;

/// What the plugin gets for a block.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Never empty, at most the block + 32 bytes; `None`: the block has to be stored as it is, as [`codec::raw`] does.
    pub record: Option<Vec<u8>>,
    /// One line for stderr when something went otherwise than asked; the record is good all the same.
    pub warning: Option<String>,
}

/// A block encoded, or why that failed.
#[derive(Clone, Debug, Default)]
struct Attempt {
    encoded: Option<Encoded>,
    warning: Option<String>,
}

impl Attempt {
    /// Says in the run log what became of something that was tried.
    fn note(&mut self, what: &str, why: &str) {
        if let Some(encoded) = &mut self.encoded {
            encoded.report.note(what, None, why);
        }
    }

    /// Says there why the CPU did what a GPU was asked to do.
    fn refuse(&mut self, why: &str) {
        if let Some(encoded) = &mut self.encoded {
            encoded.report.refusal = Some(why.to_owned());
        }
    }

    /// Adds what the series took and noted.
    fn with(mut self, series: Report, warning: Option<String>) -> Attempt {
        if let Some(Encoded { report, .. }) = &mut self.encoded {
            report.tried.extend(series.tried);
            report.iterations += series.iterations;
            report.seconds.train += series.seconds.train;
            report.seconds.verify += series.seconds.verify;
            report.seconds.total += series.seconds.train + series.seconds.verify;
            report.refusal = series.refusal.or(report.refusal.take());
            if report.model.starts_with("series") {
                report.backend = series.backend;
            }
        }
        self.warning = warning.or(self.warning);
        self
    }
}

/// Encodes a block of a series. Whatever happens, the outcome holds a record that decodes within the promise or says that the block
/// has to be stored as it is: a failed neural backend leaves the transform codec.
pub fn encode(key: &SeriesKey, block: &Block, settings: &Settings) -> Outcome {
    let alone = || encode_alone(key, block, settings);
    let attempt = match settings.temporal {
        Temporal::None => alone(),
        Temporal::Predict | Temporal::Series => live::encode(key, block, settings, &alone),
    };
    let Attempt { encoded, mut warning } = attempt;
    let fits = |e: &Encoded| !e.record.is_empty() && e.record.len() <= block.bytes.len() + 32;
    let Some(encoded) = encoded.filter(fits) else {
        let warning = warning.unwrap_or_else(|| "the record came out too large; stored uncompressed instead".into());
        return Outcome { record: None, warning: Some(describe(key, &warning)) };
    };
    let step = series::learn(key, &encoded, settings.memory);
    if let Some(path) = &settings.log
        && let Err(error) = log::block(path, &Line::new(key, step, block, &encoded.report), settings)
    {
        warning.get_or_insert_with(|| format!("the run log cannot be written ({error})"));
    }
    Outcome { record: Some(encoded.record), warning: warning.map(|w| describe(key, &w)) }
}

/// The codec of single blocks, started from the last step's networks.
fn encode_alone(key: &SeriesKey, block: &Block, settings: &Settings) -> Attempt {
    if let Err(error) = codec::memory::ask(block, settings, Temporal::None) {
        return Attempt { encoded: None, warning: Some(format!("{error}; stored uncompressed instead")) };
    }
    let context = series::context(key);
    let attempt = |settings: &Settings| {
        catch_unwind(AssertUnwindSafe(|| codec::encode(block, settings, &context)))
            .unwrap_or_else(|panic| Err(Error::Internal(panic_text(&panic))))
    };
    let by_transform = |why: &str| {
        let encoded = attempt(&Settings { model: ModelChoice::Transform, ..settings.clone() });
        let warning = format!("{why}; stored with model=transform instead");
        let mut attempt = Attempt { encoded: encoded.ok(), warning: Some(warning.clone()) };
        attempt.refuse(why);
        attempt.note("siren", &warning);
        attempt
    };
    if let Some(why) = context.refusal.as_deref().filter(|_| settings.backend == BackendChoice::Gpu) {
        return by_transform(why);
    }
    match attempt(settings) {
        Ok(encoded) => Attempt { encoded: Some(encoded), warning: None },
        Err(error @ Error::Backend { .. }) => by_transform(&error.to_string()),
        Err(error) => Attempt { encoded: None, warning: Some(format!("{error}; stored uncompressed instead")) },
    }
}

/// The record that holds a block of the dataset: the one that ADIOS2 has, or that of its step in the model store.
///
/// # Errors
/// As [`decode_from`].
pub fn own_record<'a>(dataset: &str, record: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    match codec::step_of(record)? {
        Some(place) => StoredNetworks { dataset }.step_record(&place).map(Cow::Owned),
        None => Ok(Cow::Borrowed(record)),
    }
}

fn describe(key: &SeriesKey, what: &str) -> String {
    let name = if key.variable.is_empty() { "?" } else { &key.variable };
    format!("variable '{name}': {what}")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panic").to_owned()
}

/// Decoded blocks by the hash of their record, and their bytes: ADIOS2 decodes the whole block anew for every partial read.
struct DecodedBlocks {
    blocks: lru::LruCache<u128, Arc<Vec<u8>>>,
    n_bytes: usize,
}

static CACHE: PerProcess<Mutex<DecodedBlocks>> =
    PerProcess::new(|| Mutex::new(DecodedBlocks { blocks: lru::LruCache::unbounded(), n_bytes: 0 }));

fn decoded_blocks() -> MutexGuard<'static, DecodedBlocks> {
    CACHE.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes a record into `out` through the cache of decoded blocks; a network it refers to is looked for in the datasets that
/// this process has open. Returns a sentence for the reader when the network's steps may be above their promise.
///
/// # Errors
/// As [`codec::decode_into_with`]; a panic inside becomes [`Error::Internal`].
pub fn decode_into(record: &[u8], out: &mut [u8]) -> Result<Option<String>> {
    decode_from("", record, out)
}

/// As [`decode_into`], for a record of the dataset at `dataset` (absolute).
///
/// # Errors
/// As [`decode_into`].
pub fn decode_from(dataset: &str, record: &[u8], out: &mut [u8]) -> Result<Option<String>> {
    let networks = StoredNetworks { dataset };
    let place = codec::place_of(record)?;
    let standing = place.map(|place| networks.standing(&place)).transpose()?;
    let (hash, doubt) = standing.map_or((0, None), |standing| (standing.hash, standing.doubt));
    // The same record means other values when its network was trained on.
    decode_cached(&networks, xxh3_128(record) ^ u128::from(hash), record, out)?;
    Ok(doubt)
}

fn decode_cached(networks: &StoredNetworks, key: u128, record: &[u8], out: &mut [u8]) -> Result<()> {
    let hit = decoded_blocks().blocks.get(&key).cloned();
    if let Some(bytes) = hit.filter(|bytes| bytes.len() == out.len()) {
        out.copy_from_slice(&bytes);
        return Ok(());
    }
    let step = codec::step_of(record)?;
    let decode = |out: &mut [u8]| match &step {
        Some(step) => {
            // Its record, twice while it is looked for; the rest is asked for with the record.
            codec::memory::ask_to_read(2 * out.len() + SMALL)?;
            networks.step(step, out)
        }
        None => codec::decode_into_with(record, networks, out),
    };
    let mut decode = || {
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(out)));
        decoded.unwrap_or_else(|panic| Err(Error::Internal(panic_text(&panic))))
    };
    match decode() {
        Err(Error::MemoryToRead { .. }) if forget() => decode(),
        decoded => decoded,
    }?;
    if out.len() <= DECODED_BYTES && process::has_memory(out.len() + SMALL) {
        keep(key, out);
    }
    Ok(())
}

fn keep(key: u128, block: &[u8]) {
    let copy = Arc::new(block.to_vec());
    let mut cache = decoded_blocks();
    cache.n_bytes += copy.len();
    if let Some((_, old)) = cache.blocks.push(key, copy) {
        cache.n_bytes -= old.len();
    }
    while cache.n_bytes > DECODED_BYTES {
        let Some((_, old)) = cache.blocks.pop_lru() else { break };
        cache.n_bytes -= old.len();
    }
}

/// Forgets decoded blocks and steps, so that the next read decodes; false when there were none.
pub fn forget() -> bool {
    let had_steps = chains::forget_steps();
    let mut cache = decoded_blocks();
    cache.blocks.clear();
    std::mem::take(&mut cache.n_bytes) > 0 || had_steps
}
