//! The store file of one process: appending, publishing again after the file was removed, compaction.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::entry::{self, Key, MAGIC, Walk};
use crate::{Error, Result};

/// Stale bytes that are never worth a compaction.
const LEAST_STALE: u64 = 64 << 10;

/// The store file of one process, locked as long as this lives. What [`Self::append`] was given can be found by readers
/// when it returns, whatever happens to this process afterwards.
#[derive(Debug)]
pub struct Store {
    id: u64,
    path: PathBuf,
    file: File,
    /// Bytes of the file that count.
    end: u64,
    /// Where the newest entry of each key stands, head and body.
    live: BTreeMap<Key, Range<u64>>,
}

impl Store {
    /// Makes a file of its own in the dataset at `dataset`, a folder that exists.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn create(dataset: &Path) -> Result<Store> {
        if !dataset.is_dir() {
            let reason = "is not a folder, so that networks have no place in it".to_owned();
            return Err(Error::File { path: dataset.display().to_string(), reason });
        }
        let id = random_id();
        let path = super::path(dataset, id);
        let file = new_file(&path, &MAGIC).map_err(|e| failure(&path, &e))?;
        Ok(Store { id, path, file, end: MAGIC.len() as u64, live: BTreeMap::new() })
    }

    /// Takes over the file of a process that is gone.
    ///
    /// # Errors
    /// [`Error::File`], also when the process still runs; [`Error::Version`], [`Error::Corrupt`].
    pub fn open(dataset: &Path, id: u64) -> Result<Store> {
        let path = super::path(dataset, id);
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(|e| failure(&path, &e))?;
        if matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            let reason = "is in use by a running process; try again when it has ended".to_owned();
            return Err(Error::File { path: path.display().to_string(), reason });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| failure(&path, &e))?;
        entry::check_magic(&bytes)?;
        let mut walk = Walk::new(&bytes);
        let mut live = BTreeMap::new();
        for found in walk.by_ref() {
            let span = found.span.start as u64..found.span.end as u64;
            let Some((key, payload)) = found.content else { continue };
            if payload.is_empty() {
                live.remove(&key);
            } else {
                live.insert(key, span);
            }
        }
        let end = walk.at() as u64;
        // What a process left that was killed during a compaction.
        let _ = fs::remove_file(path.with_extension("tmp"));
        Ok(Store { id, path, file, end, live })
    }

    /// Name of the file, and what records know it by.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn n_bytes(&self) -> u64 {
        self.end
    }

    /// Keys that hold something, in order.
    pub fn keys(&self) -> Vec<Key> {
        self.live.keys().copied().collect()
    }

    /// The newest payload of a key; `None` when there is none or it cannot be read.
    pub fn get(&mut self, key: Key) -> Option<Vec<u8>> {
        let span = self.live.get(&key)?.clone();
        let mut file = MAGIC.to_vec();
        file.extend(self.read_span(&span).ok()?);
        let (found, payload) = Walk::new(&file).next()?.content?;
        (found == key).then(|| file[payload].to_vec())
    }

    /// Publishes entries in this order; an empty payload takes its key back. First makes sure of what was published before
    /// ([`Self::ensure`]). All or nothing for this process: after an error the file is as it was.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append(&mut self, entries: &[(Key, &[u8])]) -> Result<()> {
        self.ensure()?;
        let mut bytes = Vec::new();
        let mut spans = Vec::with_capacity(entries.len());
        for &(key, payload) in entries {
            let start = bytes.len() as u64;
            entry::write(key, payload, &mut bytes)?;
            spans.push((key, payload.is_empty(), self.end + start..self.end + bytes.len() as u64));
        }
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&bytes));
        if let Err(e) = written {
            // Half an entry would hide what is appended behind it.
            let _ = self.file.set_len(self.end);
            return Err(failure(&self.path, &e));
        }
        self.end += bytes.len() as u64;
        for (key, is_removed, span) in spans {
            if is_removed {
                self.live.remove(&key);
            } else {
                self.live.insert(key, span);
            }
        }
        let live = MAGIC.len() as u64 + self.live.values().map(|span| span.end - span.start).sum::<u64>();
        let stale = self.end.saturating_sub(live);
        if stale > live.max(LEAST_STALE) {
            // The entries are durable already: a compaction that fails is tried again next time.
            let _ = self.rewrite();
        }
        Ok(())
    }

    /// Publishes everything again when the file was removed or replaced (ADIOS2 empties folders that it opens for writing):
    /// true if it had to.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn ensure(&mut self) -> Result<bool> {
        if super::is_at(&self.file, &self.path, self.end) {
            return Ok(false);
        }
        self.rewrite()?;
        Ok(true)
    }

    /// Writes the newest entries to a new file and puts it in the place of the old one.
    fn rewrite(&mut self) -> Result<()> {
        let (mut bytes, mut live) = (MAGIC.to_vec(), BTreeMap::new());
        for (key, span) in self.live.clone() {
            // An unlinked file can be read on; one that another machine removed perhaps not, then this entry is lost.
            let Ok(entry) = self.read_span(&span) else { continue };
            let start = bytes.len() as u64;
            bytes.extend(entry);
            live.insert(key, start..bytes.len() as u64);
        }
        self.file = new_file(&self.path, &bytes).map_err(|e| failure(&self.path, &e))?;
        self.end = bytes.len() as u64;
        self.live = live;
        Ok(())
    }

    fn read_span(&mut self, span: &Range<u64>) -> std::io::Result<Vec<u8>> {
        let mut entry = vec![0; (span.end - span.start) as usize];
        self.file.seek(SeekFrom::Start(span.start))?;
        self.file.read_exact(&mut entry)?;
        Ok(entry)
    }
}

/// A new locked file with these bytes, in place of what stood at `path`: readers see the old file or the whole new one.
fn new_file(path: &Path, bytes: &[u8]) -> std::io::Result<File> {
    if let Some(folder) = path.parent()
        && !folder.is_dir()
    {
        match fs::create_dir(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    let draft = path.with_extension("tmp");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&draft)?;
    // Some file systems have no locks; they only keep `inr finalize` from a file that is still written.
    let _ = file.try_lock();
    file.write_all(bytes)?;
    fs::rename(&draft, path)?;
    Ok(file)
}

/// Never the same twice: time, process and the hasher's random keys.
fn random_id() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    hasher.write_u32(std::process::id());
    hasher.finish()
}

fn failure(path: &Path, error: &std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: format!("networks and predicted steps cannot be kept here ({error})"),
    }
}
