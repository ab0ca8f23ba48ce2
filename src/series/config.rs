//! How a series is trained: everything but the data.

use crate::model::{NetworkKind, SeriesShape};
use crate::sketch::{SketchKind, SketchRule};
use crate::train::{Loss, Objective, Optimiser};
use crate::{Error, Result};

/// Network, sketches and schedule of a series.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesConfig {
    /// How the network depends on time.
    pub network: NetworkKind,
    /// Neurons per hidden layer.
    pub width: usize,
    /// Residual blocks.
    pub n_blocks: usize,
    /// Steps that share one set of generated parameters.
    pub time_span: usize,
    /// Channels are divided by their largest magnitude so far; else the network sees the data's own unit.
    pub is_scaled: bool,
    /// What is kept of past snapshots.
    pub sketch: SketchRule,
    /// Loss and optimiser.
    pub objective: Objective,
    /// Steps that the time axis from -1 to 1 stands for: the length of a segment.
    pub n_steps: usize,
    /// Iterations per snapshot (offline: in all).
    pub iterations: u32,
    /// Iterations on the first snapshot.
    pub first_iterations: u32,
    /// Of which the learning rate rises.
    pub n_warmup: u32,
    /// Learning rate.
    pub rate: f32,
    /// Part of the series, at its end, in which the learning rate falls to `final_rate` of itself; 0: it stays, and the
    /// consolidation does that.
    pub cooldown: f32,
    /// Nodes of the current snapshot that an iteration visits; 0: all.
    pub n_nodes: u32,
    /// Past steps per iteration; 0: all.
    pub batch: usize,
    /// Whole snapshots that are kept; 1: in situ.
    pub full_size: usize,
    /// Whole snapshots per iteration; 0: all that are kept.
    pub full_batch: usize,
    /// Sketches that are kept; 0: all.
    pub sketch_size: usize,
    /// A snapshot whose loss is at or below this is learnt: its remaining iterations are skipped.
    pub threshold: Option<f32>,
    /// Iterations on the sketches, with rounded weights, after the last snapshot.
    pub consolidation: u32,
    /// Learning rate at the end of the cooldown, of the consolidation and of an offline run, as a fraction of `rate`.
    pub final_rate: f32,
    /// Stored weights are multiples of `rms 2^-weight_bits` of their group (finer where it matters).
    pub weight_bits: u32,
    /// Rows per step of the held-out sketch behind the certificate; 0: no certificate.
    pub certificate_rows: usize,
    /// Of weights, sketches, batches and visited nodes.
    pub seed: u64,
}

impl SeriesConfig {
    /// The recommended network: shared SIREN, generated biases and output layer. Sketches of 100 nodes with 8 bits, about
    /// 18 evaluations of each node of each snapshot in all.
    pub fn film(n_steps: usize) -> Self {
        SeriesConfig {
            network: NetworkKind::Film,
            width: 32,
            n_blocks: 3,
            time_span: 1,
            is_scaled: true,
            sketch: SketchRule { kind: SketchKind::Importance, n_rows: 100, n_bits: 8, exact_norms: true },
            objective: Objective::default(),
            n_steps,
            iterations: 30,
            first_iterations: 1500,
            n_warmup: 50,
            rate: 3e-4,
            cooldown: 0.0,
            n_nodes: 256,
            batch: 8,
            full_size: 1,
            full_batch: 0,
            sketch_size: 0,
            threshold: None,
            consolidation: 3000,
            final_rate: 0.05,
            weight_bits: 6,
            certificate_rows: 32,
            seed: 0,
        }
    }

    /// The smallest network: a plain SIREN on space and time.
    pub fn tinr(n_steps: usize) -> Self {
        SeriesConfig { network: NetworkKind::Tinr, n_blocks: 4, ..SeriesConfig::film(n_steps) }
    }

    /// The paper's network with the recommended training.
    pub fn hypernet(n_steps: usize) -> Self {
        SeriesConfig { network: NetworkKind::Hypernet, width: 16, ..SeriesConfig::film(n_steps) }
    }

    /// The paper's network and training (Simpson, Becker, Doostan): FJLT sketches of `n_rows`, all nodes, 500 iterations
    /// with 45 past steps per snapshot, RAdam at 1e-4, no consolidation.
    pub fn paper(n_steps: usize, n_rows: usize) -> Self {
        SeriesConfig {
            is_scaled: false,
            sketch: SketchRule { kind: SketchKind::Fjlt, n_rows, n_bits: 32, exact_norms: false },
            objective: Objective {
                loss: Loss::R3,
                weight: 5.0,
                optimiser: Optimiser::Radam,
                generator_rate: 1.0,
                clip: 0.0,
            },
            iterations: 500,
            first_iterations: 500,
            n_warmup: 0,
            rate: 1e-4,
            n_nodes: 0,
            batch: 45,
            threshold: Some(1e-2),
            consolidation: 0,
            weight_bits: 9,
            ..SeriesConfig::hypernet(n_steps)
        }
    }

    /// The network for nodes with `n_space` coordinates and `n_channels` values.
    pub fn shape(&self, n_space: usize, n_channels: usize) -> SeriesShape {
        let SeriesConfig { network: kind, width, n_blocks, time_span, .. } = *self;
        SeriesShape { kind, n_space, width, n_blocks, n_channels, time_span }
    }

    /// The learning rate as a fraction of `rate` when `progress` of the series (0 to 1) is done.
    pub(super) fn cooled(&self, progress: f32) -> f32 {
        let left = ((1.0 - progress) / self.cooldown.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
        self.final_rate + (1.0 - self.final_rate) * left
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// [`Error::Series`] naming the field, its value and what it may be.
    pub fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::Series(what));
        if self.n_steps == 0 || self.full_size == 0 {
            return bad("a series needs at least one step, and room for one snapshot".into());
        }
        if !matches!(self.sketch.n_bits, 1..=16 | 32) {
            return bad(format!("a sketch cannot keep {} bits per value: set 1 to 16, or 32", self.sketch.n_bits));
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return bad(format!("the learning rate is {}: set a number above 0", self.rate));
        }
        if !(0.0..=1.0).contains(&self.final_rate) {
            return bad(format!("the final rate is {} of the rate: set 0 to 1", self.final_rate));
        }
        if !(0.0..=1.0).contains(&self.cooldown) {
            return bad(format!("the cooldown is {} of the series: set 0 to 1", self.cooldown));
        }
        if !(2..=16).contains(&self.weight_bits) {
            return bad(format!("weights cannot have {} bits: set 2 to 16", self.weight_bits));
        }
        Ok(())
    }
}
