//! One network for a series, trained while its snapshots arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::certificate::HeldOut;
use super::checkpoint::Kept;
use super::collapse::Watch;
use super::units::Units;
use super::{Buffer, SeriesConfig};
use crate::backend::Backend;
use crate::backend::series::{Moment, SeriesProblem, SeriesTraining, StepLoss, Target};
use crate::mesh::Mesh;
use crate::model::series::network::{rounded_estimate, time, window};
use crate::model::{SeriesNetwork, SeriesShape, WeightSteps};
use crate::sketch::{Importance, R3_FLOOR, Sketch, SketchKind, norms};
use crate::{Error, Result};

/// How often a snapshot is tried again, each time with half the rate, after a collapse.
const MAX_ROLLBACKS: u32 = 4;
/// Larger values have squares whose sum overflows.
const LARGEST_UNSCALED: f32 = 1e15;
/// Bits a weight gets on top when nothing trains it against rounding.
const UNTRAINED_BITS: u32 = 3;

/// What a snapshot's training came to.
#[derive(Clone, Debug)]
pub struct Push {
    /// Losses of its steps in the network's unit (R3 and RPW have none).
    pub losses: Vec<StepLoss>,
    /// True when training collapsed, was rolled back and went on with a smaller learning rate.
    pub collapsed: bool,
    /// What it took.
    pub seconds: f64,
}

/// A series in training.
pub struct Trainer {
    pub(super) shape: SeriesShape,
    pub(super) mesh: Arc<Mesh>,
    importance: Importance,
    pub(super) training: Box<dyn SeriesTraining>,
    pub(super) kept: Kept,
}

impl Trainer {
    /// Starts a series of snapshots `[n_nodes][n_channels]` on a mesh.
    ///
    /// # Errors
    /// [`Error::Series`] for a config out of range; what the backend refuses.
    pub fn new(config: &SeriesConfig, mesh: Arc<Mesh>, n_channels: usize, backend: &dyn Backend) -> Result<Trainer> {
        config.check()?;
        let shape = config.shape(mesh.n_axes(), n_channels);
        let n = config.n_steps;
        let kept = Kept {
            config: config.clone(),
            n_channels,
            units: Units::new(n_channels, !config.is_scaled),
            full: Buffer::new(n, config.full_size, config.full_batch, 1, false, config.seed),
            past: Buffer::new(n, config.sketch_size, config.batch, 1, true, config.seed ^ 1),
            sketches: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            held_out: Vec::new(),
            n_pushed: 0,
            watch: Watch::default(),
            is_hreg: false,
            steps: None,
            certificate: Vec::new(),
        };
        Trainer::start(kept, mesh, backend, &shape.initial_params(config.seed))
    }

    pub(super) fn start(kept: Kept, mesh: Arc<Mesh>, backend: &dyn Backend, params: &[f32]) -> Result<Trainer> {
        let shape = kept.config.shape(mesh.n_axes(), kept.n_channels);
        let objective = kept.config.objective;
        let problem = SeriesProblem { shape, mesh: Arc::clone(&mesh), objective, seed: kept.config.seed };
        let training = backend.train_series(problem, params)?;
        Ok(Trainer { shape, importance: Importance::new(&mesh), mesh, training, kept })
    }

    /// From now on the past is held by the generated parameters themselves instead of sketches: the paper's
    /// hypernetwork regularisation ("hreg").
    pub fn with_hypernetwork_regularisation(mut self) -> Self {
        self.kept.is_hreg = true;
        self
    }

    /// A snapshot `[n_nodes][n_channels]` in the data's unit arrives: trains on it and on the sketches of past ones, keeps a
    /// sketch of it and forgets it.
    ///
    /// # Errors
    /// [`Error::Series`] for a wrong length, values that are not finite, or more snapshots than the config says; what the
    /// backend reports.
    pub fn push(&mut self, snapshot: &[f32]) -> Result<Push> {
        let started = Instant::now();
        let index = self.kept.n_pushed;
        self.check(snapshot)?;
        let scaled = Arc::new(self.scale(snapshot)?);
        self.advance_buffers(index, &scaled)?;
        let before = self.training.state()?;
        if self.kept.is_hreg {
            self.training.freeze()?;
        }
        let mut losses = self.iterate(index)?;
        let collapsed = self.kept.watch.is_collapse(&losses);
        for _ in 0..MAX_ROLLBACKS {
            if !self.kept.watch.is_collapse(&losses) {
                break;
            }
            self.kept.watch.slow_down();
            self.training.restore(&before)?;
            losses = self.iterate(index)?;
        }
        if losses.last().is_some_and(|l| !(l.now + l.past).is_finite()) {
            // Its sketch will teach what could not be learnt now.
            self.training.restore(&before)?;
        } else {
            self.kept.watch.accept(&losses);
        }
        self.keep(index, &scaled)?;
        self.kept.n_pushed += 1;
        Ok(Push { losses, collapsed, seconds: started.elapsed().as_secs_f64() })
    }

    /// Consolidates the network on the sketches with rounded weights and writes the certificate; takes about `seconds` at
    /// most. Returns the losses of its steps.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn finish(&mut self, seconds: Option<f64>) -> Result<Vec<StepLoss>> {
        let has_past = !self.kept.sketches.is_empty() && self.kept.config.consolidation > 0;
        let extra = if has_past { 0 } else { UNTRAINED_BITS };
        let params = self.training.state()?.params;
        let steps = WeightSteps::of(&self.shape, &params, self.kept.config.weight_bits + extra);
        let losses = if has_past {
            self.training.round_to(Some(steps.per_param(&self.shape)))?;
            self.consolidate(seconds)?
        } else {
            Vec::new()
        };
        self.kept.steps = Some(steps);
        self.certify()?;
        Ok(losses)
    }

    /// The network as it would be stored now, with the certificate of the last [`Self::finish`].
    ///
    /// # Errors
    /// What the backend reports.
    pub fn network(&mut self) -> Result<SeriesNetwork> {
        let params = self.training.state()?.params;
        let untrained = || WeightSteps::of(&self.shape, &params, self.kept.config.weight_bits + UNTRAINED_BITS);
        let steps = self.kept.steps.clone().unwrap_or_else(untrained);
        Ok(SeriesNetwork {
            shape: self.shape,
            n_steps: self.kept.config.n_steps,
            n_trained: self.kept.n_pushed,
            scales: self.kept.units.scales(),
            params: steps.round(&self.shape, &params),
            steps,
            certificate: self.kept.certificate.clone(),
        })
    }

    /// Snapshots so far.
    pub fn n_pushed(&self) -> usize {
        self.kept.n_pushed
    }

    /// The network's size.
    pub fn shape(&self) -> SeriesShape {
        self.shape
    }

    /// Bytes that grow with the number of snapshots: sketches and held-out rows.
    pub fn sketch_bytes(&self) -> usize {
        let held_out = self.kept.held_out.iter().map(HeldOut::bytes).sum::<usize>();
        self.kept.sketches.values().map(|s| s.bytes()).sum::<usize>() + held_out
    }

    /// Nodes evaluated with a gradient so far.
    pub fn n_evaluations(&self) -> u64 {
        self.training.n_evaluations()
    }

    fn check(&self, snapshot: &[f32]) -> Result<()> {
        let n = self.mesh.n_nodes() * self.kept.n_channels;
        let n_steps = self.kept.config.n_steps;
        if snapshot.len() != n {
            return Err(Error::Series(format!(
                "a snapshot has {} values where the mesh and channels ask for {n}",
                snapshot.len()
            )));
        }
        if self.kept.n_pushed >= n_steps {
            return Err(Error::Series(format!(
                "snapshot {} of a series of {n_steps} steps: start a new segment",
                n_steps + 1
            )));
        }
        if let Some(v) = snapshot.iter().find(|v| !v.is_finite()) {
            return Err(Error::Series(format!("a snapshot holds the value {v}: mask or fill such values first")));
        }
        match snapshot.iter().find(|v| !self.kept.config.is_scaled && v.abs() > LARGEST_UNSCALED) {
            Some(v) => Err(Error::Series(format!("a snapshot holds the value {v:e}: set is_scaled = true"))),
            None => Ok(()),
        }
    }

    /// The snapshot in the network's unit; what is there already follows when the unit grows.
    fn scale(&mut self, snapshot: &[f32]) -> Result<Vec<f32>> {
        let factors = self.kept.units.grow(snapshot);
        if !factors.is_empty() {
            let mut state = self.training.state()?;
            for &(channel, factor) in &factors {
                // Moments stay: newest snapshots are about 1 in size before and after, and so are their gradients.
                self.shape.scale_channel(&mut state.params, channel, factor);
                self.kept.sketches.values_mut().for_each(|s| Arc::make_mut(s).scale_channel(channel, factor));
                self.kept.held_out.iter_mut().for_each(|h| h.scale_channel(channel, factor));
                let n_channels = self.kept.n_channels;
                for values in self.kept.snapshots.values_mut() {
                    let of_channel = Arc::make_mut(values).iter_mut().skip(channel).step_by(n_channels);
                    of_channel.for_each(|v| *v *= factor);
                }
            }
            self.training.restore(&state)?;
            let past: Vec<usize> = self.kept.sketches.keys().copied().collect();
            past.into_iter().try_for_each(|i| self.put_past(i))?;
            let held = self.kept.snapshots.clone();
            held.iter().try_for_each(|(&i, values)| self.put_now(i, values))?;
        }
        Ok(self.kept.units.scaled(snapshot))
    }

    fn advance_buffers(&mut self, index: usize, scaled: &Arc<Vec<f32>>) -> Result<()> {
        for gone in self.kept.full.advance() {
            self.kept.snapshots.remove(&gone);
            self.training.remove(now_slot(gone));
        }
        for gone in self.kept.past.advance() {
            self.kept.sketches.remove(&gone);
            self.training.remove(past_slot(gone));
        }
        self.put_now(index, scaled)
    }

    /// Keeps what will be left of a snapshot.
    pub(super) fn keep(&mut self, index: usize, scaled: &Arc<Vec<f32>>) -> Result<()> {
        let Kept { config, n_channels, .. } = &self.kept;
        let (n_channels, rule, n_rows) = (*n_channels, config.sketch, config.certificate_rows);
        if config.full_size > 1 {
            self.kept.snapshots.insert(index, Arc::clone(scaled));
        } else {
            self.training.remove(now_slot(index));
        }
        if n_rows > 0 {
            self.kept.held_out.push(HeldOut::take(self.seed(2, index), scaled, n_channels, n_rows));
        }
        if rule.kind != SketchKind::None && !self.kept.is_hreg {
            let sketch = Sketch::take(&rule, self.seed(1, index), scaled, n_channels, &self.importance);
            self.kept.sketches.insert(index, Arc::new(sketch));
        }
        self.put_past(index)
    }

    pub(super) fn put_now(&mut self, index: usize, scaled: &Arc<Vec<f32>>) -> Result<()> {
        let is_exact = self.kept.config.sketch.exact_norms;
        let floor = if is_exact { R3_FLOOR * self.mesh.n_nodes() as f64 } else { R3_FLOOR };
        let norms = norms(scaled, self.kept.n_channels, floor);
        self.training.put(now_slot(index), self.moment(index), Target::Snapshot { values: Arc::clone(scaled), norms })
    }

    pub(super) fn put_past(&mut self, index: usize) -> Result<()> {
        if self.kept.is_hreg {
            return self.training.put(past_slot(index), self.moment(index), Target::Frozen);
        }
        let Some(sketch) = self.kept.sketches.get(&index) else { return Ok(()) };
        self.training.put(past_slot(index), self.moment(index), Target::Sketch(Arc::clone(sketch)))
    }

    fn moment(&self, index: usize) -> Moment {
        let SeriesConfig { n_steps, time_span, .. } = self.kept.config;
        let step = index as f64;
        Moment { t: time(step, n_steps), window: window(step, n_steps, time_span).into() }
    }

    /// A seed for one purpose at one step.
    pub(super) fn seed(&self, purpose: u64, index: usize) -> u64 {
        let mixed = self.kept.config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (purpose << 56);
        mixed.wrapping_add((index as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// Writes the certificate of the network as it would be stored now: the estimated error of every step.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn certify(&mut self) -> Result<()> {
        let network = self.network()?;
        self.kept.certificate = self.certificate_of(&network)?;
        Ok(())
    }

    /// The estimated relative L2 error of every step, `[n_steps][n_channels]`, had they this network.
    ///
    /// # Errors
    /// When the network is not one of this series.
    pub fn certificate_of(&self, network: &SeriesNetwork) -> Result<Vec<Vec<f32>>> {
        // Rows are kept in the unit of training.
        let units = network.scales.iter().zip(self.kept.units.scales());
        let scales = units.map(|(theirs, ours)| theirs / ours).collect();
        let network = SeriesNetwork { scales, ..network.clone() };
        let n_threads = rayon::current_num_threads();
        let row = |(index, held_out): (usize, &HeldOut)| {
            let decoded = network.snapshot(index as f64, &self.mesh, n_threads)?;
            Ok(held_out.estimate(&decoded).into_iter().map(rounded_estimate).collect())
        };
        self.kept.held_out.iter().enumerate().map(row).collect()
    }
}

/// Slot of a whole snapshot.
pub(super) fn now_slot(index: usize) -> usize {
    2 * index
}

/// Slot of what is left of a snapshot.
pub(super) fn past_slot(index: usize) -> usize {
    2 * index + 1
}
