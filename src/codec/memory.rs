//! Memory that encoding and decoding take. It is asked for before: an allocation that fails on the way would end the host's process.

use super::section;
use crate::container::{self, Record};
use crate::settings::Temporal;
use crate::{Block, Dtype, Error, Result, Settings, process, threads, transform};

/// Values that each thread and one more work on at most.
const CHUNK: usize = 1 << 24;
/// Threads, their heaps and what is small.
const REST: usize = 64 << 20;
/// The same of decoding, where threads have started before: of each, and of what is small.
const REST_OF_THREAD: usize = 1 << 20;
/// Asked for beside what reading takes.
pub const SMALL: usize = 4 << 20;

/// Bytes beside the block that encoding it takes at most: above what `scripts/bench/memory.py` shows for steps alone, and room for
/// decoded steps, predictions and training samples with the steps before.
pub fn needed(block: &Block, settings: &Settings, temporal: Temporal) -> usize {
    let Some((real, n_components)) = block.dtype.components() else { return 3 * block.bytes.len() + REST };
    let n = block.len().saturating_mul(n_components);
    let n_worked_on = n.min(CHUNK.saturating_mul(threads::number(settings.threads) + 1));
    let (per_value, of_steps) = if real == Dtype::F32 { (8, 40) } else { (14, 50) };
    let of_steps = match temporal {
        Temporal::None => 0,
        Temporal::Predict | Temporal::Series => of_steps,
    };
    let of_values = n.saturating_mul(per_value + of_steps).saturating_add(20 * n_worked_on + REST);
    of_values.saturating_add(2 * transform::axis_bytes(block.dims))
}

/// Asks for the memory and gives it back at once.
///
/// # Errors
/// [`Error::Memory`] when it is not to be had.
pub fn ask(block: &Block, settings: &Settings, temporal: Temporal) -> Result<()> {
    let asked = needed(block, settings, temporal);
    // What threads take for themselves must be gone by then.
    threads::pool(settings.threads)?;
    if process::has_memory(asked) { Ok(()) } else { Err(Error::Memory { asked }) }
}

/// Bytes beside block and record that decoding a record takes at most: above what `tests/memory_to_read.rs` measures.
///
/// # Errors
/// As [`super::inspect`].
pub fn needed_to_decode(record: &[u8]) -> Result<usize> {
    Ok(of_record(&container::read(record)?, Steps::None, threads::number(0)))
}

/// What a record has to do with other steps of a chain.
#[derive(Clone, Copy)]
pub(super) enum Steps {
    /// It stands alone.
    None,
    /// It is kept for the next step.
    Kept,
    /// Predicted from those before it, and kept.
    Before,
}

/// Bytes beside block and record on so many threads.
pub(super) fn of_record(record: &Record, steps: Steps, n_threads: usize) -> usize {
    let has = |kind| record.sections.iter().any(|(tag, _)| tag % 16 == kind);
    let n_bytes = record.raw_bytes;
    let rest = SMALL + REST_OF_THREAD * n_threads;
    let Some((_, n_components)) = record.dtype.components().filter(|_| !has(section::RAW)) else {
        return rest.saturating_add(if has(section::RAW) { 0 } else { n_bytes });
    };
    let n = n_bytes / record.dtype.size();
    let all = n.saturating_mul(n_components);
    // The transform of a component, or of as many chunks as there are threads; what its values are corrected from.
    let n_worked_on = n.min(CHUNK.saturating_mul(n_threads + 1));
    let mut work = 32usize.saturating_mul(n_worked_on).saturating_add(transform::axis_bytes(&record.dims));
    if has(section::SIREN) || has(section::SERIES) {
        work = work.saturating_add(n.saturating_mul(16)).saturating_add(4 * all);
    }
    if has(section::MASK) {
        work = work.saturating_add(n.saturating_mul(17));
    }
    let of_steps = match steps {
        Steps::None => 0,
        Steps::Kept => n_bytes,
        Steps::Before => {
            work = work.max(n.saturating_mul(56));
            n_bytes.saturating_add(all.saturating_mul(16))
        }
    };
    // Values of components that are done wait for the last one.
    n_bytes.saturating_add(of_steps).saturating_add(work).saturating_add(rest)
}

/// Asks for what decoding takes beside the block and gives it back at once; in the pool that decodes.
///
/// # Errors
/// [`Error::MemoryToRead`] when it is not to be had.
pub(super) fn ask_to_decode(record: &Record, steps: Steps) -> Result<()> {
    ask_to_read(of_record(record, steps, rayon::current_num_threads()))
}

/// Asks for so many bytes beside the block and gives them back at once.
///
/// # Errors
/// [`Error::MemoryToRead`] when they are not to be had.
pub fn ask_to_read(asked: usize) -> Result<()> {
    if process::has_memory(asked) { Ok(()) } else { Err(Error::MemoryToRead { asked }) }
}
