//! Derivatives on a grid of unit spacing: central differences, one-sided ones at both ends (as numpy.gradient).

use super::step::around;

/// Writes the derivative of `values` along an axis to `out`; both have dimensions `dims`. An axis of one value has none: 0.
pub fn difference(values: &[f64], dims: &[usize], axis: usize, out: &mut [f64]) {
    let (_, n, stride) = around(dims, axis);
    if n < 2 {
        out.fill(0.0);
        return;
    }
    let block = n * stride;
    if block == 0 {
        return;
    }
    for (values, out) in values.chunks_exact(block).zip(out.chunks_exact_mut(block)) {
        let (last, before) = (block - stride, block - 2 * stride);
        for i in 0..stride {
            out[i] = values[stride + i] - values[i];
            out[last + i] = values[last + i] - values[before + i];
        }
        let neighbours = values[2 * stride..].iter().zip(&values[..before]);
        out[stride..last].iter_mut().zip(neighbours).for_each(|(out, (after, before))| *out = 0.5 * (after - before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_have_twice_the_place_inside_and_one_sided_differences_at_the_ends() {
        let values: Vec<f64> = (0..15).map(|i| f64::from(i / 3).powi(2) + 10.0 * f64::from(i % 3)).collect();
        let mut out = [f64::NAN; 15];
        difference(&values, &[5, 3], 0, &mut out);
        let expected = [1.0, 2.0, 4.0, 6.0, 7.0];
        out.iter().enumerate().for_each(|(i, d)| approx::assert_abs_diff_eq!(*d, expected[i / 3], epsilon = 1e-12));
        difference(&values, &[5, 3], 1, &mut out);
        out.iter().for_each(|d| approx::assert_abs_diff_eq!(*d, 10.0, epsilon = 1e-12));
    }

    #[test]
    fn one_value_has_no_slope_and_no_value_is_no_trouble() {
        let mut out = [f64::NAN; 2];
        difference(&[1.0, 2.0], &[2, 1], 1, &mut out);
        assert_eq!(out, [0.0, 0.0]);
        difference(&[], &[3, 0], 0, &mut []);
    }
}
