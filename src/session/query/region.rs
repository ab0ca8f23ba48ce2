//! Where a block lies, and what its network calls a place.

use std::sync::{Arc, OnceLock};

use kiddo::{ImmutableKdTree, SquaredEuclidean};

use crate::mesh::{Mesh, scale_coordinate};
use crate::session::Facts;
use crate::{Error, Result};

/// Coordinates per node at most.
const MAX_AXES: usize = 4;

/// The nodes of a block: a box of a global grid, in its indices, or nodes with coordinates of their own.
#[derive(Clone, Debug)]
pub struct Region {
    /// Lowest and highest place on each axis.
    pub bounds: Vec<(f64, f64)>,
    points: Option<Points>,
}

#[derive(Clone, Debug)]
struct Points {
    mesh: Arc<Mesh>,
    /// For the nearest node, in the data's unit.
    tree: OnceLock<Arc<ImmutableKdTree<f64, MAX_AXES>>>,
}

impl Region {
    /// The block that `facts` are about; `mesh` where its nodes have coordinates.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when start, dimensions and mesh do not belong together.
    pub fn new(facts: &Facts, mesh: Option<Arc<Mesh>>) -> Result<Region> {
        let bounds = match mesh.as_deref() {
            Some(Mesh::Points { bounds, .. }) => Some(bounds.clone()),
            Some(_) => None,
            None => grid_bounds(&facts.start, &facts.dims),
        };
        let bounds = bounds.filter(|bounds| !bounds.is_empty() && (mesh.is_none() || bounds.len() <= MAX_AXES));
        let name = &facts.variable;
        let bad = || Error::corrupt(format!("a block of '{name}' in the model store has no possible place"));
        let points = mesh.map(|mesh| Points { mesh, tree: OnceLock::new() });
        Ok(Region { bounds: bounds.ok_or_else(bad)?, points })
    }

    /// True when places are indices of a global array.
    pub fn is_grid(&self) -> bool {
        self.points.is_none()
    }

    /// How far the network is from knowing about `x`: grid spacings outside the block, or the distance to the nearest node.
    pub fn distance(&self, x: &[f64]) -> f64 {
        match &self.points {
            None => {
                let outside = |(&x, &(low, high)): (&f64, &(f64, f64))| (low - x).max(x - high).max(0.0);
                x.iter().zip(&self.bounds).map(outside).fold(0.0, f64::max)
            }
            Some(Points { mesh, tree }) => {
                let tree = tree.get_or_init(|| Arc::new(nodes(mesh, &self.bounds)));
                tree.nearest_one::<SquaredEuclidean>(&padded(x)).distance.sqrt()
            }
        }
    }

    /// The network's coordinates of `x: [n_axes]`, appended to `out`; axes of [`Self::rates`] `None` have none.
    pub fn scale(&self, x: &[f64], out: &mut Vec<f64>) {
        let axes = x.iter().zip(&self.bounds).filter(|(_, bounds)| self.has_axis(bounds));
        out.extend(axes.map(|(&x, &bounds)| scale_coordinate(x, bounds)));
    }

    /// The network's coordinate per unit of each axis, `[n_axes]`; `None` for axes it does not have.
    pub fn rates(&self) -> Vec<Option<f64>> {
        let rate = |&(low, high): &(f64, f64)| if high > low { 2.0 / (high - low) } else { 0.0 };
        self.bounds.iter().map(|bounds| self.has_axis(bounds).then(|| rate(bounds))).collect()
    }

    /// Networks on grids go without axes of one point.
    fn has_axis(&self, (low, high): &(f64, f64)) -> bool {
        self.points.is_some() || high > low
    }
}

/// First and last index of each axis; `None` for impossible ones. Local arrays start at 0.
fn grid_bounds(start: &[usize], dims: &[usize]) -> Option<Vec<(f64, f64)>> {
    let start = if start.is_empty() { vec![0; dims.len()] } else { start.to_vec() };
    let axis = |(start, n): (&usize, &usize)| Some((*start as f64, start.checked_add(n.checked_sub(1)?)? as f64));
    if start.len() == dims.len() { start.iter().zip(dims).map(axis).collect() } else { None }
}

fn padded(x: &[f64]) -> [f64; MAX_AXES] {
    let mut point = [0.0; MAX_AXES];
    point[..x.len()].copy_from_slice(x);
    point
}

/// The nodes in the data's unit.
fn nodes(mesh: &Mesh, bounds: &[(f64, f64)]) -> ImmutableKdTree<f64, MAX_AXES> {
    let mut x = vec![0.0; bounds.len()];
    let in_unit = |(&x, (low, high)): (&f32, &(f64, f64))| low + 0.5 * (f64::from(x) + 1.0) * (high - low);
    let node = |node: usize| {
        mesh.node(node as u32, &mut x);
        padded(&x.iter().zip(bounds).map(in_unit).collect::<Vec<_>>())
    };
    let points: Vec<_> = (0..mesh.n_nodes()).map(node).collect();
    ImmutableKdTree::new_from_slice(&points)
}
