//! The CPU backend: SIMD kernels on all cores, and the canonical evaluation that every record is decoded with.
//!
//! Vectors run across neurons, samples are spread over threads. The bits of an evaluation depend on nothing but the
//! model; those of a training run on the seed as well: gradients are summed in a fixed number of slots in fixed order.

mod adam;
mod instructions;
mod layer;
mod peak;
mod series;
mod simd;
#[cfg(target_arch = "aarch64")]
mod simd_neon;
mod simd_product;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
mod siren;
pub mod stencil;

pub use instructions::Instructions;

use super::series::{SeriesProblem, SeriesTraining};
use super::{Backend, SirenTraining, TrainingSet};
use crate::mesh::Mesh;
use crate::model::SirenShape;
use crate::threads::{self, canonical};
use crate::{Error, Result};
use rayon::ThreadPool;
use std::sync::Arc;

/// SIMD and threads of this machine.
#[derive(Clone, Debug)]
pub struct CpuBackend {
    n_threads: usize,
    instructions: Instructions,
}

impl CpuBackend {
    /// `n_threads` = 0 takes the share of the process ([`crate::ranks`], or `RAYON_NUM_THREADS`). Threads start with the first use and are
    /// shared by all backends of the same size.
    pub fn new(n_threads: usize) -> Self {
        CpuBackend { n_threads, instructions: Instructions::best() }
    }

    /// A backend held to one instruction set.
    ///
    /// # Errors
    /// [`Error::Backend`] when this CPU does not have it.
    pub fn with_instructions(n_threads: usize, instructions: Instructions) -> Result<Self> {
        if instructions.is_available() {
            return Ok(CpuBackend { n_threads, instructions });
        }
        let reason = format!("this CPU has no {instructions}: use Instructions::best()");
        Err(Error::Backend { backend: "cpu".into(), reason })
    }

    /// Evaluates at every node of a mesh into `out: [n_nodes][n_outputs]`, canonically.
    ///
    /// # Errors
    /// [`Error::Internal`] when sizes disagree.
    pub fn evaluate_on(&self, shape: &SirenShape, params: &[f32], mesh: &Mesh, out: &mut [f32]) -> Result<()> {
        let expected = (shape.n_params(), shape.n_inputs, mesh.n_nodes() * shape.n_outputs);
        if (params.len(), mesh.n_axes(), out.len()) != expected {
            return Err(Error::Internal(format!(
                "{shape:?} with {} parameters cannot fill {} values",
                params.len(),
                out.len()
            )));
        }
        let evaluation = siren::Evaluation { pool: self.pool()?, shape, params, mesh, out };
        self.instructions.dispatch(evaluation);
        Ok(())
    }

    fn pool(&self) -> Result<Arc<ThreadPool>> {
        threads::pool(self.n_threads)
    }
}

impl Backend for CpuBackend {
    fn name(&self) -> String {
        let n_threads =
            if self.n_threads > 0 { self.n_threads } else { self.pool().map_or(1, |pool| pool.current_num_threads()) };
        let plural = if n_threads == 1 { "" } else { "s" };
        format!("cpu ({}, {n_threads} thread{plural})", self.instructions)
    }

    fn training_flops(&self) -> f64 {
        // Per thread, between a laptop and a server (docs/BENCHMARKS.md, Kernels).
        let per_thread = if self.instructions == Instructions::Scalar { 5e9 } else { 50e9 };
        per_thread * self.pool().map_or(1, |pool| pool.current_num_threads()) as f64
    }

    fn train_siren<'a>(
        &'a self,
        shape: &SirenShape,
        params: &[f32],
        set: TrainingSet<'a>,
        seed: u64,
    ) -> Result<Box<dyn SirenTraining + 'a>> {
        super::check(shape, params, set.dims)?;
        set.check(shape)?;
        let start = siren::Start { pool: self.pool()?, shape: *shape, params, set, seed };
        Ok(self.instructions.dispatch(start))
    }

    fn evaluate_siren(&self, shape: &SirenShape, params: &[f32], dims: &[usize], out: &mut [f32]) -> Result<()> {
        super::check(shape, params, dims)?;
        super::check_values("out", out.len(), dims, shape.n_outputs)?;
        // The coordinate tables are part of the canonical arithmetic.
        let mesh = {
            let _mode = canonical();
            Mesh::grid(dims)
        };
        self.evaluate_on(shape, params, &mesh, out)
    }

    fn train_series(&self, problem: SeriesProblem, params: &[f32]) -> Result<Box<dyn SeriesTraining>> {
        problem.check(params)?;
        let start = series::Start { pool: self.pool()?, problem, params };
        Ok(self.instructions.dispatch(start))
    }
}
