//! Memory that encoding takes. It is asked for before: an allocation that fails on the way would end the host's process.

use crate::settings::Temporal;
use crate::{Block, Dtype, Error, Result, Settings, threads};

/// Values that each thread and one more work on at most.
const CHUNK: usize = 1 << 24;
/// Threads, their heaps and what is small.
const REST: usize = 64 << 20;

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
    n.saturating_mul(per_value + of_steps).saturating_add(20 * n_worked_on + REST)
}

/// Asks for the memory and gives it back at once.
///
/// # Errors
/// [`Error::Memory`] when it is not to be had.
pub fn ask(block: &Block, settings: &Settings, temporal: Temporal) -> Result<()> {
    let asked = needed(block, settings, temporal);
    // More than the allocator keeps: the system answers, and gets it back.
    Vec::<u8>::new().try_reserve_exact(asked).map_err(|_| Error::Memory { asked })
}
