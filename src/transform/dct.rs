//! DCT-II of whole axes or of blocks along them, orthonormal, regrouped into a dyadic pyramid.
//!
//! Even sizes are split by B. G. Lee's recursion ("A new algorithm to compute the discrete cosine transform", 1984);
//! what is odd is a matrix product. Frequencies of all blocks of an axis are sorted by octave: the lowest of every block,
//! then the next, then the next two, and so on, which gives block transforms the shape of a wavelet.

use super::axis::{Kernel, pass};
use super::pyramid::Pyramid;

/// Largest odd factor of an axis that is worth a matrix product.
pub(super) const MAX_ODD: usize = 136;

/// Plan for one axis.
pub(super) struct AxisPlan {
    /// Plan per distinct block size (at most two).
    blocks: Vec<(usize, BlockPlan)>,
    /// Index into `blocks` and first row, per block.
    layout: Vec<(usize, usize)>,
    /// Where frequency row `i` (block after block) stands in the pyramid.
    order: Vec<usize>,
    /// The inverse of `order`.
    source: Vec<usize>,
    /// Sizes of the low part along this axis after each split.
    lows: Vec<usize>,
}

/// Twiddle factors of one size.
struct BlockPlan {
    n: usize,
    /// `1 / (2 cos(pi (2i + 1) / 2n))` for each even stage, largest first.
    stages: Vec<Vec<f64>>,
    /// `[odd][odd]` unnormalised DCT-II matrix, frequency first.
    matrix: Vec<f64>,
    odd: usize,
}

/// `cos(pi a / b)`, exact in its argument: reduced before the float division.
fn cosine(a: usize, b: usize) -> f64 {
    libm::cos(std::f64::consts::PI * (a % (2 * b)) as f64 / b as f64)
}

impl BlockPlan {
    fn new(n: usize) -> Self {
        let (mut stages, mut size) = (Vec::new(), n);
        while size.is_multiple_of(2) && size > 0 {
            stages.push((0..size / 2).map(|i| 0.5 / cosine(2 * i + 1, 2 * size)).collect());
            size /= 2;
        }
        let matrix = (0..size * size).map(|i| cosine((i / size) * (2 * (i % size) + 1), 2 * size)).collect();
        BlockPlan { n, stages, matrix, odd: size }
    }

    /// `x[k] = scale(k) sum_i x[i] cos(pi k (2i + 1) / 2n)` on rows of `width`.
    fn forward(&self, x: &mut [f64], width: usize, scratch: &mut [f64]) {
        self.split(0, x, width, scratch);
        let (dc, ac) = x.split_at_mut(width);
        let n = self.n as f64;
        dc.iter_mut().for_each(|v| *v *= (1.0 / n).sqrt());
        ac.iter_mut().for_each(|v| *v *= (2.0 / n).sqrt());
    }

    fn inverse(&self, x: &mut [f64], width: usize, scratch: &mut [f64]) {
        let (dc, ac) = x.split_at_mut(width);
        let n = self.n as f64;
        dc.iter_mut().for_each(|v| *v *= (1.0 / n).sqrt());
        ac.iter_mut().for_each(|v| *v *= (2.0 / n).sqrt());
        self.merge(0, x, width, scratch);
    }

    fn split(&self, stage: usize, x: &mut [f64], width: usize, scratch: &mut [f64]) {
        let Some(twiddles) = self.stages.get(stage) else {
            return self.multiply(x, width, scratch, false);
        };
        let half = x.len() / 2;
        let n_half = half / width;
        let scratch = &mut scratch[..x.len()];
        {
            let (sums, differences) = scratch.split_at_mut(half);
            for i in 0..n_half {
                let (a, b) = (&x[i * width..][..width], &x[(2 * n_half - 1 - i) * width..][..width]);
                let (s, d) = (&mut sums[i * width..][..width], &mut differences[i * width..][..width]);
                let w = twiddles[i];
                for j in 0..width {
                    s[j] = a[j] + b[j];
                    d[j] = (a[j] - b[j]) * w;
                }
            }
            let (x_low, x_high) = x.split_at_mut(half);
            self.split(stage + 1, sums, width, x_low);
            self.split(stage + 1, differences, width, x_high);
        }
        let (sums, differences) = scratch.split_at(half);
        for k in 0..n_half {
            x[2 * k * width..][..width].copy_from_slice(&sums[k * width..][..width]);
            let out = &mut x[(2 * k + 1) * width..][..width];
            out.copy_from_slice(&differences[k * width..][..width]);
            if k + 1 < n_half {
                out.iter_mut().zip(&differences[(k + 1) * width..][..width]).for_each(|(o, d)| *o += d);
            }
        }
    }

    fn merge(&self, stage: usize, x: &mut [f64], width: usize, scratch: &mut [f64]) {
        let Some(twiddles) = self.stages.get(stage) else {
            return self.multiply(x, width, scratch, true);
        };
        let half = x.len() / 2;
        let n_half = half / width;
        let scratch = &mut scratch[..x.len()];
        let (sums, differences) = scratch.split_at_mut(half);
        for k in 0..n_half {
            sums[k * width..][..width].copy_from_slice(&x[2 * k * width..][..width]);
            let out = &mut differences[k * width..][..width];
            out.copy_from_slice(&x[(2 * k + 1) * width..][..width]);
            if k > 0 {
                out.iter_mut().zip(&x[(2 * k - 1) * width..][..width]).for_each(|(o, d)| *o += d);
            }
        }
        {
            let (x_low, x_high) = x.split_at_mut(half);
            self.merge(stage + 1, sums, width, x_low);
            self.merge(stage + 1, differences, width, x_high);
        }
        for i in 0..n_half {
            let w = twiddles[i];
            for j in 0..width {
                let (s, d) = (sums[i * width + j], differences[i * width + j] * w);
                x[i * width + j] = s + d;
                x[(2 * n_half - 1 - i) * width + j] = s - d;
            }
        }
    }

    /// The odd rest as a matrix product, transposed for the inverse.
    fn multiply(&self, x: &mut [f64], width: usize, scratch: &mut [f64], transposed: bool) {
        let n = self.odd;
        if n == 1 {
            return;
        }
        let out = &mut scratch[..x.len()];
        for (k, row) in out.chunks_exact_mut(width).enumerate() {
            row.fill(0.0);
            for (i, from) in x.chunks_exact(width).enumerate() {
                let w = self.matrix[if transposed { i * n + k } else { k * n + i }];
                row.iter_mut().zip(from).for_each(|(o, v)| *o += w * v);
            }
        }
        x.copy_from_slice(out);
    }
}

impl AxisPlan {
    /// Blocks of about `block` along an axis of `n` (all of it when `block` is 0).
    fn new(n: usize, block: usize) -> Self {
        let n_blocks = (n + block / 2).checked_div(block).unwrap_or(1).max(1);
        let (mut blocks, mut layout): (Vec<(usize, BlockPlan)>, _) = (Vec::new(), Vec::new());
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
        let mut order = vec![0; n];
        let mut at = 0;
        for level in (0..octaves.len()).rev() {
            for (b, &(_, first)) in layout.iter().enumerate() {
                let low = octaves.get(level + 1).map_or(0, |sizes| sizes[b]);
                for k in low..octaves[level][b] {
                    order[first + k] = at;
                    at += 1;
                }
            }
        }
        let lows = octaves.iter().map(|sizes| sizes.iter().sum()).collect();
        let mut source = vec![0; n];
        order.iter().enumerate().for_each(|(i, &at)| source[at] = i);
        AxisPlan { blocks, layout, order, source, lows }
    }

    fn each_block(&self, panel: &mut [f64], width: usize, mut apply: impl FnMut(&BlockPlan, &mut [f64])) {
        for &(at, first) in &self.layout {
            let (size, plan) = &self.blocks[at];
            apply(plan, &mut panel[first * width..(first + size) * width]);
        }
    }
}

/// Plans of all axes.
pub(super) struct Plan {
    axes: Vec<AxisPlan>,
    pub pyramid: Pyramid,
}

/// Whether the whole-axis transform of these sizes is quick enough.
pub(super) fn is_affordable(dims: &[usize]) -> bool {
    dims.iter().all(|&n| n >> n.trailing_zeros().min(63) <= MAX_ODD)
}

impl Plan {
    /// Blocks of about `block` along every axis; 0 for whole axes.
    pub fn new(dims: &[usize], block: usize) -> Self {
        let axes: Vec<AxisPlan> = dims.iter().map(|&n| AxisPlan::new(n, block)).collect();
        let pyramid = Pyramid::new(dims, |axis, n, level| axes[axis].lows.get(level + 1).copied().unwrap_or(n));
        Plan { axes, pyramid }
    }

    /// Turns values into coefficients in pyramid order, in place.
    pub fn forward(&self, array: &mut [f64]) {
        for (axis, plan) in self.axes.iter().enumerate() {
            pass(array, &self.pyramid.sizes[0], axis, &Forward(plan));
        }
    }

    /// Turns coefficients in pyramid order into values, in place.
    pub fn inverse(&self, array: &mut [f64]) {
        for (axis, plan) in self.axes.iter().enumerate() {
            pass(array, &self.pyramid.sizes[0], axis, &Inverse(plan));
        }
    }
}

struct Forward<'a>(&'a AxisPlan);

impl Kernel for Forward<'_> {
    fn load_at(&self, i: usize) -> usize {
        i
    }

    fn store_at(&self, i: usize) -> usize {
        self.0.order[i]
    }

    fn apply(&self, panel: &mut [f64], width: usize, scratch: &mut [f64]) {
        self.0.each_block(panel, width, |plan, block| plan.forward(block, width, scratch));
    }
}

struct Inverse<'a>(&'a AxisPlan);

impl Kernel for Inverse<'_> {
    fn load_at(&self, i: usize) -> usize {
        self.0.source[i]
    }

    fn store_at(&self, i: usize) -> usize {
        i
    }

    fn apply(&self, panel: &mut [f64], width: usize, scratch: &mut [f64]) {
        self.0.each_block(panel, width, |plan, block| plan.inverse(block, width, scratch));
    }
}
