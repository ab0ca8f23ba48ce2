//! Where models are trained and evaluated: one trait, a CPU and a GPU implementation that never import each other.

pub mod choose;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod self_test;
pub mod series;
pub mod stencil;

pub use self_test::{SelfTest, self_test};

use crate::model::SirenShape;
use crate::train::Schedule;
use crate::{Error, Result};

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

impl TrainingSet<'_> {
    /// Checks that grid, values and shape belong together and that points can be numbered with 32 bits.
    ///
    /// # Errors
    /// [`Error::Internal`] with the sizes that disagree.
    pub fn check(&self, shape: &SirenShape) -> Result<()> {
        if self.n_channels != shape.n_outputs {
            let reason = format!("{} channels for a SIREN of {} outputs", self.n_channels, shape.n_outputs);
            return Err(Error::Internal(reason));
        }
        check_values("values", self.values.len(), self.dims, self.n_channels)?;
        match self.values.len() / self.n_channels {
            1..=0xffff_ffff => Ok(()),
            n => Err(Error::Internal(format!("a training set of {n} points: it must have 1 to 2^32 - 1"))),
        }
    }
}

/// Checks a shape against its parameters and the grid it is evaluated on.
///
/// # Errors
/// As [`SirenShape::check`]; [`Error::Internal`] with the sizes that disagree.
pub fn check(shape: &SirenShape, params: &[f32], dims: &[usize]) -> Result<()> {
    shape.check()?;
    if (params.len(), dims.len()) == (shape.n_params(), shape.n_inputs) {
        return Ok(());
    }
    let (found, n_params, n_inputs, n_axes) = (params.len(), shape.n_params(), shape.n_inputs, dims.len());
    Err(Error::Internal(format!("{found} parameters for {n_params}, {n_axes} axes for {n_inputs} inputs")))
}

/// Checks that `n_values` is the number of grid points times channels.
///
/// # Errors
/// [`Error::Internal`] with the sizes that disagree.
pub fn check_values(what: &str, n_values: usize, dims: &[usize], n_channels: usize) -> Result<()> {
    if dims.iter().try_fold(n_channels, |n, &d| n.checked_mul(d)) == Some(n_values) {
        return Ok(());
    }
    Err(Error::Internal(format!("'{what}' has {n_values} values for a grid of {dims:?} with {n_channels} channels")))
}

/// A device that trains and evaluates models.
pub trait Backend: stencil::StencilKernels {
    /// For logs: "cpu (AVX-512, 2 threads)", "NVIDIA H200 (Vulkan, device 0)".
    fn name(&self) -> String;

    /// Floating-point operations per second to expect in training: an order of magnitude for planning a budget.
    fn training_flops(&self) -> f64;

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

    /// Starts training a series network; the optimiser starts afresh, all slots are empty.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when the device refuses or has no kernel for the problem; [`Error::Internal`] when
    /// parameters, shape and mesh disagree.
    fn train_series(&self, problem: series::SeriesProblem, params: &[f32]) -> Result<Box<dyn series::SeriesTraining>>;
}

/// A training run in progress: state lives on the device until asked for.
pub trait SirenTraining {
    /// Runs steps `first..first + n_steps` of `schedule` and returns the mean minibatch loss (MSE over points and
    /// channels) of these steps. A step allocates nothing.
    ///
    /// # Errors
    /// [`crate::Error::Backend`]: device lost, out of memory, non-finite loss.
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32>;

    /// Gradient of the minibatch loss of step `step` with `batch` points at the current parameters, in the order of
    /// [`crate::model::siren`]; changes nothing. For tests and diagnosis.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] as above.
    fn gradient(&mut self, step: u32, batch: u32) -> Result<Vec<f32>>;

    /// The current parameters in the order of [`crate::model::siren`].
    ///
    /// # Errors
    /// [`crate::Error::Backend`] as above.
    fn params(&mut self) -> Result<Vec<f32>>;

    /// Bytes held on the device for this run.
    fn device_bytes(&self) -> usize;
}
