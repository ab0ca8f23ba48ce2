//! How many dimensions the outputs of a network have near its parameters, and how large a sketch the theory then asks for
//! (Simpson, Becker, Doostan).

use nalgebra::DMatrix;

use crate::backend::cpu::CpuBackend;
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::model::series::network::{time, window};
use crate::sketch::{normal, stream};
use crate::{Error, Result};

/// How the dimension is estimated; the default is the paper's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ManifoldRule {
    /// Networks with perturbed parameters.
    pub n_samples: usize,
    /// Standard deviation of the noise on every parameter.
    pub deviation: f32,
    /// Nearest fields that a local principal component analysis looks at.
    pub n_neighbours: usize,
    /// Of the noise.
    pub seed: u64,
}

impl Default for ManifoldRule {
    fn default() -> Self {
        ManifoldRule { n_samples: 1000, deviation: 1e-5, n_neighbours: 100, seed: 0 }
    }
}

/// Variances below this part of the largest do not count as dimensions (Fukunaga and Olsen 1971).
const SHARE: f64 = 0.05;
/// Nodes evaluated at a time: bounds the memory.
const N_NODES: usize = 1024;

/// Mean local dimension of the fields that the network's neighbours in parameter space have at `step`.
///
/// # Errors
/// [`Error::Series`] for fewer samples than neighbours or a mesh of other axes; what evaluation reports.
pub fn dimension(
    network: &SeriesNetwork,
    step: f64,
    mesh: &Mesh,
    rule: &ManifoldRule,
    n_threads: usize,
) -> Result<f64> {
    let (n, k) = (rule.n_samples, rule.n_neighbours);
    if k < 2 || n <= k {
        return Err(Error::Series(format!("{k} neighbours among {n} samples: set 2 or more, and more samples")));
    }
    if mesh.n_axes() != network.shape.n_space {
        let (wanted, found) = (network.shape.n_space, mesh.n_axes());
        return Err(Error::Series(format!("the network has {wanted} coordinates but the mesh has {found}")));
    }
    let local = local_dimensions(&gram(network, step, mesh, rule, n_threads)?, k);
    Ok(local.iter().sum::<usize>() as f64 / n as f64)
}

/// Products of the perturbed fields' differences from the network's own, `[n_samples][n_samples]`.
fn gram(
    network: &SeriesNetwork,
    step: f64,
    mesh: &Mesh,
    rule: &ManifoldRule,
    n_threads: usize,
) -> Result<DMatrix<f64>> {
    let (shape, n) = (network.shape, rule.n_samples);
    let (t, times) = (time(step, network.n_steps), window(step, network.n_steps, shape.time_span));
    let perturbed = |sample: usize| -> Vec<f32> {
        let stream = stream(rule.seed << 32 | sample as u64);
        let noise = (0..).map(|i| rule.deviation * normal(stream, i));
        let noisy: Vec<f32> = network.params.iter().zip(noise).map(|(p, noise)| p + noise).collect();
        shape.at_time(&noisy, &times, t)
    };
    let bodies: Vec<Vec<f32>> = (0..n).map(perturbed).collect();
    let own = shape.at_time(&network.params, &times, t);
    let cpu = CpuBackend::new(n_threads);
    let mut gram = DMatrix::zeros(n, n);
    for first in (0..mesh.n_nodes()).step_by(N_NODES) {
        let part = part(mesh, first, N_NODES.min(mesh.n_nodes() - first));
        let field = |params: &[f32]| -> Result<Vec<f32>> {
            let mut out = vec![0.0; part.n_nodes() * shape.n_channels];
            cpu.evaluate_on(&shape.spatial(), params, &part, &mut out)?;
            out.iter_mut().zip(network.scales.iter().cycle()).for_each(|(y, scale)| *y *= scale);
            Ok(out)
        };
        let own = field(&own)?;
        let mut rows = DMatrix::zeros(own.len(), n);
        for (mut column, body) in rows.column_iter_mut().zip(&bodies) {
            let found = field(body)?;
            column.iter_mut().zip(found.iter().zip(&own)).for_each(|(d, (a, b))| *d = f64::from(*a) - f64::from(*b));
        }
        gram.gemm_tr(1.0, &rows, &rows, 1.0);
    }
    Ok(gram)
}

/// Some nodes of a mesh.
fn part(mesh: &Mesh, first: usize, n: usize) -> Mesh {
    let n_axes = mesh.n_axes();
    let mut coordinates = vec![0.0; n * n_axes];
    mesh.nodes(first, &mut coordinates);
    Mesh::Points { coordinates, n_axes, bounds: vec![(-1.0, 1.0); n_axes] }
}

/// For each point, given all inner products: how many principal components of its nearest neighbours matter.
fn local_dimensions(gram: &DMatrix<f64>, n_neighbours: usize) -> Vec<usize> {
    let n = gram.nrows();
    let distance = |i: usize, j: usize| gram[(i, i)] + gram[(j, j)] - 2.0 * gram[(i, j)];
    let local = |i: usize| {
        let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
        others.select_nth_unstable_by(n_neighbours - 1, |&a, &b| distance(i, a).total_cmp(&distance(i, b)));
        let near = &others[..n_neighbours];
        let block = DMatrix::from_fn(n_neighbours, n_neighbours, |a, b| gram[(near[a], near[b])]);
        // Products of differences from the neighbours' mean have the eigenvalues of their covariance.
        let means = block.row_mean();
        let mean = means.mean();
        let centred = DMatrix::from_fn(n_neighbours, n_neighbours, |a, b| block[(a, b)] - means[a] - means[b] + mean);
        let variances = centred.symmetric_eigenvalues();
        let largest = variances.max();
        variances.iter().filter(|v| **v > SHARE * largest).count()
    };
    (0..n).map(local).collect()
}

/// What the theory says about a sketch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SketchSize {
    /// Distortion of energies that explains the sketched run's larger error.
    pub epsilon: f64,
    /// Rows, `M / epsilon^2`.
    pub n_rows: f64,
}

/// Rows that a sketch needs for a manifold of `dimension`, from the R3 errors of two offline runs:
/// `c = (sketched / full)^2`, `epsilon = (c - 1)/(c + 1)`, `M / epsilon^2`.
///
/// # Errors
/// [`Error::Series`] when the sketched run is no worse than the full one, which leaves no distortion to invert.
pub fn sketch_size(dimension: f64, r3_sketched: f64, r3_full: f64) -> Result<SketchSize> {
    let c = (r3_sketched / r3_full).powi(2);
    if !(c > 1.0 && c.is_finite()) {
        return Err(Error::Series(format!(
            "the sketched run's error is {r3_sketched:.3e}, the full run's {r3_full:.3e}: the first must be the larger one"
        )));
    }
    let epsilon = (c - 1.0) / (c + 1.0);
    Ok(SketchSize { epsilon, n_rows: dimension / (epsilon * epsilon) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkKind, SeriesShape, WeightSteps};

    #[test]
    fn points_in_a_plane_have_its_dimension_whatever_the_space() {
        for dimension in [2, 5] {
            let random =
                |seed, n: usize, m: usize| DMatrix::from_fn(n, m, |i, j| f64::from(normal(seed + i as u32, j as u32)));
            let axes = random(1000, 60, dimension).qr().q();
            let points = random(0, 400, dimension) * axes.transpose() + 1e-3 * random(2000, 400, 60);
            let local = local_dimensions(&(&points * points.transpose()), 80);
            let mean = local.iter().sum::<usize>() as f64 / 400.0;
            assert!((mean - dimension as f64).abs() < 0.3, "{mean} for {dimension}");
        }
    }

    #[test]
    fn a_network_has_fewer_dimensions_than_parameters_and_the_same_ones_each_time() {
        let kind = NetworkKind::Tinr;
        let shape = SeriesShape { kind, n_space: 2, width: 8, n_blocks: 1, n_channels: 1, time_span: 1 };
        let params = shape.initial_params(2);
        let steps = WeightSteps::of(&shape, &params, 9);
        let params = steps.round(&shape, &params);
        let network = SeriesNetwork {
            shape,
            n_steps: 5,
            n_trained: 5,
            scales: vec![3.0],
            params,
            steps,
            certificate: Vec::new(),
        };
        let rule = ManifoldRule { n_samples: 150, n_neighbours: 40, ..ManifoldRule::default() };
        let mesh = Mesh::grid(&[40, 30]);
        let found = dimension(&network, 2.0, &mesh, &rule, 1).unwrap();
        assert!((1.0..40.0).contains(&found), "{found}");
        assert_eq!(dimension(&network, 2.0, &mesh, &rule, 2).unwrap(), found);
        assert!(dimension(&network, 2.0, &Mesh::grid(&[40]), &rule, 1).is_err());
        let few = ManifoldRule { n_samples: 40, ..rule };
        assert!(dimension(&network, 2.0, &mesh, &few, 1).is_err());
    }

    /// The paper's numbers for its three data sets.
    #[test]
    fn sketch_sizes_are_those_of_the_paper() {
        for (m, sketched, full, epsilon, rows) in [
            (11.0, 0.04854, 0.02619, 0.549, 36.5),
            (29.0, 0.03260, 0.00757, 0.898, 36.0),
            (50.0, 0.07167, 0.05194, 0.311, 515.8),
        ] {
            let size = sketch_size(m, sketched, full).unwrap();
            assert!((size.epsilon - epsilon).abs() < 1e-3 && (size.n_rows / rows - 1.0).abs() < 5e-3, "{size:?}");
        }
        assert!(sketch_size(10.0, 0.01, 0.02).is_err());
    }
}
