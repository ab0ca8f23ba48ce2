//! Which transforms are worth trying: slices of the field are coded all ways first.

use super::kind::{self, Kind, Transform};
use super::points::{self, Last};
use super::quantise::Quantiser;
use super::sample::Sample;
use super::{Input, simd};
use crate::field::Real;

/// Fields up to this size try everything: slices of them are too thin to tell.
const SMALL: usize = 1 << 17;
/// A slice across the longest axis but the last has one row in so many, within these limits.
const SHARE: usize = 24;
const N_ROWS: [usize; 2] = [32, 64];
/// Slices at most, and what part of the field they hold at most.
const N_SLICES: usize = 3;
const MOST: usize = 6;
/// A DCT that costs more than this many times as much as the best at both steps is left out.
const CLEAR: f64 = 1.015;
/// The wavelet, which is quicker and suffers most from thin slices, only if it costs this many times as much.
const CLEAR_WAVELET: f64 = 1.03;
/// What of the excess of wavelets in slices that of the whole field is: they have more borders.
const WHOLE_EXCESS: f64 = 0.6;
/// Another step that is looked at: slices may be smoother than the rest.
const FINER: f64 = 0.25;
/// Bits that one squared step of error is worth: the slope of the rate at fine steps.
pub(super) const BITS_PER_SQUARE: f64 = 6.5;

/// Kinds worth a try; `step_of` is the likely step given the slices.
pub(super) fn kinds<T: Real>(input: &Input, middle: f64, step_of: impl Fn(&Slices) -> Option<f64>) -> Vec<Kind> {
    let mut kinds = kind::affordable(input.dims);
    if input.values.len() <= SMALL {
        return kinds;
    }
    let slices = Slices::of::<T>(input, middle, &kinds);
    if let Some(step) = step_of(&slices) {
        let costs: Vec<[f64; 2]> = slices.samples.iter().map(|samples| costs(samples, [step, FINER * step])).collect();
        let least = [0, 1].map(|i| costs.iter().map(|cost| cost[i]).fold(f64::INFINITY, f64::min));
        let is_behind = |cost: &[f64; 2], factor: f64| (0..2).all(|i| cost[i] > factor * least[i]);
        if costs[0] == least {
            return vec![Kind::Wavelet];
        }
        let mut costs = costs.iter();
        kinds.retain(|&kind| {
            let factor = if kind == Kind::Wavelet { CLEAR_WAVELET } else { CLEAR };
            costs.next().is_some_and(|cost| !is_behind(cost, factor))
        });
    }
    kinds
}

/// Slices cut from a field.
pub(super) struct Slices {
    /// Of each transform, the first of which is the wavelet.
    samples: Vec<Vec<Sample>>,
    /// Values of the field per value in the slices.
    factor: f64,
}

/// Where slices lie.
struct Places {
    /// Of a slice.
    dims: Vec<usize>,
    n_slices: usize,
    /// Rows of the field across which slices are cut, values per row, and how many times there are so many rows.
    n_rows: usize,
    per_row: usize,
    n_times: usize,
    n_thick: usize,
}

impl Places {
    fn of(dims: &[usize]) -> Self {
        let axis = (0..dims.len().saturating_sub(1)).rev().max_by_key(|&axis| dims[axis]).unwrap_or(0);
        let n_rows = dims[axis];
        let n_thick = (n_rows / SHARE).clamp(N_ROWS[0], N_ROWS[1]).min(n_rows.div_ceil(MOST));
        let n_slices = (n_rows / (MOST * n_thick)).clamp(1, N_SLICES);
        let (per_row, n_times) = (dims[axis + 1..].iter().product(), dims[..axis].iter().product());
        let mut dims = dims.to_vec();
        dims[axis] = n_thick;
        Places { dims, n_slices, n_rows, per_row, n_times, n_thick }
    }

    /// The first values of the pieces of each slice, which follow each other in the field.
    fn each(&self) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
        let (room, per_row) = (self.n_rows - self.n_thick, self.per_row);
        (0..self.n_slices).map(move |s| {
            let row = room * (2 * s + 1) / (2 * self.n_slices);
            (0..self.n_times).map(move |time| (time * self.n_rows + row) * per_row)
        })
    }

    /// Values per piece.
    fn n_piece(&self) -> usize {
        self.n_thick * self.per_row
    }
}

/// How many times the mean square of errors at the points that count that of the coefficients is, judged by slices: transforms are
/// nearly orthonormal only, and points that do not count are smoother.
pub(super) fn excess<T: Real>(input: &Input, last: &Last, kind: Kind, quantiser: &Quantiser) -> f64 {
    if input.values.len() <= SMALL || input.prediction.is_some() {
        return 1.0;
    }
    let places = Places::of(input.dims);
    let transform = Transform::<T>::new(kind, &places.dims);
    let (mut of_values, mut of_coefficients) = ([0.0; 2], [0.0; 2]);
    for starts in places.each() {
        let mut array = slice::<T>(input, last.middle, starts.clone(), places.n_piece());
        transform.forward(&mut array);
        of_coefficients[0] += quantiser.square_error(&array, transform.pyramid());
        of_coefficients[1] += array.len() as f64;
        let mut array = quantiser.reconstruct(&array);
        transform.inverse(&mut array);
        for (first, piece) in starts.zip(array.chunks_exact(places.n_piece())) {
            let (square, n_counted) = points::part_error(input, last, first, piece);
            of_values[0] += square;
            of_values[1] += n_counted as f64;
        }
    }
    let excess = (of_values[0] / of_values[1]) / (of_coefficients[0] / of_coefficients[1]);
    let excess =
        if kind == Kind::Wavelet && input.mask.is_none() { 1.0 + WHOLE_EXCESS * (excess - 1.0) } else { excess };
    if excess.is_finite() && excess > 0.0 { excess.clamp(0.25, 4.0) } else { 1.0 }
}

impl Slices {
    fn of<T: Real>(input: &Input, middle: f64, kinds: &[Kind]) -> Self {
        let places = Places::of(input.dims);
        let transforms: Vec<Transform<T>> = kinds.iter().map(|&kind| Transform::new(kind, &places.dims)).collect();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); kinds.len()];
        for starts in places.each() {
            let values = slice::<T>(input, middle, starts, places.n_piece());
            for (transform, samples) in transforms.iter().zip(&mut samples) {
                let mut array = values.clone();
                transform.forward(&mut array);
                samples.push(Sample::of(&array, transform.pyramid()));
            }
        }
        let factor = places.n_rows as f64 / (places.n_thick * places.n_slices) as f64;
        Slices { samples, factor }
    }

    /// The step with this squared error over the whole field.
    pub fn solve_error(&self, square: f64, guess: f64) -> Option<f64> {
        let solve = |samples: &Vec<Sample>| {
            let largest = samples.iter().fold(0.0, |m, s| s.largest.max(m));
            Sample::merge(samples).solve_error(square / self.factor, guess, largest, [0; 2])
        };
        self.samples.first().and_then(solve)
    }

    /// The step with this many bits for the whole field.
    pub fn solve_bits(&self, bits: f64) -> Option<f64> {
        let solve = |samples: &Vec<Sample>| {
            let merged = Sample::merge(samples);
            merged.solve_bits(bits / self.factor, merged.largest)
        };
        self.samples.first().and_then(solve)
    }
}

/// Bits and error at two steps, in bits.
fn costs(samples: &[Sample], steps: [f64; 2]) -> [f64; 2] {
    steps.map(|step| {
        let quantiser = Quantiser::plain(step);
        let cost = |s: &Sample| s.bits(step) + BITS_PER_SQUARE * s.square_error(&quantiser) / (step * step);
        samples.iter().map(cost).sum()
    })
}

/// The values of a slice, pieces of `n` from `starts` on, less base or prediction or `middle`.
fn slice<T: Real>(input: &Input, middle: f64, starts: impl Iterator<Item = usize>, n: usize) -> Vec<T> {
    let less = |values: &mut [f64], others: &[f64]| values.iter_mut().zip(others).for_each(|(v, other)| *v -= other);
    let (mut wide, mut out) = (vec![0.0; n], Vec::new());
    for first in starts {
        input.values.read(first, &mut wide);
        let middle = match (input.base, input.prediction) {
            (Some(base), _) => {
                less(&mut wide, &base[first..]);
                middle
            }
            (_, Some(prediction)) => {
                less(&mut wide, &prediction.values[first..]);
                0.0
            }
            _ => middle,
        };
        out.resize(out.len() + n, T::default());
        let at = out.len() - n;
        simd::narrow(&wide, middle, &mut out[at..]);
    }
    out
}
