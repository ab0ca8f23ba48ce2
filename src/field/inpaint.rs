//! Fills masked points of a field smoothly: averages of ever coarser grids (push-pull), with a few relaxations on each.

use super::advance;
use super::real::Real;
use super::wide::wide;

/// Relaxation sweeps on each grid.
const N_SWEEPS: usize = 4;

/// Replaces every value whose `valid` is false; `fallback` serves when no point is valid.
/// `dims`: slowest first, row-major.
pub fn inpaint<T: Real>(values: &mut [T], valid: &[bool], dims: &[usize], fallback: T) {
    if valid.iter().all(|&ok| ok) {
        return;
    }
    if values.len() == 1 {
        values[0] = fallback;
        return;
    }
    let coarse_dims: Vec<usize> = dims.iter().map(|d| d.div_ceil(2)).collect();
    let n_coarse = coarse_dims.iter().product();
    let (mut sums, mut counts) = (vec![0.0; n_coarse], vec![0u32; n_coarse]);
    for_cells(dims, &coarse_dims, |i, cell| {
        if valid[i] {
            sums[cell] += values[i].wide();
            counts[cell] += 1;
        }
    });
    let mut means: Vec<T> = sums.iter().zip(&counts).map(|(sum, &n)| T::of(sum / f64::from(n.max(1)))).collect();
    drop(sums);
    let known: Vec<bool> = counts.iter().map(|&n| n > 0).collect();
    inpaint(&mut means, &known, &coarse_dims, fallback);
    for_cells(dims, &coarse_dims, |i, cell| {
        if !valid[i] {
            values[i] = means[cell];
        }
    });
    for _ in 0..N_SWEEPS {
        relax(values, valid, dims);
    }
}

/// Calls `f(point, its cell in the grid with half the points per axis)` for all points in order.
fn for_cells(dims: &[usize], coarse_dims: &[usize], mut f: impl FnMut(usize, usize)) {
    let (Some((&length, leading)), Some(&coarse_length)) = (dims.split_last(), coarse_dims.last()) else { return };
    let mut index = vec![0; leading.len()];
    for row in 0..leading.iter().product() {
        let coarse_row = index.iter().zip(coarse_dims).fold(0, |at, (&i, &n)| at * n + i / 2);
        for i in 0..length {
            f(row * length + i, coarse_row * coarse_length + i / 2);
        }
        advance(&mut index, leading);
    }
}

/// Replaces each masked point by the mean of its neighbours along all axes, row by row in place.
fn relax<T: Real>(values: &mut [T], valid: &[bool], dims: &[usize]) {
    let Some((&length, leading)) = dims.split_last() else { return };
    let mut strides = vec![length; leading.len()];
    for axis in (1..leading.len()).rev() {
        strides[axis - 1] = strides[axis] * leading[axis];
    }
    let mut index = vec![0; leading.len()];
    let (mut around, mut means) = (Vec::new(), vec![T::default(); length]);
    for (row, valid) in valid.chunks_exact(length).enumerate() {
        around.clear();
        for ((&at, &size), &stride) in index.iter().zip(leading).zip(&strides) {
            around.extend((at > 0).then(|| row * length - stride));
            around.extend((at + 1 < size).then(|| row * length + stride));
        }
        advance(&mut index, leading);
        if valid.contains(&false) && around.len() + length > 1 {
            relax_row(values, (row * length, valid), &around, &mut means);
        }
    }
}

wide! {
    /// [`relaxed`].
    fn relax_row<T>(values: &mut [T], row: (usize, &[bool]), around: &[usize], means: &mut [T]) = relaxed;
}

/// Replaces the masked points of the row from `at` on by [`mean_row`].
#[inline(always)]
fn relaxed<T: Real>(values: &mut [T], (at, valid): (usize, &[bool]), around: &[usize], means: &mut [T]) {
    mean_row(values, at, around, means);
    let row = values[at..].iter_mut().zip(means).zip(valid);
    row.for_each(|((value, mean), &ok)| *value = if ok { *value } else { *mean });
}

/// Means of the neighbours of all points of the row from `at` on, which lie in it and in the rows from `around` on.
#[inline(always)]
fn mean_row<T: Real>(values: &[T], at: usize, around: &[usize], means: &mut [T]) {
    let n = means.len();
    // Weights come first: sums of large values would overflow.
    let weight = T::of(1.0 / (around.len() + 2) as f64);
    means.fill(T::default());
    for &from in around {
        means.iter_mut().zip(&values[from..from + n]).for_each(|(mean, &v)| *mean += weight * v);
    }
    let row = &values[at..at + n];
    means[1..].iter_mut().zip(row).for_each(|(mean, &v)| *mean += weight * v);
    means.iter_mut().zip(&row[1..]).for_each(|(mean, &v)| *mean += weight * v);
    // A neighbour is missing at each end.
    let missing = |n_there: usize| T::of((around.len() + 2) as f64 / n_there as f64);
    match means {
        [only] => *only *= missing(around.len()),
        [first, .., last] => [first, last].into_iter().for_each(|end| *end *= missing(around.len() + 1)),
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_a_plane_is_filled_with_about_the_plane() {
        let dims = [40, 50];
        let plane = |i: usize| (i / 50) as f64 + 2.0 * (i % 50) as f64;
        let valid: Vec<bool> = (0..2000).map(|i| !(15..20).contains(&(i / 50)) || i % 50 > 8).collect();
        let mut values: Vec<f64> = (0..2000).map(|i| if valid[i] { plane(i) } else { 1e34 }).collect();
        inpaint(&mut values, &valid, &dims, 0.0);
        for i in 0..2000 {
            let tolerance = if valid[i] { 0.0 } else { 12.0 };
            assert!((values[i] - plane(i)).abs() <= tolerance, "{i}: {}", values[i]);
        }
    }

    #[test]
    fn a_field_without_valid_points_becomes_the_fallback() {
        let mut values = vec![f64::NAN; 12];
        inpaint(&mut values, &[false; 12], &[3, 4], 5.0);
        assert_eq!(values, [5.0; 12]);
    }
}
