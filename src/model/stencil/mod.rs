//! Neighbourhoods of points in the two decoded steps before, as small integers: the same on every machine.
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
/// Groups of inputs: the point itself, its neighbours less itself, its last change, its neighbours' changes less that.
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

/// Decoded steps before the one that is predicted, points that do not count filled in.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The step before.
    pub last: &'a [f64],
    /// The step before that, unless the last one stands alone.
    pub before: Option<&'a [f64]>,
}

/// How fields and differences become integers; all powers of two but the offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// What is taken from every value first.
    pub offset: f64,
    /// Values are multiplied by `2^exponent`.
    pub exponent: i16,
    /// Each group is divided by `2^shift`, rounded.
    pub shifts: [i8; N_GROUPS],
}

impl Scaling {
    /// `value` as an integer, rounded to even.
    #[inline(always)]
    fn integer(&self, value: f64, factor: f64) -> i32 {
        (((value - self.offset) * factor).clamp(-LARGEST_FIELD, LARGEST_FIELD) + ROUNDER - ROUNDER) as i32
    }

    /// Field units per unit of a network's output with `bits` bits behind the point; outputs are in units of the last change.
    pub fn unit(&self, bits: u32) -> f64 {
        power_of_two(i32::from(self.shifts[2]) + FRACTION_BITS as i32 - bits as i32 - i32::from(self.exponent))
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

/// Inputs of a network for fields of this rank: the neighbourhood in the last step and in its change.
pub fn n_inputs(rank: usize) -> usize {
    2 * n_neighbours(rank)
}

/// Where the inputs of each group are.
pub fn groups(rank: usize) -> [std::ops::Range<usize>; N_GROUPS] {
    let n = n_neighbours(rank);
    [0..1, 1..n, n..n + 1, n + 1..2 * n]
}

/// The past of a field in integers, one more point around it on every side.
#[derive(Clone, Debug)]
pub struct Grid {
    dims: Vec<usize>,
    strides: Vec<usize>,
    /// The last step.
    pub last: Vec<i32>,
    /// The last step less the one before; zero where that is not known.
    pub change: Vec<i32>,
    /// Where the neighbours are, the point itself first.
    pub offsets: Vec<isize>,
    /// As in [`Scaling`].
    pub shifts: [i8; N_GROUPS],
}

impl Grid {
    /// Of fields with these dimensions (1 to 5 axes).
    pub fn new(past: Past, dims: &[usize], scaling: &Scaling) -> Self {
        let strides = padded_strides(dims);
        let factor = power_of_two(scaling.exponent.into());
        let integers = |field: &[f64]| {
            let n = strides[0] * (dims[0] + 2 * radius(dims.len()));
            let mut padded = vec![0; n + TAIL];
            for_rows(dims, &strides, |from, to, n| {
                let row = padded[to..to + n].iter_mut().zip(&field[from..from + n]);
                row.for_each(|(out, &v)| *out = scaling.integer(v, factor));
            });
            replicate_edges(&mut padded[..n], dims, &strides);
            padded
        };
        let last = integers(past.last);
        let change = match past.before.map(integers) {
            Some(before) => last.iter().zip(&before).map(|(l, b)| l - b).collect(),
            None => vec![0; last.len()],
        };
        let offsets = offsets(&strides);
        Grid { dims: dims.to_vec(), strides, last, change, offsets, shifts: scaling.shifts }
    }

    /// Number of inputs of a point.
    pub fn n_inputs(&self) -> usize {
        2 * self.offsets.len()
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
        let n = self.offsets.len();
        for (field, out) in [&self.last, &self.change].into_iter().zip(out.chunks_exact_mut(n)) {
            let here = field[at];
            for (out, &offset) in out.iter_mut().zip(&self.offsets) {
                *out = field[at.wrapping_add_signed(offset)] - here;
            }
            out[0] = here;
        }
    }
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
        Scaling { offset: 0.0, exponent: 0, shifts: [0; N_GROUPS] }
    }

    fn raw_inputs(grid: &Grid, index: usize) -> Vec<i32> {
        let mut raw = vec![0; grid.n_inputs()];
        grid.raw_inputs(grid.at(index), &mut raw);
        raw
    }

    #[test]
    fn a_point_sees_its_neighbours_and_edges_are_replicated() {
        let last: Vec<f64> = (0..12).map(f64::from).collect();
        let grid = Grid::new(Past { last: &last, before: None }, &[3, 4], &scaling());
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
        let grid = Grid::new(Past { last: &last, before: Some(&before) }, &[3], &scaling());
        let inputs = [0, 4, 5, 9, 13, 14].map(|i| raw_inputs(&grid, 1)[i]);
        assert_eq!(inputs, [6, -2, 3, 5, -2, 3]);
    }

    #[test]
    fn stencils_are_cubes_up_to_three_axes_and_stars_above() {
        let sizes: Vec<usize> = (1..=5).map(n_inputs).collect();
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
