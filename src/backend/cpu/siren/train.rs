//! Forward and backward pass of a tile of points; the loss in between is the caller's. Twin of `shaders/siren/train.wgsl`.

use super::evaluate::Forward;
use super::layout::Layout;
use super::sine::sine_and_slope;
use crate::backend::cpu::layer::{Factor, add_rows, times_slope};
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::simd_product::Start;

/// Memory of one thread.
pub struct TrainScratch {
    /// `[tile][n_inputs]`, filled by the caller.
    pub x: Vec<f32>,
    /// `[tile][n_outputs]`, for the caller's loss.
    pub target: Vec<f32>,
    /// Outputs of the input layer and of each residual block, `[n_blocks + 1][tile][lead]`.
    y: Vec<Vec<f32>>,
    /// Sines in the middle of each block.
    middle: Vec<Vec<f32>>,
    /// `30 cos(30 z)` of every sine layer.
    slope: Vec<Vec<f32>>,
    /// Loss gradient for a block's output, for the current layer's sum, for the block's middle.
    d: Vec<f32>,
    dz: Vec<f32>,
    dmiddle: Vec<f32>,
    /// Outputs, then their loss gradients, `[tile][lead_out]`.
    pub out: Vec<f32>,
}

impl TrainScratch {
    pub fn new(layout: &Layout, tile: usize) -> Self {
        let shape = &layout.shape;
        let rows = || vec![0.0; tile * layout.lead];
        let many = |n: usize| (0..n).map(|_| rows()).collect();
        TrainScratch {
            x: vec![0.0; tile * shape.n_inputs],
            target: vec![0.0; tile * shape.n_outputs],
            y: many(shape.n_blocks + 1),
            middle: many(shape.n_blocks),
            slope: many(layout.n_hidden() + 1),
            d: rows(),
            dz: rows(),
            dmiddle: rows(),
            out: vec![0.0; tile * layout.lead_out],
        }
    }

    pub fn bytes(&self) -> usize {
        let many = |v: &[Vec<f32>]| v.iter().map(Vec::len).sum::<usize>();
        let single = [&self.x, &self.target, &self.d, &self.dz, &self.dmiddle, &self.out];
        4 * (single.map(Vec::len).iter().sum::<usize>() + many(&self.y) + many(&self.middle) + many(&self.slope))
    }
}

/// The first `n` points of `scratch.x` to `scratch.out`, keeping what the way back needs.
pub struct TrainForward<'a> {
    pub layout: &'a Layout,
    pub params: &'a [f32],
    pub transposed: &'a [f32],
    pub scratch: &'a mut TrainScratch,
    pub n: usize,
}

impl Kernel for TrainForward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.forward(simd);
    }
}

/// The way back of the last [`TrainForward`]: `scratch.out` holds the loss gradient of each output (0 in the padding);
/// adds that of the parameters to `gradient` (padded layout).
pub struct TrainBackward<'a> {
    pub layout: &'a Layout,
    pub params: &'a [f32],
    pub scratch: &'a mut TrainScratch,
    pub n: usize,
    pub gradient: &'a mut [f32],
}

impl Kernel for TrainBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.output_backward(simd);
        for block in (0..self.layout.shape.n_blocks).rev() {
            self.block_backward(simd, block);
        }
        self.input_backward(simd);
    }
}

impl TrainForward<'_> {
    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S) {
        let forward = Forward { layout: self.layout, params: self.params, transposed: self.transposed, n: self.n };
        let rows = ..self.n * self.layout.lead;
        let TrainScratch { x, y, middle, slope, out, .. } = &mut *self.scratch;
        forward.input(simd, x, &mut y[0]);
        sine_layer(simd, &mut y[0][rows], &mut slope[0][rows]);
        for block in 0..self.layout.shape.n_blocks {
            let (before, after) = y.split_at_mut(block + 1);
            let (input, output) = (&before[block], &mut after[0]);
            let layer = 2 * block;
            forward.hidden(simd, layer, input, &mut middle[block]);
            sine_layer(simd, &mut middle[block][rows], &mut slope[layer + 1][rows]);
            forward.hidden(simd, layer + 1, &middle[block], output);
            residual_layer(simd, &mut output[rows], &input[rows], &mut slope[layer + 2][rows]);
        }
        forward.output(simd, &y[self.layout.shape.n_blocks], out);
    }
}

impl TrainBackward<'_> {
    #[inline(always)]
    fn output_backward<S: Simd>(&mut self, simd: S) {
        let Layout { shape, lead, lead_out } = *self.layout;
        let (weights, biases) = (self.layout.output_weights(), self.layout.output_biases());
        let TrainScratch { y, d, out, .. } = &mut *self.scratch;
        add_rows(simd, &out[..self.n * lead_out], lead_out, &mut self.gradient[biases..]);
        let dout = Factor { values: out, lead: lead_out, n: self.n };
        dout.weight_gradient(simd, shape.n_outputs, &y[shape.n_blocks], lead, &mut self.gradient[weights..]);
        dout.backward(simd, shape.n_outputs, &self.params[weights..], lead, d, Start::Zero);
    }

    /// From `d`, the gradient for the block's output, to `d` for its input.
    #[inline(always)]
    fn block_backward<S: Simd>(&mut self, simd: S, block: usize) {
        let Layout { shape, lead, .. } = *self.layout;
        let (n, rows) = (self.n, ..self.n * self.layout.lead);
        let TrainScratch { y, middle, slope, d, dz, dmiddle, .. } = &mut *self.scratch;
        for layer in [2 * block + 1, 2 * block] {
            let is_second = layer % 2 == 1;
            let (weights, biases) = (self.layout.weights(layer), self.layout.biases(layer));
            if is_second {
                halve_and_slope(simd, &mut d[rows], &slope[layer + 1][rows], &mut dz[rows]);
            } else {
                times_slope(simd, &dmiddle[rows], &slope[layer + 1][rows], &mut dz[rows]);
            }
            add_rows(simd, &dz[rows], lead, &mut self.gradient[biases..]);
            let dz = Factor { values: dz, lead, n };
            let input = if is_second { &middle[block] } else { &y[block] };
            dz.weight_gradient(simd, shape.width, input, lead, &mut self.gradient[weights..]);
            if is_second {
                dz.backward(simd, shape.width, &self.params[weights..], lead, dmiddle, Start::Zero);
            } else {
                // The skip connection's half is already in `d`.
                dz.backward(simd, shape.width, &self.params[weights..], lead, d, Start::Accumulate);
            }
        }
    }

    #[inline(always)]
    fn input_backward<S: Simd>(&mut self, simd: S) {
        let Layout { shape, lead, .. } = *self.layout;
        let rows = ..self.n * lead;
        let TrainScratch { x, slope, d, dz, .. } = &mut *self.scratch;
        times_slope(simd, &d[rows], &slope[0][rows], &mut dz[rows]);
        add_rows(simd, &dz[rows], lead, &mut self.gradient[self.layout.input_biases()..]);
        // Input weights are stored by coordinate, so the coordinates are the broadcast factor here.
        let x = Factor { values: x, lead: shape.n_inputs, n: self.n };
        x.weight_gradient(simd, shape.n_inputs, dz, lead, self.gradient);
    }
}

#[inline(always)]
fn sine_layer<S: Simd>(simd: S, z: &mut [f32], slope: &mut [f32]) {
    for (z, slope) in z.chunks_exact_mut(S::LANES).zip(slope.chunks_exact_mut(S::LANES)) {
        let (value, derivative) = sine_and_slope(simd, simd.load(z));
        simd.store(z, value);
        simd.store(slope, derivative);
    }
}

/// `z` becomes `(input + sine) / 2` with the operations of an evaluation.
#[inline(always)]
fn residual_layer<S: Simd>(simd: S, z: &mut [f32], input: &[f32], slope: &mut [f32]) {
    let vectors = z.chunks_exact_mut(S::LANES).zip(input.chunks_exact(S::LANES));
    for ((z, input), slope) in vectors.zip(slope.chunks_exact_mut(S::LANES)) {
        let (value, derivative) = sine_and_slope(simd, simd.load(z));
        simd.store(z, simd.mul(simd.splat(0.5), simd.add(simd.load(input), value)));
        simd.store(slope, derivative);
    }
}

/// `d /= 2`, `dz = d * slope`.
#[inline(always)]
fn halve_and_slope<S: Simd>(simd: S, d: &mut [f32], slope: &[f32], dz: &mut [f32]) {
    let vectors = d.chunks_exact_mut(S::LANES).zip(slope.chunks_exact(S::LANES));
    for ((d, slope), dz) in vectors.zip(dz.chunks_exact_mut(S::LANES)) {
        let half = simd.mul(simd.splat(0.5), simd.load(d));
        simd.store(d, half);
        simd.store(dz, simd.mul(half, simd.load(slope)));
    }
}
