//! Turns of the processes that append to a store file: each passes over what others have appended, goes over to a file that was put
//! in the place, and puts smaller ones there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::draft::Draft;
use super::entry::{Key, Kind, MAGIC};
use super::index::Index;
use super::lock::{self, Hold};
use super::place::Place;
use super::writer::{Spans, Store, random_id};
use crate::Result;

impl Store {
    /// Does `work` while no other process appends and the file is in its place.
    pub(super) fn in_turn<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
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

    pub(super) fn put(&mut self, draft: Draft) -> Result<()> {
        self.place.append(&draft)?;
        draft.spans.into_iter().for_each(|(key, span)| self.own.set(key, span));
        Ok(())
    }

    /// Passes over what other processes have appended; what a killed one left unfinished goes.
    pub(super) fn catch_up(&mut self) -> Result<()> {
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
        if self.is_taken(&former, &there) {
            return self.secede(&former);
        }
        catch_up(&mut place, &mut self.next_series)?;
        self.own = self.publish_again(&former, &there, &mut place)?;
        self.place = place;
        Ok(())
    }

    /// True when the file that is there gives numbers of this process to another.
    fn is_taken(&self, former: &Index, there: &Index) -> bool {
        let owner = |index: &Index, key| index.get(key).ok().flatten();
        let mut owners = self.own.spans.keys().copied().filter(|key| key.kind == Kind::OWNER);
        owners.any(|key| owner(there, key).is_some_and(|found| owner(former, key) != Some(found)))
    }

    /// Appends what this process had in `former` and is not `there`, the file at `place`; where all of it stands then.
    fn publish_again(&self, former: &Index, there: &Index, place: &mut Place) -> Result<Spans> {
        let (mut own, mut draft) = (Spans::default(), Draft::at(place.end));
        let is_as_newest = |key: Key| {
            // A compaction by another may have put an older one there.
            key.is_written_once() || key.spared().is_some() || there.get(key).ok() == former.get(key).ok()
        };
        for &key in self.own.spans.keys() {
            match there.span(key).filter(|_| is_as_newest(key)) {
                Some(span) => own.set(key, Some(span)),
                None => draft.copy(former, key)?,
            }
        }
        // Numbers of those that have not come back yet stay theirs.
        let owners = former.entries().map(|(key, _)| key).filter(|key| key.kind == Kind::OWNER);
        let mut others = owners.filter(|key| there.span(*key).is_none() && !self.own.spans.contains_key(key));
        others.try_for_each(|key| draft.copy(former, key))?;
        place.append(&draft)?;
        let spans = draft.spans.into_iter().filter(|(key, _)| self.own.spans.contains_key(key));
        spans.for_each(|(key, span)| own.set(key, span));
        Ok(own)
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
    pub(super) fn compact(&mut self) -> Result<()> {
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
