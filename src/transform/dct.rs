//! DCT-II of whole axes or of blocks along them, orthonormal, regrouped into a dyadic pyramid.
//!
//! Even sizes are split by B. G. Lee's recursion ("A new algorithm to compute the discrete cosine transform", 1984);
//! what is odd is a matrix product. Frequencies of all blocks of an axis are sorted by octave: the lowest of every block,
//! then the next, then the next two, and so on, which gives block transforms the shape of a wavelet.

use super::axis::{Kernel, pass};
use super::pyramid::Pyramid;
use super::simd;
use crate::field::Real;

/// Largest odd factor of an axis that is worth a matrix product.
pub(super) const MAX_ODD: usize = 136;

/// Plan for one axis.
pub(super) struct AxisPlan<T> {
    /// Plan per distinct block size (at most two).
    blocks: Vec<(usize, BlockPlan<T>)>,
    /// Index into `blocks` and first row, per block.
    layout: Vec<(usize, usize)>,
    /// Where row `i` of the transformed blocks stands in the pyramid.
    order: Vec<usize>,
    /// The inverse of `order`.
    source: Vec<usize>,
    /// Sizes of the low part along this axis after each split.
    lows: Vec<usize>,
    /// Square of the frequency of each place in the pyramid, the highest a little below [`SQUARED`].
    pub squares: Vec<u32>,
}

/// The square of a frequency of half a period per value.
pub(super) const SQUARED: u32 = 1 << 20;

/// Tables of one size. The transform works in place: row `r` of the result is not frequency `r`, see `row_of`.
pub(super) struct BlockPlan<T> {
    /// Per split into halves: `1 / (2 cos(pi (2i + 1) / 2n))`, and the row of each frequency of one half.
    stages: Vec<(Vec<T>, Vec<usize>)>,
    /// Row of each frequency.
    row_of: Vec<usize>,
    /// `[odd][odd]` unnormalised DCT-II matrix of the odd rest, frequency first.
    matrix: Vec<T>,
    odd: usize,
    /// Factors of frequency 0 and of the others.
    scale: [T; 2],
}

/// `cos(pi a / b)`, the argument reduced in integers.
fn cosine(a: usize, b: usize) -> f64 {
    libm::cos(std::f64::consts::PI * (a % (2 * b)) as f64 / b as f64)
}

impl<T: Real> BlockPlan<T> {
    fn new(n: usize) -> Self {
        let n_stages = n.trailing_zeros() as usize;
        let odd = n >> n_stages;
        let mut row_of: Vec<usize> = (0..odd).collect();
        let mut stages = Vec::new();
        for stage in (0..n_stages).rev() {
            let half = n >> (stage + 1);
            let twiddles = (0..half).map(|i| T::of(0.5 / cosine(2 * i + 1, 4 * half))).collect();
            let whole = (0..2 * half).map(|k| row_of[k / 2] + if k % 2 == 1 { half } else { 0 }).collect();
            stages.push((twiddles, std::mem::replace(&mut row_of, whole)));
        }
        stages.reverse();
        let matrix = (0..odd * odd).map(|i| T::of(cosine((i / odd) * (2 * (i % odd) + 1), 2 * odd))).collect();
        let scale = [1.0, 2.0].map(|x| T::of((x / n as f64).sqrt()));
        BlockPlan { stages, row_of, matrix, odd, scale }
    }
}

/// `X[k] = scale(k) sum_i x[i] cos(pi k (2i + 1) / 2n)` on rows of `width`, frequency `k` in row `row_of[k]`.
#[inline(always)]
pub(super) fn forward<T: Real>(plan: &BlockPlan<T>, x: &mut [T], width: usize, scratch: &mut [T]) {
    for (twiddles, _) in &plan.stages {
        for part in x.chunks_exact_mut(2 * twiddles.len() * width) {
            quads(part, width, twiddles, |[i, j], [a, b, c, d]| [a + d, b + c, (a - d) * i, (b - c) * j]);
        }
    }
    multiply(plan, x, width, scratch, false);
    for (twiddles, row_of) in plan.stages.iter().rev() {
        for part in x.chunks_exact_mut(2 * twiddles.len() * width) {
            let high = &mut part[twiddles.len() * width..];
            for pair in row_of.windows(2) {
                add_row(high, width, pair[0], pair[1]);
            }
        }
    }
    scale(plan, x, width);
}

/// The transpose of [`forward`], which is its inverse.
#[inline(always)]
pub(super) fn inverse<T: Real>(plan: &BlockPlan<T>, x: &mut [T], width: usize, scratch: &mut [T]) {
    scale(plan, x, width);
    for (twiddles, row_of) in &plan.stages {
        for part in x.chunks_exact_mut(2 * twiddles.len() * width) {
            let high = &mut part[twiddles.len() * width..];
            for pair in row_of.windows(2).rev() {
                add_row(high, width, pair[1], pair[0]);
            }
        }
    }
    multiply(plan, x, width, scratch, true);
    for (twiddles, _) in plan.stages.iter().rev() {
        for part in x.chunks_exact_mut(2 * twiddles.len() * width) {
            quads(part, width, twiddles, |[i, j], [a, b, c, d]| {
                let (u, v) = (c * i, d * j);
                [a + u, b + v, b - v, a - u]
            });
        }
    }
}

/// Columns that are worked on at once.
const STEP: usize = 8;

/// Replaces rows `i, j, n/2 + i, n/2 + j` with `j = n/2 - 1 - i`, each such four once, by `f(twiddles of i and j, their values)`.
///
/// Mirrored rows are `i` and `n/2 + j`, and `j` and `n/2 + i`: what a butterfly reads and writes stays among the four.
#[inline(always)]
fn quads<T: Real>(x: &mut [T], width: usize, twiddles: &[T], f: impl Fn([T; 2], [T; 4]) -> [T; 4]) {
    let half = x.len() / 2;
    let n_half = half / width;
    let (low, high) = x.split_at_mut(half);
    for i in 0..n_half / 2 {
        let j = n_half - 1 - i;
        let (a, b) = low.split_at_mut(j * width);
        let (c, d) = high.split_at_mut(j * width);
        let (a, b) = (&mut a[i * width..][..width], &mut b[..width]);
        let (c, d) = (&mut c[i * width..][..width], &mut d[..width]);
        let of_rows = [twiddles[i], twiddles[j]];
        let ((a, rest_a), (b, rest_b)) = (a.as_chunks_mut::<STEP>(), b.as_chunks_mut::<STEP>());
        let ((c, rest_c), (d, rest_d)) = (c.as_chunks_mut::<STEP>(), d.as_chunks_mut::<STEP>());
        for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
            // All are read before any is written, or no compiler would take them together.
            let (x, mut out) = ([*a, *b, *c, *d], [[T::default(); STEP]; 4]);
            for k in 0..STEP {
                [out[0][k], out[1][k], out[2][k], out[3][k]] = f(of_rows, [x[0][k], x[1][k], x[2][k], x[3][k]]);
            }
            [*a, *b, *c, *d] = out;
        }
        for (((a, b), c), d) in rest_a.iter_mut().zip(rest_b).zip(rest_c).zip(rest_d) {
            [*a, *b, *c, *d] = f(of_rows, [*a, *b, *c, *d]);
        }
    }
    if n_half % 2 == 1 {
        let i = n_half / 2;
        for (a, d) in low[i * width..][..width].iter_mut().zip(&mut high[i * width..][..width]) {
            [*a, _, _, *d] = f([twiddles[i]; 2], [*a, *a, *d, *d]);
        }
    }
}

/// Row `to` += row `from`.
#[inline(always)]
fn add_row<T: Real>(x: &mut [T], width: usize, to: usize, from: usize) {
    let (first, second) = x.split_at_mut(to.max(from) * width);
    let (to, from) = if to < from {
        (&mut first[to * width..][..width], &second[..width])
    } else {
        (&mut second[..width], &first[from * width..][..width])
    };
    let ((to, rest), (from, rest_from)) = (to.as_chunks_mut::<STEP>(), from.as_chunks::<STEP>());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = std::array::from_fn(|k| to[k] + from[k]));
    rest.iter_mut().zip(rest_from).for_each(|(to, from)| *to += *from);
}

#[inline(always)]
fn scale<T: Real>(plan: &BlockPlan<T>, x: &mut [T], width: usize) {
    let (dc, ac) = x.split_at_mut(width);
    dc.iter_mut().for_each(|v| *v *= plan.scale[0]);
    ac.iter_mut().for_each(|v| *v *= plan.scale[1]);
}

/// Columns whose sums stay in registers.
const LANES: usize = 16;

/// The odd rest of every part as a matrix product, transposed for the inverse.
///
/// Rows are folded into sums and differences of mirrored ones first, which even and odd frequencies have to themselves.
#[inline(always)]
fn multiply<T: Real>(plan: &BlockPlan<T>, x: &mut [T], width: usize, scratch: &mut [T], transposed: bool) {
    let n = plan.odd;
    if n == 1 {
        return;
    }
    let (half, out) = (n / 2, &mut scratch[..n * width]);
    for part in x.chunks_exact_mut(n * width) {
        if !transposed {
            fold(part, width);
        }
        for (r, row) in out.chunks_exact_mut(width).enumerate() {
            match (transposed, r) {
                (false, k) if k % 2 == 0 => dot(row, part, half + 1, |i| i, |i| plan.matrix[k * n + i]),
                (false, k) => dot(row, part, half, |i| n - 1 - i, |i| plan.matrix[k * n + i]),
                (true, i) if i <= half => dot(row, part, half + 1, |k| 2 * k, |k| plan.matrix[2 * k * n + i]),
                (true, i) => dot(row, part, half, |k| 2 * k + 1, |k| plan.matrix[(2 * k + 1) * n + n - 1 - i]),
            }
        }
        if transposed {
            fold(out, width);
        }
        part.copy_from_slice(out);
    }
}

/// `row = sum_t weight(t) x[source(t)]`, in ascending order of `t`.
#[inline(always)]
fn dot<T: Real>(row: &mut [T], x: &[T], n: usize, source: impl Fn(usize) -> usize, weight: impl Fn(usize) -> T) {
    let width = row.len();
    let mut lanes = row.chunks_exact_mut(LANES);
    for (c, row) in lanes.by_ref().enumerate() {
        let mut sums = [T::default(); LANES];
        for t in 0..n {
            let (w, from) = (weight(t), &x[source(t) * width + c * LANES..][..LANES]);
            sums.iter_mut().zip(from).for_each(|(sum, v)| *sum += w * *v);
        }
        row.copy_from_slice(&sums);
    }
    let row = lanes.into_remainder();
    let first = width - row.len();
    for (j, out) in row.iter_mut().enumerate() {
        *out = (0..n).fold(T::default(), |sum, t| sum + weight(t) * x[source(t) * width + first + j]);
    }
}

/// Row `i` and its mirror image become their sum and their difference.
#[inline(always)]
fn fold<T: Real>(x: &mut [T], width: usize) {
    let n = x.len() / width;
    for i in 0..n / 2 {
        let (low, high) = x.split_at_mut((n - 1 - i) * width);
        for (a, b) in low[i * width..][..width].iter_mut().zip(&mut high[..width]) {
            (*a, *b) = (*a + *b, *a - *b);
        }
    }
}

impl<T: Real> AxisPlan<T> {
    /// Blocks of about `block` along an axis of `n` (all of it when `block` is 0).
    fn new(n: usize, block: usize) -> Self {
        let n_blocks = (n + block / 2).checked_div(block).unwrap_or(1).max(1);
        let (mut blocks, mut layout): (Vec<(usize, BlockPlan<T>)>, _) = (Vec::new(), Vec::new());
        let mut bounds = Vec::new();
        for b in 0..n_blocks {
            let (from, to) = (b * n / n_blocks, (b + 1) * n / n_blocks);
            let at = blocks.iter().position(|(size, _)| *size == to - from).unwrap_or_else(|| {
                blocks.push((to - from, BlockPlan::new(to - from)));
                blocks.len() - 1
            });
            layout.push((at, from));
            bounds.push(to - from);
        }
        // Low parts of every block, finest split first.
        let mut octaves = vec![bounds];
        while octaves[octaves.len() - 1].iter().any(|&size| size > 1) {
            octaves.push(octaves[octaves.len() - 1].iter().map(|size| size.div_ceil(2)).collect());
        }
        let (mut order, mut squares) = (vec![0; n], Vec::with_capacity(n));
        let mut at = 0;
        for level in (0..octaves.len()).rev() {
            for (b, &(_, first)) in layout.iter().enumerate() {
                let low = octaves.get(level + 1).map_or(0, |sizes| sizes[b]);
                for k in low..octaves[level][b] {
                    let (size, plan) = &blocks[layout[b].0];
                    order[first + plan.row_of[k]] = at;
                    squares.push(((2 * k as u64 + 1).pow(2) * u64::from(SQUARED) / (4 * (*size as u64).pow(2))) as u32);
                    at += 1;
                }
            }
        }
        let lows = octaves.iter().map(|sizes| sizes.iter().sum()).collect();
        let mut source = vec![0; n];
        order.iter().enumerate().for_each(|(i, &at)| source[at] = i);
        AxisPlan { blocks, layout, order, source, lows, squares }
    }

    fn each_block(&self, panel: &mut [T], width: usize, mut apply: impl FnMut(&BlockPlan<T>, &mut [T])) {
        for &(at, first) in &self.layout {
            let (size, plan) = &self.blocks[at];
            apply(plan, &mut panel[first * width..(first + size) * width]);
        }
    }
}

/// Plans of all axes.
pub(super) struct Plan<T> {
    pub axes: Vec<AxisPlan<T>>,
    pub pyramid: Pyramid,
}

/// Whether the whole-axis transform of these sizes is quick enough.
pub(super) fn is_affordable(dims: &[usize]) -> bool {
    dims.iter().all(|&n| n >> n.trailing_zeros().min(63) <= MAX_ODD)
}

impl<T: Real> Plan<T> {
    /// Blocks of about `block` along every axis; 0 for whole axes.
    pub fn new(dims: &[usize], block: usize) -> Self {
        let axes: Vec<AxisPlan<T>> = dims.iter().map(|&n| AxisPlan::new(n, block)).collect();
        let pyramid = Pyramid::new(dims, |axis, n, level| axes[axis].lows.get(level + 1).copied().unwrap_or(n));
        Plan { axes, pyramid }
    }

    /// Turns values into coefficients in pyramid order, in place.
    pub fn forward(&self, array: &mut [T]) {
        for (axis, plan) in self.axes.iter().enumerate() {
            pass(array, &self.pyramid.sizes[0], axis, &Forward(plan));
        }
    }

    /// Turns coefficients in pyramid order into values, in place.
    pub fn inverse(&self, array: &mut [T]) {
        for (axis, plan) in self.axes.iter().enumerate() {
            pass(array, &self.pyramid.sizes[0], axis, &Inverse(plan));
        }
    }
}

struct Forward<'a, T>(&'a AxisPlan<T>);

impl<T: Real> Kernel<T> for Forward<'_, T> {
    fn load_at(&self, i: usize) -> usize {
        i
    }

    fn store_at(&self, i: usize) -> usize {
        self.0.order[i]
    }

    fn apply(&self, panel: &mut [T], width: usize, scratch: &mut [T]) {
        self.0.each_block(panel, width, |plan, block| simd::dct_forward(plan, block, width, scratch));
    }
}

struct Inverse<'a, T>(&'a AxisPlan<T>);

impl<T: Real> Kernel<T> for Inverse<'_, T> {
    fn load_at(&self, i: usize) -> usize {
        self.0.source[i]
    }

    fn store_at(&self, i: usize) -> usize {
        i
    }

    fn apply(&self, panel: &mut [T], width: usize, scratch: &mut [T]) {
        self.0.each_block(panel, width, |plan, block| simd::dct_inverse(plan, block, width, scratch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * i * 7 + 3 * i) % 23) as f64 - 11.0).collect()
    }

    #[test]
    fn every_size_gives_the_cosine_sums_and_comes_back() {
        for n in (1..70).chain([73, 96, 135, 180, 256]) {
            let (plan, x) = (BlockPlan::new(n), signal(n));
            let (mut y, mut scratch) = (x.clone(), vec![0.0; n]);
            simd::dct_forward(&plan, &mut y, 1, &mut scratch);
            for k in 0..n {
                let sum: f64 = (0..n).map(|i| x[i] * cosine(k * (2 * i + 1), 2 * n)).sum();
                let expected = sum * plan.scale[usize::from(k > 0)];
                assert!((y[plan.row_of[k]] - expected).abs() < 1e-9 * n as f64, "size {n}, frequency {k}");
            }
            simd::dct_inverse(&plan, &mut y, 1, &mut scratch);
            assert!(x.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-9 * n as f64), "size {n}");
        }
    }

    #[test]
    fn wide_and_plain_code_give_the_same_bits() {
        let (plan, mut wide) = (BlockPlan::new(36), signal(36 * 8));
        let (mut plain, mut scratch) = (wide.clone(), vec![0.0; wide.len()]);
        simd::dct_forward(&plan, &mut wide, 8, &mut scratch);
        forward(&plan, &mut plain, 8, &mut scratch);
        assert!(wide.iter().zip(&plain).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}
