//! Weights for a predictor from random points of the step that is to be predicted: least squares, then the network on what
//! these leave.

use nalgebra::{Cholesky, DMatrix, DVector};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::network::{self, OUTPUT_BITS};
use super::stencil::{Grid, LARGEST, N_GROUPS, ONE, group, n_inputs, power_of_two, shifted};
use super::{Dense, Mlp, Past, Predictor, Scaling};
use crate::backend::cpu::Instructions;
use crate::backend::cpu::stencil::{Batch, Training};
use crate::train::Schedule;

/// Bits of the largest value of a field in integers.
const FIELD_BITS: i32 = 25;
/// Points that the weights are fitted to, at most.
const MAX_SAMPLES: usize = 1 << 16;
/// Points of them for least squares and for a look at the error.
const FEW: usize = 1 << 14;
/// Samples of a training step.
const BATCH: usize = 2048;
/// Peak of the learning rate from random weights, and from weights that served before.
const RATES: [f32; 2] = [8e-3, 3e-3];
/// Added to the diagonal, as a part of its mean.
const RIDGE: f64 = 1e-6;
/// A group of inputs is scaled anew when it has become this many powers of two larger or smaller.
const DRIFT: i8 = 2;

/// What a predictor is fitted to.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The decoded steps before.
    pub past: Past<'a>,
    /// The step itself.
    pub values: &'a [f64],
    /// Which points count.
    pub mask: Option<&'a [bool]>,
    /// Axes of the field, slowest first.
    pub dims: &'a [usize],
    /// Of the random points.
    pub seed: u64,
}

/// Which parts of a predictor are fitted, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Least squares.
    Linear,
    /// A network of two layers of `width` neurons besides, so many training steps.
    Network {
        /// A multiple of 16.
        width: usize,
        /// Steps of training.
        n_steps: u32,
    },
}

/// Random points of a [`Task`].
pub struct Samples {
    rank: usize,
    offset: f64,
    exponent: i16,
    /// `[n][n_inputs]`, before any shift.
    raw: Vec<i32>,
    /// Step less last step, in field units, `[n]`.
    changes: Vec<f64>,
    /// Points of the field.
    n_points: usize,
}

impl Samples {
    /// Points of a task in the integers of `previous`, or in ones that suit the field.
    pub fn of(task: &Task, previous: Option<&Predictor>) -> Samples {
        let (offset, exponent) = field_scaling(task, previous);
        let grid = Grid::new(task.past, task.dims, &Scaling { offset, exponent, shifts: [0; N_GROUPS] });
        let (n, n_inputs) = (task.values.len(), grid.n_inputs());
        let mut random = Xoshiro256PlusPlus::seed_from_u64(task.seed);
        let any = |random: &mut Xoshiro256PlusPlus| ((random.next_u64() >> 32) * n as u64 >> 32) as usize;
        let points = (0..n.min(MAX_SAMPLES)).map(|i| if n <= MAX_SAMPLES { i } else { any(&mut random) });
        let mut points: Vec<usize> = points.filter(|&i| task.mask.is_none_or(|mask| mask[i])).collect();
        // In random order, because the first ones serve alone where few are enough.
        for i in (1..points.len()).rev() {
            points.swap(i, ((random.next_u64() >> 32) * (i as u64 + 1) >> 32) as usize);
        }
        let mut raw = Vec::with_capacity(points.len() * n_inputs);
        for &i in &points {
            let at = grid.at(i);
            raw.extend((0..n_inputs).map(|k| grid.raw_input(k, at)));
        }
        let changes = points.iter().map(|&i| task.values[i] - task.past.last[i]).collect();
        Samples { rank: task.dims.len(), offset, exponent, raw, changes, n_points: n }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Number of points of the field.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// True when no point counts.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Mean squared error of the last step itself over a few points.
    pub fn last_error(&self) -> f64 {
        let few = &self.changes[..self.len().min(FEW)];
        few.iter().map(|c| c * c).sum::<f64>() / few.len().max(1) as f64
    }

    /// Mean squared error of a predictor over a few points; infinite for one of other integers.
    pub fn error(&self, predictor: &Predictor) -> f64 {
        let Scaling { offset, exponent, shifts } = predictor.scaling;
        if (offset, exponent, predictor.rank) != (self.offset, self.exponent, self.rank) {
            return f64::INFINITY;
        }
        let (n, unit) = (n_inputs(self.rank), predictor.scaling.unit(OUTPUT_BITS));
        let mut inputs = vec![0; n];
        let mut square = |(raw, change): (&[i32], &f64)| {
            self.shift(raw, &shifts, &mut inputs);
            let mlp = predictor.mlp.as_ref().map_or(0, |mlp| mlp.output(&inputs));
            let error = f64::from(network::output(&predictor.linear, &inputs).wrapping_add(mlp)) * unit - change;
            error * error
        };
        let few = self.len().min(FEW);
        self.raw.chunks_exact(n).zip(&self.changes).take(few).map(&mut square).sum::<f64>() / few.max(1) as f64
    }

    fn shift(&self, raw: &[i32], shifts: &[i8; N_GROUPS], inputs: &mut [i32]) {
        for (i, (x, &v)) in inputs.iter_mut().zip(raw).enumerate() {
            *x = shifted(v, shifts[group(i, self.rank)]);
        }
    }

    /// Shifts that give each group of inputs a root mean square of about 1.
    fn shifts(&self) -> [i8; N_GROUPS] {
        let n = n_inputs(self.rank);
        let (mut squares, mut counts, mut largest) = ([0.0; N_GROUPS], [0usize; N_GROUPS], [0i32; N_GROUPS]);
        for raw in self.raw.chunks_exact(n).take(FEW) {
            for (i, &v) in raw.iter().enumerate() {
                let group = group(i, self.rank);
                squares[group] += f64::from(v) * f64::from(v);
                counts[group] += 1;
                largest[group] = largest[group].max(v.abs());
            }
        }
        let mut shifts: [i8; N_GROUPS] = std::array::from_fn(|g| {
            let rms = (squares[g] / counts[g].max(1) as f64).sqrt();
            let typical = shift_of(rms, ONE.into());
            // Sharp fronts: rather a little coarser than cut off.
            typical.max(shift_of(largest[g].into(), LARGEST.into()).min(typical + 2))
        });
        if largest[2] == 0 {
            shifts[2] = shift_of(self.last_error().sqrt() * power_of_two(self.exponent.into()), ONE.into());
        }
        shifts
    }
}

/// The shift that brings `size` down to `wanted`; 0 for nothing.
fn shift_of(size: f64, wanted: f64) -> i8 {
    if size > 0.0 { libm::ceil(libm::log2(size / wanted)).clamp(-15.0, 30.0) as i8 } else { 0 }
}

/// Offset and exponent of the integers of a field: those of the predictor before while they suit it.
fn field_scaling(task: &Task, previous: Option<&Predictor>) -> (f64, i16) {
    let range =
        |field: &[f64]| field.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let (low, high) = range(task.past.last);
    let bits = |offset: f64| {
        let size = (high - offset).abs().max((low - offset).abs());
        if size > 0.0 { libm::frexp(size).1 } else { 0 }
    };
    if let Some(Scaling { offset, exponent, .. }) = previous.map(|p| p.scaling)
        && (FIELD_BITS - 4..=FIELD_BITS).contains(&(bits(offset) + i32::from(exponent)))
    {
        return (offset, exponent);
    }
    let offset = f64::from((0.5 * low + 0.5 * high) as f32);
    let offset = if offset.is_finite() { offset } else { 0.0 };
    (offset, (FIELD_BITS - bits(offset)).clamp(-1000, 1000) as i16)
}

/// A predictor for the samples, from the one before where that helps; `None` when there is nothing to learn.
pub fn fit(samples: &Samples, previous: Option<&Predictor>, effort: Effort, seed: u64) -> Option<Predictor> {
    if samples.len() < 2 * n_inputs(samples.rank) || samples.last_error() == 0.0 {
        return None;
    }
    let fresh = samples.shifts();
    let suits = |p: &&Predictor| {
        (p.scaling.offset, p.scaling.exponent) == (samples.offset, samples.exponent)
            && p.scaling.shifts.iter().zip(fresh).all(|(old, new)| (old - new).abs() < DRIFT)
    };
    let previous = previous.filter(suits);
    let shifts = previous.map_or(fresh, |p| p.scaling.shifts);
    let scaling = Scaling { offset: samples.offset, exponent: samples.exponent, shifts };
    let prepared = Prepared::new(samples, &scaling);
    let Effort::Network { width, n_steps } = effort else {
        let linear = prepared.least_squares(&prepared.targets)?;
        return Some(Predictor { rank: samples.rank, scaling, linear, mlp: None });
    };
    let first = prepared.least_squares(&prepared.targets)?;
    let old = previous.and_then(|p| p.mlp.as_ref()).filter(|mlp| mlp.layers[0].n_outputs() == width);
    let linear = if old.is_some() { previous.map_or(first.clone(), |p| p.linear.clone()) } else { first };
    let mlp = prepared.train(&linear, old, width, n_steps, seed);
    let left: Vec<f32> = prepared
        .targets
        .iter()
        .zip(prepared.inputs.chunks_exact(prepared.n_inputs))
        .map(|(t, x)| t - prepared.mlp_output(&mlp, x))
        .collect();
    let linear = prepared.least_squares(&left)?;
    Some(Predictor { rank: samples.rank, scaling, linear, mlp: Some(mlp) })
}

/// Samples as the network sees them.
struct Prepared {
    n_inputs: usize,
    /// `[n][n_inputs]`.
    inputs: Vec<f32>,
    /// In units of the output, `[n]`.
    targets: Vec<f32>,
}

impl Prepared {
    fn new(samples: &Samples, scaling: &Scaling) -> Self {
        let n_inputs = n_inputs(samples.rank);
        let mut inputs = Vec::with_capacity(samples.raw.len());
        let mut row = vec![0; n_inputs];
        for raw in samples.raw.chunks_exact(n_inputs) {
            samples.shift(raw, &scaling.shifts, &mut row);
            inputs.extend(row.iter().map(|&x| x as f32 / ONE as f32));
        }
        let unit = scaling.unit(0);
        let targets = samples.changes.iter().map(|c| (c / unit) as f32).collect();
        Prepared { n_inputs, inputs, targets }
    }

    /// The layer of one output with the least squared error for `targets`.
    fn least_squares(&self, targets: &[f32]) -> Option<Dense> {
        let (n, k) = (targets.len().min(FEW), self.n_inputs);
        let rows = DMatrix::from_fn(n, k + 1, |i, j| if j < k { f64::from(self.inputs[i * k + j]) } else { 1.0 });
        let wanted = DVector::from_fn(n, |i, _| f64::from(targets[i]));
        let mut normal = rows.tr_mul(&rows);
        let ridge = RIDGE * normal.trace() / (k + 1) as f64;
        (0..=k).for_each(|i| normal[(i, i)] += ridge);
        let solution = Cholesky::new(normal)?.solve(&rows.tr_mul(&wanted));
        let weights: Vec<f32> = solution.iter().take(k).map(|&w| w as f32).collect();
        let is_sound = weights.iter().all(|w| w.is_finite());
        is_sound.then(|| Dense::quantise(k, &weights, &[solution[k] as f32]))
    }

    /// Trains the network on what the linear part leaves.
    fn train(&self, linear: &Dense, old: Option<&Mlp>, width: usize, n_steps: u32, seed: u64) -> Mlp {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let params = old.map_or_else(|| random_params(self.n_inputs, width, &mut random), |mlp| params_of(mlp));
        let mut training = Training::new(self.n_inputs, width, params, Instructions::best());
        let (weights, bias) = (linear.weights_f32(), linear.biases_f32()[0]);
        let dot = |x: &[f32]| x.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>();
        let rows = self.inputs.chunks_exact(self.n_inputs);
        let left: Vec<f32> = rows.zip(&self.targets).map(|(x, t)| t - bias - dot(x)).collect();
        let batch = BATCH.min(left.len());
        let peak_rate = RATES[usize::from(old.is_some())];
        let schedule =
            Schedule { n_steps, batch: batch as u32, peak_rate, n_warmup: 5.min(n_steps), final_fraction: 0.05 };
        for step in 0..n_steps {
            let at = step as usize * batch % (left.len() - batch + 1);
            let inputs = &self.inputs[at * self.n_inputs..(at + batch) * self.n_inputs];
            training.step(Batch { inputs, targets: &left[at..at + batch] }, schedule.rate(step));
        }
        mlp_of(self.n_inputs, width, training.params())
    }

    fn mlp_output(&self, mlp: &Mlp, x: &[f32]) -> f32 {
        let inputs: Vec<i32> = x.iter().map(|x| (x * ONE as f32) as i32).collect();
        mlp.output(&inputs) as f32 / power_of_two(OUTPUT_BITS as i32) as f32
    }
}

/// Weights of hidden layers with a standard deviation of `sqrt(2 / n_inputs)`, the last layer zero.
fn random_params(n_inputs: usize, width: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    let mut uniform = |limit: f32| limit * ((random.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0);
    let mut params = Vec::with_capacity(Training::n_params(n_inputs, width));
    for n in [n_inputs, width] {
        let limit = (6.0 / n as f32).sqrt();
        params.extend((0..n * width).map(|_| uniform(limit)));
        params.extend(vec![0.0; width]);
    }
    params.resize(Training::n_params(n_inputs, width), 0.0);
    params
}

/// The layers in the order of [`Training::new`].
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

fn mlp_of(n_inputs: usize, width: usize, params: &[f32]) -> Mlp {
    let mut rest = params;
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
        for (values, needs_network) in [(&linear_law, false), (&bent, true)] {
            let past = Past { last: &last, before: Some(&before) };
            let task = Task { past, values, mask: None, dims: &[n, n], seed: 1 };
            let samples = Samples::of(&task, None);
            let linear = fit(&samples, None, Effort::Linear, 1).unwrap();
            assert!(samples.error(&linear) < 0.01 * samples.last_error() || needs_network);
            if needs_network {
                let effort = Effort::Network { width: 16, n_steps: 300 };
                let network = fit(&samples, None, effort, 1).unwrap();
                assert!(samples.error(&network) < 0.1 * samples.error(&linear));
                let refined = fit(&samples, Some(&network), effort, 2).unwrap();
                assert!(samples.error(&refined) < 2.0 * samples.error(&network));
                assert!(refined.encode(Some(&network)).len() < refined.encode(None).len());
                let predicted = network.predict(past, &[n, n]).unwrap();
                let square = predicted.iter().zip(values).map(|(p, v)| (p - v) * (p - v)).sum::<f64>();
                let mean = square / values.len() as f64;
                assert!((mean / samples.error(&network) - 1.0).abs() < 0.2, "points are like the others");
            }
        }
    }

    #[test]
    fn nothing_is_learned_from_a_field_that_stands_still_or_is_not_there() {
        let still = vec![1.0; 400];
        let past = Past { last: &still, before: Some(&still) };
        let none = vec![false; 400];
        for mask in [None, Some(&none[..])] {
            let task = Task { past, values: &still, mask, dims: &[20, 20], seed: 1 };
            assert!(fit(&Samples::of(&task, None), None, Effort::Linear, 1).is_none());
        }
    }
}
