//! Training of a series network on a device: targets at several times, steps over batches of them.

use std::sync::Arc;

use crate::mesh::Mesh;
use crate::model::SeriesShape;
use crate::sketch::Sketch;
use crate::train::Objective;
use crate::{Error, Result};

/// What a run is about; fixed from its first step to its last.
#[derive(Clone, Debug)]
pub struct SeriesProblem {
    /// The network.
    pub shape: SeriesShape,
    /// The nodes, `mesh.n_axes() == shape.n_space`.
    pub mesh: Arc<Mesh>,
    /// Loss, optimiser, clipping.
    pub objective: Objective,
    /// Of the nodes that steps visit.
    pub seed: u64,
}

impl SeriesProblem {
    /// Checks that network, parameters and mesh belong together.
    ///
    /// # Errors
    /// As [`SeriesShape::check`]; [`Error::Internal`] with the sizes that disagree.
    pub fn check(&self, params: &[f32]) -> Result<()> {
        self.shape.check()?;
        let (n_axes, n_nodes) = (self.mesh.n_axes(), self.mesh.n_nodes());
        if params.len() == self.shape.n_params() && n_axes == self.shape.n_space && (1..=MAX_NODES).contains(&n_nodes) {
            return Ok(());
        }
        let (found, wanted, n_space) = (params.len(), self.shape.n_params(), self.shape.n_space);
        Err(Error::Internal(format!(
            "a series network of {wanted} parameters and {n_space} axes got {found} parameters and {n_nodes} nodes of {n_axes} axes"
        )))
    }
}

/// Nodes are numbered with 32 bits.
const MAX_NODES: usize = u32::MAX as usize;

/// When a target holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The step's own time in `-1..=1`.
    pub t: f32,
    /// The times of its window, [`SeriesShape::time_span`] of them; `[t]` without windows.
    pub window: Arc<[f32]>,
}

/// What the network shall be at one time.
#[derive(Clone, Debug)]
pub enum Target {
    /// All nodes: values `[n_nodes][n_channels]` and the norm of each channel that the loss is relative to.
    Snapshot {
        /// Scaled values.
        values: Arc<Vec<f32>>,
        /// `[n_channels]`, above 0.
        norms: Vec<f32>,
    },
    /// A sketch of a snapshot that is gone.
    Sketch(Arc<Sketch>),
    /// The generated parameters that the network of the last [`SeriesTraining::freeze`] has at this time (hypernetwork
    /// regularisation).
    Frozen,
}

/// Which targets one step of the optimiser looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Slots of whole snapshots; their mean loss counts once.
    pub now: Vec<usize>,
    /// Slots of the past; their mean loss counts [`Objective::weight`] times.
    pub past: Vec<usize>,
    /// Nodes of each snapshot of `now` that are visited, drawn anew in each step; 0: all.
    pub n_nodes: u32,
    /// Learning rate.
    pub rate: f32,
}

/// Losses of one step, before it changed the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepLoss {
    /// Mean over `now`; 0 when empty.
    pub now: f32,
    /// Mean over `past`, not weighted; 0 when empty.
    pub past: f32,
}

/// What a run can be continued from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrainingState {
    /// In the order of [`crate::model::series`].
    pub params: Vec<f32>,
    /// Adam's moments, as long as `params`.
    pub first_moment: Vec<f32>,
    /// See `first_moment`.
    pub second_moment: Vec<f32>,
    /// Steps taken by the optimiser.
    pub n_steps: u32,
    /// Running mean of the gradient's norm; 0 before the first step.
    pub gradient_norm: f64,
}

/// A training run in progress: state lives on the device until asked for.
pub trait SeriesTraining: Send {
    /// Fills a slot (any number), replacing what it held.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when the device refuses, or has no kernel for this kind of target.
    fn put(&mut self, slot: usize, moment: Moment, target: Target) -> Result<()>;

    /// Empties a slot; one that is empty stays so.
    fn remove(&mut self, slot: usize);

    /// Runs the steps and returns their losses. With `threshold`, a step whose loss on `now` (on `past` where `now` is
    /// empty) is at or below it changes nothing and is the last: fewer losses come back.
    ///
    /// # Errors
    /// [`crate::Error::Backend`]: device lost, out of memory; [`crate::Error::Internal`] for an empty slot.
    fn run(&mut self, steps: &[Step], threshold: Option<f32>) -> Result<Vec<StepLoss>>;

    /// Mean loss over the slots at the current parameters (all nodes of a snapshot); changes nothing.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn loss(&mut self, slots: &[usize]) -> Result<f64>;

    /// Gradient of a step's objective, in the order of [`crate::model::series`]; changes nothing. For tests.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn gradient(&mut self, step: &Step) -> Result<Vec<f32>>;

    /// Remembers the current network for [`Target::Frozen`].
    ///
    /// # Errors
    /// As [`Self::run`].
    fn freeze(&mut self) -> Result<()>;

    /// From now on losses see the parameters rounded to these steps (one per parameter, 0: not rounded), gradients go
    /// straight through the rounding. `None` ends it.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn round_to(&mut self, steps: Option<Vec<f32>>) -> Result<()>;

    /// The state after the last step.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn state(&mut self) -> Result<TrainingState>;

    /// Goes back to a state.
    ///
    /// # Errors
    /// As [`Self::run`], and [`crate::Error::Internal`] when it belongs to another network.
    fn restore(&mut self, state: &TrainingState) -> Result<()>;

    /// Nodes evaluated with a gradient so far, over all targets.
    fn n_evaluations(&self) -> u64;

    /// Bytes held on the device for this run.
    fn device_bytes(&self) -> usize;
}
