//! Steps of a layer on the way back, whatever its activation: gradients of weights and biases, gradients for what comes in.
//! The GPU's twin is `shaders/shared/gradients.wgsl`.

use super::simd::Simd;
use super::simd_product::{Product, Start};

/// `values: [n][lead]`, the left factor of the backward products.
pub struct Factor<'a> {
    pub values: &'a [f32],
    pub lead: usize,
    pub n: usize,
}

impl Factor<'_> {
    /// `gradient[r][c] += sum_points values[point][r] * y[point][c]` for `rows` rows.
    #[inline(always)]
    pub fn weight_gradient<S: Simd>(&self, simd: S, rows: usize, y: &[f32], lead: usize, gradient: &mut [f32]) {
        simd.multiply(Product {
            m: rows,
            n: lead,
            k: self.n,
            a: self.values,
            a_row: 1,
            a_column: self.lead,
            b: y,
            b_row: lead,
            c: gradient,
            c_row: lead,
            start: Start::Accumulate,
        });
    }

    /// `d[point][c] = start + sum_r values[point][r] * weights[r][c]` over `rows` rows.
    #[inline(always)]
    pub fn backward<S: Simd>(&self, simd: S, rows: usize, weights: &[f32], lead: usize, d: &mut [f32], start: Start) {
        simd.multiply(Product {
            m: self.n,
            n: lead,
            k: rows,
            a: self.values,
            a_row: self.lead,
            a_column: 1,
            b: weights,
            b_row: lead,
            c: d,
            c_row: lead,
            start,
        });
    }
}

/// `dz = d * slope`.
#[inline(always)]
pub fn times_slope<S: Simd>(simd: S, d: &[f32], slope: &[f32], dz: &mut [f32]) {
    let vectors = d.chunks_exact(S::LANES).zip(slope.chunks_exact(S::LANES));
    for ((d, slope), dz) in vectors.zip(dz.chunks_exact_mut(S::LANES)) {
        simd.store(dz, simd.mul(simd.load(d), simd.load(slope)));
    }
}

/// Adds every row of `rows: [n][lead]` to `sums: [lead]`.
#[inline(always)]
pub fn add_rows<S: Simd>(simd: S, rows: &[f32], lead: usize, sums: &mut [f32]) {
    for (j, sum) in sums[..lead].chunks_exact_mut(S::LANES).enumerate() {
        let mut total = simd.load(sum);
        for row in rows.chunks_exact(lead) {
            total = simd.add(total, simd.load(&row[j * S::LANES..]));
        }
        simd.store(sum, total);
    }
}
