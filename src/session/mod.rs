//! State of a run: networks to start from, decoded blocks, the run log, and the rule that encoding never fails.
//!
//! ADIOS2 makes a new operator object per variable object, so everything here is process-global, keyed by series,
//! bounded in bytes and safe under threads.

mod log;
mod series;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use crate::codec::{self, Encoded};
use crate::settings::ModelChoice;
use crate::{Block, Error, Result, Settings};

pub use log::{Line, append};
pub use series::SeriesKey;

/// Limit of the cache of decoded blocks, in bytes.
const DECODED_BYTES: usize = 256 << 20;

/// What the plugin gets for a block.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Never empty, at most the block + 32 bytes.
    pub record: Vec<u8>,
    /// One line for stderr when something went otherwise than asked; the record is good all the same.
    pub warning: Option<String>,
}

/// Encodes a block of a series. Whatever happens, the outcome holds a record that decodes within the promise: a failed
/// neural backend leaves the transform codec, anything else a raw record.
pub fn encode(key: &SeriesKey, block: &Block, settings: &Settings) -> Outcome {
    let context = series::context(key);
    let attempt = |settings: &Settings| {
        catch_unwind(AssertUnwindSafe(|| codec::encode(block, settings, &context)))
            .unwrap_or_else(|panic| Err(Error::Internal(panic_text(&panic))))
    };
    let (encoded, mut warning) = match attempt(settings) {
        Ok(encoded) => (Some(encoded), None),
        Err(error @ Error::Backend { .. }) => {
            let fallback = Settings { model: ModelChoice::Transform, ..settings.clone() };
            (attempt(&fallback).ok(), Some(format!("{error}; stored with model=transform instead")))
        }
        Err(error) => (None, Some(format!("{error}; stored uncompressed instead"))),
    };
    let fits = |e: &Encoded| !e.record.is_empty() && e.record.len() <= block.bytes.len() + 32;
    let Some(encoded) = encoded.filter(fits) else {
        let warning = warning.unwrap_or_else(|| "the record came out too large; stored uncompressed instead".into());
        return Outcome { record: codec::raw(block, settings.order), warning: Some(describe(key, &warning)) };
    };
    let step = series::learn(key, &encoded, settings.memory);
    if let Some(path) = &settings.log
        && let Err(error) = log::append(path, &Line::new(key, step, block, &encoded.report))
    {
        warning.get_or_insert_with(|| format!("the run log cannot be written ({error})"));
    }
    Outcome { record: encoded.record, warning: warning.map(|w| describe(key, &w)) }
}

fn describe(key: &SeriesKey, what: &str) -> String {
    let name = if key.variable.is_empty() { "?" } else { &key.variable };
    format!("variable '{name}': {what}")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panic").to_owned()
}

type Decoded = lru::LruCache<u128, Arc<Vec<u8>>>;

/// Decoded blocks by the hash of their record: ADIOS2 decodes the whole block anew for every partial read.
static CACHE: LazyLock<Mutex<(Decoded, usize)>> = LazyLock::new(|| Mutex::new((Decoded::unbounded(), 0)));

/// Decodes a record into `out` through the cache of decoded blocks.
///
/// # Errors
/// As [`codec::decode_into`]; a panic inside becomes [`Error::Internal`].
pub fn decode_into(record: &[u8], out: &mut [u8]) -> Result<()> {
    let key = xxh3_128(record);
    let lock = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let hit = lock().0.get(&key).cloned();
    if let Some(bytes) = hit.filter(|bytes| bytes.len() == out.len()) {
        out.copy_from_slice(&bytes);
        return Ok(());
    }
    catch_unwind(AssertUnwindSafe(|| codec::decode_into(record, out)))
        .unwrap_or_else(|panic| Err(Error::Internal(panic_text(&panic))))?;
    if out.len() <= DECODED_BYTES {
        let copy = Arc::new(out.to_vec());
        let mut cache = lock();
        cache.1 += copy.len();
        if let Some((_, old)) = cache.0.push(key, copy) {
            cache.1 -= old.len();
        }
        while cache.1 > DECODED_BYTES {
            let Some((_, old)) = cache.0.pop_lru() else { break };
            cache.1 -= old.len();
        }
    }
    Ok(())
}
