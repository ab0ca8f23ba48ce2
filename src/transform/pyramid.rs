//! Geometry of the coefficients: every transform here yields a dyadic pyramid of bands in one array.
//!
//! At each level the box of low coefficients is split along every axis that is still long enough. What is high along at
//! least one axis forms the bands of that level; the low box is split again. All boxes lie in the corner of the array.

use rayon::prelude::*;

use crate::field::{self, Real};

/// Values per task.
const TASK: usize = 1 << 16;

/// One band: a box of coefficients that are high along the same axes at the same level.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// 0 = finest; the low band at the end of the pyramid has the level of the last split.
    pub level: usize,
    /// First coefficient in the array, per axis.
    pub origin: Vec<usize>,
    /// Size per axis.
    pub dims: Vec<usize>,
    /// Index of the band with the same orientation one level coarser.
    pub parent: Option<usize>,
    /// Squared norm of the functions that the coefficients belong to: about 1.
    pub norm: f64,
}

impl Band {
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// Sizes of the low box at each level and the bands, coarse to fine.
#[derive(Clone, Debug)]
pub(super) struct Pyramid {
    /// `sizes[0]` = the array, `sizes[l]` = low box after `l` splits.
    pub sizes: Vec<Vec<usize>>,
    /// Band 0 is what stays low to the end.
    pub bands: Vec<Band>,
}

impl Pyramid {
    /// `split(axis, size, level)` gives the size of the low part along an axis, or the size itself to stop there.
    pub fn new(dims: &[usize], split: impl Fn(usize, usize, usize) -> usize) -> Self {
        let mut sizes = vec![dims.to_vec()];
        loop {
            let (level, last) = (sizes.len() - 1, &sizes[sizes.len() - 1]);
            let next: Vec<usize> = last.iter().enumerate().map(|(axis, &n)| split(axis, n, level)).collect();
            if next == *last {
                break;
            }
            sizes.push(next);
        }
        let bands = bands(&sizes);
        Pyramid { sizes, bands }
    }

    /// Number of splits.
    pub fn n_levels(&self) -> usize {
        self.sizes.len() - 1
    }
}

fn bands(sizes: &[Vec<usize>]) -> Vec<Band> {
    let (rank, n_levels) = (sizes[0].len(), sizes.len() - 1);
    let low = Band { level: n_levels, origin: vec![0; rank], dims: sizes[n_levels].clone(), parent: None, norm: 1.0 };
    let mut bands = vec![low];
    let mut coarser: Vec<Option<usize>> = vec![None; 1 << rank];
    for level in (0..n_levels).rev() {
        let mut here = vec![None; 1 << rank];
        for orientation in 1usize..1 << rank {
            let high = |axis: usize| orientation >> axis & 1 == 1;
            let (all, low) = (&sizes[level], &sizes[level + 1]);
            if (0..rank).any(|a| high(a) && all[a] == low[a]) {
                continue;
            }
            let origin = (0..rank).map(|a| if high(a) { low[a] } else { 0 }).collect();
            let dims = (0..rank).map(|a| if high(a) { all[a] - low[a] } else { low[a] }).collect();
            here[orientation] = Some(bands.len());
            bands.push(Band { level, origin, dims, parent: coarser[orientation], norm: 1.0 });
        }
        coarser = here;
    }
    bands
}

/// Calls `row(offset in the array, offset in the box, length)` for every row of a box.
pub(super) fn for_rows(dims: &[usize], origin: &[usize], size: &[usize], mut row: impl FnMut(usize, usize, usize)) {
    let rank = dims.len();
    let Some(&length) = size.last() else { return };
    let n_rows: usize = size[..rank - 1].iter().product();
    if length == 0 {
        return;
    }
    let mut index = vec![0; rank - 1];
    for r in 0..n_rows {
        let at = (0..rank - 1).fold(0, |at, axis| at * dims[axis] + origin[axis] + index[axis]);
        row(at * dims[rank - 1] + origin[rank - 1], r * length, length);
        for axis in (0..rank - 1).rev() {
            index[axis] += 1;
            if index[axis] < size[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// A part of an array along axis 0.
pub(super) struct Layer {
    /// First index along axis 0, and the one behind the last.
    pub from: usize,
    pub to: usize,
}

impl Layer {
    /// Indices along axis 0 per task of a box of this size.
    pub fn n_indices(size: &[usize]) -> usize {
        (TASK / size[1..].iter().product::<usize>().max(1)).max(1)
    }

    /// Calls `row(offset in the layer, offset in the box, length)` for every row of a box that lies in the layer.
    pub fn for_rows(&self, dims: &[usize], origin: &[usize], size: &[usize], mut row: impl FnMut(usize, usize, usize)) {
        let (from, to) = (self.from.max(origin[0]), self.to.min(origin[0] + size[0]));
        if from < to {
            let (mut origin_here, mut size_here) = (origin.to_vec(), size.to_vec());
            (origin_here[0], size_here[0]) = (from - self.from, to - from);
            let skipped = (from - origin[0]) * size[1..].iter().product::<usize>();
            for_rows(dims, &origin_here, &size_here, |at, in_box, n| row(at, skipped + in_box, n));
        }
    }
}

/// Calls `f(layer, its values)` for layers that make up an array, on all threads.
pub(super) fn for_layers<T: Send>(array: &mut [T], dims: &[usize], f: impl Fn(&Layer, &mut [T]) + Sync) {
    let (n, inner) = (Layer::n_indices(dims), dims[1..].iter().product::<usize>().max(1));
    let layers = array.par_chunks_mut(n * inner).enumerate();
    layers.for_each(|(t, values)| f(&Layer { from: t * n, to: t * n + values.len() / inner }, values));
}

/// Calls `row(values of the array, values of the box)` for every row of a box, on all threads.
pub(super) fn map_box<T: Sync, R: Send>(
    array: &[T],
    dims: &[usize],
    (origin, size): (&[usize], &[usize]),
    out: &mut [R],
    row: impl Fn(&[T], &mut [R]) + Sync,
) {
    for_layers(out, size, |layer, out| {
        let mut origin = origin.to_vec();
        origin[0] += layer.from;
        let mut size = size.to_vec();
        size[0] = layer.to - layer.from;
        for_rows(dims, &origin, &size, |from, to, n| row(&array[from..from + n], &mut out[to..to + n]));
    });
}

/// Copies a box out of the corner of an array.
pub(super) fn copy_box<T: Real>(array: &[T], dims: &[usize], size: &[usize]) -> Vec<T> {
    let mut out = field::zeros(size.iter().product());
    let origin = vec![0; dims.len()];
    map_box(array, dims, (&origin, size), &mut out, |from, to| to.copy_from_slice(from));
    out
}

/// Copies a box into the corner of an array.
pub(super) fn paste_box<T: Real>(array: &mut [T], dims: &[usize], size: &[usize], values: &[T]) {
    let origin = vec![0; dims.len()];
    for_layers(array, dims, |layer, array| {
        layer.for_rows(dims, &origin, size, |to, from, n| array[to..to + n].copy_from_slice(&values[from..from + n]));
    });
}
