//! Where models are trained and evaluated: one trait, a CPU and a GPU implementation that never import each other.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

use crate::Result;
use crate::model::SirenShape;
use crate::train::Schedule;

/// A block as a model sees it: points of a regular grid with `n_channels` normalised values each.
#[derive(Clone, Copy, Debug)]
pub struct TrainingSet<'a> {
    /// Grid size per coordinate, slowest first; the coordinate of index `i` on an axis of `n` is `2i/(n-1) - 1`
    /// (0 where n = 1). `dims.len()` is the model's `n_inputs`.
    pub dims: &'a [usize],
    /// `[n_points][n_channels]`, finite, normalised to about [-1, 1].
    pub values: &'a [f32],
    /// Values per point, the model's `n_outputs`.
    pub n_channels: usize,
}

/// A device that trains and evaluates models.
pub trait Backend: Send + Sync {
    /// For logs: "cpu (AVX-512, 2 threads)", "NVIDIA H200 (Vulkan)".
    fn name(&self) -> String;

    /// Starts a training run; Adam moments start at zero. Allocates everything a step needs.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when the device refuses (memory, limits, lost device).
    fn train_siren<'a>(
        &'a self,
        shape: &SirenShape,
        params: &[f32],
        set: TrainingSet<'a>,
        seed: u64,
    ) -> Result<Box<dyn SirenTraining + 'a>>;

    /// Evaluates at every grid point into `out: [n_points][n_outputs]`. Only the CPU backend's bits are canonical.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] as above.
    fn evaluate_siren(&self, shape: &SirenShape, params: &[f32], dims: &[usize], out: &mut [f32]) -> Result<()>;
}

/// A training run in progress: state lives on the device until asked for.
pub trait SirenTraining {
    /// Runs steps `first..first + n_steps` of `schedule` and returns the mean minibatch loss (MSE over points and
    /// channels) of these steps. A step allocates nothing.
    ///
    /// # Errors
    /// [`crate::Error::Backend`]: device lost, out of memory, non-finite loss.
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32>;

    /// The current parameters in the order of [`crate::model::siren`].
    ///
    /// # Errors
    /// [`crate::Error::Backend`] as above.
    fn params(&mut self) -> Result<Vec<f32>>;

    /// Bytes held on the device for this run.
    fn device_bytes(&self) -> usize;
}
