//! Entries that are about to be written one after the other, and where each of them will stand.

use std::ops::Range;

use super::entry::{self, Key};
use super::{Index, spare};
use crate::{Error, Result};

/// Bytes for a store file from byte `start` on.
#[derive(Debug, Default)]
pub struct Draft {
    pub bytes: Vec<u8>,
    /// Place of each entry, head and body; none for keys that are taken back.
    pub spans: Vec<(Key, Option<Range<u64>>)>,
    start: u64,
}

impl Draft {
    /// Nothing yet; what follows goes to byte `start` of the file.
    pub fn at(start: u64) -> Draft {
        Draft { start, ..Draft::default() }
    }

    /// Adds an entry, behind its spare if it is to be kept; an empty payload takes the key back.
    ///
    /// # Errors
    /// As [`entry::write`].
    pub fn push(&mut self, key: Key, payload: &[u8], is_kept: bool) -> Result<()> {
        let is_there = !payload.is_empty();
        let start = self.end();
        if is_kept && is_there {
            entry::write(key.spare(), &spare::write(payload), &mut self.bytes)?;
        }
        let middle = self.end();
        entry::write(key, payload, &mut self.bytes)?;
        self.spans.push((key.spare(), (start < middle).then_some(start..middle)));
        self.spans.push((key, is_there.then_some(middle..self.end())));
        Ok(())
    }

    /// Adds the newest entry of a key as `index` has it, restored if it can be; spares come with what they are of.
    ///
    /// # Errors
    /// As [`Self::push`]; [`Error::File`] when it cannot be read.
    pub fn copy(&mut self, index: &Index, key: Key) -> Result<()> {
        if key.spared().is_some() {
            return Ok(());
        }
        match index.get(key) {
            Ok(Some(payload)) => self.push(key, &payload, index.span(key.spare()).is_some()),
            Ok(None) => Ok(()),
            Err(error @ Error::File { .. }) => Err(error),
            // Damage stays damage.
            Err(_) => {
                let start = self.end();
                self.bytes.extend(index.span(key).and_then(|span| index.bytes(&span).ok()).unwrap_or_default());
                self.spans.push((key, (start < self.end()).then_some(start..self.end())));
                Ok(())
            }
        }
    }

    /// Where it ends in the file.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}
