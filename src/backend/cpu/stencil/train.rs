//! Training of the predictor's two hidden layers: forward and backward over tiles of samples, gradients in a fixed number of
//! slots, Adam. Twin of `crate::model::stencil::network` in floating point.

use rayon::prelude::*;

use crate::backend::cpu::Instructions;
use crate::backend::cpu::adam::{AdamChunk, CHUNK};
use crate::backend::cpu::layer::{Factor, add_rows, times_slope};
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::simd_product::{Product, Start};
use crate::backend::stencil::{Batch, StencilShape, StencilState};
use crate::train::Schedule;

/// Samples that stay in the first-level cache together.
const TILE: usize = 64;
/// Parts of a batch with a gradient of their own: as many however many threads there are.
const N_SLOTS: usize = 8;

/// A network in training.
#[derive(Clone, Debug)]
pub struct Training {
    state: StencilState,
    instructions: Instructions,
}

impl Training {
    /// Goes on from a state that was checked.
    pub fn new(state: StencilState, instructions: Instructions) -> Self {
        Training { state, instructions }
    }

    /// Where it got to.
    pub fn into_state(self) -> StencilState {
        self.state
    }

    /// One step of Adam; returns the mean loss before it.
    pub fn step(&mut self, batch: Batch, rate: f32) -> f32 {
        let (loss, mut gradient) = self.gradient(batch);
        let StencilState { params, average, moments: [first, second], n_steps, .. } = &mut self.state;
        let correction = Schedule::bias_correction(*n_steps);
        let chunks = params.chunks_mut(CHUNK).zip(gradient.chunks_mut(CHUNK));
        for ((params, slots), (m, v)) in chunks.zip(first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK))) {
            let (stride, n_slots) = (slots.len(), 1);
            let chunk =
                AdamChunk { slots, stride, n_slots, params, first_moment: m, second_moment: v, rate, correction };
            self.instructions.dispatch(chunk);
        }
        let new = StencilState::averaging(*n_steps);
        average.iter_mut().zip(params).for_each(|(average, p)| *average += new * (*p - *average));
        *n_steps += 1;
        loss
    }

    /// Outputs of the averaged network for samples in rows of `stride`, and what its last layer sees of them, `[n][width]`.
    pub fn outputs(&self, inputs: &[f32], stride: usize) -> (Vec<f32>, Vec<f32>) {
        let (shape, params, instructions) = (self.state.shape, &self.state.average[..], self.instructions);
        let n = inputs.len() / stride;
        let (mut outputs, mut hidden) = (vec![0.0; n], vec![0.0; n * shape.width]);
        let parts = outputs.par_chunks_mut(16 * TILE).zip(hidden.par_chunks_mut(16 * TILE * shape.width));
        parts.zip(inputs.par_chunks(16 * TILE * stride)).for_each(|((outputs, hidden), inputs)| {
            instructions.dispatch(Outputs { shape, params, inputs, stride, outputs, hidden });
        });
        (outputs, hidden)
    }

    /// Mean loss and its gradient.
    pub fn gradient(&self, batch: Batch) -> (f32, Vec<f32>) {
        let (n, stride) = (batch.targets.len(), batch.stride);
        let per_slot = n.div_ceil(N_SLOTS).max(1).next_multiple_of(TILE);
        let (shape, params) = (self.state.shape, &self.state.params[..]);
        let transposed = transpose(&params[shape.second()..shape.second_biases()], shape.width);
        let slot = |(inputs, (targets, weights)): (&[f32], (&[f32], &[f32]))| {
            let (mut gradient, mut loss) = (vec![0.0; params.len()], 0.0);
            let transposed = &transposed[..];
            self.instructions.dispatch(Part {
                shape,
                params,
                transposed,
                inputs,
                stride,
                targets,
                weights,
                transform: batch.transform,
                gradient: &mut gradient,
                loss: &mut loss,
            });
            (loss, gradient)
        };
        let wanted = batch.targets.par_chunks(per_slot).zip(batch.weights.par_chunks(per_slot));
        let parts = batch.inputs.par_chunks(per_slot * stride).zip(wanted);
        let slots: Vec<(f32, Vec<f32>)> = parts.map(slot).collect();
        let (mut loss, mut gradient) = (0.0, vec![0.0; params.len()]);
        for (part, slot) in &slots {
            loss += part;
            gradient.iter_mut().zip(slot).for_each(|(sum, g)| *sum += g);
        }
        let scale = 1.0 / n as f32;
        gradient.iter_mut().for_each(|g| *g *= 2.0 * scale);
        (loss * scale, gradient)
    }
}

fn transpose(square: &[f32], n: usize) -> Vec<f32> {
    (0..n * n).map(|i| square[i % n * n + i / n]).collect()
}

/// The samples of one slot.
struct Part<'a> {
    shape: StencilShape,
    params: &'a [f32],
    /// Second layer, `[width][width]` the other way round.
    transposed: &'a [f32],
    inputs: &'a [f32],
    stride: usize,
    targets: &'a [f32],
    weights: &'a [f32],
    /// See [`Batch::transform`].
    transform: &'a [f32],
    /// Of half the sum of squares.
    gradient: &'a mut [f32],
    loss: &'a mut f32,
}

/// Rows of a tile, `[n][width]` each.
struct Rows {
    hidden: [Vec<f32>; 2],
    slopes: [Vec<f32>; 2],
    /// Loss gradients: for what a layer puts out, for its sums.
    dz: [Vec<f32>; 2],
}

impl Rows {
    fn new(width: usize) -> Self {
        let rows = || [vec![0.0; TILE * width], vec![0.0; TILE * width]];
        Rows { hidden: rows(), slopes: rows(), dz: rows() }
    }
}

/// Both hidden layers of `n` samples.
#[inline(always)]
fn forward<S: Simd>(
    simd: S,
    (shape, params): (StencilShape, &[f32]),
    (inputs, stride): (&[f32], usize),
    n: usize,
    tile: &mut Rows,
) {
    let StencilShape { n_inputs, width } = shape;
    let ([first, second], [first_slopes, second_slopes]) = (&mut tile.hidden, &mut tile.slopes);
    let (weights, biases) = (params, &params[shape.first_biases()..]);
    layer(simd, (inputs, n_inputs, stride), (weights, biases, width), &mut first[..n * width], first_slopes);
    let (weights, biases) = (&params[shape.second()..], &params[shape.second_biases()..]);
    layer(simd, (first, width, width), (weights, biases, width), &mut second[..n * width], second_slopes);
}

/// One hidden layer: `k` inputs in rows of `stride`, outputs `z` and their slopes in rows of `width`.
#[inline(always)]
fn layer<S: Simd>(
    simd: S,
    (x, k, stride): (&[f32], usize, usize),
    (weights, biases, width): (&[f32], &[f32], usize),
    z: &mut [f32],
    slopes: &mut [f32],
) {
    simd.multiply(Product {
        m: z.len() / width,
        n: width,
        k,
        a: x,
        a_row: stride,
        a_column: 1,
        b: weights,
        b_row: width,
        c: z,
        c_row: width,
        start: Start::Bias(biases),
    });
    activate(z, slopes);
}

/// The last layer for one row of the second.
#[inline(always)]
fn last_output(hidden: &[f32], weights: &[f32], bias: f32) -> f32 {
    let mut lanes = [0.0; 16];
    for (h, w) in hidden.chunks_exact(16).zip(weights.chunks_exact(16)) {
        (0..16).for_each(|i| lanes[i] += h[i] * w[i]);
    }
    lanes.iter().sum::<f32>() + bias
}

/// Outputs of samples and their last hidden layer, without a way back.
struct Outputs<'a> {
    shape: StencilShape,
    params: &'a [f32],
    inputs: &'a [f32],
    stride: usize,
    outputs: &'a mut [f32],
    hidden: &'a mut [f32],
}

impl Kernel for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut tile = Rows::new(self.shape.width);
        let (last, bias, width) = (self.shape.last(), self.shape.last_bias(), self.shape.width);
        let parts = self.outputs.chunks_mut(TILE).zip(self.hidden.chunks_mut(TILE * width));
        for (inputs, (outputs, hidden)) in self.inputs.chunks(TILE * self.stride).zip(parts) {
            forward(simd, (self.shape, self.params), (inputs, self.stride), outputs.len(), &mut tile);
            hidden.copy_from_slice(&tile.hidden[1][..hidden.len()]);
            let rows = hidden.chunks_exact(width);
            let output = |row: &[f32]| last_output(row, &self.params[last..bias], self.params[bias]);
            outputs.iter_mut().zip(rows).for_each(|(y, row)| *y = output(row));
        }
    }
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let mut tile = Rows::new(self.shape.width);
        let wanted = self.targets.chunks(TILE).zip(self.weights.chunks(TILE));
        for (inputs, wanted) in self.inputs.chunks(TILE * self.stride).zip(wanted) {
            forward(simd, (self.shape, self.params), (inputs, self.stride), wanted.0.len(), &mut tile);
            self.output(wanted, &mut tile);
            self.backward(simd, inputs, wanted.0.len(), &mut tile);
        }
    }
}

impl Part<'_> {
    /// Loss, and the way back through the last layer and the second activation.
    #[inline(always)]
    fn output(&mut self, (targets, sample_weights): (&[f32], &[f32]), tile: &mut Rows) {
        let (last, bias, width) = (self.shape.last(), self.shape.last_bias(), self.shape.width);
        let (weights, b) = (&self.params[last..bias], self.params[bias]);
        let (mut errors, mut derivatives) = ([0.0; TILE], [0.0; TILE]);
        let rows = tile.hidden[1].chunks_exact(width);
        for ((error, target), hidden) in errors.iter_mut().zip(targets).zip(rows) {
            *error = last_output(hidden, weights, b) - target;
        }
        *self.loss += weighted_squares((self.transform, sample_weights), &errors, &mut derivatives);
        let rows = tile.hidden[1].chunks_exact(width).zip(tile.slopes[1].chunks_exact(width));
        let rows = rows.zip(tile.dz[1].chunks_exact_mut(width));
        for (&d, ((hidden, slopes), dz)) in derivatives[..targets.len()].iter().zip(rows) {
            self.gradient[bias] += d;
            self.gradient[last..bias].iter_mut().zip(hidden).for_each(|(g, h)| *g += d * h);
            dz.iter_mut().zip(weights.iter().zip(slopes)).for_each(|(z, (w, s))| *z = d * w * s);
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(&mut self, simd: S, inputs: &[f32], n: usize, tile: &mut Rows) {
        let StencilShape { n_inputs, width } = self.shape;
        let rows = ..n * width;
        let ([first, _], [slopes, _], [dinput, dz]) = (&tile.hidden, &tile.slopes, &mut tile.dz);
        add_rows(simd, &dz[rows], width, &mut self.gradient[self.shape.second_biases()..]);
        let input = Factor { values: first, lead: width, n };
        input.weight_gradient(simd, width, dz, width, &mut self.gradient[self.shape.second()..]);
        Factor { values: dz, lead: width, n }.backward(simd, width, self.transposed, width, dinput, Start::Zero);
        times_slope(simd, &dinput[rows], &slopes[rows], &mut dz[rows]);
        add_rows(simd, &dz[rows], width, &mut self.gradient[self.shape.first_biases()..]);
        let input = Factor { values: inputs, lead: self.stride, n };
        input.weight_gradient(simd, n_inputs, dz, width, self.gradient);
    }
}

/// Sum of the weighted squares of transformed errors, and half its derivative by each of them.
#[inline(always)]
fn weighted_squares((transform, weights): (&[f32], &[f32]), errors: &[f32], derivatives: &mut [f32]) -> f32 {
    let n = transform.len().isqrt();
    let mut sum = 0.0;
    let cells = errors.chunks_exact(n).zip(derivatives.chunks_exact_mut(n));
    for (weights, (errors, derivatives)) in weights.chunks_exact(n).zip(cells) {
        for (row, weight) in transform.chunks_exact(n).zip(weights) {
            let coefficient: f32 = row.iter().zip(errors).map(|(t, e)| t * e).sum();
            let weighted = weight * coefficient;
            sum += weighted * coefficient;
            derivatives.iter_mut().zip(row).for_each(|(d, t)| *d += weighted * t);
        }
    }
    sum
}

/// `z` becomes its activation: 0 below -1, `z` above 1, `(z + 1)^2 / 4` in between.
#[inline(always)]
fn activate(z: &mut [f32], slopes: &mut [f32]) {
    for (z, slope) in z.iter_mut().zip(slopes) {
        let t = z.clamp(-1.0, 1.0) + 1.0;
        *slope = 0.5 * t;
        *z = 0.25 * t * t + (z.max(1.0) - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|i| scale * ((i * i * 31 + i * 17) % 101) as f32 / 50.0 - scale).collect()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_and_threads_and_instructions_do_not_matter() {
        let (n_inputs, n) = (6, 150);
        let shape = StencilShape { n_inputs, width: 16 };
        let params = numbers(shape.n_params(), 0.3);
        let training = |params, instructions| Training::new(StencilState::new(shape, params), instructions);
        let (inputs, targets) = (numbers(n * n_inputs, 1.0), numbers(n, 0.7));
        let transform = [0.6, 0.8, -0.8, 0.6];
        let weights: Vec<f32> = numbers(n, 1.0).iter().map(|w| w + 1.0).collect();
        let batch =
            Batch { inputs: &inputs, stride: n_inputs, targets: &targets, transform: &transform, weights: &weights };
        let (_, gradient) = training(params.clone(), Instructions::Scalar).gradient(batch);
        for i in (0..params.len()).step_by(7) {
            let loss = |change: f32| {
                let mut moved = params.clone();
                moved[i] += change;
                f64::from(training(moved, Instructions::Scalar).gradient(batch).0)
            };
            let slope = (loss(3e-3) - loss(-3e-3)) / 6e-3;
            let error = (slope - f64::from(gradient[i])).abs();
            assert!(error < 2e-3 * (1.0 + slope.abs()), "{i}: {slope} {}", gradient[i]);
        }
        let targets: Vec<f32> = inputs.chunks(n_inputs).map(|x| (x[0] - x[3]).abs() + x[1] * x[2]).collect();
        let batch =
            Batch { inputs: &inputs, stride: n_inputs, targets: &targets, transform: &[1.0], weights: &weights };
        for instructions in Instructions::ALL.into_iter().filter(|i| i.is_available()) {
            let mut other = training(params.clone(), instructions);
            let losses: Vec<f32> = (0..100).map(|_| other.step(batch, 1e-2)).collect();
            assert!(losses[99] < 0.2 * losses[0], "{instructions} {losses:?}");
        }
    }
}
