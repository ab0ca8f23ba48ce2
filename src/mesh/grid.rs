//! Points of a regular grid as coordinates: the tables both backends read.

/// Coordinates of an axis of `n` points, from -1 to 1.
pub fn axis(n: usize) -> Vec<f32> {
    let last = (n.max(2) - 1) as f64;
    (0..n).map(|i| if n == 1 { 0.0 } else { (2.0 * i as f64 / last - 1.0) as f32 }).collect()
}

/// Coordinate tables of a grid.
#[derive(Clone, Debug)]
pub struct Grid {
    axes: Vec<Vec<f32>>,
    n_points: usize,
}

impl Grid {
    /// Tables for `dims` (slowest first).
    pub fn new(dims: &[usize]) -> Self {
        Grid { axes: dims.iter().map(|&n| axis(n)).collect(), n_points: dims.iter().product() }
    }

    /// Number of points.
    pub fn n_points(&self) -> usize {
        self.n_points
    }

    /// Coordinates per axis, slowest first.
    pub fn axes(&self) -> &[Vec<f32>] {
        &self.axes
    }

    /// Writes the coordinates of point `index` (row-major, below [`Self::n_points`]) to `x: [n_axes]`.
    #[inline]
    pub fn point(&self, index: u32, x: &mut [f32]) {
        let mut rest = index as usize;
        for (axis, x) in self.axes.iter().zip(x).rev() {
            *x = axis[rest % axis.len()];
            rest /= axis.len();
        }
    }

    /// Writes the coordinates of the points `first..first + x.len() / n_axes` to `x: [n_points][n_axes]`.
    pub fn points(&self, first: usize, x: &mut [f32]) {
        let n_axes = self.axes.len();
        let mut index = vec![0usize; n_axes];
        let mut rest = first;
        for (i, axis) in index.iter_mut().zip(&self.axes).rev() {
            (*i, rest) = (rest % axis.len(), rest / axis.len());
        }
        for x in x.chunks_exact_mut(n_axes) {
            for ((x, axis), &i) in x.iter_mut().zip(&self.axes).zip(&index) {
                *x = axis[i];
            }
            for (i, axis) in index.iter_mut().zip(&self.axes).rev() {
                *i += 1;
                if *i < axis.len() {
                    break;
                }
                *i = 0;
            }
        }
    }

    /// Bytes of the tables.
    pub fn bytes(&self) -> usize {
        self.axes.iter().map(|a| 4 * a.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_run_from_minus_one_to_one() {
        assert_eq!(axis(1), [0.0]);
        assert_eq!(axis(3), [-1.0, 0.0, 1.0]);
        assert_eq!(axis(4), [-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn a_run_of_points_equals_single_points() {
        let grid = Grid::new(&[3, 1, 4, 2]);
        let mut all = vec![9.0; (24 - 5) * 4];
        grid.points(5, &mut all);
        for (i, x) in all.chunks_exact(4).enumerate() {
            let mut one = [9.0; 4];
            grid.point(5 + i as u32, &mut one);
            assert_eq!(x, one);
        }
    }
}
