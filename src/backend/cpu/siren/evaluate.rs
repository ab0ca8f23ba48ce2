//! Evaluation of a tile of points, twin of `shaders/siren/evaluate.wgsl`. Its bits are those of
//! [`crate::model::canonical`]: vectors run across neurons, each sum is one chain.

use super::layout::Layout;
use super::sine::sine;
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::simd_product::{Product, Start};

/// Memory of one thread.
pub struct EvaluateScratch {
    /// `[tile][n_inputs]`, filled by the caller.
    pub x: Vec<f32>,
    /// Output and middle of a residual block, `[tile][lead]` each.
    y: Vec<f32>,
    middle: Vec<f32>,
    z: Vec<f32>,
    /// `[tile][lead_out]`.
    pub out: Vec<f32>,
}

impl EvaluateScratch {
    pub fn new(layout: &Layout, tile: usize) -> Self {
        let rows = || vec![0.0; tile * layout.lead];
        let (x, out) = (vec![0.0; tile * layout.shape.n_inputs], vec![0.0; tile * layout.lead_out]);
        EvaluateScratch { x, y: rows(), middle: rows(), z: rows(), out }
    }
}

/// The first `n` points of `scratch.x` to `scratch.out`.
pub struct EvaluateTile<'a> {
    pub layout: &'a Layout,
    pub params: &'a [f32],
    pub transposed: &'a [f32],
    pub scratch: &'a mut EvaluateScratch,
    pub n: usize,
}

impl Kernel for EvaluateTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let EvaluateTile { layout, params, transposed, scratch, n } = self;
        let forward = Forward { layout, params, transposed, n };
        let EvaluateScratch { x, y, middle, z, out } = scratch;
        let rows = ..n * layout.lead;
        forward.input(simd, x, y);
        apply_sine(simd, &mut y[rows]);
        for block in 0..layout.shape.n_blocks {
            forward.hidden(simd, 2 * block, y, middle);
            apply_sine(simd, &mut middle[rows]);
            forward.hidden(simd, 2 * block + 1, middle, z);
            apply_residual(simd, &mut y[rows], &z[rows]);
        }
        forward.output(simd, y, out);
    }
}

#[inline(always)]
fn apply_sine<S: Simd>(simd: S, z: &mut [f32]) {
    for z in z.chunks_exact_mut(S::LANES) {
        simd.store(z, sine(simd, simd.load(z)));
    }
}

#[inline(always)]
fn apply_residual<S: Simd>(simd: S, y: &mut [f32], z: &[f32]) {
    for (y, z) in y.chunks_exact_mut(S::LANES).zip(z.chunks_exact(S::LANES)) {
        let sum = simd.add(simd.load(y), sine(simd, simd.load(z)));
        simd.store(y, simd.mul(simd.splat(0.5), sum));
    }
}

/// The linear part of each layer for `n` points.
pub struct Forward<'a> {
    pub layout: &'a Layout,
    pub params: &'a [f32],
    pub transposed: &'a [f32],
    pub n: usize,
}

impl Forward<'_> {
    /// `x: [n][n_inputs]` -> `z: [n][lead]`.
    #[inline(always)]
    pub fn input<S: Simd>(&self, simd: S, x: &[f32], z: &mut [f32]) {
        let n_inputs = self.layout.shape.n_inputs;
        let biases = &self.params[self.layout.input_biases()..];
        self.layer(simd, n_inputs, (x, n_inputs), (self.params, self.layout.lead), biases, z);
    }

    /// Hidden layer `layer`: `y: [n][lead]` -> `z: [n][lead]`.
    #[inline(always)]
    pub fn hidden<S: Simd>(&self, simd: S, layer: usize, y: &[f32], z: &mut [f32]) {
        let weights = &self.transposed[self.layout.transposed(layer)..];
        let biases = &self.params[self.layout.biases(layer)..];
        let Layout { shape, lead, .. } = *self.layout;
        self.layer(simd, shape.width, (y, lead), (weights, lead), biases, z);
    }

    /// `y: [n][lead]` -> `out: [n][lead_out]`.
    #[inline(always)]
    pub fn output<S: Simd>(&self, simd: S, y: &[f32], out: &mut [f32]) {
        let weights = &self.transposed[self.layout.transposed(self.layout.n_hidden())..];
        let biases = &self.params[self.layout.output_biases()..];
        let Layout { shape, lead, lead_out } = *self.layout;
        self.layer(simd, shape.width, (y, lead), (weights, lead_out), biases, out);
    }

    #[inline(always)]
    fn layer<S: Simd>(
        &self,
        simd: S,
        k: usize,
        (y, y_row): (&[f32], usize),
        (weights, lead): (&[f32], usize),
        biases: &[f32],
        z: &mut [f32],
    ) {
        simd.multiply(Product {
            m: self.n,
            n: lead,
            k,
            a: y,
            a_row: y_row,
            a_column: 1,
            b: weights,
            b_row: lead,
            c: z,
            c_row: lead,
            start: Start::Bias(biases),
        });
    }
}
