//! Parameters as the kernels want them: rows padded with zeros to whole vectors, offsets in one place.
//!
//! Padded order: input weights `[n_inputs][lead]`, input biases `[lead]`; per hidden layer weights `[width][lead]`
//! (row = neuron of this layer), biases `[lead]`; output weights `[n_outputs][lead]`, biases `[lead_out]`. Padding stays
//! zero through training: its gradient is zero. The transposed copy holds `[width in][lead]` of each hidden layer, then
//! `[width][lead_out]` of the output layer.

use crate::model::SirenShape;

/// Where everything is in the padded vectors.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub shape: SirenShape,
    /// Floats per row of neurons.
    pub lead: usize,
    /// Floats per row of outputs.
    pub lead_out: usize,
}

impl Layout {
    pub fn new(shape: &SirenShape, lanes: usize) -> Self {
        let (lead, lead_out) = (shape.width.next_multiple_of(lanes), shape.n_outputs.next_multiple_of(lanes));
        Layout { shape: *shape, lead, lead_out }
    }

    /// Hidden layers.
    pub fn n_hidden(&self) -> usize {
        2 * self.shape.n_blocks
    }

    pub fn input_biases(&self) -> usize {
        self.shape.n_inputs * self.lead
    }

    /// Weights of hidden layer `layer`.
    pub fn weights(&self, layer: usize) -> usize {
        self.input_biases() + self.lead + layer * (self.shape.width + 1) * self.lead
    }

    pub fn biases(&self, layer: usize) -> usize {
        self.weights(layer) + self.shape.width * self.lead
    }

    pub fn output_weights(&self) -> usize {
        self.weights(self.n_hidden())
    }

    pub fn output_biases(&self) -> usize {
        self.output_weights() + self.shape.n_outputs * self.lead
    }

    /// Length of a padded parameter vector.
    pub fn len(&self) -> usize {
        self.output_biases() + self.lead_out
    }

    /// Transposed weights of hidden layer `layer`, or of the output layer for `n_hidden()`.
    pub fn transposed(&self, layer: usize) -> usize {
        layer * self.shape.width * self.lead
    }

    /// Length of the transposed copy.
    pub fn transposed_len(&self) -> usize {
        self.transposed(self.n_hidden()) + self.shape.width * self.lead_out
    }

    /// Pads a flat parameter vector.
    pub fn pad(&self, params: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.len()];
        self.pad_into(params, &mut padded);
        padded
    }

    /// As [`Self::pad`] into a vector whose padding is zero already.
    pub fn pad_into(&self, params: &[f32], padded: &mut [f32]) {
        self.pair(|flat, at| padded[at] = params[flat]);
    }

    /// Undoes [`Self::pad`].
    pub fn unpad(&self, padded: &[f32]) -> Vec<f32> {
        let mut params = vec![0.0; self.shape.n_params()];
        self.pair(|flat, at| params[flat] = padded[at]);
        params
    }

    /// Calls `visit` with the flat and the padded position of every parameter.
    pub fn pair(&self, mut visit: impl FnMut(usize, usize)) {
        let SirenShape { n_inputs, width, n_outputs, .. } = self.shape;
        let mut flat = 0;
        let mut next = |at: usize| {
            visit(flat, at);
            flat += 1;
        };
        for (neuron, input) in (0..width).flat_map(|n| (0..n_inputs).map(move |i| (n, i))) {
            next(input * self.lead + neuron);
        }
        (0..width).for_each(|n| next(self.input_biases() + n));
        for layer in 0..self.n_hidden() {
            for (row, column) in (0..width).flat_map(|r| (0..width).map(move |c| (r, c))) {
                next(self.weights(layer) + row * self.lead + column);
            }
            (0..width).for_each(|n| next(self.biases(layer) + n));
        }
        for (row, column) in (0..n_outputs).flat_map(|r| (0..width).map(move |c| (r, c))) {
            next(self.output_weights() + row * self.lead + column);
        }
        (0..n_outputs).for_each(|o| next(self.output_biases() + o));
    }

    /// Fills the transposed copy.
    pub fn transpose(&self, padded: &[f32], transposed: &mut [f32]) {
        let (hidden, output) = transposed.split_at_mut(self.transposed(self.n_hidden()));
        for (layer, out) in hidden.chunks_exact_mut(self.transposed(1)).enumerate() {
            self.transpose_layer(padded, layer, out);
        }
        self.transpose_layer(padded, self.n_hidden(), output);
    }

    /// Writes one layer of the transposed copy (`layer` as in [`Self::transposed`]) into `out`, its slice of the copy.
    pub fn transpose_layer(&self, padded: &[f32], layer: usize, out: &mut [f32]) {
        let is_output = layer == self.n_hidden();
        let (rows, lead) =
            if is_output { (self.shape.n_outputs, self.lead_out) } else { (self.shape.width, self.lead) };
        let weights = &padded[self.weights(layer)..];
        for (column, out) in out.chunks_exact_mut(lead).enumerate() {
            for (row, out) in out[..rows].iter_mut().enumerate() {
                *out = weights[row * self.lead + column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_reversible() {
        let shape = SirenShape { n_inputs: 3, width: 9, n_blocks: 2, n_outputs: 2 };
        let params: Vec<f32> = (1..=shape.n_params()).map(|i| i as f32).collect();
        for lanes in [1, 4, 8, 16] {
            let layout = Layout::new(&shape, lanes);
            let padded = layout.pad(&params);
            assert_eq!(layout.unpad(&padded), params);
            assert_eq!(padded.iter().filter(|&&p| p != 0.0).count(), params.len());
        }
    }
}
