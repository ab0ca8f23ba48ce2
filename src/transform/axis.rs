//! One pass over an array: a kernel along the first axis, vectorised across columns, then the axes are rotated.
//!
//! After as many passes as there are axes every axis had its turn and the order is the old one. A pass reads panels of
//! columns and writes whole rows, so that threads write to disjoint slices.

use rayon::prelude::*;

/// Columns per panel: two cache lines of f64.
const PANEL: usize = 16;

/// Panels of longer axes are half as wide, to stay in the second-level cache.
const LONG_AXIS: usize = 1024;

/// Columns that one task of a parallel pass takes, in values.
const TASK_VALUES: usize = 1 << 15;

/// A transform along one axis of a panel.
pub(super) trait Kernel: Sync {
    /// Where row `i` of the array goes in the panel before [`Kernel::apply`].
    fn load_at(&self, i: usize) -> usize;
    /// Where row `i` of the panel goes in the array after it.
    fn store_at(&self, i: usize) -> usize;
    /// Transforms a panel `[n][width]` in place; `scratch` has the size of the panel.
    fn apply(&self, panel: &mut [f64], width: usize, scratch: &mut [f64]);
}

/// Reads `from: [n][m]`, applies the kernel to every column, writes `[m][n]`.
pub(super) fn pass(from: &[f64], n: usize, kernel: Option<&dyn Kernel>) -> Vec<f64> {
    let mut to = vec![0.0; from.len()];
    if n == 0 {
        return to;
    }
    let m = from.len() / n;
    let width = if n > LONG_AXIS { PANEL / 2 } else { PANEL };
    let columns_per_task = (TASK_VALUES / n).next_multiple_of(width).max(width);
    let task = |(t, out): (usize, &mut [f64])| {
        let mut panel = vec![0.0; n * width];
        let mut scratch = vec![0.0; n * width];
        for (p, rows) in out.chunks_mut(width * n).enumerate() {
            let first = t * columns_per_task + p * width;
            columns(from, m, first, rows, kernel, (&mut panel, &mut scratch));
        }
    };
    to.par_chunks_mut(columns_per_task * n).enumerate().for_each(task);
    to
}

/// Transforms the columns from `first` on that fill `rows`.
fn columns(
    from: &[f64],
    m: usize,
    first: usize,
    rows: &mut [f64],
    kernel: Option<&dyn Kernel>,
    (panel, scratch): (&mut [f64], &mut [f64]),
) {
    let n = from.len() / m;
    let width = rows.len() / n;
    let (panel, scratch) = (&mut panel[..n * width], &mut scratch[..n * width]);
    for (i, row) in from.chunks_exact(m).enumerate() {
        let at = kernel.map_or(i, |k| k.load_at(i)) * width;
        panel[at..at + width].copy_from_slice(&row[first..first + width]);
    }
    if let Some(kernel) = kernel {
        kernel.apply(panel, width, scratch);
    }
    for (i, values) in panel.chunks_exact(width).enumerate() {
        let at = kernel.map_or(i, |k| k.store_at(i));
        for (j, &value) in values.iter().enumerate() {
            rows[j * n + at] = value;
        }
    }
}
