//! One variable written with `temporal=predict`: from block to block, its steps published before their records are handed
//! over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::NO_STEP;
use super::offers::Offer;
use super::writer::Writer;
use crate::codec::{self, Chain, Encoded, Link, Other, StepPlace, predicted};
use crate::process::PerProcess;
use crate::session::chains::payload::Payload;
use crate::session::facts::key;
use crate::session::{Attempt, SeriesKey};
use crate::settings::Temporal;
use crate::store::{Key, Kind};
use crate::{Block, Error, Result, Settings};

/// Decoded steps that a chain keeps.
const DEPTH: usize = 2;

/// Bytes that all chains of this process keep.
static HELD: PerProcess<AtomicUsize> = PerProcess::new(AtomicUsize::default);

/// A chain; see the module.
pub struct Predicting {
    key: SeriesKey,
    writer: Arc<Mutex<Writer>>,
    /// Number in the store file, from the first predicted step on.
    number: Option<u32>,
    chain: Chain,
    /// Number of the next step; never used twice, whatever becomes of the dataset.
    next: u32,
    /// Those of the last two steps that stand alone and that only their records in the dataset hold.
    pending: Vec<(u32, Vec<u8>)>,
    /// Entries that no record needs once the dataset is written anew.
    stale: Vec<Key>,
    /// Entries since the last key.
    fresh: Vec<Key>,
    /// Why blocks are stored alone.
    given_up: Option<String>,
    held: usize,
    /// Blocks so far of this dataset and shape.
    n_blocks: u64,
}

impl Predicting {
    /// A chain without blocks.
    pub fn new(key: &SeriesKey, writer: Arc<Mutex<Writer>>) -> Self {
        Predicting {
            key: key.clone(),
            writer,
            number: None,
            chain: Chain::default(),
            next: 0,
            pending: Vec::new(),
            stale: Vec::new(),
            fresh: Vec::new(),
            given_up: None,
            held: 0,
            n_blocks: 0,
        }
    }

    /// Looks at the key of the next block: a dataset that was opened anew and blocks of another shape start afresh.
    pub fn meet(&mut self, key: &SeriesKey) {
        if key.generation != self.key.generation {
            // What was written since the last key stays: ADIOS2 opens on a thread of its own, a block that came before may
            // belong to the new dataset.
            let stale: Vec<(Key, &[u8])> = self.stale.iter().map(|key| (*key, &[][..])).collect();
            if !stale.is_empty() {
                // What cannot be taken back costs bytes, nothing else.
                let _ = self.writer().store().and_then(|store| store.append(&stale));
            }
            (self.stale, self.given_up) = (Vec::new(), None);
        }
        if (key.generation, &key.dims) != (self.key.generation, &self.key.dims) {
            self.chain = Chain::default();
            // Numbers of predictors begin anew: those that older steps name stay theirs.
            (self.pending, self.number, self.n_blocks) = (Vec::new(), None, 0);
            self.key = key.clone();
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What other variables may be predicted with until the next block.
    pub fn offer(&self) -> Option<Offer> {
        if self.given_up.is_some() {
            // Its last step may not be in the store.
            return None;
        }
        let (history, series) = (self.chain.offer()?.clone(), self.number?);
        let other = Other { name: self.key.variable.clone(), series, step: self.next - 1, history };
        Some(Offer { n_blocks: self.n_blocks, generation: self.key.generation, other })
    }

    /// Encodes the next block; `alone` encodes it without the chain, `offers` are those of variables before it.
    pub fn encode(
        &mut self,
        block: &Block,
        settings: &Settings,
        offers: &[Offer],
        alone: &dyn Fn() -> Attempt,
    ) -> Attempt {
        self.n_blocks += 1;
        let is_now = |offer: &&Offer| {
            settings.cross && (offer.n_blocks, offer.generation) == (self.n_blocks, self.key.generation)
        };
        let others: Vec<Other> = offers.iter().filter(is_now).map(|offer| offer.other.clone()).collect();
        if self.given_up.is_none() {
            self.given_up = self.refusal(block, settings);
        }
        let lacking = codec::memory::ask(block, settings, Temporal::Predict).err();
        let lacking = lacking.map(|error| format!("{error}; the step is stored alone"));
        if let Some(why) = self.given_up.clone().or_else(|| lacking.clone()) {
            self.release();
            let mut attempt = alone();
            attempt.note(NO_STEP, &why);
            attempt.warning = attempt.warning.or(lacking);
            return attempt;
        }
        let mut warning = None;
        let mut by_itself = || {
            let attempt = alone();
            warning.clone_from(&attempt.warning);
            attempt.encoded.ok_or_else(|| Error::Internal(attempt.warning.unwrap_or_default()))
        };
        let was_refused = self.chain.refusal().is_some();
        let link = self.chain.encode(block, settings, &others, &mut by_itself);
        let mut attempt = match link.and_then(|link| self.store(link)) {
            Ok(encoded) => Attempt { encoded: Some(encoded), warning: None },
            Err(error) => {
                let why = format!("{error}; this step and the following ones of the variable are stored alone");
                let mut attempt = alone();
                attempt.note(NO_STEP, &why);
                attempt.warning.get_or_insert_with(|| why.clone());
                self.given_up = Some(why);
                attempt
            }
        };
        self.hold(self.chain.n_bytes());
        if let Some(refusal) = self.chain.refusal().filter(|_| !was_refused) {
            let why = format!("{refusal}; the CPU predicts this step and the following ones of the variable");
            attempt.note(NO_STEP, &why);
            attempt.refuse(refusal);
            attempt.warning.get_or_insert(why);
        }
        attempt.warning = warning.or(attempt.warning);
        attempt
    }

    /// Why no block of this kind can be part of a chain.
    fn refusal(&self, block: &Block, settings: &Settings) -> Option<String> {
        if block.dtype.components().is_none() || block.bytes.len() < settings.threshold.max(1) {
            return Some("integers and blocks below 'threshold' are stored alone".to_owned());
        }
        let others = HELD.get().load(Ordering::Relaxed).saturating_sub(self.held);
        let wanted = DEPTH * block.bytes.len();
        (others.saturating_add(wanted) > settings.memory).then(|| {
            format!(
                "two steps take {wanted} bytes, other variables hold {others}: set 'memory' higher to predict this one"
            )
        })
    }

    /// Publishes what the step needs and returns the record for the dataset.
    fn store(&mut self, link: Link) -> Result<Encoded> {
        let step = self.next;
        self.next += 1;
        if link.is_start {
            self.stale.append(&mut self.fresh);
        }
        // The next step needs two at most.
        self.pending.retain(|(pending, _)| pending + 2 >= step);
        if link.needs == 0 && !link.is_awaited {
            self.pending.push((step, link.encoded.record.clone()));
            return Ok(self.chain.accept(link));
        }
        let writer = Arc::clone(&self.writer);
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let series = writer.number(&mut self.number)?;
        let mut entries: Vec<(Key, Vec<u8>)> = Vec::new();
        let needed = self.pending.iter().filter(|(pending, _)| *pending as usize + link.needs >= step as usize);
        let alone = |record| Payload { needs: 0, beside: None, record }.write();
        entries.extend(needed.map(|(step, record)| (key(Kind::STEP, series, *step), alone(record))));
        let predictors = link.predictors.iter();
        entries.extend(predictors.map(|(number, bytes)| (key(Kind::PREDICTOR, series, *number), bytes.clone())));
        let (needs, beside, record) = (link.needs as u32, link.beside, &link.encoded.record[..]);
        entries.push((key(Kind::STEP, series, step), Payload { needs, beside, record }.write()));
        let borrowed: Vec<(Key, &[u8])> = entries.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
        let store = writer.store()?;
        // Many steps depend on it, those that update it too.
        let by_itself = link.predictors.iter().filter(|(_, bytes)| predicted::is_by_itself(bytes));
        let kept: Vec<Key> = by_itself.map(|(number, _)| key(Kind::PREDICTOR, series, *number)).collect();
        let n_stored = store.append_kept(&borrowed, |key| kept.contains(&key))?;
        let place = StepPlace { store: store.id(), series, step };
        let record = codec::stub(record, place)?;
        self.pending
            .retain(|(pending, _)| entries.iter().all(|(key, _)| key.segment != *pending || key.kind != Kind::STEP));
        self.fresh.extend(entries.iter().map(|(key, _)| *key));
        let mut encoded = self.chain.accept(link);
        encoded.record = record;
        encoded.report.stored_bytes = encoded.record.len() + n_stored;
        Ok(encoded)
    }

    fn release(&mut self) {
        self.chain.interrupt();
        self.pending.clear();
        self.hold(0);
    }

    fn hold(&mut self, n_bytes: usize) {
        HELD.get().fetch_add(n_bytes, Ordering::Relaxed);
        HELD.get().fetch_sub(self.held, Ordering::Relaxed);
        self.held = n_bytes;
    }
}

impl Drop for Predicting {
    fn drop(&mut self) {
        self.hold(0);
    }
}
