//! One pass over an array in place: a kernel along one axis, vectorised across the columns of a panel.
//!
//! A panel is a block of columns copied into contiguous memory. Threads own disjoint panels: whole slices of the array
//! where there are axes in front, else strips of every row.

use rayon::prelude::*;

use crate::field::Real;

/// Bytes per row of a panel where a row of the array has that many.
const PANEL_BYTES: usize = 256;
/// Panels of longer axes are narrower, to stay in the second-level cache.
const LONG_AXIS: usize = 512;
/// Rows of the last axis that are transposed into one panel.
const PANEL_ROWS: usize = 16;
/// Values per task of a parallel pass.
const TASK_VALUES: usize = 1 << 15;

/// A linear transform along one axis of a panel: zeros stay zeros.
pub(super) trait Kernel<T>: Sync {
    /// Where row `i` of the array goes in the panel before [`Kernel::apply`].
    fn load_at(&self, i: usize) -> usize;
    /// Where row `i` of the panel goes in the array after it.
    fn store_at(&self, i: usize) -> usize;
    /// Transforms a panel `[n][width]` in place; `scratch` is at least as large.
    fn apply(&self, panel: &mut [T], width: usize, scratch: &mut [T]);
    /// Transforms a row of the last axis, if that is quicker than a panel of rows; `panel` is as large.
    fn apply_row(&self, _row: &mut [T], _panel: &mut [T]) -> bool {
        false
    }
}

/// A panel and its scratch memory, one per task.
struct Buffers<T> {
    panel: Vec<T>,
    scratch: Vec<T>,
}

impl<T: Real> Buffers<T> {
    fn new(size: usize) -> Self {
        Buffers { panel: vec![T::default(); size], scratch: vec![T::default(); size] }
    }
}

/// Applies the kernel along one axis of `array: [dims]`.
pub(super) fn pass<T: Real>(array: &mut [T], dims: &[usize], axis: usize, kernel: &dyn Kernel<T>) {
    let n = dims[axis];
    let inner: usize = dims[axis + 1..].iter().product();
    if array.is_empty() || n == 0 {
        return;
    }
    if inner == 1 {
        along_rows(array, n, kernel);
    } else if array.len() == n * inner {
        first_axis(array, n, inner, kernel);
    } else {
        let slices_per_task = (TASK_VALUES / (n * inner)).max(1);
        let buffers = || Buffers::new(n * panel_width::<T>(n, inner));
        array.par_chunks_mut(slices_per_task * n * inner).for_each_init(buffers, |buffers, slices| {
            slices.chunks_exact_mut(n * inner).for_each(|slice| middle_axis(slice, n, inner, kernel, buffers));
        });
    }
}

/// Values that are looked at together.
const AT_ONCE: usize = 64;

fn are_zeros<T: Real>(values: &[T]) -> bool {
    values.chunks(AT_ONCE).all(|few| !few.iter().fold(false, |any, v| any | (*v != T::default())))
}

fn panel_width<T>(n: usize, inner: usize) -> usize {
    let width = PANEL_BYTES / size_of::<T>();
    inner.min(if n > LONG_AXIS { width / 2 } else { width })
}

/// `[n][inner]` in front of which there are other axes.
fn middle_axis<T: Real>(slice: &mut [T], n: usize, inner: usize, kernel: &dyn Kernel<T>, buffers: &mut Buffers<T>) {
    for first in (0..inner).step_by(panel_width::<T>(n, inner)) {
        let width = panel_width::<T>(n, inner).min(inner - first);
        if slice.chunks_exact(inner).all(|row| are_zeros(&row[first..first + width])) {
            continue;
        }
        let (panel, scratch) = (&mut buffers.panel[..n * width], &mut buffers.scratch[..n * width]);
        for (i, row) in slice.chunks_exact(inner).enumerate() {
            panel[kernel.load_at(i) * width..][..width].copy_from_slice(&row[first..first + width]);
        }
        kernel.apply(panel, width, scratch);
        for (i, values) in panel.chunks_exact(width).enumerate() {
            slice[kernel.store_at(i) * inner + first..][..width].copy_from_slice(values);
        }
    }
}

/// `[n][inner]` in strips: every task holds its piece of every row.
fn first_axis<T: Real>(array: &mut [T], n: usize, inner: usize, kernel: &dyn Kernel<T>) {
    let width = panel_width::<T>(n, inner);
    let mut strips: Vec<Vec<&mut [T]>> = (0..inner.div_ceil(width)).map(|_| Vec::with_capacity(n)).collect();
    for row in array.chunks_exact_mut(inner) {
        strips.iter_mut().zip(row.chunks_mut(width)).for_each(|(strip, piece)| strip.push(piece));
    }
    let strips_per_task = (TASK_VALUES / (n * width)).max(1);
    strips.par_chunks_mut(strips_per_task).for_each_init(
        || Buffers::new(n * width),
        |buffers, strips| {
            for strip in strips.iter_mut().filter(|strip| !strip.iter().all(|piece| are_zeros(piece))) {
                let width = strip.first().map_or(0, |piece| piece.len());
                let (panel, scratch) = (&mut buffers.panel[..n * width], &mut buffers.scratch[..n * width]);
                for (i, piece) in strip.iter().enumerate() {
                    panel[kernel.load_at(i) * width..][..width].copy_from_slice(piece);
                }
                kernel.apply(panel, width, scratch);
                for (i, values) in panel.chunks_exact(width).enumerate() {
                    strip[kernel.store_at(i)].copy_from_slice(values);
                }
            }
        },
    );
}

/// The last axis: a few rows at a time are transposed into a panel.
fn along_rows<T: Real>(array: &mut [T], n: usize, kernel: &dyn Kernel<T>) {
    let rows_per_task = (TASK_VALUES / n).max(1).next_multiple_of(PANEL_ROWS);
    // A field of one axis is one row, which sixteen times over would be most of what a block takes.
    let most_rows = PANEL_ROWS.min(array.len() / n);
    array.par_chunks_mut(rows_per_task * n).for_each_init(
        || Buffers::new(n * most_rows),
        |buffers, rows| {
            for rows in rows.chunks_mut(PANEL_ROWS * n).filter(|rows| !are_zeros(rows)) {
                if rows.chunks_exact_mut(n).all(|row| kernel.apply_row(row, &mut buffers.panel[..n])) {
                    continue;
                }
                let width = rows.len() / n;
                let (panel, scratch) = (&mut buffers.panel[..n * width], &mut buffers.scratch[..n * width]);
                if width == PANEL_ROWS {
                    load_rows(rows, n, kernel, panel);
                    kernel.apply(panel, width, scratch);
                    store_rows(rows, n, kernel, panel);
                } else {
                    rows.chunks_exact_mut(n).for_each(|row| one_row(row, kernel, &mut panel[..n], scratch));
                }
            }
        },
    );
}

/// `panel[load_at(i)][j] = rows[j][i]`.
fn load_rows<T: Real>(rows: &[T], n: usize, kernel: &dyn Kernel<T>, panel: &mut [T]) {
    let rows: [&[T]; PANEL_ROWS] = std::array::from_fn(|j| &rows[j * n..(j + 1) * n]);
    for (i, first) in rows[0].iter().enumerate() {
        let out = &mut panel[kernel.load_at(i) * PANEL_ROWS..][..PANEL_ROWS];
        out[0] = *first;
        out.iter_mut().zip(&rows).skip(1).for_each(|(out, row)| *out = row[i]);
    }
}

/// `rows[j][store_at(i)] = panel[i][j]`.
fn store_rows<T: Real>(rows: &mut [T], n: usize, kernel: &dyn Kernel<T>, panel: &[T]) {
    let mut rows = rows.chunks_exact_mut(n);
    let mut rows: [&mut [T]; PANEL_ROWS] = std::array::from_fn(|_| rows.next().unwrap_or_default());
    for (i, values) in panel.chunks_exact(PANEL_ROWS).enumerate() {
        let at = kernel.store_at(i);
        rows.iter_mut().zip(values).for_each(|(row, &value)| row[at] = value);
    }
}

fn one_row<T: Real>(row: &mut [T], kernel: &dyn Kernel<T>, panel: &mut [T], scratch: &mut [T]) {
    row.iter().enumerate().for_each(|(i, &v)| panel[kernel.load_at(i)] = v);
    kernel.apply(panel, 1, scratch);
    panel.iter().enumerate().for_each(|(i, &v)| row[kernel.store_at(i)] = v);
}
