//! Structural similarity: Wang, Bovik, Sheikh and Simoncelli 2004, IEEE TIP 13(4), with what scikit-image's
//! `structural_similarity` does by default: uniform windows of 7 values per axis, sample covariance, K1 = 0.01, K2 = 0.03,
//! only windows that are inside.

use super::step::{Step, around};

const WINDOW: usize = 7;
const K1: f64 = 0.01;
const K2: f64 = 0.03;
/// Windows reach along the fastest axes that are long enough, at most this many; others are stacks.
const MOST_AXES: usize = 3;
/// Values that are worked on at a time, so that memory does not grow with the field.
const AT_ONCE: usize = 1 << 18;
/// Fewest windows along the slowest axis of a part, as its margin is computed twice.
const FEWEST: usize = 16;

/// Mean over steps of the mean over windows; `None` where no axis is long enough or no step has a range.
pub fn mean(steps: &[Step]) -> Option<f64> {
    let all: Vec<f64> = steps.iter().filter_map(of_step).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

fn of_step(step: &Step) -> Option<f64> {
    let axes = axes(step.dims);
    let &first = axes.first().filter(|_| step.range > 0.0 && !step.original.is_empty())?;
    let (stacks, n, plane) = around(step.dims, first);
    let thickness = (AT_ONCE / plane).max(FEWEST);
    let (mut sum, mut n_windows) = (0.0, 0);
    for stack in 0..stacks {
        for low in (0..=n - WINDOW).step_by(thickness) {
            let high = n.min(low + thickness + WINDOW - 1);
            let mut part = Part::read(step, (stack * n + low) * plane, (high - low) * plane);
            let mut dims = [&[high - low], &step.dims[first + 1..]].concat();
            for axis in axes.iter().map(|axis| axis - first) {
                part.sums.iter_mut().for_each(|values| *values = sums_of_seven(values, &dims, axis));
                dims[axis] -= WINDOW - 1;
            }
            sum += part.similarity(WINDOW.pow(axes.len() as u32) as f64, step.range);
            n_windows += part.sums[0].len();
        }
    }
    Some(sum / n_windows as f64)
}

/// The axes along which windows reach.
fn axes(dims: &[usize]) -> Vec<usize> {
    let long: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis] >= WINDOW).collect();
    long[long.len().saturating_sub(MOST_AXES)..].to_vec()
}

/// What is known of the windows of a part.
struct Part {
    /// Taken off all values, so that squares of a large offset do not swallow what varies.
    offset: f64,
    /// Sums over windows of `x`, `y`, `x^2`, `y^2`, `x y` without their offset.
    sums: [Vec<f64>; 5],
}

impl Part {
    /// Windows of one value.
    fn read(step: &Step, first: usize, n: usize) -> Part {
        let (mut x, mut y) = (vec![0.0; n], vec![0.0; n]);
        step.read(first, &mut x, &mut y);
        let offset = x.iter().sum::<f64>() / n as f64;
        x.iter_mut().chain(&mut y).for_each(|value| *value -= offset);
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f64>>();
        let (xx, yy, xy) = (product(&x, &x), product(&y, &y), product(&x, &y));
        Part { offset, sums: [x, y, xx, yy, xy] }
    }

    /// Sum over windows of the similarity; `n` values per window.
    fn similarity(&self, n: f64, range: f64) -> f64 {
        let [x, y, xx, yy, xy] = &self.sums;
        let (c1, c2) = ((K1 * range).powi(2), (K2 * range).powi(2));
        let sample = n / (n - 1.0);
        let of = |i: usize| {
            let (mx, my) = (x[i] / n, y[i] / n);
            let covariance = |product: f64, a: f64, b: f64| sample * (product / n - a * b);
            let (vx, vy, vxy) = (covariance(xx[i], mx, mx), covariance(yy[i], my, my), covariance(xy[i], mx, my));
            let (ux, uy) = (mx + self.offset, my + self.offset);
            (2.0 * ux * uy + c1) * (2.0 * vxy + c2) / ((ux * ux + uy * uy + c1) * (vx + vy + c2))
        };
        (0..x.len()).map(of).sum()
    }
}

/// Sums over windows along one axis, which gets shorter by what does not fit.
fn sums_of_seven(values: &[f64], dims: &[usize], axis: usize) -> Vec<f64> {
    let (blocks, n, stride) = around(dims, axis);
    let (block, len) = (n * stride, (n + 1 - WINDOW) * stride);
    let mut sums = vec![0.0; blocks * len];
    for (values, sums) in values.chunks_exact(block).zip(sums.chunks_exact_mut(len)) {
        let shifted: [&[f64]; WINDOW] = std::array::from_fn(|i| &values[i * stride..][..len]);
        for (i, sum) in sums.iter_mut().enumerate() {
            let [a, b, c, d, e, f, g] = shifted.map(|values| values[i]);
            *sum = ((a + b) + (c + d)) + ((e + f) + g);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::tests::{field, noise, step};
    use super::*;

    /// One window after the other, as the paper writes it.
    fn of_window(x: &[f64], y: &[f64], range: f64) -> f64 {
        let n = x.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let (ux, uy) = (mean(x), mean(y));
        let covariance = |a: &[f64], ua: f64, b: &[f64], ub: f64| {
            a.iter().zip(b).map(|(a, b)| (a - ua) * (b - ub)).sum::<f64>() / (n - 1.0)
        };
        let (vx, vy, vxy) = (covariance(x, ux, x, ux), covariance(y, uy, y, uy), covariance(x, ux, y, uy));
        let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
        ((2.0 * ux * uy + c1) * (2.0 * vxy + c2)) / ((ux * ux + uy * uy + c1) * (vx + vy + c2))
    }

    /// Windows of `size` values in a box of 3 axes.
    fn one_by_one(x: &[f64], y: &[f64], dims: [usize; 3], size: [usize; 3], range: f64) -> f64 {
        let window = |values: &[f64], at: [usize; 3]| -> Vec<f64> {
            let place =
                |i: usize, j: usize, k: usize| values[((at[0] + i) * dims[1] + at[1] + j) * dims[2] + at[2] + k];
            let row = |i, j| (0..size[2]).map(move |k| place(i, j, k));
            (0..size[0]).flat_map(|i| (0..size[1]).flat_map(move |j| row(i, j))).collect()
        };
        let starts: [usize; 3] = std::array::from_fn(|axis| dims[axis] + 1 - size[axis]);
        let all = field(&starts, |p| {
            let at = [p[0] as usize, p[1] as usize, p[2] as usize];
            of_window(&window(x, at), &window(y, at), range)
        });
        all.iter().sum::<f64>() / all.len() as f64
    }

    fn pair(dims: &[usize]) -> [Vec<f64>; 2] {
        let n: usize = dims.iter().product();
        let x = field(dims, |p| p.iter().zip(1..).map(|(p, axis)| (p * 0.2 * f64::from(axis)).sin()).sum());
        let y = x.iter().zip(noise(n)).map(|(x, e)| x + 0.2 * e).collect();
        [x, y]
    }

    #[test]
    fn it_is_the_mean_of_the_formula_over_all_windows() {
        for (dims, size) in [
            ([1, 15, 18], [1, 7, 7]),
            ([9, 10, 11], [7, 7, 7]),
            ([3, 8, 9], [1, 7, 7]),
            ([8, 3, 9], [7, 1, 7]),
            ([1, 1, 30], [1, 1, 7]),
            ([7, 7, 7], [7, 7, 7]),
        ] {
            let [x, y] = pair(&dims);
            let found = mean(&[step(&dims, &x, &y)]).unwrap();
            let range = step(&dims, &x, &y).range;
            approx::assert_relative_eq!(found, one_by_one(&x, &y, dims, size, range), max_relative = 1e-10);
        }
    }

    #[test]
    fn higher_dimensions_are_stacks_and_parts_fit_together() {
        let dims = [3, 60, 90, 95];
        let [x, y] = pair(&dims);
        let whole = mean(&[step(&dims, &x, &y)]).unwrap();
        let volume = x.len() / 3;
        let range = step(&dims, &x, &y).range;
        let of = |v: usize| {
            let part = v * volume..(v + 1) * volume;
            mean(&[Step { range, ..step(&dims[1..], &x[part.clone()], &y[part]) }]).unwrap()
        };
        approx::assert_relative_eq!(whole, (0..3).map(of).sum::<f64>() / 3.0, max_relative = 1e-12);
    }

    /// scikit-image 0.26: structural_similarity(x, y, data_range=x.max() - x.min()).
    #[test]
    fn it_is_what_scikit_image_says() {
        let of = |dims: &[usize], x: fn(&[f64]) -> f64, error: fn(&[f64]) -> f64| {
            let (x, error) = (field(dims, x), field(dims, error));
            let y: Vec<f64> = x.iter().zip(&error).map(|(x, e)| x + e).collect();
            mean(&[step(dims, &x, &y)]).unwrap()
        };
        let line = of(&[40], |p| (0.4 * p[0]).sin(), |p| 0.1 * (1.7 * p[0]).sin());
        let plane =
            of(&[20, 25], |p| (0.4 * p[0]).sin() + 0.5 * (0.3 * p[1]).cos(), |p| 0.1 * (1.7 * p[0] + 2.3 * p[1]).sin());
        let solid = of(
            &[9, 10, 11],
            |p| 100.0 + (0.4 * p[0]).sin() + 0.5 * (0.3 * p[1]).cos() * (0.2 * p[2]).sin(),
            |p| 0.1 * (1.7 * p[0] + 2.3 * p[1] + 0.9 * p[2]).sin(),
        );
        approx::assert_relative_eq!(line, 0.9837842732502745, max_relative = 1e-9);
        approx::assert_relative_eq!(plane, 0.9882914210888423, max_relative = 1e-9);
        approx::assert_relative_eq!(solid, 0.9815868084669305, max_relative = 1e-9);
    }

    #[test]
    fn small_changes_of_a_large_offset_are_seen() {
        let dims = [20, 20];
        let [x, y] = pair(&dims);
        let [high_x, high_y] = [&x, &y].map(|values| values.iter().map(|v| v + 1e6).collect::<Vec<_>>());
        let found = mean(&[step(&dims, &high_x, &high_y)]).unwrap();
        let range = step(&dims, &high_x, &high_y).range;
        let expected = one_by_one(&high_x, &high_y, [1, 20, 20], [1, 7, 7], range);
        approx::assert_relative_eq!(found, expected, max_relative = 1e-6);
    }
}
