//! From a goal to a payload: which transform, which step, and the check on what the decoder will return.

use super::estimate::{bits_and_error, residual_bits};
use super::kind::{Kind, Transform};
use super::payload::{Head, storable};
use super::quantise::{MAX_INTEGER, Quantiser};
use super::streams::{self, Integers, Split};
use super::{Goal, Input, Output, finish_values};
use crate::{Dtype, Result};

/// Step over bound for pointwise goals.
const LINF_FACTORS: [f64; 7] = [1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6];
/// With a bound so tight that coefficients would need larger integers, the residual takes over.
const LARGEST_BASE: f64 = MAX_INTEGER / 4.0;
/// Attempts to land just below an L2 goal.
const L2_ATTEMPTS: usize = 5;
/// Close enough to the goal to stop.
const L2_CLOSE: f64 = 0.995;
/// Attempts to land just below a number of bytes.
const BYTES_ATTEMPTS: usize = 12;

/// A transform with the coefficients of the field.
struct Candidate {
    transform: Transform,
    coefficients: Vec<f64>,
    largest: f64,
}

/// Integers and the values that they give before the residual.
struct Trial {
    quantiser: Option<Quantiser>,
    bands: Vec<Vec<i32>>,
    /// Without base, residual and finish.
    values: Vec<f64>,
}

pub(super) fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    let remainder: Vec<f64> = match input.base {
        Some(base) => input.values.iter().zip(base).map(|(v, b)| v - b).collect(),
        None => input.values.to_vec(),
    };
    let search = Search { input, remainder };
    if let Some(output) = search.nothing(goal) {
        return Ok(Some(output));
    }
    Ok(match goal {
        Goal::L2(bound) => search.l2(bound),
        Goal::Linf(bound) => search.linf(bound),
        Goal::Bytes(n_bytes) => search.bytes(n_bytes),
    })
}

struct Search<'a> {
    input: &'a Input<'a>,
    /// Values less base.
    remainder: Vec<f64>,
}

impl Search<'_> {
    /// The payload that adds nothing to the base, if that is enough.
    fn nothing(&self, goal: Goal) -> Option<Output> {
        let mut values = vec![0.0; self.remainder.len()];
        finish_values(&mut values, self.input.base, None, self.input.finish);
        let enough = match goal {
            Goal::L2(bound) => self.l2_error(&values) <= bound,
            Goal::Linf(bound) => self.max_error(&values) <= bound,
            Goal::Bytes(_) => self.max_error(&values) == 0.0,
        };
        let split = Split { n_levels: 0, residual: false };
        let mut payload = Vec::new();
        Head { kind: Kind::None, quantiser: None, quantum: None, split }.write(&mut payload);
        enough.then(|| Output { payload, values, kind: Kind::None.name() })
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let dims = self.input.dims;
        let kinds = [Kind::Wavelet, Kind::Dct, Kind::BlockDct].into_iter();
        kinds.filter(|&kind| Transform::is_affordable(kind, dims) && dims.iter().any(|&n| n > 1)).map(|kind| {
            let transform = Transform::new(kind, dims);
            let coefficients = transform.forward(&self.remainder);
            let largest = coefficients.iter().fold(0.0f64, |m, c| m.max(c.abs()));
            Candidate { transform, coefficients, largest }
        })
    }

    // L2

    fn l2(&self, bound: f64) -> Option<Output> {
        let estimated = |c: Candidate| {
            let step = c.solve(bound * bound, bound / (self.remainder.len() as f64).sqrt() * 3.5, [0; 2])?;
            let (bits, _) = bits_and_error(&c.coefficients, &Quantiser::plain(step));
            Some((bits, step, c))
        };
        let best = self.candidates().filter_map(estimated).min_by(|a, b| a.0.total_cmp(&b.0))?;
        let (_, mut step, candidate) = best;
        let mut square = bound * bound;
        let mut found: Option<(f64, Trial, Vec<f64>)> = None;
        for _ in 0..L2_ATTEMPTS {
            let bias = Quantiser::tuned(step, &candidate.coefficients).bias;
            step = candidate.solve(square, step, bias)?;
            let trial = candidate.trial(Quantiser { step: storable(step), bias })?;
            let values = self.finished(&trial);
            let error = self.l2_error(&values);
            if error <= bound && found.as_ref().is_none_or(|f| error > f.0) {
                found = Some((error, trial, values));
            }
            if error <= bound && error >= L2_CLOSE * bound {
                break;
            }
            if error == 0.0 || error.is_nan() {
                break;
            }
            square *= (0.9985 * bound / error).powi(2);
        }
        let (_, trial, values) = found?;
        Some(self.output(&candidate.transform, trial, None, values))
    }

    // Linf

    fn linf(&self, bound: f64) -> Option<Output> {
        let quantum = self.quantum(bound)?;
        let n = self.remainder.len() as f64;
        let mut best: Option<(f64, f64, Candidate)> = None;
        for candidate in self.candidates() {
            let mut here: Option<(f64, f64)> = None;
            for factor in LINF_FACTORS {
                let step = (factor * bound).max(candidate.largest / LARGEST_BASE);
                let (bits, square) = bits_and_error(&candidate.coefficients, &Quantiser::plain(step));
                let total = bits + n * residual_bits((square / n).sqrt(), quantum / 2.0);
                if here.is_some_and(|(least, _)| total > least) {
                    break;
                }
                here = Some((total, step));
            }
            if let Some((total, step)) = here.filter(|h| best.as_ref().is_none_or(|b| h.0 < b.0)) {
                best = Some((total, step, candidate));
            }
        }
        let (_, step, candidate) = best?;
        let trial = candidate.trial(Quantiser::tuned(storable(step), &candidate.coefficients))?;
        self.with_residual(&candidate.transform, trial, quantum, bound)
    }

    /// The widest bins of the residual that keep the bound behind rounding to the reader's type.
    fn quantum(&self, bound: f64) -> Option<f64> {
        let largest = self.input.finish.min.abs().max(self.input.finish.max.abs());
        let epsilon = if self.input.finish.dtype == Dtype::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let room = bound * (1.0 - 1e-9) - largest * epsilon;
        (room > 0.0 && bound.is_finite()).then(|| storable(2.0 * room))
    }

    fn with_residual(&self, transform: &Transform, trial: Trial, quantum: f64, bound: f64) -> Option<Output> {
        let mut predicted = trial.values.clone();
        if let Some(base) = self.input.base {
            predicted.iter_mut().zip(base).for_each(|(v, b)| *v += b);
        }
        let inverse = 1.0 / quantum;
        let counts = |i: usize| self.input.mask.is_none_or(|mask| mask[i]);
        let mut residual = Vec::with_capacity(predicted.len());
        for (i, (&x, &p)) in self.input.values.iter().zip(&predicted).enumerate() {
            let q = if counts(i) { ((x - p) * inverse).round() } else { 0.0 };
            if q.is_nan() || q.abs() >= MAX_INTEGER {
                return None;
            }
            residual.push(q as i32);
        }
        let some = residual.iter().any(|&q| q != 0);
        let residual = some.then_some((residual, quantum));
        let mut values = trial.values.clone();
        let parts = residual.as_ref().map(|(r, q)| (r.as_slice(), *q));
        finish_values(&mut values, self.input.base, parts, self.input.finish);
        let error = self.max_error(&values);
        (error <= bound).then(|| self.output(transform, trial, residual, values))
    }

    // Bytes

    fn bytes(&self, n_bytes: usize) -> Option<Output> {
        let bits = 8.0 * n_bytes as f64;
        let estimated = |c: Candidate| {
            let step = c.solve_bits(bits)?;
            let (_, square) = bits_and_error(&c.coefficients, &Quantiser::plain(step));
            Some((square, step, c))
        };
        let best = self.candidates().filter_map(estimated).min_by(|a, b| a.0.total_cmp(&b.0))?;
        let (_, mut step, candidate) = best;
        let mut found: Option<(f64, Output)> = None;
        let (mut low, mut high) = (0.0f64, f64::INFINITY);
        for _ in 0..BYTES_ATTEMPTS {
            let quantiser = Quantiser::tuned(storable(step), &candidate.coefficients);
            let Some(trial) = candidate.trial(quantiser) else {
                low = step;
                step = if high.is_finite() { (low * high).sqrt() } else { 2.0 * step };
                continue;
            };
            let values = self.finished(&trial);
            let error = self.l2_error(&values);
            let output = self.output(&candidate.transform, trial, None, values);
            let size = output.payload.len();
            if size <= n_bytes {
                high = step;
                if found.as_ref().is_none_or(|f| error < f.0) {
                    found = Some((error, output));
                }
                if size as f64 >= 0.99 * n_bytes as f64 || error == 0.0 {
                    break;
                }
            } else {
                low = step;
            }
            // Halving the step costs about one bit per value that is not zero: size goes as a power of the step.
            let guess = step * (size as f64 / (0.993 * n_bytes as f64)).powf(1.1);
            let inside = guess > low * 1.0005 && guess < high / 1.0005;
            step = match (inside, low > 0.0 && high.is_finite()) {
                (true, _) => guess,
                (false, true) => (low * high).sqrt(),
                (false, false) => {
                    if size > n_bytes {
                        step * 2.0
                    } else {
                        step / 2.0
                    }
                }
            };
        }
        found.map(|f| f.1)
    }

    // Shared

    fn finished(&self, trial: &Trial) -> Vec<f64> {
        let mut values = trial.values.clone();
        finish_values(&mut values, self.input.base, None, self.input.finish);
        values
    }

    fn errors<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let counts = move |i: usize| self.input.mask.is_none_or(|mask| mask[i]);
        let pairs = self.input.values.iter().zip(values).enumerate();
        pairs.filter(move |(i, _)| counts(*i)).map(|(_, (x, y))| y - x)
    }

    fn l2_error(&self, values: &[f64]) -> f64 {
        self.errors(values).map(|e| e * e).sum::<f64>().sqrt()
    }

    /// NaN counts as the largest error there is.
    fn max_error(&self, values: &[f64]) -> f64 {
        self.errors(values).fold(0.0, |m: f64, e| if e.abs() <= m { m } else { e.abs() })
    }

    fn output(
        &self,
        transform: &Transform,
        trial: Trial,
        residual: Option<(Vec<i32>, f64)>,
        values: Vec<f64>,
    ) -> Output {
        let (residual, quantum) = residual.unzip();
        let mut integers = Integers { bands: trial.bands, residual };
        let split = Split::choose(transform.pyramid(), &integers);
        let mut payload = Vec::new();
        Head { kind: transform.kind(), quantiser: trial.quantiser, quantum, split }.write(&mut payload);
        payload.extend(streams::encode(&mut integers, transform.pyramid(), self.input.dims, split));
        Output { payload, values, kind: transform.kind().name() }
    }
}

impl Candidate {
    fn trial(&self, quantiser: Quantiser) -> Option<Trial> {
        if !(quantiser.step > 0.0 && self.largest / quantiser.step < MAX_INTEGER) {
            return None;
        }
        let bands = quantiser.quantise(&self.coefficients, self.transform.pyramid());
        let values = self.transform.inverse(quantiser.dequantise(&bands, self.transform.pyramid()));
        Some(Trial { quantiser: Some(quantiser), bands, values })
    }

    /// The step with this squared error over the coefficients, from a first guess.
    fn solve(&self, square: f64, guess: f64, bias: [i8; 2]) -> Option<f64> {
        let error = |step: f64| Quantiser { step, bias }.square_error(&self.coefficients);
        root(guess, self.largest, |step| libm::log(error(step).max(f64::MIN_POSITIVE) / square), 2.0)
    }

    /// The step at which the estimate is this many bits.
    fn solve_bits(&self, bits: f64) -> Option<f64> {
        let size = |step: f64| bits_and_error(&self.coefficients, &Quantiser::plain(step)).0;
        root(self.largest / 64.0, self.largest, |step| libm::log(bits / size(step).max(1.0)), 1.0)
    }
}

/// Solves `f(step) = 0` for an increasing `f` by a secant on the logarithm of the step; `slope` is a first guess of its
/// derivative.
fn root(guess: f64, largest: f64, f: impl Fn(f64) -> f64, slope: f64) -> Option<f64> {
    let least = largest / MAX_INTEGER;
    if !(guess > 0.0 && largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let (mut x, mut slope) = (guess.clamp(least, 4.0 * largest), slope);
    let mut last: Option<(f64, f64)> = None;
    let (mut low, mut high) = (least, 4.0 * largest);
    for _ in 0..20 {
        let y = f(x);
        if y.abs() < 2e-3 {
            break;
        }
        if y > 0.0 {
            high = x
        } else {
            low = x
        }
        if let Some((x_last, y_last)) = last {
            let rise = (y - y_last) / libm::log(x / x_last);
            slope = if rise.is_finite() { rise.clamp(0.2, 4.0) } else { slope };
        }
        last = Some((x, y));
        let next = x * libm::exp((-y / slope).clamp(-4.0, 4.0));
        x = if next > low && next < high { next } else { (low * high).sqrt() };
        if high / low < 1.0 + 1e-6 {
            break;
        }
    }
    Some(x)
}
