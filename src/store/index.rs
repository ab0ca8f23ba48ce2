//! A store file that may be large: where its entries are, without holding them.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::entry::{HEAD, Head, Key, MAGIC, Walk, check_magic, next_whole};
use crate::{Error, Result};

/// A key and the bytes before it at most: five bytes for each number.
const KEY_BYTES: usize = HEAD + 1 + 5 + 5;

/// The newest entries of a store file that is read while it may still grow.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    file: File,
    /// Everything before was walked over.
    at: u64,
    newest: BTreeMap<Key, Range<u64>>,
    /// Entries whose head is damaged, one or several in a row.
    damaged: Vec<Range<u64>>,
}

impl Index {
    /// Opens the file at `path` and finds its entries.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`], [`Error::Corrupt`] when it is no store file.
    pub fn open(path: &Path) -> Result<Index> {
        let file = File::open(path).map_err(|e| failure(path, &e))?;
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
        let length = self.file.metadata().map_err(|e| failure(&self.path, &e))?.len();
        loop {
            let mut bytes = [0; KEY_BYTES];
            let n = read_at(&self.file, self.at, &mut bytes).map_err(|e| failure(&self.path, &e))?;
            let Some(head) = Head::read(&bytes[..n]) else {
                match self.next_whole(length)? {
                    // Torn, or not all written yet.
                    None => return Ok(()),
                    Some(next) => {
                        self.damaged.push(self.at..next);
                        self.at = next;
                        continue;
                    }
                }
            };
            let end = self.at + (HEAD + head.length) as u64;
            if end > length {
                return Ok(());
            }
            // A damaged key is found out when the body's checksum is.
            if let Ok((key, _)) = postcard::take_from_bytes::<Key>(&bytes[HEAD..n.min(HEAD + head.length)]) {
                self.newest.insert(key, self.at..end);
            }
            self.at = end;
        }
    }

    /// Where the next whole entry starts behind a damaged head.
    fn next_whole(&self, length: u64) -> Result<Option<u64>> {
        let mut bytes = vec![0; usize::try_from(length.saturating_sub(self.at)).unwrap_or(0)];
        let n = read_at(&self.file, self.at, &mut bytes).map_err(|e| failure(&self.path, &e))?;
        Ok(next_whole(&bytes[..n]).map(|next| self.at + next as u64))
    }

    /// A sentence when entries are lost whose heads are damaged: where they stood.
    pub fn damage(&self) -> Option<String> {
        let first = self.damaged.first()?;
        let n = self.damaged.iter().map(|span| span.end - span.start).sum::<u64>();
        Some(format!("{} is damaged: {n} bytes from byte {} on cannot be read", self.path.display(), first.start))
    }

    /// True when there is an entry of this key, be it one that takes it back.
    pub fn has(&self, key: Key) -> bool {
        self.newest.contains_key(&key)
    }

    /// The newest payload of a key; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is damaged, [`Error::File`].
    pub fn get(&self, key: Key) -> Result<Option<Vec<u8>>> {
        let Some(span) = self.newest.get(&key) else { return Ok(None) };
        let mut bytes = MAGIC.to_vec();
        bytes.resize(MAGIC.len() + (span.end - span.start) as usize, 0);
        let n = read_at(&self.file, span.start, &mut bytes[MAGIC.len()..]).map_err(|e| failure(&self.path, &e))?;
        bytes.truncate(MAGIC.len() + n);
        let content = Walk::new(&bytes).next().and_then(|found| found.content).filter(|(found, _)| *found == key);
        let damaged = || {
            let Key { series, segment, .. } = key;
            let (path, at) = (self.path.display(), span.start);
            Error::corrupt(format!("entry {segment} of series {series} in {path} is damaged, behind byte {at}"))
        };
        let (_, payload) = content.ok_or_else(damaged)?;
        Ok((!payload.is_empty()).then(|| bytes[payload].to_vec()))
    }

    /// Keys in order, with the bytes of their entries.
    pub fn entries(&self) -> impl Iterator<Item = (Key, u64)> + '_ {
        self.newest.iter().map(|(key, span)| (*key, span.end - span.start))
    }
}

/// Reads until `bytes` is full or the file ends; does not move the file's position, which threads share.
#[cfg(unix)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> std::io::Result<usize> {
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
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> std::io::Result<usize> {
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
