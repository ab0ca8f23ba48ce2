//! What a device does for predictors: integer inference over a grid, and training of the two hidden layers.

use crate::model::stencil::network::MAX_WIDTH;
use crate::model::stencil::{Dense, Grid, Mlp};
use crate::{Error, Result};

/// Sizes of a network in training, and where its parameters are: weights `[n_inputs][width]`, biases `[width]`, weights
/// `[width][width]`, biases `[width]`, weights `[width]`, bias `[1]`, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StencilShape {
    /// Inputs of a point.
    pub n_inputs: usize,
    /// Neurons of each hidden layer, a multiple of 16.
    pub width: usize,
}

impl StencilShape {
    /// Where the biases of the first layer begin.
    pub fn first_biases(&self) -> usize {
        self.n_inputs * self.width
    }

    /// Where the weights of the second layer begin.
    pub fn second(&self) -> usize {
        self.first_biases() + self.width
    }

    /// Where the biases of the second layer begin.
    pub fn second_biases(&self) -> usize {
        self.second() + self.width * self.width
    }

    /// Where the weights of the output begin.
    pub fn last(&self) -> usize {
        self.second_biases() + self.width
    }

    /// Where the bias of the output is.
    pub fn last_bias(&self) -> usize {
        self.last() + self.width
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.last_bias() + 1
    }

    /// Multiply-adds of a sample's forward and backward pass, times two.
    pub fn flops_train(&self) -> f64 {
        // Forward, weight gradients, and the second and last layers once more on the way back.
        let (first, rest) = (self.first_biases(), self.width * self.width + self.width);
        (4 * first + 6 * rest) as f64
    }

    /// Multiply-adds of a sample's forward pass, times two.
    pub fn flops_forward(&self) -> f64 {
        2.0 * (self.first_biases() + self.width * self.width + self.width) as f64
    }
}

/// Steps that the average of the parameters reaches back, and the part of those so far that it never exceeds.
const N_AVERAGED: f32 = 50.0;
const AVERAGED_PART: f32 = 0.25;

/// A network in training between two calls of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct StencilState {
    /// Sizes.
    pub shape: StencilShape,
    /// As [`StencilShape`] says.
    pub params: Vec<f32>,
    /// Of the parameters of the last steps, see [`Self::averaging`]: what single batches did to them cancels out.
    pub average: Vec<f32>,
    /// Adam's first and second moments, in the same order.
    pub moments: [Vec<f32>; 2],
    /// Steps taken.
    pub n_steps: u32,
}

impl StencilState {
    /// Before the first step.
    pub fn new(shape: StencilShape, params: Vec<f32>) -> Self {
        let moments = [vec![0.0; params.len()], vec![0.0; params.len()]];
        StencilState { shape, average: params.clone(), params, moments, n_steps: 0 }
    }

    /// Part of the parameters after step `step` (from 0) in their average.
    pub fn averaging(step: u32) -> f32 {
        1.0 / (AVERAGED_PART * (step as f32 + 1.0) + 1.0).min(N_AVERAGED)
    }

    /// The last layer becomes this: `width` weights and a bias.
    pub fn set_last(&mut self, weights: &[f32], bias: f32) {
        let (last, last_bias) = (self.shape.last(), self.shape.last_bias());
        for params in [&mut self.params, &mut self.average] {
            params[last..last_bias].copy_from_slice(weights);
            params[last_bias] = bias;
        }
    }

    /// Checks that the sizes agree.
    ///
    /// # Errors
    /// [`Error::Internal`] with the sizes that do not.
    pub fn check(&self) -> Result<()> {
        let StencilShape { n_inputs, width } = self.shape;
        let is_width = width.is_multiple_of(16) && (16..=MAX_WIDTH).contains(&width);
        let n = self.shape.n_params();
        let parts = [&self.params, &self.average, &self.moments[0], &self.moments[1]];
        if is_width && n_inputs > 0 && parts.iter().all(|part| part.len() == n) {
            return Ok(());
        }
        Err(Error::Internal(format!(
            "{} parameters for a stencil network {n_inputs}-{width}-{width}-1",
            self.params.len()
        )))
    }
}

/// Samples in a cell at most.
pub const MAX_CELL: usize = 16;

/// Samples with what is wanted at them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// `[n][stride]`, the inputs first in each row.
    pub inputs: &'a [f32],
    /// Numbers in a row.
    pub stride: usize,
    /// `[n]`.
    pub targets: &'a [f32],
    /// What the errors of the samples of a cell, one after another, are multiplied by, `[coefficient][sample]`.
    pub transform: &'a [f32],
    /// The loss is the mean of the squares of what comes of that times these, `[n]`.
    pub weights: &'a [f32],
}

impl<'a> Batch<'a> {
    /// `n` samples from `first` on.
    pub fn part(&self, first: usize, n: usize) -> Batch<'a> {
        let inputs = &self.inputs[first * self.stride..(first + n) * self.stride];
        let (targets, weights) = (&self.targets[first..first + n], &self.weights[first..first + n]);
        Batch { inputs, targets, weights, ..*self }
    }

    /// Samples of a cell.
    pub fn cell(&self) -> usize {
        self.transform.len().isqrt()
    }

    /// Checks that rows, targets, weights, cells and steps agree.
    ///
    /// # Errors
    /// [`Error::Internal`] with the sizes that do not.
    pub fn check(&self, shape: &StencilShape, steps: &[StencilStep]) -> Result<()> {
        let n = self.targets.len();
        let fits = self.stride >= shape.n_inputs && self.inputs.len() == n * self.stride && self.weights.len() == n;
        let cell = self.cell();
        let is_cell = cell.is_power_of_two() && cell <= MAX_CELL && cell * cell == self.transform.len();
        let is_inside = |step: &StencilStep| {
            step.n > 0
                && [step.first, step.n].iter().all(|n| n.is_multiple_of(cell))
                && step.first.checked_add(step.n).is_some_and(|end| end <= n)
        };
        if fits && is_cell && n.is_multiple_of(cell) && n <= 1 << 30 && steps.iter().all(is_inside) {
            return Ok(());
        }
        let (found, stride, n_steps, n_weights) = (self.inputs.len(), self.stride, steps.len(), self.weights.len());
        Err(Error::Internal(format!(
            "{n_steps} steps over {n} samples in cells of {cell} with {n_weights} weights in {found} numbers, {stride} a row"
        )))
    }
}

/// One step of Adam on the mean loss of samples `first..first + n`, whole cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StencilStep {
    /// First sample.
    pub first: usize,
    /// Samples, at least one.
    pub n: usize,
    /// Learning rate.
    pub rate: f32,
}

/// The kernels of predictors.
pub trait StencilKernels: Send + Sync {
    /// Outputs for all padded indices of [`Grid::span`], [`crate::model::stencil::network::OUTPUT_BITS`] behind the point; those of
    /// the padding mean nothing. The same bits on every device.
    ///
    /// # Errors
    /// [`Error::Backend`] when the device refuses (memory, limits, lost device).
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>>;

    /// Takes `steps` one after another and returns the mean loss before each; `state` is as it was after an error.
    ///
    /// # Errors
    /// [`Error::Backend`] as above; [`Error::Internal`] when sizes disagree.
    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>>;

    /// The mean loss over all samples and its gradient, in the order of the parameters. For tests and diagnosis.
    ///
    /// # Errors
    /// As [`Self::train_stencil`].
    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)>;
}
