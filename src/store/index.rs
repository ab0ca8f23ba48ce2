//! A store file that may be large: where its entries are, without holding them.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::entry::{HEAD, Head, Key, MAGIC, Walk, check_magic, n_bytes, next_whole};
use super::spare::Spare;
use crate::{Error, Result};

/// A key and the bytes before it at most: five bytes for each number.
const KEY_BYTES: usize = HEAD + 1 + 5 + 5;

/// What [`scan`] comes across.
pub enum Seen {
    /// An entry with a sound head, head and body; its body may be damaged, and its key with it.
    Entry(Key, Range<u64>),
    /// Entries whose head is damaged, one or several in a row.
    Damage(Range<u64>),
}

/// Goes over the heads of a store file from byte `at` on, where one stands, and returns where whole entries end.
///
/// # Errors
/// Of the file.
pub fn scan(file: &File, mut at: u64, mut see: impl FnMut(Seen)) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    loop {
        let mut bytes = [0; KEY_BYTES];
        let n = read_at(file, at, &mut bytes)?;
        let Some(head) = Head::read(&bytes[..n]) else {
            let n_rest = usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX);
            let mut rest = Vec::new();
            rest.try_reserve_exact(n_rest).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
            rest.resize(n_rest, 0);
            let n = read_at(file, at, &mut rest)?;
            // Without another one it is torn, or not all written yet.
            let Some(next) = next_whole(&rest[..n]) else { return Ok(at) };
            see(Seen::Damage(at..at + next as u64));
            at += next as u64;
            continue;
        };
        let end = at + (HEAD + head.length) as u64;
        if end > length {
            return Ok(at);
        }
        if let Ok((key, _)) = postcard::take_from_bytes::<Key>(&bytes[HEAD..n.min(HEAD + head.length)]) {
            see(Seen::Entry(key, at..end));
        }
        at = end;
    }
}

/// The newest entries of a store file that is read while it may still grow.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    file: File,
    /// Everything before was walked over.
    at: u64,
    newest: BTreeMap<Key, Range<u64>>,
    damaged: Vec<Range<u64>>,
}

impl Index {
    /// Opens the file at `path` and finds its entries.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`], [`Error::Corrupt`] when it is no store file.
    pub fn open(path: &Path) -> Result<Index> {
        Index::of(File::open(path).map_err(|e| failure(path, &e))?, path)
    }

    /// As [`Self::open`], of an open file that stood at `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of(file: File, path: &Path) -> Result<Index> {
        let mut magic = [0; MAGIC.len()];
        let n = read_at(&file, 0, &mut magic).map_err(|e| failure(path, &e))?;
        check_magic(&magic[..n])?;
        let mut index =
            Index { path: path.to_owned(), file, at: MAGIC.len() as u64, newest: BTreeMap::new(), damaged: Vec::new() };
        index.refresh()?;
        Ok(index)
    }

    /// True when the file at the path is still this one: a writer may have put another in its place.
    pub fn is_current(&self) -> bool {
        super::is_at(&self.file, &self.path, self.at)
    }

    /// Finds entries that were appended since.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn refresh(&mut self) -> Result<()> {
        let mut seen = Vec::new();
        self.at = scan(&self.file, self.at, |found| seen.push(found)).map_err(|e| failure(&self.path, &e))?;
        for found in seen {
            match found {
                Seen::Entry(key, span) => {
                    // Of another entry, whose damaged key looks like this one.
                    let is_other =
                        key.is_written_once() && self.newest.contains_key(&key) && self.is_damaged(key, &span);
                    match is_other {
                        true => self.damaged.push(span),
                        false => _ = self.newest.insert(key, span),
                    }
                }
                Seen::Damage(span) => self.damaged.push(span),
            }
        }
        Ok(())
    }

    fn is_damaged(&self, key: Key, span: &Range<u64>) -> bool {
        matches!(self.payload(key, span), Err(Error::Corrupt(_)))
    }

    /// A sentence when entries are lost whose heads are damaged: where they stood.
    pub fn damage(&self) -> Option<String> {
        let first = self.damaged.first()?;
        let n = self.damaged.iter().map(|span| span.end - span.start).sum::<u64>();
        Some(format!("{} is damaged: {n} bytes from byte {} on cannot be read", self.path.display(), first.start))
    }

    /// Where the newest entry of a key stands, head and body, be it one that takes the key back.
    pub fn span(&self, key: Key) -> Option<Range<u64>> {
        self.newest.get(&key).cloned()
    }

    /// The newest payload of a key, restored where it is damaged and has a spare; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is damaged, [`Error::File`].
    pub fn get(&self, key: Key) -> Result<Option<Vec<u8>>> {
        let newest = self.newest.get(&key);
        let found = newest.map_or(Ok(None), |span| self.payload(key, span));
        // The entry that a spare is of starts where the spare ends; one before that is older.
        let is_of_use = |spare: &&Range<u64>| match newest {
            Some(span) if span.start == spare.end => found.is_err(),
            Some(span) => span.start < spare.end,
            None => true,
        };
        let spare = self.newest.get(&key.spare()).filter(is_of_use);
        match spare.map_or(Ok(None), |spare| self.restore(key, spare))? {
            None => found,
            restored => Ok(restored),
        }
    }

    fn payload(&self, key: Key, span: &Range<u64>) -> Result<Option<Vec<u8>>> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.bytes(span)?);
        let content = Walk::new(&bytes).next().and_then(|found| found.content).filter(|(found, _)| *found == key);
        let damaged = || {
            let Key { series, segment, .. } = key;
            let (path, at) = (self.path.display(), span.start);
            Error::corrupt(format!(
                "entry {segment} of series {series} in the model store {path} is damaged, behind byte {at}"
            ))
        };
        let (_, payload) = content.ok_or_else(damaged)?;
        Ok((!payload.is_empty()).then(|| bytes[payload].to_vec()))
    }

    /// The payload behind a spare; `None` when too much is damaged.
    fn restore(&self, key: Key, spare: &Range<u64>) -> Result<Option<Vec<u8>>> {
        let bytes = self.bytes(spare)?;
        let Some(spare_payload) = bytes.get(n_bytes(key.spare(), 0)..).and_then(Spare::read) else { return Ok(None) };
        let start = spare.end + n_bytes(key, 0) as u64;
        let length = self.file.metadata().map_err(|e| failure(&self.path, &e))?.len();
        let found = self.bytes(&(start..start.saturating_add(spare_payload.n_bytes as u64).min(length)))?;
        Ok(spare_payload.restore(&found))
    }

    /// The bytes of a span, as they are.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn bytes(&self, span: &Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; (span.end.saturating_sub(span.start)) as usize];
        let n = read_at(&self.file, span.start, &mut bytes).map_err(|e| failure(&self.path, &e))?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// Keys in order, with the places of their entries.
    pub fn entries(&self) -> impl Iterator<Item = (Key, Range<u64>)> + '_ {
        self.newest.iter().map(|(key, span)| (*key, span.clone()))
    }
}

/// Reads until `bytes` is full or the file ends; does not move the file's position, which threads share.
#[cfg(unix)]
pub fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> std::io::Result<usize> {
    use std::os::unix::fs::FileExt as _;
    let mut n = 0;
    while n < bytes.len() {
        match file.read_at(&mut bytes[n..], at + n as u64) {
            Ok(0) => break,
            Ok(read) => n += read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

#[cfg(not(unix))]
pub fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> std::io::Result<usize> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(at))?;
    let mut n = 0;
    while n < bytes.len() {
        match file.read(&mut bytes[n..])? {
            0 => break,
            read => n += read,
        }
    }
    Ok(n)
}

/// Writes all bytes; does not move the file's position.
#[cfg(unix)]
pub fn write_at(file: &File, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.write_all_at(bytes, at)
}

/// Writes all bytes.
#[cfg(not(unix))]
pub fn write_at(mut file: &File, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::{Seek as _, SeekFrom, Write as _};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

fn failure(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Kind, Store};

    #[test]
    fn an_index_sees_what_is_appended_and_a_file_put_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let key = |segment| Key { kind: Kind::STEP, series: 300, segment };
        store.append(&[(key(0), b"zero"), (key(1), &[7; 5000])]).unwrap();
        let mut index = Index::open(store.path()).unwrap();
        assert_eq!(index.get(key(1)).unwrap(), Some(vec![7; 5000]));
        store.append(&[(key(0), b"new"), (key(1), b"")]).unwrap();
        assert_eq!(index.get(key(0)).unwrap().as_deref(), Some(&b"zero"[..]));
        index.refresh().unwrap();
        assert_eq!((index.get(key(0)).unwrap().as_deref(), index.get(key(1)).unwrap()), (Some(&b"new"[..]), None));
        assert!(index.is_current() && index.get(key(2)).unwrap().is_none());
        std::fs::remove_file(store.path()).unwrap();
        assert!(!index.is_current());
        assert_eq!(index.get(key(0)).unwrap().as_deref(), Some(&b"new"[..]), "an unlinked file is read on");
    }

    #[test]
    fn a_damaged_head_costs_its_entry_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let key = |segment| Key { kind: Kind::STEP, series: 0, segment };
        store.append(&[(key(0), b"first"), (key(1), b"second"), (key(2), b"third")]).unwrap();
        let mut bytes = std::fs::read(store.path()).unwrap();
        let at = bytes.windows(6).position(|w| w == b"second").unwrap() - 4 - HEAD + 1;
        bytes[at] ^= 1;
        let path = folder.path().join("damaged.inr");
        std::fs::write(&path, bytes).unwrap();
        let index = Index::open(&path).unwrap();
        let found: Vec<_> = (0..3).map(|segment| index.get(key(segment)).unwrap()).collect();
        assert_eq!(found, [Some(b"first".to_vec()), None, Some(b"third".to_vec())]);
        let told = index.damage().unwrap();
        assert!(told.contains("damaged.inr is damaged: 21 bytes from byte 28 on"), "{told}");
    }

    #[test]
    fn a_damaged_body_is_an_error_and_a_torn_end_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let key = |segment| Key { kind: Kind::STEP, series: 0, segment };
        store.append(&[(key(0), b"whole entry"), (key(1), b"torn entry")]).unwrap();
        let mut bytes = std::fs::read(store.path()).unwrap();
        let at = bytes.windows(5).position(|w| w == b"whole").unwrap();
        bytes[at] ^= 1;
        bytes.truncate(bytes.len() - 1);
        let path = folder.path().join("damaged.inr");
        std::fs::write(&path, bytes).unwrap();
        let index = Index::open(&path).unwrap();
        assert!(matches!(index.get(key(0)), Err(Error::Corrupt(_))));
        assert_eq!(index.get(key(1)).unwrap(), None);
    }
}
