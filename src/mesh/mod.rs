//! The nodes of a snapshot: a regular grid, or points with coordinates of their own.

mod grid;

pub use grid::{Grid, axis};

use crate::{Error, Result};

/// Where the nodes are, in coordinates from -1 to 1.
#[derive(Clone, Debug)]
pub enum Mesh {
    /// A regular grid in row-major order.
    Grid {
        /// Size per axis, slowest first.
        dims: Vec<usize>,
        /// Its coordinate tables.
        grid: Grid,
    },
    /// Any mesh: only its nodes' coordinates count.
    Points {
        /// `[n_nodes][n_axes]`, scaled per axis to -1..=1.
        coordinates: Vec<f32>,
        /// Coordinates per node.
        n_axes: usize,
        /// Lowest and highest coordinate of each axis in the data's unit.
        bounds: Vec<(f64, f64)>,
    },
}

impl Mesh {
    /// A regular grid.
    pub fn grid(dims: &[usize]) -> Mesh {
        Mesh::Grid { dims: dims.to_vec(), grid: Grid::new(dims) }
    }

    /// Points `[n_nodes][n_axes]` in the data's unit; each axis is scaled from its lowest and highest coordinate to
    /// -1..=1 (0 where they are equal).
    ///
    /// # Errors
    /// [`Error::Internal`] when the lengths do not fit or a coordinate is not finite.
    pub fn points(coordinates: &[f64], n_axes: usize) -> Result<Mesh> {
        if n_axes == 0 || coordinates.is_empty() || !coordinates.len().is_multiple_of(n_axes) {
            return Err(Error::Internal(format!("{} coordinates for nodes of {n_axes} axes", coordinates.len())));
        }
        if let Some(bad) = coordinates.iter().find(|x| !x.is_finite()) {
            return Err(Error::Internal(format!("a node has the coordinate {bad}")));
        }
        let bounds: Vec<(f64, f64)> = (0..n_axes)
            .map(|axis| {
                let of_axis = coordinates.iter().skip(axis).step_by(n_axes);
                of_axis.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
            })
            .collect();
        let scaled =
            coordinates.iter().zip(bounds.iter().cycle()).map(|(&x, &bounds)| scale_coordinate(x, bounds) as f32);
        Ok(Mesh::Points { coordinates: scaled.collect(), n_axes, bounds })
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        match self {
            Mesh::Grid { grid, .. } => grid.n_points(),
            Mesh::Points { coordinates, n_axes, .. } => coordinates.len() / n_axes,
        }
    }

    /// Coordinates per node.
    pub fn n_axes(&self) -> usize {
        match self {
            Mesh::Grid { dims, .. } => dims.len(),
            Mesh::Points { n_axes, .. } => *n_axes,
        }
    }

    /// Writes the coordinates of node `node` to `x: [n_axes]`.
    #[inline]
    pub fn node(&self, node: u32, x: &mut [f32]) {
        match self {
            Mesh::Grid { grid, .. } => grid.point(node, x),
            Mesh::Points { coordinates, n_axes, .. } => {
                x.copy_from_slice(&coordinates[node as usize * n_axes..][..*n_axes]);
            }
        }
    }

    /// Writes the coordinates of the nodes from `first` on to `x: [n][n_axes]`.
    pub fn nodes(&self, first: usize, x: &mut [f32]) {
        match self {
            Mesh::Grid { grid, .. } => grid.points(first, x),
            Mesh::Points { coordinates, n_axes, .. } => {
                x.copy_from_slice(&coordinates[first * n_axes..][..x.len()]);
            }
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        match self {
            Mesh::Grid { grid, .. } => grid.bytes(),
            Mesh::Points { coordinates, .. } => 4 * coordinates.len(),
        }
    }
}

/// A coordinate in the data's unit to -1..=1, not yet rounded to f32.
pub fn scale_coordinate(x: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { 2.0 * (x - low) / (high - low) - 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_scaled_axis_by_axis() {
        let mesh = Mesh::points(&[0.0, 5.0, 10.0, 5.0, 5.0, 5.0], 2).unwrap();
        assert_eq!((mesh.n_nodes(), mesh.n_axes()), (3, 2));
        let mut x = [9.0; 6];
        mesh.nodes(0, &mut x);
        assert_eq!(x, [-1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(Mesh::points(&[1.0, f64::NAN], 1).is_err() && Mesh::points(&[1.0; 3], 2).is_err());
    }

    #[test]
    fn a_grid_as_points_has_the_same_coordinates() {
        let grid = Mesh::grid(&[3, 4]);
        let mut x = vec![0.0; 24];
        grid.nodes(0, &mut x);
        let points = Mesh::points(&x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), 2).unwrap();
        let mut y = [0.0; 2];
        for node in 0..12 {
            points.node(node, &mut y);
            assert_eq!(y, x[2 * node as usize..][..2]);
        }
    }
}
