//! Cells of neighbouring points with their cosine transform: in it errors cost about what they cost the coder.

/// Points along an axis of a cell, by the number of axes.
const SIDES: [usize; 3] = [16, 4, 2];

/// A line, square or cube of points along the fastest axes, at most three.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Length of the field, stride and points of the cell along each axis, fastest first.
    axes: Vec<(usize, usize, usize)>,
    /// Orthonormal, `[coefficient][point]`.
    transform: Vec<f32>,
}

impl Cell {
    /// For fields of these dimensions, slowest first.
    pub fn new(dims: &[usize]) -> Cell {
        let n_axes = dims.len().min(SIDES.len());
        let mut stride = 1;
        let axis = |&n: &usize| {
            let axis = (n, stride, SIDES[n_axes - 1]);
            stride *= n;
            axis
        };
        let axes: Vec<_> = dims.iter().rev().take(n_axes).map(axis).collect();
        let n: usize = axes.iter().map(|axis| axis.2).product();
        let entry = |i: usize| {
            let (mut k, mut j, mut product) = (i / n, i % n, 1.0);
            for &(_, _, side) in &axes {
                product *= cosine(k % side, j % side, side);
                (k, j) = (k / side, j / side);
            }
            product as f32
        };
        let transform = (0..n * n).map(entry).collect();
        Cell { axes, transform }
    }

    /// Points in a cell.
    pub fn n_points(&self) -> usize {
        self.axes.iter().map(|axis| axis.2).product()
    }

    /// Whether cells at such points alone cover the field.
    pub fn is_corner(&self, point: usize) -> bool {
        self.axes.iter().all(|&(n, stride, side)| (point / stride % n).is_multiple_of(side))
    }

    /// Adds the points of the cell at this one, moved inside where it would reach over the edge.
    pub fn push(&self, corner: usize, points: &mut Vec<usize>) {
        for mut i in 0..self.n_points() {
            let mut point = corner;
            for &(n, stride, side) in &self.axes {
                let at = corner / stride % n;
                let moved = (at.min(n.saturating_sub(side)) + i % side).min(n - 1);
                point = point - at * stride + moved * stride;
                i /= side;
            }
            points.push(point);
        }
    }

    /// The orthonormal transform, `[coefficient][point]`.
    pub fn transform(&self) -> &[f32] {
        &self.transform
    }
}

/// The DCT-II, orthonormal.
fn cosine(k: usize, j: usize, n: usize) -> f64 {
    let scale = if k == 0 { 1.0 } else { 2.0 };
    libm::sqrt(scale / n as f64) * libm::cos(std::f64::consts::PI * (j as f64 + 0.5) * k as f64 / n as f64)
}
