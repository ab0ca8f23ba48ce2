//! What is stored: the record of every block, seen on its way into the plugin.

use super::blocks::BlockInfo;
use super::dataset::{Dataset, Variable};
use super::plugin::Plugin;
use crate::codec::{self, Summary};
use crate::{Error, Result, field};

/// A block and the record it is stored as.
#[derive(Debug)]
pub struct BlockRecord {
    /// Variable name.
    pub variable: String,
    /// Step among those that hold the variable.
    pub step: usize,
    /// Number of the block in the step.
    pub block: usize,
    /// Start and dimensions.
    pub info: BlockInfo,
    /// Bytes of the values.
    pub raw_bytes: usize,
    /// Bytes of the record; those of the values when this operator did not store the block.
    pub stored_bytes: usize,
    /// What the record says about itself, `None` when this operator did not store the block, or why it cannot be read.
    pub summary: Result<Option<Summary>>,
}

/// What ADIOS2 keeps for a block.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A record of this operator.
    Record(Vec<u8>),
    /// Values, in the machine's byte order: plain, or by another operator.
    Values(Vec<u8>),
}

impl Dataset {
    /// What is kept for a block of `n_bytes`, a record without decoding it.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub fn stored(
        &self,
        plugin: &Plugin,
        variable: &Variable,
        step: usize,
        block: usize,
        n_bytes: usize,
    ) -> Result<Stored> {
        // What metadata claims, be it damaged.
        let mut bytes = field::room(n_bytes).ok_or(Error::MemoryToRead { asked: n_bytes })?;
        let mut seen = None;
        let mut observe = |record: &[u8]| seen = Some(record.to_vec());
        let read = plugin.observe(&mut observe, || self.get_block(variable, step, block, &mut bytes));
        match seen {
            Some(record) => Ok(Stored::Record(record)),
            None => read.map(|()| Stored::Values(bytes)),
        }
    }

    /// The records of all blocks of all variables, without decoding them.
    ///
    /// # Errors
    /// [`crate::Error::File`] when the plugin or the dataset cannot be read. A damaged record is no error here.
    pub fn records(&self) -> Result<Vec<BlockRecord>> {
        let plugin = Plugin::load()?;
        let mut records = Vec::new();
        for variable in self.variables() {
            for step in 0..variable.n_steps {
                for (block, info) in self.blocks(variable, step)?.into_iter().enumerate() {
                    records.push(self.record(&plugin, variable, step, block, info)?);
                }
            }
        }
        Ok(records)
    }

    fn record(
        &self,
        plugin: &Plugin,
        variable: &Variable,
        step: usize,
        block: usize,
        info: BlockInfo,
    ) -> Result<BlockRecord> {
        let raw_bytes = if variable.dtype.is_some() { self.n_bytes(variable, &info.dims)? } else { 0 };
        let is_block = variable.dtype.is_some() && !info.is_value && raw_bytes > 0;
        let stored = if is_block { Some(self.stored(plugin, variable, step, block, raw_bytes)?) } else { None };
        let (stored_bytes, summary) = match stored {
            Some(Stored::Record(record)) => (record.len(), codec::inspect(&record).map(Some)),
            Some(Stored::Values(_)) | None => (raw_bytes, Ok(None)),
        };
        Ok(BlockRecord { variable: variable.name.clone(), step, block, info, raw_bytes, stored_bytes, summary })
    }
}
