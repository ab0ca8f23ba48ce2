//! Values of a trained series network at all nodes.

use crate::backend::cpu::CpuBackend;
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::{Error, Result};

impl SeriesNetwork {
    /// Values at all nodes at a step (between two as well), `[n_nodes][n_channels]` in the data's unit. Canonical: the same
    /// bits on every machine, at any number of threads (0: one per core).
    ///
    /// # Errors
    /// [`Error::Series`] when mesh and network disagree.
    pub fn snapshot(&self, step: f64, mesh: &Mesh, n_threads: usize) -> Result<Vec<f32>> {
        if mesh.n_axes() != self.shape.n_space {
            let (wanted, found) = (self.shape.n_space, mesh.n_axes());
            return Err(Error::Series(format!("the network has {wanted} coordinates but the mesh has {found}")));
        }
        let mut out = vec![0.0; mesh.n_nodes() * self.shape.n_channels];
        CpuBackend::new(n_threads).evaluate_on(&self.shape.spatial(), &self.at_step(step), mesh, &mut out)?;
        out.iter_mut().zip(self.scales.iter().cycle()).for_each(|(y, scale)| *y *= scale);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkKind, SeriesShape, WeightSteps};

    #[test]
    fn a_snapshot_is_the_network_at_every_node() {
        let shape =
            SeriesShape { kind: NetworkKind::Film, n_space: 2, width: 16, n_blocks: 1, n_channels: 2, time_span: 1 };
        let (params, scales) = (shape.initial_params(3), vec![2.0, 1e-3]);
        let steps = WeightSteps::of(&shape, &params, 6);
        let params = steps.round(&shape, &params);
        let network =
            SeriesNetwork { shape, n_steps: 50, n_trained: 20, scales, params, steps, certificate: Vec::new() };
        let mesh = Mesh::grid(&[7, 5]);
        let values = network.snapshot(3.25, &mesh, 1).unwrap();
        let mut x = [0.0; 2];
        for node in 0..35 {
            mesh.node(node, &mut x);
            assert_eq!(network.value_at(3.25, &x).unwrap(), values[2 * node as usize..][..2]);
        }
        assert!(network.snapshot(0.0, &Mesh::grid(&[4]), 1).is_err() && network.value_at(0.0, &[0.0]).is_err());
    }
}
