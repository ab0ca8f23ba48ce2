//! The residual SIREN in f64, written for clarity: what every backend is compared with.

use adios2_inr::model::SirenShape;

/// A network in f64.
pub struct Reference {
    pub shape: SirenShape,
    pub params: Vec<f64>,
}

/// Activations of one point, kept for the backward pass.
struct Trace {
    /// Input of each layer.
    inputs: Vec<Vec<f64>>,
    /// Weighted sums of each layer.
    sums: Vec<Vec<f64>>,
}

impl Reference {
    pub fn new(shape: SirenShape, params: &[f32]) -> Self {
        Reference { shape, params: params.iter().map(|&p| f64::from(p)).collect() }
    }

    /// `(offset, rows, columns)` of each layer.
    fn layers(&self) -> Vec<(usize, usize, usize)> {
        let mut offset = 0;
        let place = |(rows, columns)| {
            let layer = (offset, rows, columns);
            offset += rows * columns + rows;
            layer
        };
        self.shape.layers().map(place).collect()
    }

    fn trace(&self, x: &[f64]) -> Trace {
        let mut trace = Trace { inputs: Vec::new(), sums: Vec::new() };
        let mut y = x.to_vec();
        let mut block_input = Vec::new();
        let layers = self.layers();
        for (layer, &(offset, rows, columns)) in layers.iter().enumerate() {
            let (weights, biases) = self.params[offset..].split_at(rows * columns);
            let row = |r: usize| &weights[r * columns..(r + 1) * columns];
            let dot = |r: usize| row(r).iter().zip(&y).map(|(w, y)| w * y).sum::<f64>() + biases[r];
            let z: Vec<f64> = (0..rows).map(dot).collect();
            let sine: Vec<f64> = z.iter().map(|z| (30.0 * z).sin()).collect();
            trace.sums.push(z);
            let next = match layer {
                0 => sine,
                _ if layer % 2 == 1 => {
                    block_input.clone_from(&y);
                    sine
                }
                _ => block_input.iter().zip(sine).map(|(y, s)| 0.5 * (y + s)).collect(),
            };
            trace.inputs.push(std::mem::replace(&mut y, next));
        }
        trace
    }

    /// Outputs at one point.
    pub fn evaluate(&self, x: &[f64]) -> Vec<f64> {
        self.trace(x).sums.pop().expect("an output layer")
    }

    /// Mean squared error over points and channels.
    pub fn loss(&self, points: &[(Vec<f64>, Vec<f64>)]) -> f64 {
        let square =
            |(x, t): &(Vec<f64>, Vec<f64>)| self.evaluate(x).iter().zip(t).map(|(y, t)| (y - t) * (y - t)).sum::<f64>();
        points.iter().map(square).sum::<f64>() / (points.len() * self.shape.n_outputs) as f64
    }

    /// Gradient of [`Self::loss`].
    pub fn gradient(&self, points: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
        let mut gradient = vec![0.0; self.params.len()];
        let scale = 2.0 / (points.len() * self.shape.n_outputs) as f64;
        for (x, target) in points {
            let trace = self.trace(x);
            let out = trace.sums.last().expect("an output layer");
            let dz = out.iter().zip(target).map(|(y, t)| scale * (y - t)).collect();
            self.backward(&trace, dz, &mut gradient);
        }
        gradient
    }

    fn backward(&self, trace: &Trace, mut dz: Vec<f64>, gradient: &mut [f64]) {
        let layers = self.layers();
        let mut skip = Vec::new();
        for layer in (0..layers.len()).rev() {
            let (offset, rows, columns) = layers[layer];
            let mut dy = vec![0.0; columns];
            for r in 0..rows {
                for c in 0..columns {
                    gradient[offset + r * columns + c] += dz[r] * trace.inputs[layer][c];
                    dy[c] += dz[r] * self.params[offset + r * columns + c];
                }
                gradient[offset + rows * columns + r] += dz[r];
            }
            if layer == 0 {
                return;
            }
            // What feeds layer - 1's sine: a block's output is halved and also reaches the block's input.
            if layer % 2 == 1 && layer < layers.len() - 1 {
                dy.iter_mut().zip(&skip).for_each(|(d, s): (&mut f64, &f64)| *d += s);
            }
            if layer % 2 == 1 && layer > 1 {
                dy.iter_mut().for_each(|d| *d *= 0.5);
                skip.clone_from(&dy);
            }
            dz = dy.iter().zip(&trace.sums[layer - 1]).map(|(d, z)| d * 30.0 * (30.0 * z).cos()).collect();
        }
    }
}

/// `||a - b|| / ||b||`.
pub fn relative_l2(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference: f64 = a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).powi(2)).sum();
    (difference / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

#[test]
fn the_reference_gradient_equals_finite_differences() {
    for n_blocks in [0, 1, 3] {
        let shape = SirenShape { n_inputs: 2, width: 8, n_blocks, n_outputs: 2 };
        let mut reference = Reference::new(shape, &shape.initial_params(3));
        let points: Vec<_> =
            (0..5).map(|i| (vec![0.3 * i as f64 - 0.7, 0.9 - 0.35 * i as f64], vec![0.2 * i as f64, -0.5])).collect();
        let gradient = reference.gradient(&points);
        for (i, analytic) in gradient.iter().enumerate() {
            let (p, h) = (reference.params[i], 1e-6);
            reference.params[i] = p + h;
            let above = reference.loss(&points);
            reference.params[i] = p - h;
            let below = reference.loss(&points);
            reference.params[i] = p;
            let difference = (above - below) / (2.0 * h);
            approx::assert_relative_eq!(difference, *analytic, epsilon = 1e-6, max_relative = 1e-6);
        }
    }
}
