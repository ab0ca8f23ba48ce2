//! Random points of a step with their stencils in the decoded past: what a predictor is fitted to.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::cell::Cell;
use super::stencil::{Grid, LARGEST, N_GROUPS, ONE, groups, n_inputs, power_of_two, shifted};
use super::{Past, Scaling, Units};

/// Bits of the largest value of a field in integers.
const FIELD_BITS: i32 = 25;
/// A field keeps its integers while its largest value has at most so many bits less.
const SPARE_BITS: i32 = 4;
/// Shifts that still serve, from the one that gives a group of inputs a root mean square of about 1 on. Networks learn badly from inputs of
/// other sizes, and start anew with others.
const SERVING: std::ops::RangeInclusive<i8> = -1..=3;
/// Shifts for sharp fronts are so much larger, at most: rather a little coarser than cut off.
const MOST_FOR_FRONTS: i8 = 2;
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
    /// Points at most.
    pub most: usize,
}

/// Random points of a [`Task`] as a predictor with this scaling sees them.
#[derive(Clone)]
pub struct Samples {
    pub(super) rank: usize,
    /// Of a point.
    pub(super) n_inputs: usize,
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
        let coarse = Scaling {
            own: field_units(task.past.last, previous.map(|p| &p.own)),
            beside: task.past.beside.map(|b| field_units(b.now, previous.and_then(|p| p.beside.as_ref()))),
        };
        let n_fields = coarse.n_fields();
        let grid = Grid::new(task.past, task.dims, &coarse);
        let n_inputs = grid.n_inputs();
        let cell = Cell::new(task.dims);
        let points = points(task, &cell);
        let mut raw = vec![0; points.len() * n_inputs];
        raw.par_chunks_mut(n_inputs).zip(&points).for_each(|(raw, &i)| {
            grid.raw_inputs(grid.at(i), raw);
        });
        let changes: Vec<f64> = points.iter().map(|&i| task.values[i] - task.past.last[i]).collect();
        let change = rms(&changes) * power_of_two(coarse.own.exponent.into());
        let sizes = sizes(&raw, rank, n_fields, change);
        let serves = |old: &&Scaling| {
            let is_near = |(old, size): (i8, &Size)| SERVING.contains(&(old - size.typical));
            old.has_integers_of(&coarse) && old.shifts().zip(&sizes).all(is_near)
        };
        let scaling = previous.filter(serves).copied().unwrap_or_else(|| with_shifts(coarse, &sizes));
        let stride = (n_inputs + 2).next_multiple_of(16);
        let unit = scaling.unit(0);
        let targets: Vec<f32> = changes.iter().map(|c| (c / unit) as f32).collect();
        let groups = groups(rank, n_fields).zip(scaling.shifts());
        let mut rows = vec![0.0; points.len() * stride];
        let parts = rows.par_chunks_mut(stride).zip(raw.par_chunks(n_inputs)).zip(&targets);
        parts.for_each(|((row, raw), target)| {
            for (of, shift) in groups.clone() {
                let inputs = row[of.clone()].iter_mut().zip(&raw[of]);
                inputs.for_each(|(x, &v)| *x = shifted(v, shift) as f32 / ONE as f32);
            }
            (row[n_inputs], row[n_inputs + 1]) = (1.0, *target);
        });
        let tolerance = if task.tolerance > 0.0 { task.tolerance } else { GUESSED_TOLERANCE * rms(&changes) };
        let sharpness = (unit / tolerance).powi(2).clamp(LEAST_SHARPNESS, 1.0 / LEAST_SHARPNESS);
        Samples { rank, n_inputs, sharpness, cell, scaling, rows, stride, targets }
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
    let wanted = n.min((n / SPARSE).clamp(FEW, MANY)).min(task.most);
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

/// Size of a group of inputs.
struct Size {
    /// The shift that gives it a root mean square of about 1.
    typical: i8,
    /// The shift that its largest values need as well.
    largest: i8,
}

/// Sizes of the groups of inputs; `change` is the size of the targets, in integers, which that of a last change that is not known is.
fn sizes(raw: &[i32], rank: usize, n_fields: usize, change: f64) -> Vec<Size> {
    let n = n_inputs(rank, n_fields);
    let size = |(g, of): (usize, std::ops::Range<usize>)| {
        let values = raw.chunks_exact(n).flat_map(|raw| &raw[of.clone()]);
        let (square, largest) = values.fold((0.0, 0), |(square, largest): (f64, i32), &v| {
            (square + f64::from(v) * f64::from(v), largest.max(v.abs()))
        });
        if g == 2 && largest == 0 {
            let typical = shift_of(change, ONE.into());
            return Size { typical, largest: typical };
        }
        let typical = shift_of((square / (of.len() * raw.len() / n).max(1) as f64).sqrt(), ONE.into());
        Size { typical, largest: shift_of(largest.into(), LARGEST.into()) }
    };
    groups(rank, n_fields).enumerate().map(size).collect()
}

/// The scaling with shifts for groups of these sizes.
fn with_shifts(scaling: Scaling, sizes: &[Size]) -> Scaling {
    let shift = |g: usize| {
        let Size { typical, largest } = sizes[g];
        typical.max(largest.min(typical + MOST_FOR_FRONTS))
    };
    let own = Units { shifts: std::array::from_fn(shift), ..scaling.own };
    let beside = scaling.beside.map(|units| Units { shifts: std::array::from_fn(|g| shift(N_GROUPS + g)), ..units });
    Scaling { own, beside }
}

/// The shift that brings `size` down to `wanted`; 0 for nothing.
fn shift_of(size: f64, wanted: f64) -> i8 {
    if size > 0.0 { libm::ceil(libm::log2(size / wanted)).clamp(-15.0, 30.0) as i8 } else { 0 }
}

/// Offset and exponent of the integers of a field: those used before while they suit it.
fn field_units(field: &[f64], previous: Option<&Units>) -> Units {
    let (low, high) = field.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let bits = |offset: f64| {
        let size = (high - offset).abs().max((low - offset).abs());
        if size > 0.0 { libm::frexp(size).1 } else { 0 }
    };
    let shifts = [0; N_GROUPS];
    if let Some(&Units { offset, exponent, .. }) = previous
        && (FIELD_BITS - SPARE_BITS..=FIELD_BITS).contains(&(bits(offset) + i32::from(exponent)))
    {
        return Units { offset, exponent, shifts };
    }
    let offset = f64::from((0.5 * low + 0.5 * high) as f32);
    let offset = if offset.is_finite() { offset } else { 0.0 };
    Units { offset, exponent: (FIELD_BITS - bits(offset)).clamp(-1000, 1000) as i16, shifts }
}
