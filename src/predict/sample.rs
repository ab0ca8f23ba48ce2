//! Random points of a step with their stencils in the decoded past: what a predictor is fitted to.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::cell::Cell;
use super::stencil::{Grid, LARGEST, N_GROUPS, ONE, groups, n_inputs, power_of_two, shifted};
use super::{Past, Scaling};

/// Bits of the largest value of a field in integers.
const FIELD_BITS: i32 = 25;
/// A field keeps its integers while its largest value has at most so many bits less.
const SPARE_BITS: i32 = 4;
/// A group of inputs is scaled anew when it has become this many powers of two larger or smaller.
const DRIFT: i8 = 2;
/// Points: all of a small field, of larger ones this many, of still larger ones one in `SPARSE`.
const FEW: usize = 1 << 14;
const SPARSE: usize = 16;
const MANY: usize = 1 << 17;

/// Tolerance where none is known, as a part of the last change.
const GUESSED_TOLERANCE: f64 = 0.1;
/// Nothing smaller or larger than this and its inverse makes sense in single precision.
const LEAST_SHARPNESS: f64 = 1e-9;

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
    /// Error of a value that costs next to nothing; 0 where it is not known.
    pub tolerance: f64,
    /// Of the random points.
    pub seed: u64,
}

/// Random points of a [`Task`] as a predictor with this scaling sees them.
#[derive(Clone)]
pub struct Samples {
    pub(super) rank: usize,
    /// How they became integers.
    pub scaling: Scaling,
    /// Inputs, then 1, then the target, then zeros: `[n][stride]`.
    pub(super) rows: Vec<f32>,
    pub(super) stride: usize,
    /// In units of the predictor's output, `[n]`.
    pub(super) targets: Vec<f32>,
    /// What lies one after another.
    pub(super) cell: Cell,
    /// Errors of neighbours with a mean square of `e`, in units of the predictor's output, cost `log2(1 + sharpness e) / 2` bits each.
    pub(super) sharpness: f64,
}

impl Samples {
    /// Points of a task, scaled as `previous` while that suits the field.
    pub fn of(task: &Task, previous: Option<&Scaling>) -> Samples {
        let rank = task.dims.len();
        let (offset, exponent) = field_scaling(task, previous);
        let grid = Grid::new(task.past, task.dims, &Scaling { offset, exponent, shifts: [0; N_GROUPS] });
        let n_inputs = n_inputs(rank);
        let cell = Cell::new(task.dims);
        let points = points(task, &cell);
        let mut raw = vec![0; points.len() * n_inputs];
        raw.par_chunks_mut(n_inputs).zip(&points).for_each(|(raw, &i)| {
            grid.raw_inputs(grid.at(i), raw);
        });
        let changes: Vec<f64> = points.iter().map(|&i| task.values[i] - task.past.last[i]).collect();
        let fresh = shifts(&raw, rank, rms(&changes) * power_of_two(exponent.into()));
        let suits = |old: &&Scaling| {
            (old.offset, old.exponent) == (offset, exponent)
                && old.shifts.iter().zip(fresh).all(|(old, new)| (old - new).abs() < DRIFT)
        };
        let scaling = previous.filter(suits).copied().unwrap_or(Scaling { offset, exponent, shifts: fresh });
        let stride = (n_inputs + 2).next_multiple_of(16);
        let unit = scaling.unit(0);
        let targets: Vec<f32> = changes.iter().map(|c| (c / unit) as f32).collect();
        let groups = groups(rank);
        let mut rows = vec![0.0; points.len() * stride];
        let parts = rows.par_chunks_mut(stride).zip(raw.par_chunks(n_inputs)).zip(&targets);
        parts.for_each(|((row, raw), target)| {
            for (of, &shift) in groups.iter().zip(&scaling.shifts) {
                let of = of.clone();
                let inputs = row[of.clone()].iter_mut().zip(&raw[of]);
                inputs.for_each(|(x, &v)| *x = shifted(v, shift) as f32 / ONE as f32);
            }
            (row[n_inputs], row[n_inputs + 1]) = (1.0, *target);
        });
        let tolerance = if task.tolerance > 0.0 { task.tolerance } else { GUESSED_TOLERANCE * rms(&changes) };
        let sharpness = (unit / tolerance).powi(2).clamp(LEAST_SHARPNESS, 1.0 / LEAST_SHARPNESS);
        Samples { rank, sharpness, cell, scaling, rows, stride, targets }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True when no point counts.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

/// Points of cells that count, in random order.
fn points(task: &Task, cell: &Cell) -> Vec<usize> {
    let n = task.values.len();
    let wanted = n.min((n / SPARSE).clamp(FEW, MANY));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(task.seed);
    let mut below = |n: usize| (((random.next_u64() >> 32) * n as u64) >> 32) as usize;
    let mut corners: Vec<usize> = if wanted == n {
        (0..n).filter(|&i| cell.is_corner(i)).collect()
    } else {
        (0..wanted / cell.n_points()).map(|_| below(n)).collect()
    };
    for i in (1..corners.len()).rev() {
        corners.swap(i, below(i + 1));
    }
    let counts = |points: &[usize]| task.mask.is_none_or(|mask| points.iter().all(|&i| mask[i]));
    let mut points = Vec::with_capacity(corners.len() * cell.n_points());
    for corner in corners {
        let first = points.len();
        cell.push(corner, &mut points);
        if !counts(&points[first..]) {
            points.truncate(first);
        }
    }
    points
}

/// Shifts that give each group of inputs a root mean square of about 1; `change` is that of the targets, in integers.
fn shifts(raw: &[i32], rank: usize, change: f64) -> [i8; N_GROUPS] {
    let (n, groups) = (n_inputs(rank), groups(rank));
    let (mut squares, mut largest) = ([0.0; N_GROUPS], [0i32; N_GROUPS]);
    for raw in raw.chunks_exact(n) {
        for ((of, square), largest) in groups.iter().zip(&mut squares).zip(&mut largest) {
            *square += raw[of.clone()].iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
            *largest = raw[of.clone()].iter().fold(*largest, |largest, v| largest.max(v.abs()));
        }
    }
    let mut shifts: [i8; N_GROUPS] = std::array::from_fn(|g| {
        let typical = shift_of((squares[g] / (groups[g].len() * raw.len() / n).max(1) as f64).sqrt(), ONE.into());
        // Sharp fronts: rather a little coarser than cut off.
        typical.max(shift_of(largest[g].into(), LARGEST.into()).min(typical + 2))
    });
    if largest[2] == 0 {
        shifts[2] = shift_of(change, ONE.into());
    }
    shifts
}

/// The shift that brings `size` down to `wanted`; 0 for nothing.
fn shift_of(size: f64, wanted: f64) -> i8 {
    if size > 0.0 { libm::ceil(libm::log2(size / wanted)).clamp(-15.0, 30.0) as i8 } else { 0 }
}

/// Offset and exponent of the integers of a field: those used before while they suit it.
fn field_scaling(task: &Task, previous: Option<&Scaling>) -> (f64, i16) {
    let range =
        |field: &[f64]| field.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let (low, high) = range(task.past.last);
    let bits = |offset: f64| {
        let size = (high - offset).abs().max((low - offset).abs());
        if size > 0.0 { libm::frexp(size).1 } else { 0 }
    };
    if let Some(&Scaling { offset, exponent, .. }) = previous
        && (FIELD_BITS - SPARE_BITS..=FIELD_BITS).contains(&(bits(offset) + i32::from(exponent)))
    {
        return (offset, exponent);
    }
    let offset = f64::from((0.5 * low + 0.5 * high) as f32);
    let offset = if offset.is_finite() { offset } else { 0.0 };
    (offset, (FIELD_BITS - bits(offset)).clamp(-1000, 1000) as i16)
}
