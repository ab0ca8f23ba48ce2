//! Training of a predictor's network: samples and state go to the device, steps run there, the state comes back.

use crate::backend::gpu::GpuBackend;
use crate::backend::gpu::layout::{Layers, Layout};
use crate::backend::gpu::minibatches::{Minibatches, Start};
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::work::Work;
use crate::backend::stencil::{Batch, StencilShape, StencilState, StencilStep};
use crate::train::Schedule;
use crate::{Error, Result};

/// Takes steps; `state` and `steps` fit the samples.
pub fn train(
    backend: &GpuBackend,
    state: &mut StencilState,
    samples: Batch,
    steps: &[StencilStep],
) -> Result<Vec<f32>> {
    let most = steps.iter().map(|step| step.n).max().unwrap_or(0);
    let mut minibatches = start(backend, state, samples, most)?;
    let order = Order::new(&state.shape);
    minibatches.set_moments(state.moments.each_ref().map(|moment| order.pack(moment)).concat())?;
    let work = |(step, n_taken): (&StencilStep, u32)| Work {
        n_samples: step.n as u32,
        first_point: step.first as u32,
        rate: step.rate,
        corrections: Schedule::bias_correction(n_taken),
        averaging: StencilState::averaging(n_taken),
        n_cell: samples.cell() as u32,
        ..Work::default()
    };
    let losses = minibatches.run(steps.iter().zip(state.n_steps..).map(work))?;
    let (params, average) = (order.unpack(&minibatches.params()?), order.unpack(&minibatches.average()?));
    let moments = minibatches.moments()?;
    let (first, second) = moments.split_at(moments.len() / 2);
    let moments = [order.unpack(first), order.unpack(second)];
    let n_steps = state.n_steps + steps.len() as u32;
    *state = StencilState { shape: state.shape, params, average, moments, n_steps };
    Ok(losses)
}

/// Loss and gradient over all samples.
pub fn gradient(backend: &GpuBackend, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
    let n = samples.targets.len();
    let mut minibatches = start(backend, state, samples, n)?;
    let (loss, gradient) =
        minibatches.gradient(&Work { n_samples: n as u32, n_cell: samples.cell() as u32, ..Work::default() })?;
    Ok((loss, Order::new(&state.shape).unpack(&gradient)))
}

/// A run with its parameters and samples on the device; moments are zero.
fn start(backend: &GpuBackend, state: &StencilState, samples: Batch, most: usize) -> Result<Minibatches> {
    let (n_inputs, order) = (state.shape.n_inputs, Order::new(&state.shape));
    let start = Start {
        kernel: Kernel::StencilTrain,
        layers: Layers::from(&state.shape),
        packed: order.pack(&state.params),
        average: Some((Kernel::StencilAverage, order.pack(&state.average))),
        n_values: samples.transform.len() + samples.targets.len() * (n_inputs + 2),
        most_samples: most as u32,
        dims: Vec::new(),
    };
    let minibatches = Minibatches::new(backend, start)?;
    if !minibatches.n_points().is_multiple_of(samples.cell()) {
        return Err(Error::Backend {
            backend: "gpu".into(),
            reason: format!(
                "a predictor of width {} needs more workgroup memory than the device has: set backend=cpu",
                state.shape.width
            ),
        });
    }
    let wanted = samples.targets.iter().zip(samples.weights);
    let rows = samples.inputs.chunks_exact(samples.stride).zip(wanted);
    let rows = rows.flat_map(|(row, (target, weight))| row[..n_inputs].iter().chain([target, weight]));
    let values: Vec<f32> = samples.transform.iter().chain(rows).copied().collect();
    minibatches.upload(&values)?;
    Ok(minibatches)
}

/// Where each parameter stands on the device, in the order of a [`StencilShape`].
struct Order {
    positions: Vec<usize>,
    n_floats: usize,
}

impl Order {
    fn new(shape: &StencilShape) -> Self {
        let &StencilShape { n_inputs, width } = shape;
        let layout = Layout::new(shape);
        // The device keeps weights between hidden layers by output, its first layer by input.
        let first = 0..n_inputs * width;
        let first_biases = (0..width).map(|i| 4 * layout.at_input_bias() + i);
        let at = 4 * layout.at_hidden();
        let second = (0..width * width).map(|i| at + i % width * width + i / width);
        let second_biases = (0..width).map(|i| at + width * width + i);
        let last = (0..width).map(|i| 4 * layout.at_output() + i).chain([4 * layout.at_output_bias()]);
        let positions = first.chain(first_biases).chain(second).chain(second_biases).chain(last).collect();
        Order { positions, n_floats: 4 * layout.n_vectors() }
    }

    fn pack(&self, values: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; self.n_floats];
        values.iter().zip(&self.positions).for_each(|(value, &at)| packed[at] = *value);
        packed
    }

    fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        self.positions.iter().map(|&at| packed[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_own_place_and_comes_back() {
        let shape = StencilShape { n_inputs: 22, width: 32 };
        let order = Order::new(&shape);
        let params: Vec<f32> = (1..=shape.n_params()).map(|i| i as f32).collect();
        let packed = order.pack(&params);
        assert_eq!(packed.iter().filter(|v| **v != 0.0).count(), params.len());
        assert_eq!(order.unpack(&packed), params);
    }
}
