//! Neighbourhoods of points in the two decoded steps before, and in another field at the same time, as small integers: the
//! same on every machine.
//!
//! Fields become integers once (`(x - offset) * 2^exponent`, edges replicated); the inputs of a point are then differences of
//! these, shifted so that each group of inputs has a standard deviation of about [`ONE`].

pub mod network;

pub use network::{Dense, Mlp};

/// 1.0 as an input of the network.
pub const ONE: i32 = 1 << FRACTION_BITS;
/// Bits behind the binary point of inputs and activations.
pub const FRACTION_BITS: u32 = 10;
/// Largest input or activation.
pub const LARGEST: i32 = i16::MAX as i32;
/// Groups of inputs from one field: the point itself, its neighbours less itself, its last change, its neighbours' changes less that.
pub const N_GROUPS: usize = 4;
/// Largest magnitude of a field in integers: differences of differences still fit 32 bits.
const LARGEST_FIELD: f64 = (1 << 26) as f64;
/// Adding and taking away this rounds to the nearest integer: the sum has no room for fractions.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Elements behind the arrays of a [`Grid`], so that whoever takes several points at once may read past the last one.
pub const TAIL: usize = 64;
/// Up to this rank the neighbourhood is the whole cube around a point, above it a star.
const LARGEST_CUBE: usize = 3;
/// How far neighbours are away along an axis, by rank: as far as a few dozen inputs reach.
const RADII: [usize; 5] = [4, 2, 1, 1, 1];

/// Decoded steps that one is predicted from, points that do not count filled in.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The step before.
    pub last: &'a [f64],
    /// The step before that, unless the last one stands alone.
    pub before: Option<&'a [f64]>,
    /// Another field, whose step is known already.
    pub beside: Option<Beside<'a>>,
}

/// Another field of the same dimensions.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// At the time that is predicted.
    pub now: &'a [f64],
    /// The step before.
    pub last: &'a [f64],
}

/// How a field and its differences become integers; all powers of two but the offset.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Units {
    /// What is taken from every value first.
    pub offset: f64,
    /// Values are multiplied by `2^exponent`.
    pub exponent: i16,
    /// Each group is divided by `2^shift`, rounded.
    pub shifts: [i8; N_GROUPS],
}

/// How the fields become integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The one that is predicted.
    pub own: Units,
    /// The one beside it, for predictors that know one.
    pub beside: Option<Units>,
}

impl Units {
    /// `value` as an integer, rounded to even.
    #[inline(always)]
    fn integer(&self, value: f64, factor: f64) -> i32 {
        (((value - self.offset) * factor).clamp(-LARGEST_FIELD, LARGEST_FIELD) + ROUNDER - ROUNDER) as i32
    }
}

impl Scaling {
    /// Field units per unit of a network's output with `bits` bits behind the point; outputs are in units of the last change.
    pub fn unit(&self, bits: u32) -> f64 {
        power_of_two(i32::from(self.own.shifts[2]) + FRACTION_BITS as i32 - bits as i32 - i32::from(self.own.exponent))
    }

    /// True when fields become the same integers in both; shifts may differ.
    pub fn has_integers_of(&self, other: &Scaling) -> bool {
        let units = |s: &Scaling| [Some(s.own), s.beside].map(|units| units.map(|u| (u.offset, u.exponent)));
        units(self) == units(other)
    }

    /// Number of fields.
    pub fn n_fields(&self) -> usize {
        1 + usize::from(self.beside.is_some())
    }

    /// Shift of each group of inputs.
    pub fn shifts(&self) -> impl Iterator<Item = i8> + Clone + use<> {
        self.own.shifts.into_iter().chain(self.beside.into_iter().flat_map(|units| units.shifts))
    }
}

/// `2^n`; 0 or infinity beyond the range of f64.
pub fn power_of_two(n: i32) -> f64 {
    libm::ldexp(1.0, n)
}

/// `v / 2^shift` rounded up from halves and limited to what an input can be.
#[inline(always)]
pub fn shifted(v: i32, shift: i8) -> i32 {
    if shift > 0 {
        let shift = shift.min(30) as u32;
        (v.wrapping_add(1 << (shift - 1)) >> shift).clamp(-LARGEST, LARGEST)
    } else {
        let shift = u32::from(shift.unsigned_abs().min(15));
        let limit = LARGEST >> shift;
        v.clamp(-limit, limit) << shift
    }
}

fn radius(rank: usize) -> usize {
    RADII[rank - 1]
}

/// Number of points in the neighbourhood for fields of this rank, the point itself included.
pub fn n_neighbours(rank: usize) -> usize {
    let width = 2 * radius(rank) + 1;
    if rank <= LARGEST_CUBE { width.pow(rank as u32) } else { 2 * rank + 1 }
}

/// Inputs of a network for `n_fields` fields of this rank: the neighbourhood in a step of each and in its change.
pub fn n_inputs(rank: usize, n_fields: usize) -> usize {
    2 * n_neighbours(rank) * n_fields
}

/// Where the inputs of each group are.
pub fn groups(rank: usize, n_fields: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let n = n_neighbours(rank);
    (0..2 * n_fields).flat_map(move |plane| [plane * n..plane * n + 1, plane * n + 1..(plane + 1) * n])
}

/// One input of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where its value is, from the point's padded index on.
    pub at: usize,
    /// What is taken from it: the value at the point itself, for neighbours.
    pub less: Option<usize>,
    /// As in [`Units`].
    pub shift: i8,
}

/// The decoded fields in integers, more points around them on every side.
#[derive(Clone, Debug)]
pub struct Grid {
    dims: Vec<usize>,
    strides: Vec<usize>,
    /// One plane after another: the last step, that less the one before (zero where that is not known), the field beside,
    /// that less its last step.
    pub values: Vec<i32>,
    /// All inputs of a point, in order.
    pub inputs: Vec<Input>,
}

impl Grid {
    /// Of fields with these dimensions (1 to 5 axes). A field beside that the scaling does not know is left out; one that it knows and
    /// that is missing is all zero.
    pub fn new(past: Past, dims: &[usize], scaling: &Scaling) -> Self {
        let strides = padded_strides(dims);
        let n = strides[0] * (dims[0] + 2 * radius(dims.len()));
        let n_fields = scaling.n_fields();
        let mut values = vec![0; 2 * n_fields * n + TAIL];
        let own = (scaling.own, Some(past.last), past.before);
        let beside = scaling.beside.map(|units| (units, past.beside.map(|b| b.now), past.beside.map(|b| b.last)));
        let fields = std::iter::once(own).chain(beside);
        for (planes, (units, now, before)) in values.chunks_exact_mut(2 * n).zip(fields) {
            let (now_plane, change) = planes.split_at_mut(n);
            let Some(now) = now else { continue };
            fill(now_plane, now, (dims, &strides), &units);
            if let Some(before) = before {
                fill(change, before, (dims, &strides), &units);
                change.iter_mut().zip(now_plane).for_each(|(change, now)| *change = *now - *change);
            }
        }
        let inputs = inputs(&offsets(&strides), n, scaling);
        Grid { dims: dims.to_vec(), strides, values, inputs }
    }

    /// Number of inputs of a point.
    pub fn n_inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Where the point of this index in the field is in the padded arrays.
    pub fn at(&self, mut index: usize) -> usize {
        let (mut at, radius) = (0, radius(self.dims.len()));
        for (&n, &stride) in self.dims.iter().zip(&self.strides).rev() {
            at += (index % n + radius) * stride;
            index /= n;
        }
        at
    }

    /// The padded indices between the first and the last point: whoever runs over all of them passes some padding.
    pub fn span(&self) -> std::ops::Range<usize> {
        let radius = radius(self.dims.len());
        let first: usize = self.strides.iter().sum::<usize>() * radius;
        let last: usize = self.dims.iter().zip(&self.strides).map(|(n, stride)| (n + radius - 1) * stride).sum();
        first..last + 1
    }

    /// Calls `row(padded index, index in the field, length)` for every row.
    pub fn for_rows(&self, mut row: impl FnMut(usize, usize, usize)) {
        for_rows(&self.dims, &self.strides, |from, to, n| row(to, from, n));
    }

    /// All inputs of the point at padded index `at`, before they are shifted and limited.
    pub fn raw_inputs(&self, at: usize, out: &mut [i32]) {
        for (out, input) in out.iter_mut().zip(&self.inputs) {
            *out = self.values[at.wrapping_add(input.at)] - input.less.map_or(0, |less| self.values[at + less]);
        }
    }
}

/// A field in integers with its edges replicated.
fn fill(padded: &mut [i32], field: &[f64], (dims, strides): (&[usize], &[usize]), units: &Units) {
    let factor = power_of_two(units.exponent.into());
    for_rows(dims, strides, |from, to, n| {
        let row = padded[to..to + n].iter_mut().zip(&field[from..from + n]);
        row.for_each(|(out, &v)| *out = units.integer(v, factor));
    });
    replicate_edges(padded, dims, strides);
}

/// The inputs of a point: in each plane of `n` values itself, then its neighbours less itself.
fn inputs(offsets: &[isize], n: usize, scaling: &Scaling) -> Vec<Input> {
    let shifts: Vec<i8> = scaling.shifts().collect();
    let plane = |p: usize| {
        let shifts = &shifts[2 * p..2 * p + 2];
        offsets.iter().enumerate().map(move |(k, &offset)| Input {
            at: (p * n).wrapping_add_signed(offset),
            less: (k > 0).then_some(p * n),
            shift: shifts[usize::from(k > 0)],
        })
    };
    (0..2 * scaling.n_fields()).flat_map(plane).collect()
}

/// Strides of an array with more elements on every side.
fn padded_strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (0..dims.len() - 1).rev() {
        strides[axis] = strides[axis + 1] * (dims[axis + 1] + 2 * radius(dims.len()));
    }
    strides
}

/// Calls `row(index in the field, padded index, length)` for every row.
fn for_rows(dims: &[usize], strides: &[usize], mut row: impl FnMut(usize, usize, usize)) {
    let (&length, leading) = dims.split_last().unwrap_or((&1, &[]));
    let (mut index, radius) = (vec![0; leading.len()], radius(dims.len()));
    for r in 0..leading.iter().product::<usize>() {
        let at: usize = index.iter().zip(strides).map(|(i, stride)| (i + radius) * stride).sum();
        row(r * length, at + radius, length);
        for (i, &n) in index.iter_mut().zip(leading).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
}

/// Copies the outermost layers into the padding, axis by axis, so that corners get theirs too.
fn replicate_edges(padded: &mut [i32], dims: &[usize], strides: &[usize]) {
    for (&n, &stride) in dims.iter().zip(strides).rev() {
        let radius = radius(dims.len());
        for part in padded.chunks_exact_mut(stride * (n + 2 * radius)) {
            let (first, last) = (radius * stride, (n + radius - 1) * stride);
            for k in 0..radius {
                part.copy_within(first..first + stride, k * stride);
                part.copy_within(last..last + stride, last + (k + 1) * stride);
            }
        }
    }
}

/// Distances to the neighbours, the point itself first.
fn offsets(strides: &[usize]) -> Vec<isize> {
    let rank = strides.len();
    let mut offsets = vec![0];
    if rank <= LARGEST_CUBE {
        let width = 2 * radius(rank) + 1;
        for k in (0..n_neighbours(rank)).filter(|&k| k != n_neighbours(rank) / 2) {
            let mut rest = k;
            offsets.push(
                strides
                    .iter()
                    .rev()
                    .map(|&stride| {
                        let step = (rest % width) as isize - radius(rank) as isize;
                        rest /= width;
                        step * stride as isize
                    })
                    .sum(),
            );
        }
    } else {
        strides.iter().for_each(|&stride| offsets.extend([-(stride as isize), stride as isize]));
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling() -> Scaling {
        Scaling { own: Units { offset: 0.0, exponent: 0, shifts: [0; N_GROUPS] }, beside: None }
    }

    fn raw_inputs(grid: &Grid, index: usize) -> Vec<i32> {
        let mut raw = vec![0; grid.n_inputs()];
        grid.raw_inputs(grid.at(index), &mut raw);
        raw
    }

    #[test]
    fn a_point_sees_its_neighbours_and_edges_are_replicated() {
        let last: Vec<f64> = (0..12).map(f64::from).collect();
        let grid = Grid::new(Past { last: &last, before: None, beside: None }, &[3, 4], &scaling());
        // The three nearest columns of the three nearest rows, the point itself first.
        let near = [0, 6, 7, 8, 11, 13, 16, 17, 18].map(|i: usize| if i == 0 { 0 } else { i + usize::from(i < 13) });
        let inputs = |index| near.map(|i| raw_inputs(&grid, index)[i]);
        assert_eq!(inputs(5), [5, -5, -4, -3, -1, 1, 3, 4, 5]);
        assert_eq!(inputs(0), [0, 0, 0, 1, 0, 1, 4, 4, 5]);
        assert_eq!(inputs(11), [11, -5, -4, -4, -1, 0, -1, 0, 0]);
        assert!(raw_inputs(&grid, 5)[25..50].iter().all(|&v| v == 0), "no change is known");
    }

    #[test]
    fn changes_are_differences_of_the_two_steps() {
        let (last, before) = ([4.0, 6.0, 9.0], [1.0, 1.0, 1.0]);
        let grid = Grid::new(Past { last: &last, before: Some(&before), beside: None }, &[3], &scaling());
        let inputs = [0, 4, 5, 9, 13, 14].map(|i| raw_inputs(&grid, 1)[i]);
        assert_eq!(inputs, [6, -2, 3, 5, -2, 3]);
    }

    #[test]
    fn a_field_beside_is_seen_as_it_is_now_and_as_it_changed() {
        let (last, now, before) = ([0.0; 3], [4.0, 6.0, 9.0], [1.0, 1.0, 1.0]);
        let units = Units { shifts: [1; N_GROUPS], ..scaling().own };
        let scaling = Scaling { beside: Some(units), ..scaling() };
        let past = Past { last: &last, before: None, beside: Some(Beside { now: &now, last: &before }) };
        let grid = Grid::new(past, &[3], &scaling);
        let inputs = [0, 9, 18, 22, 23, 27, 31, 32].map(|i| raw_inputs(&grid, 1)[i]);
        assert_eq!(inputs, [0, 0, 6, -2, 3, 5, -2, 3]);
        assert_eq!(grid.inputs.iter().map(|input| i32::from(input.shift)).sum::<i32>(), 18);
        let missing = Grid::new(Past { beside: None, ..past }, &[3], &scaling);
        assert!(missing.n_inputs() == 36 && raw_inputs(&missing, 1).iter().all(|&v| v == 0));
    }

    #[test]
    fn stencils_are_cubes_up_to_three_axes_and_stars_above() {
        let sizes: Vec<usize> = (1..=5).map(|rank| n_inputs(rank, 1)).collect();
        assert_eq!(sizes, [18, 50, 54, 18, 22]);
        for rank in 1..=5 {
            assert_eq!(offsets(&padded_strides(&vec![4; rank])).len(), n_neighbours(rank));
        }
    }

    #[test]
    fn shifts_round_and_stay_within_sixteen_bits() {
        assert_eq!([3, 2, 1, -1, -2, -3].map(|v| shifted(v, 1)), [2, 1, 1, 0, -1, -1]);
        assert_eq!((shifted(1 << 28, 4), shifted(-(1 << 28), 4)), (LARGEST, -LARGEST));
        assert_eq!((shifted(5, -3), shifted(1 << 20, -3)), (40, (LARGEST >> 3) << 3));
    }
}
