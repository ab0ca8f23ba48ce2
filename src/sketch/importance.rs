//! How much a field varies around each node: what importance sampling draws nodes by.

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use std::num::NonZero;

use crate::mesh::Mesh;

/// Neighbours of a node of a mesh without a grid.
const N_NEAREST: usize = 6;

/// Who is next to whom.
#[derive(Clone, Debug)]
pub enum Importance {
    /// Neighbours along each axis of a grid, slowest first.
    Grid(Vec<usize>),
    /// The nearest nodes of each node, `[n_nodes][n_nearest]`.
    Points {
        /// Node numbers.
        neighbours: Vec<u32>,
        /// Neighbours per node.
        n_nearest: usize,
    },
}

impl Importance {
    /// Finds the neighbours in a mesh.
    pub fn new(mesh: &Mesh) -> Importance {
        let (coordinates, n_axes) = match mesh {
            Mesh::Grid { dims, .. } => return Importance::Grid(dims.clone()),
            Mesh::Points { coordinates, n_axes, .. } => (coordinates, *n_axes),
        };
        let point = |x: &[f32]| {
            let mut point = [0.0f32; 4];
            point[..n_axes].copy_from_slice(x);
            point
        };
        let points: Vec<[f32; 4]> = coordinates.chunks_exact(n_axes).map(point).collect();
        let n_nearest = N_NEAREST.min(points.len() - 1);
        let tree = ImmutableKdTree::<f32, 4>::new_from_slice(&points);
        let wanted = NonZero::new(n_nearest + 1).expect("at least the node itself");
        let neighbours = points.iter().enumerate().flat_map(|(i, p)| {
            let near = tree.nearest_n::<SquaredEuclidean>(p, wanted);
            let others = near.into_iter().map(|n| n.item as u32).filter(move |&item| item != i as u32);
            others.chain(std::iter::repeat(i as u32)).take(n_nearest)
        });
        Importance::Points { neighbours: neighbours.collect(), n_nearest }
    }

    /// Probability of each node: half even, half in proportion to the root of the summed squares, over channels, of
    /// `|mean of the neighbours - u| / norm`. `u: [n_nodes][n_channels]`, `norms: [n_channels]`; sums to 1.
    pub fn density(&self, u: &[f32], n_channels: usize, norms: &[f32]) -> Vec<f64> {
        let n_nodes = u.len() / n_channels;
        let mut variation = vec![0.0f64; n_nodes];
        for (channel, &norm) in norms.iter().enumerate() {
            let at = |node: usize| f64::from(u[node * n_channels + channel]) / f64::from(norm);
            for (node, v) in variation.iter_mut().enumerate() {
                let difference = self.mean_of_neighbours(node, &at) - at(node);
                *v += difference * difference;
            }
        }
        variation.iter_mut().for_each(|v| *v = v.sqrt());
        let total: f64 = variation.iter().sum();
        let even = 1.0 / n_nodes as f64;
        variation.iter().map(|v| if total > 0.0 { 0.5 * even + 0.5 * v / total } else { even }).collect()
    }

    /// At the border of a grid a node is its own neighbour.
    fn mean_of_neighbours(&self, node: usize, at: &impl Fn(usize) -> f64) -> f64 {
        match self {
            Importance::Grid(dims) => {
                let (mut sum, mut stride) = (0.0, 1);
                for &n in dims.iter().rev() {
                    let i = node / stride % n;
                    sum += at(if i > 0 { node - stride } else { node });
                    sum += at(if i + 1 < n { node + stride } else { node });
                    stride *= n;
                }
                sum / (2 * dims.len()) as f64
            }
            Importance::Points { n_nearest: 0, .. } => at(node),
            Importance::Points { neighbours, n_nearest } => {
                let near = &neighbours[node * n_nearest..][..*n_nearest];
                near.iter().map(|&i| at(i as usize)).sum::<f64>() / *n_nearest as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step between the left and the right half of a 10 x 10 grid.
    fn step() -> Vec<f32> {
        (0..100).map(|i| if i % 10 < 5 { 0.0 } else { 1.0 }).collect()
    }

    #[test]
    fn nodes_at_a_jump_are_likelier_on_grids_and_on_points() {
        let mesh = Mesh::grid(&[10, 10]);
        let mut x = vec![0.0; 200];
        mesh.nodes(0, &mut x);
        let points = Mesh::points(&x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), 2).unwrap();
        for mesh in [mesh, points] {
            let density = Importance::new(&mesh).density(&step(), 1, &[7.0]);
            assert!((density.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(density[44] > 3.0 * density[42] && density[45] > 3.0 * density[47]);
            assert!((density[0] - 0.005).abs() < 1e-12);
        }
    }

    #[test]
    fn a_constant_field_is_drawn_evenly() {
        let density = Importance::new(&Mesh::grid(&[4, 5])).density(&[2.0; 20], 1, &[1.0]);
        assert!(density.iter().all(|p| (p - 0.05).abs() < 1e-12));
    }
}
