//! One series while it is written: from block to block, from segment to segment, until it is given up or the run ends.

use std::sync::{Arc, Mutex, PoisonError};

use super::config::Refusal;
use super::running::{Candidate, Running};
use super::worth::Worth;
use super::writer::Writer;
use crate::codec::{Encoded, Place, Report, Step, memory};
use crate::session::facts::{Facts, key};
use crate::session::log::{self, SegmentLine};
use crate::session::{Attempt, SeriesKey};
use crate::settings::Temporal;
use crate::store::Kind;
use crate::{Block, Error, Result, Settings};

/// Size of a finished network relative to one in training, whose weights keep more bits.
const FINISHED_PART: f64 = 0.8;

/// A series; see the module.
pub struct Series {
    key: SeriesKey,
    writer: Arc<Mutex<Writer>>,
    /// Number in the store file, from the first segment on.
    number: Option<u32>,
    n_segments: u32,
    /// Steps of the variable before the first block.
    n_before: u64,
    /// Blocks seen, whatever became of them.
    n_blocks: u64,
    running: Option<Running>,
    /// The last finished network, at its last step: what strict records are a remainder over.
    frozen: Option<(Place, Candidate)>,
    worth: Worth,
    /// Why blocks are stored alone.
    given_up: Option<String>,
    /// It was given up because it did not pay, which may change.
    may_return: bool,
    only_cpu: bool,
    settings: Settings,
}

impl Series {
    /// A series without blocks.
    pub fn new(key: &SeriesKey, writer: Arc<Mutex<Writer>>, settings: &Settings) -> Self {
        let n_before = writer.lock().unwrap_or_else(PoisonError::into_inner).n_before(key.generation);
        Series {
            key: key.clone(),
            writer,
            number: None,
            n_segments: 0,
            n_before,
            n_blocks: 0,
            running: None,
            frozen: None,
            worth: Worth::default(),
            given_up: None,
            may_return: false,
            only_cpu: false,
            settings: settings.clone(),
        }
    }

    /// True while a network is in training.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Looks at the key of the next block: a dataset that was opened anew starts afresh, another shape ends the series.
    pub fn meet(&mut self, key: &SeriesKey) {
        if key.generation != self.key.generation {
            self.forget();
            let has_steps = self.writer.lock().unwrap_or_else(PoisonError::into_inner).has_steps();
            // The first block of this run was faster than its opening and counted to the run before.
            let was_early = self.n_blocks == 1 && has_steps;
            *self = Series::new(key, Arc::clone(&self.writer), &self.settings);
            self.n_before += u64::from(was_early);
        } else if key.dims != self.key.dims && self.given_up.is_none() {
            self.give_up("its blocks change their shape".to_owned(), false);
        }
    }

    /// Encodes the next block; `alone` encodes it without the series.
    pub fn encode(&mut self, block: &Block, settings: &Settings, alone: &dyn Fn() -> Attempt) -> Attempt {
        self.n_blocks += 1;
        self.follow();
        let mut report = Report::default();
        let mut warning = None;
        match self.step(block, settings, alone, &mut report, &mut warning) {
            Ok(attempt) => attempt.with(report, warning),
            Err(error) => {
                report.note("series", None, error.to_string());
                let attempt = alone();
                self.rest(&attempt);
                attempt.with(report, warning)
            }
        }
    }

    /// Names the file where the networks are now: another one where a removed file gave way to that of others.
    fn follow(&mut self) {
        let Some(id) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).store_id() else { return };
        let running = self.running.as_mut().map(|running| &mut running.place);
        let frozen = self.frozen.as_mut().map(|(place, _)| place);
        running.into_iter().chain(frozen).for_each(|place| place.store = id);
    }

    /// A series that did not pay is tried again once its blocks cost more than it would have.
    fn rest(&mut self, attempt: &Attempt) {
        let Some(encoded) = attempt.encoded.as_ref().filter(|_| self.may_return) else { return };
        if self.worth.has_rested(encoded.record.len()) {
            (self.given_up, self.may_return) = (None, false);
        }
    }

    /// # Errors
    /// Why the block cannot be a step of the series; it is then stored alone.
    fn step(
        &mut self,
        block: &Block,
        settings: &Settings,
        alone: &dyn Fn() -> Attempt,
        report: &mut Report,
        warning: &mut Option<String>,
    ) -> Result<Attempt> {
        if let Some(why) = &self.given_up {
            return Err(Error::Series(why.clone()));
        }
        memory::ask(block, settings, Temporal::Series)
            .inspect_err(|error| *warning = Some(format!("{error}; the step is stored alone")))?;
        let step = Step::new(block, settings)?;
        if self.n_blocks == 1 {
            // ADIOS2 may empty the folder until the end of the first step, and many series never have a second.
            return Err(Error::Series("its first block is stored alone".to_owned()));
        }
        if self.running.is_none() {
            *warning = self.start(&step, block, settings, report)?;
        }
        let candidate = match self.train(&step, report) {
            Ok(candidate) => candidate,
            Err(error) => {
                *warning = self.interrupt(&error, report);
                return Err(error);
            }
        };
        let attempt = self.store(&step, settings, &candidate, alone, report);
        if self.running.as_ref().is_some_and(Running::is_full) {
            self.finish(None);
        } else {
            let share = self.share(&candidate, settings);
            if let Some(why) = self.worth.verdict(share) {
                self.give_up(why, true);
            }
        }
        Ok(attempt)
    }

    /// Training failed: network and checkpoint stay as they were last published, and a device that failed is not asked again.
    fn interrupt(&mut self, error: &Error, report: &mut Report) -> Option<String> {
        let is_needed = self.running.take().is_some_and(|running| running.facts.n_by_network() > 0);
        let warning = self.refuse(error, report)?;
        Some(if is_needed { format!("{warning}; run 'inr finalize' on the dataset") } else { warning })
    }

    /// Says why the CPU trains from now on, if it is a device that failed.
    fn refuse(&mut self, error: &Error, report: &mut Report) -> Option<String> {
        let is_device = matches!(error, Error::Backend { .. });
        self.only_cpu |= is_device;
        is_device.then(|| {
            report.refusal = Some(error.to_string());
            format!("{error}; the series is trained on the CPU instead")
        })
    }

    /// A new segment; the sentence says why it is trained on the CPU where something else was asked for.
    fn start(
        &mut self,
        step: &Step,
        block: &Block,
        settings: &Settings,
        report: &mut Report,
    ) -> Result<Option<String>> {
        self.settings = settings.clone();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.key.start.first().copied().unwrap_or(0);
        let nodes = writer.nodes(settings, step.dims(), first)?;
        let series = writer.number(&mut self.number)?;
        let store = writer.store()?.id();
        drop(writer);
        let place = Place { store, series, segment: self.n_segments, step: 0 };
        let start = settings.order.slowest_first(&self.key.start);
        let dims = settings.order.slowest_first(block.dims);
        let facts = Facts::new(&self.key.variable, &start, &dims, block.dtype, settings.target, nodes.points);
        let started = Running::start(place, facts, nodes, block.bytes.len(), settings, self.only_cpu)?;
        self.n_segments += 1;
        self.running = Some(started.0);
        let Some(Refusal { error, is_said }) = started.1 else { return Ok(None) };
        Ok(self.refuse(&error, report).filter(|_| is_said))
    }

    /// Trains on the step and returns the network after it.
    fn train(&mut self, step: &Step, report: &mut Report) -> Result<Candidate> {
        let running = self.running.as_mut().ok_or_else(|| Error::Internal("no segment".to_owned()))?;
        let push = running.push(&step.snapshot(), self.n_blocks - 1)?;
        report.iterations += push.losses.len() as u32;
        report.seconds.train += push.seconds + running.seconds();
        report.backend.clone_from(&running.backend);
        if push.collapsed {
            report.note("series", None, "training collapsed and went on with a smaller rate");
        }
        running.candidate()
    }

    /// What a step costs for the network: nothing once records refer to it, which then has to stay.
    fn share(&self, candidate: &Candidate, settings: &Settings) -> f64 {
        let n_steps = self.running.as_ref().map_or(0, Running::n_steps);
        let n_bytes = FINISHED_PART * candidate.bytes.len() as f64;
        match (settings.strict_series, self.worth.is_on_trial()) {
            (true, _) => n_bytes / settings.segment_steps as f64,
            (false, true) => n_bytes / (settings.segment_steps - n_steps).max(1) as f64,
            (false, false) => 0.0,
        }
    }

    /// The smallest of what keeps the promise; a record that refers to the network only after that was published.
    fn store(
        &mut self,
        step: &Step,
        settings: &Settings,
        candidate: &Candidate,
        alone: &dyn Fn() -> Attempt,
        report: &mut Report,
    ) -> Attempt {
        let is_strict = settings.strict_series;
        let by_network = self.by_network(step, settings, candidate, report);
        let asks = by_network.is_none() || is_strict || self.worth.asks();
        let by_itself = asks.then(alone);
        let n_bytes = |encoded: &Encoded| encoded.record.len();
        let n_alone = by_itself.as_ref().and_then(|attempt| attempt.encoded.as_ref()).map(n_bytes);
        let mut chosen = by_network.filter(|encoded| n_alone.is_none_or(|n| n_bytes(encoded) < n));
        let n_best = chosen.as_ref().map(n_bytes).or(n_alone).unwrap_or(0);
        if !is_strict && self.worth.is_on_trial() {
            if let Some(encoded) = chosen.take() {
                report.note("series", Some(n_bytes(&encoded)), "on trial, stored alone");
            }
        } else if !is_strict {
            chosen = chosen.filter(|encoded| self.publish(step, encoded, candidate, report));
        }
        if let Some(running) = self.running.as_mut().filter(|_| is_strict || chosen.is_none()) {
            let nothing = vec![f32::INFINITY; step.n_channels()];
            running.facts.add(self.n_before + self.n_blocks - 1, nothing.clone(), nothing);
        }
        if !is_strict || self.frozen.is_some() {
            self.worth.add(n_best, n_alone);
        }
        match chosen {
            Some(encoded) => Attempt { encoded: Some(encoded), warning: None },
            None => by_itself.unwrap_or_else(alone),
        }
    }

    /// A record that refers to a network and keeps the promise.
    fn by_network(
        &self,
        step: &Step,
        settings: &Settings,
        candidate: &Candidate,
        report: &mut Report,
    ) -> Option<Encoded> {
        let encoded = if settings.strict_series {
            let (place, frozen) = self.frozen.as_ref()?;
            step.encode(settings, *place, frozen, true, report)
        } else {
            step.encode(settings, self.running.as_ref()?.place, candidate, false, report)
        };
        match encoded {
            Ok(encoded) => encoded,
            Err(error) => {
                report.note("series", None, error.to_string());
                None
            }
        }
    }

    /// False, with a note, when the network cannot be published.
    fn publish(&mut self, step: &Step, encoded: &Encoded, candidate: &Candidate, report: &mut Report) -> bool {
        let Some(running) = self.running.as_mut() else { return false };
        let before = running.facts.clone();
        let number = self.n_before + self.n_blocks - 1;
        running.facts.add(number, step.limits(), vec![encoded.report.errors.rel_l2 as f32; step.n_channels()]);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let published = running.publish(candidate, &mut writer);
        if let Err(error) = &published {
            report.note("series", None, error.to_string());
            running.facts = before;
        }
        published.is_ok()
    }

    fn give_up(&mut self, why: String, may_return: bool) {
        self.finish(Some(&why));
        (self.given_up, self.may_return) = (Some(why), may_return);
    }

    /// Ends the segment, if there is one: consolidates, publishes for good, writes a line to the run log. A failure leaves
    /// what `inr finalize` needs.
    pub fn finish(&mut self, why: Option<&str>) {
        let Some(mut running) = self.running.take() else { return };
        let is_strict = self.settings.strict_series;
        let is_needed = running.facts.n_by_network() > 0 || is_strict && running.is_full();
        let (mut network, mut failure) = (None, None);
        if is_needed {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            match running.finish(&mut writer) {
                Ok(candidate) => network = Some(candidate),
                Err(error) => failure = Some(format!("{error}; run 'inr finalize' on the dataset")),
            }
        }
        let why = failure.as_deref().or(why).unwrap_or_default();
        if let (Some(log), true) = (&self.settings.log, is_needed || !why.is_empty()) {
            let line = SegmentLine::new(&self.key, &running, network.as_ref(), why);
            // A log that cannot be written is told with the blocks.
            let _ = log::append(log, &line);
        }
        let place = running.place;
        self.frozen = network.filter(|_| is_strict).map(|network| (place, network)).or(self.frozen.take());
    }

    /// Takes back what the dataset that was here before does not need any more. The segment in training stays as it was last
    /// published: ADIOS2 opens on a thread of its own, a block that came before may belong to the new dataset.
    fn forget(&mut self) {
        let running = self.running.take();
        let Some(series) = self.number else { return };
        let n_finished = self.n_segments - u32::from(running.is_some());
        let all = |segment| [Kind::SEGMENT, Kind::NETWORK].map(|kind| key(kind, series, segment));
        let mut keys: Vec<_> = (0..n_finished).flat_map(all).collect();
        keys.extend(running.map(|running| key(Kind::CHECKPOINT, series, running.place.segment)));
        let entries: Vec<_> = keys.into_iter().map(|key| (key, &[][..])).collect();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // What stays costs bytes, nothing else.
        let _ = writer.store().and_then(|store| store.append(&entries));
    }
}
