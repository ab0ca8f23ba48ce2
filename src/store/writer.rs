//! The store file that a process appends to, by itself or with the others of its node.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::draft::Draft;
use super::entry::{self, Key, Kind, MAGIC};
use super::lock::{self, Hold, Part};
use super::node;
use super::place::Place;
use crate::{Error, Result};

/// Stale bytes that are never worth a compaction.
const LEAST_STALE: u64 = 64 << 10;

/// A store file with what this process keeps in it; in use as long as this lives. What [`Self::append`] was given can be found
/// by readers when it returns, whatever happens to this process afterwards.
#[derive(Debug)]
pub struct Store {
    pub(super) id: u64,
    pub(super) place: Place,
    pub(super) own: Spans,
    /// Above those of all series in the file.
    pub(super) next_series: u32,
    /// Tells this process's series from those of others that append to the same file; `None` where nobody else does.
    pub(super) token: Option<u64>,
}

/// Where the newest entry of each key of this process stands, head and body.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub spans: BTreeMap<Key, Range<u64>>,
    n_bytes: u64,
    /// Bytes of entries that count no more.
    n_stale: u64,
}

impl Spans {
    /// Sets the place of an entry; `None` for one that is gone.
    pub fn set(&mut self, key: Key, span: Option<Range<u64>>) {
        self.n_bytes += span.as_ref().map_or(0, |span| span.end - span.start);
        let former = match span {
            Some(span) => self.spans.insert(key, span),
            None => self.spans.remove(&key),
        };
        let n_former = former.map_or(0, |span| span.end - span.start);
        self.n_bytes -= n_former;
        self.n_stale += n_former;
    }
}

impl Store {
    /// The file that the running processes of this node write in the dataset at `dataset`, a folder that exists; the first one
    /// makes it. A file of this process alone where there are no locks between processes.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn join(dataset: &Path) -> Result<Store> {
        check_folder(dataset)?;
        let joined = node::number().and_then(|node| Store::join_node(dataset, node).ok());
        joined.map_or_else(|| Store::create(dataset), Ok)
    }

    fn join_node(dataset: &Path, node: u32) -> Result<Store> {
        let _door = node::Door::open(dataset, node)?;
        let places = super::ids(dataset).into_iter().filter(|id| node::of(*id) == node);
        let mut places = places.filter_map(|id| Some((id, Place::in_use(super::path(dataset, id))?)));
        let (id, place) = match places.next() {
            Some((id, place)) => (id, place.await_turn()?),
            None => {
                let id = node::id(node, random_id() as u32);
                (id, Place::new(super::path(dataset, id), &MAGIC, Hold::Shared)?)
            }
        };
        let mut store = Store { id, place, own: Spans::default(), next_series: 0, token: Some(random_id()) };
        let caught_up = store.catch_up();
        lock::end_turn(&store.place.file);
        caught_up.map(|()| store)
    }

    /// A file of this process alone in the dataset at `dataset`.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn create(dataset: &Path) -> Result<Store> {
        check_folder(dataset)?;
        let id = random_id();
        let place = Place::new(super::path(dataset, id), &MAGIC, Hold::Alone)?;
        Ok(Store { id, place, own: Spans::default(), next_series: 0, token: None })
    }

    /// Takes over a file with all that processes left in it that are gone.
    ///
    /// # Errors
    /// [`Error::File`], also when one of them still runs; [`Error::Version`], [`Error::Corrupt`].
    pub fn open(dataset: &Path, id: u64) -> Result<Store> {
        let path = super::path(dataset, id);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|e| super::failure(&path, &e))?;
        if matches!(lock::set(&file, Part::InUse, Hold::Alone), Ok(false)) {
            let reason = "is in use by a running process; try again when it has ended".to_owned();
            return Err(Error::File { path: path.display().to_string(), reason });
        }
        // What a process left that was killed during a compaction.
        let _ = fs::remove_file(path.with_extension("tmp"));
        let place = Place { path, file, end: MAGIC.len() as u64 }.start()?;
        let mut store = Store { id, place, own: Spans::default(), next_series: 0, token: None };
        store.catch_up()?;
        for (key, span) in store.place.index()?.entries() {
            let is_there = span.end - span.start > entry::n_bytes(key, 0) as u64;
            store.own.set(key, is_there.then_some(span));
        }
        Ok(store)
    }

    /// Name of the file, and what records know it by. Another one once others have this process's numbers in a file that was
    /// removed.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Bytes of the file, as far as this process knows.
    pub fn n_bytes(&self) -> u64 {
        self.place.end
    }

    /// Keys of this process that hold something, in order; all of a file that was taken over.
    pub fn keys(&self) -> Vec<Key> {
        self.own.spans.keys().copied().filter(|key| key.spared().is_none()).collect()
    }

    /// The newest payload of a key; `None` when there is none or it cannot be read.
    pub fn get(&self, key: Key) -> Option<Vec<u8>> {
        self.place.index().ok()?.get(key).ok()?
    }

    /// A number for one more series or mesh of this process, which no other has in this file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Internal`] when there is none left.
    pub fn new_series(&mut self) -> Result<u32> {
        self.in_turn(|store| {
            let series = store.next_series;
            let full = || Error::Internal("a store file has no number left for a series".to_owned());
            store.next_series = series.checked_add(1).ok_or_else(full)?;
            if let Some(token) = store.token {
                let mut draft = Draft::at(store.place.end);
                draft.push(owner(series), &token.to_le_bytes(), false)?;
                store.put(draft)?;
            }
            Ok(series)
        })
    }

    /// Publishes entries in this order; an empty payload takes its key back. First makes sure of what was published before
    /// ([`Self::ensure`]). All or nothing for this process: after an error the file is as it was.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append(&mut self, entries: &[(Key, &[u8])]) -> Result<()> {
        self.append_kept(entries, |_| false).map(drop)
    }

    /// As [`Self::append`]; entries for which `is_kept` says so get a spare, so that they are restored where they are damaged.
    /// Returns how many bytes were appended.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append_kept(&mut self, entries: &[(Key, &[u8])], is_kept: impl Fn(Key) -> bool) -> Result<usize> {
        self.in_turn(|store| {
            let mut draft = Draft::at(store.place.end);
            entries.iter().try_for_each(|&(key, payload)| draft.push(key, payload, is_kept(key)))?;
            let n_bytes = draft.bytes.len();
            store.put(draft)?;
            if store.own.n_stale > store.own.n_bytes.max(LEAST_STALE) {
                // The entries are durable already: a compaction that fails is tried again next time.
                let _ = store.compact();
            }
            Ok(n_bytes)
        })
    }

    /// Publishes everything again when the file was removed or replaced (ADIOS2 empties folders that it opens for writing):
    /// true if it had to.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn ensure(&mut self) -> Result<bool> {
        if self.place.is_current() {
            return Ok(false);
        }
        self.in_turn(|_| Ok(true))
    }
}

fn owner(series: u32) -> Key {
    Key { kind: Kind::OWNER, series, segment: 0 }
}

fn check_folder(dataset: &Path) -> Result<()> {
    if dataset.is_dir() {
        return Ok(());
    }
    let reason = "is not a folder, so that networks have no place in it".to_owned();
    Err(Error::File { path: dataset.display().to_string(), reason })
}

/// Never the same twice: time, process and the hasher's random keys.
pub(super) fn random_id() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    hasher.write_u32(std::process::id());
    hasher.finish()
}
