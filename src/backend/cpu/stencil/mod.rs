//! The predictor's kernels on the CPU: integers for inference, floating point for training.

mod gram;
mod infer;
mod simd_integer;
mod train;

pub use gram::{Rows, gram};
pub use infer::infer;
pub use simd_integer::IntegerSet;
pub use train::Training;

use super::CpuBackend;
use crate::Result;
use crate::backend::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use crate::model::stencil::{Dense, Grid, Mlp};

impl StencilKernels for CpuBackend {
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
        let set = IntegerSet::of(self.instructions);
        Ok(self.pool()?.install(|| infer(grid, linear, mlp, set)))
    }

    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>> {
        state.check()?;
        samples.check(&state.shape, steps)?;
        let mut training = Training::new(state.clone(), self.instructions);
        let mut step = |step: &StencilStep| training.step(samples.part(step.first, step.n), step.rate);
        let losses = self.pool()?.install(|| steps.iter().map(&mut step).collect());
        *state = training.into_state();
        Ok(losses)
    }

    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
        state.check()?;
        samples.check(&state.shape, &[])?;
        let training = Training::new(state.clone(), self.instructions);
        Ok(self.pool()?.install(|| training.gradient(samples)))
    }
}
