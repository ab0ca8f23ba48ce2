//! Where each parameter stands on the device: rows padded to whole vectors, the input layer transposed.

use crate::backend::stencil::StencilShape;
use crate::model::SirenShape;

/// Sizes of a network as the kernels see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layers {
    /// Coordinates, or inputs of a point.
    pub n_inputs: usize,
    /// Neurons of each hidden layer and of the input layer.
    pub width: usize,
    /// Layers of `width` to `width`.
    pub n_hidden: usize,
    /// Values per point.
    pub n_outputs: usize,
    /// Values per neuron and point that are kept between forward and backward pass.
    pub n_kept: usize,
}

impl From<&SirenShape> for Layers {
    /// Kept are the phases of all sine layers and the inputs of all blocks but the first.
    fn from(shape: &SirenShape) -> Self {
        let &SirenShape { n_inputs, width, n_blocks, n_outputs } = shape;
        let n_kept = 1 + 2 * n_blocks + n_blocks.saturating_sub(1);
        Layers { n_inputs, width, n_hidden: 2 * n_blocks, n_outputs, n_kept }
    }
}

impl From<&StencilShape> for Layers {
    /// Kept are the sums of both hidden layers.
    fn from(shape: &StencilShape) -> Self {
        let &StencilShape { n_inputs, width } = shape;
        Layers { n_inputs, width, n_hidden: 1, n_outputs: 1, n_kept: 2 }
    }
}

/// Order of the parameters on the device, in units of four floats: input weights `[n_inputs][h]`, input biases `[h]`,
/// per hidden layer weights `[h][h]` and biases `[h]`, output weights `[n_outputs][h]`, output biases (padded to 4).
///
/// `h` is the width rounded up to a multiple of 8. Padding is zero and stays zero: its neurons are sin(0) = 0 and no
/// weight leaves them, so its gradients vanish. (Stencil networks have none: their activation of 0 is not 0.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    layers: Layers,
    /// Padded width in floats.
    pub h: usize,
}

impl Layout {
    /// The layout for a shape.
    pub fn new(shape: impl Into<Layers>) -> Self {
        let layers = shape.into();
        Layout { layers, h: layers.width.next_multiple_of(8) }
    }

    /// Layers between the first and the last.
    pub fn n_hidden(&self) -> usize {
        self.layers.n_hidden
    }

    /// Vectors per hidden layer: weights and biases.
    pub fn layer4(&self) -> usize {
        (self.h * self.h + self.h) / 4
    }

    /// First vector of the input biases; the input weights start at 0.
    pub fn at_input_bias(&self) -> usize {
        self.layers.n_inputs * self.h / 4
    }

    /// First vector of the hidden layers.
    pub fn at_hidden(&self) -> usize {
        self.at_input_bias() + self.h / 4
    }

    /// First vector of the output weights.
    pub fn at_output(&self) -> usize {
        self.at_hidden() + self.n_hidden() * self.layer4()
    }

    /// First vector of the output biases.
    pub fn at_output_bias(&self) -> usize {
        self.at_output() + self.layers.n_outputs * self.h / 4
    }

    /// Vectors in all.
    pub fn n_vectors(&self) -> usize {
        self.at_output_bias() + self.layers.n_outputs.div_ceil(4)
    }

    /// Parameters of a SIREN in device order, padding zero. `params.len()` is `shape.n_params()`.
    pub fn pack(&self, params: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; 4 * self.n_vectors()];
        for (value, at) in params.iter().zip(self.positions()) {
            packed[at] = *value;
        }
        packed
    }

    /// The inverse of [`Self::pack`].
    pub fn unpack(&self, packed: &[f32]) -> Vec<f32> {
        self.positions().map(|at| packed[at]).collect()
    }

    /// Device position of each parameter, in the order of [`crate::model::siren`].
    pub fn positions(&self) -> impl Iterator<Item = usize> + use<> {
        let l = *self;
        let Layers { n_inputs, width, n_outputs, .. } = l.layers;
        let input = (0..width).flat_map(move |i| (0..n_inputs).map(move |c| c * l.h + i));
        let input_bias = (0..width).map(move |i| 4 * l.at_input_bias() + i);
        let hidden = (0..l.n_hidden()).flat_map(move |layer| {
            let at = 4 * (l.at_hidden() + layer * l.layer4());
            let weights = (0..width).flat_map(move |i| (0..width).map(move |k| at + i * l.h + k));
            weights.chain((0..width).map(move |i| at + l.h * l.h + i))
        });
        let output = (0..n_outputs).flat_map(move |o| (0..width).map(move |k| 4 * l.at_output() + o * l.h + k));
        let output_bias = (0..n_outputs).map(move |o| 4 * l.at_output_bias() + o);
        input.chain(input_bias).chain(hidden).chain(output).chain(output_bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_own_place_and_comes_back() {
        for (n_inputs, width, n_blocks, n_outputs) in [(1, 8, 0, 1), (3, 13, 2, 5), (5, 128, 1, 16)] {
            let shape = SirenShape { n_inputs, width, n_blocks, n_outputs };
            let layout = Layout::new(&shape);
            let params: Vec<f32> = (1..=shape.n_params()).map(|i| i as f32).collect();
            let packed = layout.pack(&params);
            assert_eq!(packed.iter().filter(|v| **v != 0.0).count(), params.len());
            assert_eq!(layout.unpack(&packed), params);
        }
    }
}
