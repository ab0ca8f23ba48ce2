//! Weights for a predictor, step by step: least squares, and a network that goes on learning while the simulation runs.

use nalgebra::{Cholesky, DMatrix, DVector};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::sample::Samples;
use super::{Dense, Mlp, Predictor, Scaling};
use crate::Result;
use crate::backend::cpu::Instructions;
use crate::backend::cpu::stencil::{Rows, Training, gram};
use crate::backend::stencil::{Batch, StencilKernels, StencilShape, StencilState, StencilStep};

/// Training steps of a new network, and of one that goes on.
const N_FIRST: u32 = 600;
const N_LATER: u32 = 48;
/// A new network is tried beside the one that goes on after so many fits, and twice as many, ...: one that began on a quiet field has
/// neurons that never wake.
const FIRST_RESTART: u32 = 4;
/// Samples of a training step.
const BATCH: usize = 1024;
/// Learning rate at the start, and how it falls: as one over the root of steps in this unit, down to a part.
const RATE: f32 = 8e-3;
const RATE_STEPS: f32 = 100.0;
const LEAST_RATE: f32 = 0.15;
const N_WARMUP: f32 = 5.0;
/// Added to the diagonal, as a part of its mean: the first that makes up for rounding in single precision, which smooth fields need.
const RIDGES: [f64; 4] = [1e-6, 1e-5, 1e-4, 1e-3];
/// One sample in this many only tells how good the weights are.
const HELD_OUT: usize = 5;

/// Predictors for one kind of step of one field, and the network in training.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    training: Option<(Scaling, StencilState)>,
    /// Fits that went on with it.
    n_refined: u32,
}

/// How a network is trained.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The kernels.
    pub device: &'a dyn StencilKernels,
    /// Training steps, if the user says so.
    pub n_steps: Option<u32>,
    /// Neurons of each hidden layer, a multiple of 16.
    pub width: usize,
    /// Of its first weights.
    pub seed: u64,
}

/// A predictor with what its errors cost on points that it was not fitted to.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The weights.
    pub predictor: Predictor,
    /// Bits per value; see [`Samples`].
    pub bits: f64,
}

/// The samples in two parts.
struct Parts<'a> {
    samples: &'a Samples,
    n_train: usize,
}

impl Learner {
    /// How the network in training sees fields.
    pub fn scaling(&self) -> Option<Scaling> {
        self.training.as_ref().map(|(scaling, _)| *scaling)
    }

    /// Training steps so far.
    pub fn n_steps(&self) -> u32 {
        self.training.as_ref().map_or(0, |(_, state)| state.n_steps)
    }

    /// Trains the network beside the linear part of `current`, from where the last call left it, then solves for the best linear part
    /// and last layer; `None` where nothing can be learned.
    ///
    /// # Errors
    /// As [`StencilKernels::train_stencil`].
    pub fn network(&mut self, samples: &Samples, current: Option<&Predictor>, plan: Plan) -> Result<Option<Fitted>> {
        let Some(parts) = Parts::new(samples) else { return Ok(None) };
        let linear = match current.filter(|p| p.scaling == samples.scaling) {
            Some(current) => Some(current.linear.clone()),
            None => parts.linear(None),
        };
        let Some(linear) = linear else { return Ok(None) };
        let shape = StencilShape { n_inputs: samples.n_inputs, width: plan.width };
        let known = self.training.take().filter(|(scaling, s)| (scaling, s.shape) == (&samples.scaling, shape));
        let new = || StencilState::new(shape, random_params(&shape, plan.seed));
        let train = |state, n_steps: u32| parts.trained(state, &linear, plan.device, plan.n_steps.unwrap_or(n_steps));
        let (state, fitted) = match known {
            None => train(new(), N_FIRST)?,
            Some((_, state)) => {
                let went_on = train(state, N_LATER)?;
                self.n_refined += 1;
                let is_due = self.n_refined >= FIRST_RESTART && self.n_refined.is_power_of_two();
                let restarted = if is_due { Some(train(new(), N_FIRST)?) } else { None };
                let bits =
                    |(_, fitted): &(StencilState, Option<Fitted>)| fitted.as_ref().map_or(f64::INFINITY, |f| f.bits);
                restarted.filter(|restarted| bits(restarted) < bits(&went_on)).unwrap_or(went_on)
            }
        };
        self.training = Some((samples.scaling, state));
        Ok(fitted)
    }
}

/// The linear predictor with the least cost, starting from `current`; `None` where nothing can be learned.
pub fn linear(samples: &Samples, current: Option<&Predictor>) -> Option<Fitted> {
    let parts = Parts::new(samples)?;
    let linear = parts.linear(current.filter(|p| p.scaling == samples.scaling && p.mlp.is_none()))?;
    Some(parts.fitted(linear, None))
}

/// Bits per value that errors of the last step itself cost.
pub fn last_bits(samples: &Samples) -> f64 {
    Parts::new(samples).map_or(0.0, |parts| parts.mean_bits(|_, target| target))
}

/// Bits per value that errors of a predictor cost; infinite for one with another scaling.
pub fn bits(samples: &Samples, predictor: &Predictor) -> f64 {
    match Parts::new(samples) {
        Some(parts) if predictor.scaling == samples.scaling => parts.bits(predictor),
        _ => f64::INFINITY,
    }
}

impl<'a> Parts<'a> {
    /// `None` for too few samples.
    fn new(samples: &'a Samples) -> Option<Parts<'a>> {
        let n_cells = samples.len() / samples.cell.n_points();
        let n_train = (n_cells - n_cells / HELD_OUT) * samples.cell.n_points();
        (n_train > 2 * samples.n_inputs).then_some(Parts { samples, n_train })
    }

    /// Mean cost of `error(row, target)` over the samples held out.
    fn mean_bits(&self, mut error: impl FnMut(usize, f32) -> f32) -> f64 {
        let held_out = self.n_train..self.samples.len();
        let errors: Vec<f32> = held_out.map(|i| error(i, self.samples.targets[i])).collect();
        self.cost(&errors)
    }

    /// Mean bits of errors, cell by cell.
    fn cost(&self, errors: &[f32]) -> f64 {
        let octaves: f64 = self.excess(errors).iter().map(|&e| libm::log2(1.0 + e)).sum();
        octaves / (2.0 * errors.len().max(1) as f64)
    }

    /// By how much errors exceed the tolerance, in squares: `[cell][coefficient]`, the energy of the cell shared between its
    /// coefficients as all cells together do.
    fn excess(&self, errors: &[f32]) -> Vec<f64> {
        let (transform, sharpness) = (self.samples.cell.transform(), self.samples.sharpness);
        let n = self.samples.cell.n_points();
        let mut shares = vec![0.0; n];
        let energies: Vec<f64> = errors.chunks_exact(n).map(|errors| sharpness * mean_square(errors)).collect();
        for (errors, energy) in errors.chunks_exact(n).zip(&energies) {
            for (share, row) in shares.iter_mut().zip(transform.chunks_exact(n)) {
                let coefficient = f64::from(row.iter().zip(errors).map(|(t, e)| t * e).sum::<f32>());
                *share += sharpness * coefficient * coefficient / (1.0 + energy);
            }
        }
        let mean = shares.iter().sum::<f64>() / n as f64;
        if mean > 0.0 {
            shares.iter_mut().for_each(|share| *share /= mean);
        }
        energies.iter().flat_map(|energy| shares.iter().map(move |share| energy * share)).collect()
    }

    /// A network after more steps beside a linear part, with the predictor that comes of it.
    fn trained(
        &self,
        mut state: StencilState,
        linear: &Dense,
        device: &dyn StencilKernels,
        n_steps: u32,
    ) -> Result<(StencilState, Option<Fitted>)> {
        let stride = self.samples.stride;
        let left = self.less_linear(linear);
        let n = BATCH.min(self.n_train);
        let n_firsts = self.n_train - n + self.samples.cell.n_points();
        let step = |i: u32| StencilStep { first: i as usize * n % n_firsts, n, rate: rate(i) };
        let steps: Vec<StencilStep> = (state.n_steps..state.n_steps + n_steps).map(step).collect();
        let inputs = &self.samples.rows[..self.n_train * stride];
        let (outputs, _) = Training::new(state.clone(), Instructions::best()).outputs(inputs, stride);
        let weights = self.weights(&less(&left, &outputs));
        let transform = self.samples.cell.transform();
        device.train_stencil(
            &mut state,
            Batch { inputs, stride, targets: &left, transform, weights: &weights },
            &steps,
        )?;
        let fitted = self.with_best_last_layer(&mut state, &left);
        Ok((state, fitted))
    }

    fn bits(&self, predictor: &Predictor) -> f64 {
        let first = self.n_train;
        let rows = &self.samples.rows[first * self.samples.stride..];
        let outputs = predictor.mlp.as_ref().map(|mlp| outputs(mlp, rows, self.samples.stride));
        let dot = self.dot(&predictor.linear);
        self.mean_bits(|i, target| dot(i) + outputs.as_ref().map_or(0.0, |o| o[i - first]) - target)
    }

    fn fitted(&self, linear: Dense, mlp: Option<Mlp>) -> Fitted {
        let predictor = Predictor { rank: self.samples.rank, scaling: self.samples.scaling, linear, mlp };
        Fitted { bits: self.bits(&predictor), predictor }
    }

    /// The linear part at a sample.
    fn dot(&self, linear: &Dense) -> impl Fn(usize) -> f32 {
        let (weights, bias) = (linear.weights_f32(), linear.biases_f32()[0]);
        let (rows, stride) = (&self.samples.rows[..], self.samples.stride);
        move |i| {
            let row = &rows[i * stride..i * stride + weights.len()];
            row.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>() + bias
        }
    }

    /// Targets of the first part less the linear prediction.
    fn less_linear(&self, linear: &Dense) -> Vec<f32> {
        let dot = self.dot(linear);
        (0..self.n_train).map(|i| self.samples.targets[i] - dot(i)).collect()
    }

    /// The linear part with the least cost: least squares weighted by the errors that `current` leaves, or plain ones leave.
    fn linear(&self, current: Option<&Predictor>) -> Option<Dense> {
        let first = match current {
            Some(current) => current.linear.clone(),
            None => self.solve(&[], &vec![1.0; self.n_train])?.0,
        };
        Some(self.solve(&[], &self.weights(&self.less_linear(&first)))?.0)
    }

    /// The predictor of the network in training with the best linear part and last layer, which it keeps; `left` is what the linear
    /// part beside it left.
    fn with_best_last_layer(&self, state: &mut StencilState, left: &[f32]) -> Option<Fitted> {
        let (rows, stride) = (&self.samples.rows[..], self.samples.stride);
        let training = Training::new(state.clone(), Instructions::best());
        let (outputs, hidden) = training.outputs(&rows[..self.n_train * stride], stride);
        let weights = self.weights(&less(left, &outputs));
        let (linear, last) = self.solve(&hidden, &weights)?;
        state.set_last(&last, 0.0);
        Some(self.fitted(linear, Some(mlp_of(state))))
    }

    /// What the squares of the transformed errors of the first part count, so that their sum falls as the bits do, where errors
    /// are as these: one step of iteratively reweighted least squares. The mean is 1.
    fn weights(&self, errors: &[f32]) -> Vec<f32> {
        let weights: Vec<f64> = self.excess(errors).iter().map(|e| 1.0 / (1.0 + e)).collect();
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        weights.iter().map(|w| (w / mean) as f32).collect()
    }

    /// Weights of the inputs with a bias, and of `hidden` `[n_train][n]` beside them, by least squares weighted by `[n_train]`.
    fn solve(&self, hidden: &[f32], weights: &[f32]) -> Option<(Dense, Vec<f32>)> {
        let (k, stride) = (self.samples.n_inputs, self.samples.stride);
        let n_hidden = hidden.len() / self.n_train;
        let inputs = &self.samples.rows[..self.n_train * stride];
        let transform = self.samples.cell.transform();
        let rows = Rows { left: (inputs, stride), right: (hidden, n_hidden), transform, weights };
        let products = gram(rows, Instructions::best());
        // The column behind the inputs is 1, the next one the target; hidden neurons are behind them all.
        let n = k + 1 + n_hidden;
        let column = |i: usize| if i <= k { i } else { stride + i - k - 1 };
        let product = |i: usize, column: usize| products[i * (stride + n_hidden) + column];
        let normal = DMatrix::from_fn(n, n, |i, j| product(column(i), column(j)));
        let wanted = DVector::from_fn(n, |i, _| product(column(i), k + 1));
        let mean = normal.trace() / n as f64;
        let mut factors = RIDGES
            .iter()
            .filter_map(|ridge| Cholesky::new(&normal + DMatrix::from_diagonal_element(n, n, ridge * mean)));
        let solution = factors.next()?.solve(&wanted);
        let weights: Vec<f32> = solution.iter().map(|&w| w as f32).collect();
        let is_sound = weights.iter().all(|w| w.is_finite());
        is_sound.then(|| (Dense::quantise(k, &weights[..k], &weights[k..=k]), weights[k + 1..].to_vec()))
    }
}

fn mean_square(errors: &[f32]) -> f64 {
    errors.iter().map(|&d| f64::from(d) * f64::from(d)).sum::<f64>() / errors.len() as f64
}

fn less(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Outputs of a network for rows of inputs, in floating point.
fn outputs(mlp: &Mlp, rows: &[f32], stride: usize) -> Vec<f32> {
    let [first, ..] = &mlp.layers;
    let shape = StencilShape { n_inputs: first.n_inputs, width: first.n_outputs() };
    Training::new(StencilState::new(shape, params_of(mlp)), Instructions::best()).outputs(rows, stride).0
}

/// Learning rate of a training step.
fn rate(step: u32) -> f32 {
    let step = step as f32;
    RATE * ((step + 1.0) / N_WARMUP).min(1.0) * (1.0 / (1.0 + step / RATE_STEPS).sqrt()).max(LEAST_RATE)
}

/// Weights of hidden layers with a standard deviation of `sqrt(2 / n_inputs)`, the last layer zero.
fn random_params(shape: &StencilShape, seed: u64) -> Vec<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut uniform = |limit: f32| limit * ((random.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0);
    let mut params = Vec::with_capacity(shape.n_params());
    for n in [shape.n_inputs, shape.width] {
        let limit = (6.0 / n as f32).sqrt();
        params.extend((0..n * shape.width).map(|_| uniform(limit)));
        params.resize(params.len() + shape.width, 0.0);
    }
    params.resize(shape.n_params(), 0.0);
    params
}

/// The layers in the order of a [`StencilShape`].
fn params_of(mlp: &Mlp) -> Vec<f32> {
    let mut params = Vec::new();
    for layer in &mlp.layers {
        let weights = layer.weights_f32();
        let (n, m) = (layer.n_inputs, layer.n_outputs());
        params.extend((0..n * m).map(|i| weights[i % m * n + i / m]));
        params.extend(layer.biases_f32());
    }
    params
}

/// The network of the averaged parameters.
fn mlp_of(state: &StencilState) -> Mlp {
    let (StencilShape { n_inputs, width }, mut rest) = (state.shape, &state.average[..]);
    let layers = [(n_inputs, width), (width, width), (width, 1)].map(|(n, m)| {
        let (weights, tail) = rest.split_at(n * m);
        let (biases, tail) = tail.split_at(m);
        rest = tail;
        let by_output: Vec<f32> = (0..n * m).map(|i| weights[i % n * m + i / n]).collect();
        Dense::quantise(n, &by_output, biases)
    });
    Mlp { layers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::predict::{Past, sample::Task};

    /// Two steps of a moving, growing pattern and the next.
    fn field(t: f64, n: usize) -> Vec<f64> {
        let value = |i: usize| {
            let (x, y) = ((i / n) as f64, (i % n) as f64);
            5.0 + (0.21 * x - 0.3 * t).sin() * (0.17 * y + 0.2 * t).cos()
        };
        (0..n * n).map(value).collect()
    }

    #[test]
    fn least_squares_beat_the_last_step_and_the_network_beats_them_where_the_law_is_not_linear() {
        let n = 96;
        let [before, last] = [0.0, 1.0].map(|t| field(t, n));
        let linear_law = field(2.0, n);
        let bent: Vec<f64> = linear_law.iter().zip(&last).map(|(v, l)| v + 0.5 * (l - 5.0) * (l - 5.0)).collect();
        let past = Past { last: &last, before: Some(&before), beside: None };
        let dims = [n, n];
        let task = |values| Task { past, values, mask: None, dims: &dims, tolerance: 1e-3, seed: 1, most: usize::MAX };
        let samples = |values| Samples::of(&task(values), None);
        let mut learner = Learner::default();
        let straight = samples(&linear_law);
        let [bits, last] = [linear(&straight, None).unwrap().bits, last_bits(&straight)];
        assert!(bits < 0.2 * last, "{bits} {last}");
        let samples = samples(&bent);
        let linear = linear(&samples, None).unwrap();
        let device = CpuBackend::new(2);
        let plan = |n_steps| Plan { device: &device, n_steps: Some(n_steps), width: 16, seed: 1 };
        let network = learner.network(&samples, None, plan(300)).unwrap().unwrap();
        assert!(network.bits < 0.5 * linear.bits, "{} {}", network.bits, linear.bits);
        let refined = learner.network(&samples, Some(&network.predictor), plan(20)).unwrap().unwrap();
        assert!(refined.bits < 0.5 * linear.bits, "{} {}", refined.bits, linear.bits);
        assert_eq!(learner.n_steps(), 320);
        let (update, alone) = (refined.predictor.encode(Some(&network.predictor)), refined.predictor.encode(None));
        assert!(update.len() < alone.len());
        let predicted = network.predictor.predict(past, &[n, n]).unwrap();
        let parts = Parts::new(&samples).unwrap();
        let mut points = Vec::new();
        (0..n * n).filter(|&i| samples.cell.is_corner(i)).for_each(|i| samples.cell.push(i, &mut points));
        let unit = samples.scaling.unit(0);
        let errors: Vec<f32> = points.iter().map(|&i| ((predicted[i] - bent[i]) / unit) as f32).collect();
        let bits = parts.cost(&errors);
        assert!((bits - network.bits).abs() < 0.2, "integers err like floats: {bits} {}", network.bits);
    }

    #[test]
    fn nothing_is_learned_from_too_few_points() {
        let still = vec![1.0; 400];
        let past = Past { last: &still, before: Some(&still), beside: None };
        let none = vec![false; 400];
        let task = Task {
            past,
            values: &still,
            mask: Some(&none),
            dims: &[20, 20],
            tolerance: 0.0,
            seed: 1,
            most: usize::MAX,
        };
        let samples = Samples::of(&task, None);
        assert!(samples.is_empty() && linear(&samples, None).is_none());
        let plan = Plan { device: &CpuBackend::new(1), n_steps: Some(5), width: 16, seed: 1 };
        assert!(Learner::default().network(&samples, None, plan).unwrap().is_none());
    }
}
