//! A store file as a reader sees it: the newest whole entry of each key.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::entry::{self, Key, Walk, check_magic};
use crate::{Error, Result};

/// The bytes of a store file and where the newest entry of each key stands; holds no more than the file has.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    bytes: Vec<u8>,
    newest: BTreeMap<Key, Range<usize>>,
    /// Entries whose bytes were damaged.
    pub n_damaged: usize,
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
        let (mut newest, mut n_damaged) = (BTreeMap::new(), 0);
        let mut walk = Walk::new(&bytes);
        for found in walk.by_ref() {
            let Some((key, payload)) = found.content else {
                n_damaged += 1;
                continue;
            };
            if payload.is_empty() {
                newest.remove(&key);
            } else {
                newest.insert(key, payload);
            }
        }
        let n_torn = bytes.len() - walk.at();
        Ok(Contents { bytes, newest, n_damaged, n_torn })
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
            (n, _) => format!("{n} of its entries cannot be read"),
        };
        Some(format!("{} is damaged: {what}", path.display()))
    }

    /// Bytes of the file.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }
}
