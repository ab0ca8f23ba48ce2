//! Evaluation at all nodes of a mesh: chunks of points over threads, tiles within a chunk.

use super::evaluate::{EvaluateScratch, EvaluateTile};
use super::layout::Layout;
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::mesh::Mesh;
use crate::model::SirenShape;
use crate::threads::canonical;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::sync::Arc;

/// Points per kernel call: two matrices of activations fit the first-level cache up to width 64.
const TILE: usize = 96;

/// Points per task.
const CHUNK: usize = 16 * TILE;

/// All nodes into `out: [n_nodes][n_outputs]`; lengths were checked.
pub struct Evaluation<'a> {
    pub pool: Arc<ThreadPool>,
    pub shape: &'a SirenShape,
    pub params: &'a [f32],
    pub mesh: &'a Mesh,
    pub out: &'a mut [f32],
}

impl Kernel for Evaluation<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let _mode = canonical();
        let layout = Layout::new(self.shape, S::LANES);
        let params = layout.pad(self.params);
        let mut transposed = vec![0.0; layout.transposed_len()];
        layout.transpose(&params, &mut transposed);
        let points = Points { simd, layout: &layout, params: &params, transposed: &transposed, mesh: self.mesh };
        let chunks = self.out.par_chunks_mut(CHUNK * self.shape.n_outputs).enumerate();
        let scratch = || EvaluateScratch::new(&layout, TILE);
        self.pool.install(|| chunks.for_each_init(scratch, |scratch, (i, out)| points.fill(scratch, i * CHUNK, out)));
    }
}

/// A model and a mesh.
struct Points<'a, S> {
    simd: S,
    layout: &'a Layout,
    params: &'a [f32],
    transposed: &'a [f32],
    mesh: &'a Mesh,
}

impl<S: Simd> Points<'_, S> {
    /// Evaluates the points from `first` on into `out`.
    fn fill(&self, scratch: &mut EvaluateScratch, first: usize, out: &mut [f32]) {
        let _mode = canonical();
        let SirenShape { n_inputs, n_outputs, .. } = self.layout.shape;
        for (tile, out) in out.chunks_mut(TILE * n_outputs).enumerate() {
            let n = out.len() / n_outputs;
            self.mesh.nodes(first + tile * TILE, &mut scratch.x[..n * n_inputs]);
            let Points { simd, layout, params, transposed, .. } = *self;
            simd.dispatch(EvaluateTile { layout, params, transposed, scratch: &mut *scratch, n });
            for (out, padded) in out.chunks_exact_mut(n_outputs).zip(scratch.out.chunks_exact(layout.lead_out)) {
                out.copy_from_slice(&padded[..n_outputs]);
            }
        }
    }
}
