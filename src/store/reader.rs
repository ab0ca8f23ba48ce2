//! A store file as a reader sees it: the newest whole entry of each key.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::entry::{self, Key, Walk, check_magic};
use super::spare::Spare;
use crate::{Error, Result};

/// The bytes of a store file and where the newest entry of each key stands; holds little more than the file has.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The file, and what was restored.
    bytes: Vec<u8>,
    n_bytes: usize,
    newest: BTreeMap<Key, Range<usize>>,
    /// Entries whose bytes were damaged.
    pub n_damaged: usize,
    /// Entries among them that their spares made up for.
    pub n_restored: usize,
    /// Bytes behind the last entry: an unfinished one, or damage.
    pub n_torn: usize,
}

impl Contents {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`], [`Error::Corrupt`] when it is no store file.
    pub fn read(path: &Path) -> Result<Contents> {
        let bytes =
            std::fs::read(path).map_err(|e| Error::File { path: path.display().to_string(), reason: e.to_string() })?;
        Contents::parse(bytes)
    }

    /// As [`Self::read`], from the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Corrupt`].
    pub fn parse(bytes: Vec<u8>) -> Result<Contents> {
        check_magic(&bytes)?;
        let (mut newest, mut spares, mut n_damaged) = (BTreeMap::new(), BTreeMap::new(), 0);
        let mut walk = Walk::new(&bytes);
        for found in walk.by_ref() {
            n_damaged += usize::from(found.content.is_none());
            if let Some((key, payload)) = found.content.clone().or(found.remains)
                && let Some(key) = key.spared()
            {
                spares.insert(key, payload);
            }
            if let Some((key, payload)) = found.content {
                newest.insert(key, payload);
            }
        }
        let n_bytes = bytes.len();
        let mut contents =
            Contents { n_torn: n_bytes.saturating_sub(walk.at()), bytes, n_bytes, newest, n_damaged, n_restored: 0 };
        spares.into_iter().for_each(|(key, spare)| contents.restore(key, &spare));
        contents.newest.retain(|_, payload| payload.start < payload.end);
        Ok(contents)
    }

    /// Makes up for the entry behind a spare where it is damaged.
    fn restore(&mut self, key: Key, spare: &Range<usize>) {
        let start = spare.end + entry::n_bytes(key, 0);
        if self.newest.get(&key).is_some_and(|payload| payload.start >= start) {
            return;
        }
        let read =
            |spare: Spare| spare.restore(self.bytes[..self.n_bytes].get(start..start.checked_add(spare.n_bytes)?)?);
        if let Some(payload) = Spare::read(&self.bytes[spare.clone()]).and_then(read) {
            self.newest.insert(key, self.bytes.len()..self.bytes.len() + payload.len());
            self.bytes.extend(payload);
            self.n_restored += 1;
        }
    }

    /// The newest payload of a key.
    pub fn get(&self, key: Key) -> Option<&[u8]> {
        self.newest.get(&key).map(|range| &self.bytes[range.clone()])
    }

    /// Bytes in the file of the newest entry of a key, its head included; 0 without one.
    pub fn entry_bytes(&self, key: Key) -> usize {
        self.newest.get(&key).map_or(0, |payload| entry::n_bytes(key, payload.len()))
    }

    /// Keys that hold something, in order.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.newest.keys().copied()
    }

    /// A sentence when entries are damaged or their end is missing; `path` is what the file is to be called.
    pub fn damage(&self, path: &Path) -> Option<String> {
        let what = match (self.n_damaged, self.n_torn) {
            (0, 0) => return None,
            (0, torn) => format!("its last {torn} bytes are no whole entry"),
            (n, _) if self.n_restored == 0 => format!("{n} of its entries cannot be read"),
            (n, _) => format!("{n} of its entries cannot be read, of which spares make up for {}", self.n_restored),
        };
        Some(format!("{} is damaged: {what}", path.display()))
    }

    /// Bytes of the file.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}
