//! What is stored: the record of every block, seen on its way into the plugin.

use super::dataset::{BlockInfo, Dataset, Variable};
use super::plugin::Plugin;
use crate::Result;
use crate::codec::{self, Summary};

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

impl Dataset {
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
        let mut seen = None;
        if variable.dtype.is_some() && !info.is_value && raw_bytes > 0 {
            let mut bytes = vec![0; raw_bytes];
            let mut observe = |record: &[u8]| seen = Some((record.len(), codec::inspect(record)));
            let read = plugin.observe(&mut observe, || self.get_block(variable, step, block, &mut bytes));
            if seen.is_none() {
                read?;
            }
        }
        let (stored_bytes, summary) = match seen {
            Some((n, summary)) => (n, summary.map(Some)),
            None => (raw_bytes, Ok(None)),
        };
        Ok(BlockRecord { variable: variable.name.clone(), step, block, info, raw_bytes, stored_bytes, summary })
    }
}
