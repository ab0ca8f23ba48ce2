//! Products of all pairs of columns: the normal equations of least squares over cells of samples.

use rayon::prelude::*;

use crate::backend::cpu::Instructions;
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::simd_product::{Product, Start};

/// Rows, whole cells, whose products are summed in f32 before they join the sum in f64.
const CHUNK: usize = 512;

/// Rows in two parts side by side, as many to a cell as `transform` has columns.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The columns and their number, a multiple of 16.
    pub left: (&'a [f32], usize),
    /// Likewise; there may be none.
    pub right: (&'a [f32], usize),
    /// What the rows of a cell are multiplied by, `[coefficient][row]`.
    pub transform: &'a [f32],
    /// What each row counts after that.
    pub weights: &'a [f32],
}

/// The weighted sum of `row^T row` over the transformed rows, `[n_columns][n_columns]`.
pub fn gram(rows: Rows, instructions: Instructions) -> Vec<f64> {
    let n_columns = rows.left.1 + rows.right.1;
    let part = |(i, weights): (usize, &[f32])| {
        let of = |(columns, n): (_, usize)| {
            let columns: &[f32] = columns;
            (&columns[i * CHUNK * n..(i * CHUNK + weights.len()) * n], n)
        };
        let rows = Rows { left: of(rows.left), right: of(rows.right), weights, ..rows };
        let (mut transformed, mut sums) = (vec![0.0; weights.len() * n_columns], vec![0.0; n_columns * n_columns]);
        instructions.dispatch(Gram { rows, n_columns, transformed: &mut transformed, sums: &mut sums });
        sums
    };
    let parts: Vec<Vec<f32>> = rows.weights.par_chunks(CHUNK).enumerate().map(part).collect();
    let mut total = vec![0.0; n_columns * n_columns];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(sum, v)| *sum += f64::from(v));
    }
    total
}

struct Gram<'a> {
    rows: Rows<'a>,
    n_columns: usize,
    transformed: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Gram { rows: Rows { left, right, transform, weights }, n_columns, transformed, sums } = self;
        let cell = transform.len().isqrt();
        let mut weighted = transform.to_vec();
        for (c, weights) in weights.chunks_exact(cell).enumerate() {
            for ((weighted, transform), weight) in
                weighted.chunks_exact_mut(cell).zip(transform.chunks_exact(cell)).zip(weights)
            {
                let weight = weight.sqrt();
                weighted.iter_mut().zip(transform).for_each(|(w, t)| *w = t * weight);
            }
            for (at, (columns, n)) in [(0, left), (left.1, right)] {
                simd.multiply(Product {
                    m: cell,
                    n,
                    k: cell,
                    a: &weighted,
                    a_row: cell,
                    a_column: 1,
                    b: &columns[c * cell * n..],
                    b_row: n,
                    c: &mut transformed[c * cell * n_columns + at..],
                    c_row: n_columns,
                    start: Start::Zero,
                });
            }
        }
        simd.multiply(Product {
            m: n_columns,
            n: n_columns,
            k: weights.len(),
            a: transformed,
            a_row: 1,
            a_column: n_columns,
            b: transformed,
            b_row: n_columns,
            c: sums,
            c_row: n_columns,
            start: Start::Zero,
        });
    }
}
