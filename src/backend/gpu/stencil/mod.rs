//! Predictors on a device: integer inference over a grid, and training of the two hidden layers.

mod infer;
mod network;
mod training;

pub use network::infer_source;

use super::GpuBackend;
use crate::Result;
use crate::backend::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use crate::model::stencil::{Dense, Grid, Mlp};

impl StencilKernels for GpuBackend {
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
        infer::infer(self, grid, linear, mlp)
    }

    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>> {
        state.check()?;
        samples.check(&state.shape, steps)?;
        training::train(self, state, samples, steps)
    }

    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
        state.check()?;
        let n = samples.targets.len();
        samples.check(&state.shape, &[StencilStep { first: 0, n, rate: 0.0 }])?;
        training::gradient(self, state, samples)
    }
}
