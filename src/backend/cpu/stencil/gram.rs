//! Products of all pairs of columns: the normal equations of least squares.

use rayon::prelude::*;

use crate::backend::cpu::Instructions;
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::simd_product::{Product, Start};

/// Rows whose products are summed in f32 before they join the sum in f64.
const CHUNK: usize = 512;

/// `rows^T rows` for `[n][stride]` rows, `[stride][stride]`; `stride` is a multiple of 16.
pub fn gram(rows: &[f32], stride: usize, instructions: Instructions) -> Vec<f64> {
    let part = |rows: &[f32]| {
        let mut sums = vec![0.0; stride * stride];
        instructions.dispatch(Gram { rows, stride, sums: &mut sums });
        sums
    };
    let parts: Vec<Vec<f32>> = rows.par_chunks(CHUNK * stride).map(part).collect();
    let mut total = vec![0.0; stride * stride];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(sum, v)| *sum += f64::from(v));
    }
    total
}

struct Gram<'a> {
    rows: &'a [f32],
    stride: usize,
    sums: &'a mut [f32],
}

impl Kernel for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Gram { rows, stride, sums } = self;
        simd.multiply(Product {
            m: stride,
            n: stride,
            k: rows.len() / stride,
            a: rows,
            a_row: 1,
            a_column: stride,
            b: rows,
            b_row: stride,
            c: sums,
            c_row: stride,
            start: Start::Zero,
        });
    }
}
