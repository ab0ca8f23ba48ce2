//! Fills masked points of a field smoothly: averages of ever coarser grids (push-pull), then a few relaxations.

/// Relaxation sweeps on the finest grid.
const N_SWEEPS: usize = 4;

/// Replaces every value whose `valid` is false; `fallback` serves when no point is valid.
/// `dims`: slowest first, row-major.
pub fn inpaint(values: &mut [f64], valid: &[bool], dims: &[usize], fallback: f64) {
    let weights: Vec<f64> = valid.iter().map(|&ok| f64::from(u8::from(ok))).collect();
    for (value, ok) in values.iter_mut().zip(valid) {
        *value = if *ok { *value } else { 0.0 };
    }
    pull(values, &weights, dims, fallback);
    for _ in 0..N_SWEEPS {
        relax(values, valid, dims);
    }
}

/// Gives points of zero weight the value of their cell in the next coarser grid, which is filled the same way.
fn pull(values: &mut [f64], weights: &[f64], dims: &[usize], fallback: f64) {
    if weights.iter().all(|&w| w > 0.0) {
        return;
    }
    if values.len() == 1 {
        values[0] = fallback;
        return;
    }
    let coarse_dims: Vec<usize> = dims.iter().map(|d| d.div_ceil(2)).collect();
    let parents = parents(dims, &coarse_dims);
    let n_coarse = coarse_dims.iter().product();
    let (mut sums, mut coarse_weights) = (vec![0.0; n_coarse], vec![0.0; n_coarse]);
    for ((&value, &weight), &parent) in values.iter().zip(weights).zip(&parents) {
        sums[parent] += value * weight;
        coarse_weights[parent] += weight;
    }
    for (sum, weight) in sums.iter_mut().zip(&mut coarse_weights).filter(|(_, w)| **w > 0.0) {
        *sum /= *weight;
        *weight = 1.0;
    }
    pull(&mut sums, &coarse_weights, &coarse_dims, fallback);
    for ((value, &weight), &parent) in values.iter_mut().zip(weights).zip(&parents) {
        *value = if weight > 0.0 { *value } else { sums[parent] };
    }
}

/// Index of each point's cell in the grid with half the points per axis.
fn parents(dims: &[usize], coarse_dims: &[usize]) -> Vec<usize> {
    let mut parents = vec![0];
    for (&n, &n_coarse) in dims.iter().zip(coarse_dims) {
        parents = parents.iter().flat_map(|&p| (0..n).map(move |i| p * n_coarse + i / 2)).collect();
    }
    parents
}

/// Replaces each masked point by the mean of its neighbours along all axes, in place.
fn relax(values: &mut [f64], valid: &[bool], dims: &[usize]) {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    for i in (0..values.len()).filter(|&i| !valid[i]) {
        let (mut sum, mut n) = (0.0, 0.0);
        for (&stride, &size) in strides.iter().zip(dims) {
            let at = i / stride % size;
            if at > 0 {
                (sum, n) = (sum + values[i - stride], n + 1.0);
            }
            if at + 1 < size {
                (sum, n) = (sum + values[i + stride], n + 1.0);
            }
        }
        values[i] = if n > 0.0 { sum / n } else { values[i] };
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
