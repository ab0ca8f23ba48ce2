//! The store file that a process appends to, by itself or with the others of its node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::draft::Draft;
use super::entry::{self, Key, Kind, MAGIC};
use super::index::Index;
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
        place.index()?;
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
        place.index()?;
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

    /// Does `work` while no other process appends and the file is in its place.
    fn in_turn<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        if self.token.is_none() {
            if !self.place.is_current() {
                self.compact()?;
            }
            return work(self);
        }
        lock::await_turn(&self.place.file).map_err(|e| super::failure(&self.place.path, &e))?;
        let ready = match self.place.is_current() {
            true => self.catch_up(),
            false => {
                // The file in the place may be the same one, cut off.
                lock::end_turn(&self.place.file);
                self.rejoin()
            }
        };
        let done = ready.and_then(|()| work(self));
        lock::end_turn(&self.place.file);
        done
    }

    fn put(&mut self, draft: Draft) -> Result<()> {
        self.place.append(&draft)?;
        draft.spans.into_iter().for_each(|(key, span)| self.own.set(key, span));
        Ok(())
    }

    /// Passes over what other processes have appended; what a killed one left unfinished goes.
    fn catch_up(&mut self) -> Result<()> {
        catch_up(&mut self.place, &mut self.next_series)
    }

    /// Goes over to the file that is in the place now, an empty one where there is none, and publishes what is not in it. Where
    /// others have the same numbers in it, a file of this process alone takes its place. After an error all is as it was.
    fn rejoin(&mut self) -> Result<()> {
        // A file that was cut off to nothing has nothing.
        let Ok(former) = self.place.index() else {
            self.place = Place::shared(self.place.path.clone()).and_then(|place| place.await_turn())?;
            self.own = Spans::default();
            return self.catch_up();
        };
        let numbers = former.entries().map(|(key, _)| key.series.saturating_add(1));
        self.next_series = numbers.max().unwrap_or(0).max(self.next_series);
        let mut place = Place::shared(self.place.path.clone()).and_then(|place| place.await_turn())?;
        let there = place.index()?;
        let owners = || former.entries().map(|(key, _)| key).filter(|key| key.kind == Kind::OWNER);
        let is_other = |key: &Key| {
            there.get(*key).ok().flatten().is_some_and(|found| former.get(*key).ok().flatten() != Some(found))
        };
        if owners().filter(|key| self.own.spans.contains_key(key)).any(|key| is_other(&key)) {
            return self.secede(&former);
        }
        catch_up(&mut place, &mut self.next_series)?;
        let (mut own, mut draft) = (Spans::default(), Draft::at(place.end));
        for &key in self.own.spans.keys() {
            match there.span(key) {
                // A compaction by another may have put an older one there.
                Some(span)
                    if key.is_written_once()
                        || key.spared().is_some()
                        || there.get(key).ok() == former.get(key).ok() =>
                {
                    own.set(key, Some(span));
                }
                _ => draft.copy(&former, key)?,
            }
        }
        // Numbers of those that have not come back yet stay theirs.
        let others = owners().filter(|key| there.span(*key).is_none() && !self.own.spans.contains_key(key));
        others.into_iter().try_for_each(|key| draft.copy(&former, key))?;
        place.append(&draft)?;
        draft
            .spans
            .into_iter()
            .filter(|(key, _)| self.own.spans.contains_key(key))
            .for_each(|(key, span)| own.set(key, span));
        (self.place, self.own) = (place, own);
        Ok(())
    }

    /// Goes on in a file of this process alone, with what it had in `former`.
    fn secede(&mut self, former: &Index) -> Result<()> {
        let id = random_id();
        let path = self.place.path.with_file_name(super::name(id));
        let keys: Vec<Key> = self.own.spans.keys().copied().collect();
        self.replace(former, keys.into_iter(), path, Hold::Alone)?;
        (self.id, self.token) = (id, None);
        Ok(())
    }

    /// Writes the newest entries to a new file and puts it in the place of the old one.
    fn compact(&mut self) -> Result<()> {
        let index = self.place.index()?;
        // A spare may be all that is left.
        let keys: BTreeSet<Key> = index.entries().map(|(key, _)| key.spared().unwrap_or(key)).collect();
        let hold = if self.token.is_some() { Hold::Shared } else { Hold::Alone };
        self.replace(&index, keys.into_iter(), self.place.path.clone(), hold)
    }

    /// Puts a file with entries of `former` at `path`, in the place of this one.
    fn replace(
        &mut self,
        former: &Index,
        mut keys: impl Iterator<Item = Key>,
        path: PathBuf,
        hold: Hold,
    ) -> Result<()> {
        let mut draft = Draft::at(0);
        draft.bytes.extend(MAGIC);
        keys.try_for_each(|key| draft.copy(former, key))?;
        let place = Place::new(path, &draft.bytes, hold)?;
        // A forked child may keep the former file open.
        lock::end_turn(&self.place.file);
        self.place = place;
        let before = std::mem::take(&mut self.own);
        let is_own = |key: &Key| self.token.is_none() || before.spans.contains_key(key);
        draft.spans.into_iter().filter(|(key, _)| is_own(key)).for_each(|(key, span)| self.own.set(key, span));
        Ok(())
    }
}

/// Passes over what was appended to a file; what is unfinished goes with the next that is. `next_series` becomes greater than all
/// numbers in it.
fn catch_up(place: &mut Place, next_series: &mut u32) -> Result<()> {
    let mut last = None;
    place.catch_up(|key, span| {
        *next_series = (*next_series).max(key.series.saturating_add(1));
        last = Some((key, span));
    })?;
    // The last one of all may have been damaged rather than unfinished.
    let spared = last.filter(|(_, span)| span.end == place.end).and_then(|(key, _)| key.spared());
    if let Some(key) = spared
        && let Some(payload) = place.index()?.get(key).ok().flatten()
    {
        let mut draft = Draft::at(place.end);
        draft.push(key, &payload, false)?;
        place.append(&draft)?;
    }
    Ok(())
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
fn random_id() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    hasher.write_u32(std::process::id());
    hasher.finish()
}
