//! A segment in training: every step is trained on, checked against the network as it is published, and published.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::config::{self, DEFAULT_SECONDS, Refusal};
use super::writer::{Nodes, Writer};
use crate::codec::{Networks, Place, Segment};
use crate::model::SeriesNetwork;
use crate::process::PerProcess;
use crate::series::{Push, Trainer};
use crate::session::facts::{Facts, key};
use crate::store::Kind;
use crate::threads::canonical;
use crate::{Error, Result, Settings, threads};

/// Steps between two checkpoints, at most.
const CHECKPOINT_STEPS: usize = 20;
/// Values of a segment up to which two certificates are affordable.
const COMPARED_VALUES: usize = 50_000_000;
/// Bytes that training holds per parameter: itself, two moments, gradient, in f32.
const BYTES_PER_PARAM: usize = 16;

/// Bytes that all segments in training of this process hold.
static HELD: PerProcess<AtomicUsize> = PerProcess::new(AtomicUsize::default);

/// A segment in training.
pub struct Running {
    /// Where its network is published; the step is the last one's.
    pub place: Place,
    trainer: Trainer,
    settings: Settings,
    pub facts: Facts,
    nodes: Nodes,
    pub backend: String,
    /// Step of each snapshot among the blocks of the series in this process.
    pub steps: Vec<u64>,
    raw_bytes: usize,
    checkpoint: Checkpoint,
    /// What consolidation took and came to, once it is done.
    consolidated: Option<(f64, Candidate)>,
    held: usize,
}

/// The last one published.
#[derive(Clone, Copy, Debug, Default)]
struct Checkpoint {
    n_steps: usize,
    n_bytes: usize,
}

/// A network as readers will get it: decoded from the bytes that are to be published.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub bytes: Vec<u8>,
    pub segment: Arc<Segment>,
}

impl Networks for Candidate {
    fn segment(&self, _: &Place) -> Result<Arc<Segment>> {
        Ok(Arc::clone(&self.segment))
    }
}

impl Running {
    /// Starts a segment of blocks of `raw_bytes`. The second part says why training is on the CPU where something else was
    /// asked for.
    ///
    /// # Errors
    /// [`Error::Series`] for more series than `memory` allows and what [`Trainer::new`] refuses.
    pub fn start(
        place: Place,
        facts: Facts,
        nodes: Nodes,
        raw_bytes: usize,
        settings: &Settings,
        only_cpu: bool,
    ) -> Result<(Running, Option<Refusal>)> {
        let n_channels = facts.dtype.components().map_or(1, |(_, n)| n);
        let config = config::config(settings, nodes.mesh.n_nodes());
        let shape = config.shape(nodes.mesh.n_axes(), n_channels);
        shape.check().map_err(|e| Error::Series(e.to_string()))?;
        let (held, wanted) = (HELD.get().load(Ordering::Relaxed), BYTES_PER_PARAM * shape.n_params());
        if held.saturating_add(wanted) > settings.memory {
            let what = format!("the series in training hold {held} bytes: set 'memory' higher for more");
            return Err(Error::Series(what));
        }
        let (trainer, backend, warning) = config::trainer(&config, &nodes, n_channels, settings, only_cpu)?;
        let (steps, checkpoint, settings) = (Vec::new(), Checkpoint::default(), settings.clone());
        let mut running = Running {
            place,
            trainer,
            settings,
            facts,
            nodes,
            backend,
            steps,
            raw_bytes,
            checkpoint,
            consolidated: None,
            held: 0,
        };
        running.hold(wanted);
        Ok((running, warning))
    }

    fn hold(&mut self, n_bytes: usize) {
        HELD.get().fetch_add(n_bytes, Ordering::Relaxed);
        HELD.get().fetch_sub(self.held, Ordering::Relaxed);
        self.held = n_bytes;
    }

    /// Steps trained on.
    pub fn n_steps(&self) -> usize {
        self.trainer.n_pushed()
    }

    /// True when the segment has all its steps.
    pub fn is_full(&self) -> bool {
        self.n_steps() >= self.settings.segment_steps
    }

    /// Trains on one more snapshot, `[n_nodes][n_channels]`; a full segment is consolidated at once.
    ///
    /// # Errors
    /// As [`Trainer::push`].
    pub fn push(&mut self, snapshot: &[f32], step: u64) -> Result<Push> {
        let push = threads::install(self.settings.threads, || self.trainer.push(snapshot))?;
        self.steps.push(step);
        self.place.step = self.trainer.n_pushed() as u32 - 1;
        self.hold(BYTES_PER_PARAM * self.trainer.shape().n_params() + self.trainer.sketch_bytes());
        if self.is_full() {
            self.consolidate()?;
        }
        Ok(push)
    }

    /// Consolidation, within the time budget, and certificate. A consolidation after which more steps break their promise than
    /// before is thrown away: sketches are not all there is to know about a snapshot.
    ///
    /// # Errors
    /// As [`Trainer::finish`].
    pub fn consolidate(&mut self) -> Result<()> {
        if self.consolidated.is_some() {
            return Ok(());
        }
        let started = Instant::now();
        let seconds = self.settings.seconds.unwrap_or(DEFAULT_SECONDS);
        let is_comparable = self.n_steps().saturating_mul(self.nodes.mesh.n_nodes()) <= COMPARED_VALUES;
        let before = if is_comparable { Some(self.certified()?) } else { None };
        threads::install(self.settings.threads, || self.trainer.finish(Some(seconds)))?;
        let after = self.network()?;
        let n_broken = |c: &Candidate| self.facts.broken(&c.segment.network.certificate).len();
        let network = before.filter(|before| n_broken(before) < n_broken(&after)).unwrap_or(after);
        self.consolidated = Some((started.elapsed().as_secs_f64(), network));
        Ok(())
    }

    /// Seconds of the consolidation, once it is done.
    pub fn seconds(&self) -> f64 {
        self.consolidated.as_ref().map_or(0.0, |(seconds, _)| *seconds)
    }

    /// The network as it is, with its certificate.
    fn certified(&mut self) -> Result<Candidate> {
        threads::install(self.settings.threads, || self.trainer.certify())?;
        self.network()
    }

    /// The network as it would be published now.
    ///
    /// # Errors
    /// As [`Trainer::network`].
    pub fn candidate(&mut self) -> Result<Candidate> {
        match &self.consolidated {
            Some((_, network)) => Ok(network.clone()),
            None => self.network(),
        }
    }

    fn network(&mut self) -> Result<Candidate> {
        let _mode = canonical();
        let bytes = self.trainer.network()?.encode();
        let network = SeriesNetwork::decode(&bytes)?;
        let mesh = self.nodes.points.map(|_| Arc::clone(&self.nodes.mesh));
        Ok(Candidate { bytes, segment: Arc::new(Segment { network, mesh }) })
    }

    /// Publishes the network and what is known about its steps, now and then with a checkpoint.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn publish(&mut self, candidate: &Candidate, writer: &mut Writer) -> Result<()> {
        let Place { series, segment, .. } = self.place;
        let about = self.facts.encode();
        let mut entries = vec![(key(Kind::NETWORK, series, segment), &candidate.bytes[..])];
        let checkpoint = if self.is_checkpoint_due() { self.trainer.checkpoint()? } else { Vec::new() };
        if !checkpoint.is_empty() {
            entries.push((key(Kind::CHECKPOINT, series, segment), &checkpoint));
        }
        // Last, for a kill may come between two: what is said of a network and its checkpoint is true of those that are there.
        entries.push((key(Kind::SEGMENT, series, segment), &about));
        let store = writer.store()?;
        store.append(&entries)?;
        if store.id() != self.place.store {
            return Err(Error::Series(
                "its networks had to go to another file; this step does not refer to them".to_owned(),
            ));
        }
        if !checkpoint.is_empty() {
            self.checkpoint = Checkpoint { n_steps: self.n_steps(), n_bytes: checkpoint.len() };
        }
        Ok(())
    }

    /// Whenever the segment has doubled and every 20 steps, but as often as it costs no more writing than the blocks themselves
    /// would.
    fn is_checkpoint_due(&self) -> bool {
        let Checkpoint { n_steps, n_bytes } = self.checkpoint;
        let since = self.n_steps() - n_steps;
        let affordable = n_bytes.div_ceil(self.raw_bytes.max(1));
        !self.is_full() && since > 0 && (since >= affordable.min(CHECKPOINT_STEPS) || self.n_steps() >= 2 * n_steps)
    }

    /// Consolidates, publishes the network for good and takes the checkpoint back.
    ///
    /// # Errors
    /// What the backend reports, [`Error::File`]; the last published network and checkpoint stay.
    pub fn finish(&mut self, writer: &mut Writer) -> Result<Candidate> {
        let Place { series, segment, .. } = self.place;
        let keys = [Kind::SEGMENT, Kind::NETWORK, Kind::CHECKPOINT].map(|kind| key(kind, series, segment));
        self.consolidate()?;
        let candidate = self.candidate()?;
        self.facts.is_finished = true;
        self.facts.errors.clear();
        let about = self.facts.encode();
        // A kill between two of them leaves a network that is not yet said to be finished, with all that finishing it takes.
        let store = writer.store()?;
        store.append_kept(&[(keys[1], &candidate.bytes), (keys[0], &about), (keys[2], &[])], |_| true)?;
        Ok(candidate)
    }

    /// Bytes of the sketches.
    pub fn sketch_bytes(&self) -> usize {
        self.trainer.sketch_bytes()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.hold(0);
    }
}
