//! A series in training as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate::HeldOut;
use super::collapse::Watch;
use super::trainer::Trainer;
use super::units::Units;
use super::{Buffer, SeriesConfig};
use crate::backend::Backend;
use crate::backend::series::TrainingState;
use crate::mesh::Mesh;
use crate::model::WeightSteps;
use crate::sketch::Sketch;
use crate::{Error, Result};

/// What a trainer is continued from, besides mesh and backend.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Kept {
    pub config: SeriesConfig,
    pub n_channels: usize,
    pub units: Units,
    pub full: Buffer,
    pub past: Buffer,
    pub sketches: BTreeMap<usize, Arc<Sketch>>,
    pub snapshots: BTreeMap<usize, Arc<Vec<f32>>>,
    pub held_out: Vec<HeldOut>,
    pub n_pushed: usize,
    pub watch: Watch,
    pub is_hreg: bool,
    pub steps: Option<WeightSteps>,
    pub certificate: Vec<Vec<f32>>,
}

impl Trainer {
    /// Everything but mesh and backend, to go on from later.
    ///
    /// # Errors
    /// What the backend reports.
    pub fn checkpoint(&mut self) -> Result<Vec<u8>> {
        let state = self.training.state()?;
        postcard::to_allocvec(&(&self.kept, state)).map_err(|e| Error::Internal(format!("checkpoint: {e}")))
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for bytes that are no checkpoint or belong to another mesh; what the backend refuses.
    pub fn resume(bytes: &[u8], mesh: Arc<Mesh>, backend: &dyn Backend) -> Result<Trainer> {
        let bad = |what: &str| Error::corrupt(format!("a checkpoint of a series {what}"));
        let (kept, state): (Kept, TrainingState) = postcard::from_bytes(bytes).map_err(|_| bad("is damaged"))?;
        kept.config.check()?;
        let shape = kept.config.shape(mesh.n_axes(), kept.n_channels);
        shape.check()?;
        let lengths = [state.params.len(), state.first_moment.len(), state.second_moment.len()];
        if lengths != [shape.n_params(); 3] || kept.sketches.values().any(|s| s.n_nodes() != mesh.n_nodes()) {
            return Err(bad("belongs to another network or mesh"));
        }
        let mut trainer = Trainer::start(kept, mesh, backend, &state.params)?;
        trainer.training.restore(&state)?;
        // The last snapshot enters the delayed buffer with the next one.
        let last = trainer.kept.n_pushed.checked_sub(1);
        let left: Vec<usize> = trainer.kept.past.held().chain(last).collect();
        left.into_iter().try_for_each(|i| trainer.put_past(i))?;
        let held = trainer.kept.snapshots.clone();
        held.iter().try_for_each(|(&i, values)| trainer.put_now(i, values))?;
        if let (Some(steps), true) = (&trainer.kept.steps, trainer.kept.config.consolidation > 0) {
            trainer.training.round_to(Some(steps.per_param(&shape)))?;
        }
        Ok(trainer)
    }
}
