//! One target of a step: which nodes are visited, and the loss and its gradient at the network's outputs there.

use std::sync::Arc;

use crate::backend::series::Target;
use crate::mesh::Mesh;
use crate::sketch::Sketch;
use crate::train::Loss;

use crate::train::sample_index;

/// Nodes of a visit.
pub enum Nodes {
    /// Every node of the mesh, in order.
    All(usize),
    /// These.
    List(Vec<u32>),
}

impl Nodes {
    pub fn len(&self) -> usize {
        match self {
            Nodes::All(n) => *n,
            Nodes::List(nodes) => nodes.len(),
        }
    }

    /// Coordinates of the nodes from `first` on, `x: [n][n_axes]`.
    pub fn coordinates(&self, mesh: &Mesh, first: usize, x: &mut [f32]) {
        match self {
            Nodes::All(_) => mesh.nodes(first, x),
            Nodes::List(nodes) => {
                let nodes = &nodes[first..];
                x.chunks_exact_mut(mesh.n_axes()).zip(nodes).for_each(|(x, &node)| mesh.node(node, x));
            }
        }
    }
}

/// How outputs at the nodes of a visit become a loss.
enum Compare {
    /// Against values `[n][n_channels]`; residuals are multiplied with the weights.
    Nodes { values: Vec<f32>, weights: Option<Vec<f32>>, energy_scale: f32 },
    /// Against all values of a snapshot.
    Snapshot(Arc<Vec<f32>>),
    /// Groups of a node and its next node along each axis: values and difference quotients.
    Differences { values: Vec<f32>, spacing: Vec<f32> },
    /// Against the rows of a projection.
    Rows(Arc<Sketch>),
}

/// A target of a step, ready to be evaluated.
pub struct Visit {
    pub nodes: Nodes,
    compare: Compare,
    norms: Vec<f32>,
    loss: Loss,
    /// What its loss counts in the objective.
    weight: f32,
}

/// What a visit is drawn from.
pub struct Draw<'a> {
    pub mesh: &'a Mesh,
    pub n_channels: usize,
    pub loss: Loss,
    pub weight: f32,
    /// Nodes of a snapshot; 0: all.
    pub n_nodes: u32,
    pub seed: u64,
    pub step: u32,
    /// Number of the visit in its step.
    pub index: u32,
}

impl Draw<'_> {
    /// The visit of a target; `None` for one that has no nodes.
    pub fn visit(&self, target: &Target) -> Option<Visit> {
        let (nodes, compare, norms) = match target {
            Target::Frozen => return None,
            Target::Snapshot { values, norms } => {
                let (nodes, compare) = self.snapshot(values);
                (nodes, compare, norms.clone())
            }
            Target::Sketch(sketch) => {
                let (nodes, compare) = self.sketch(sketch);
                (nodes, compare, sketch.norms().to_vec())
            }
        };
        Some(Visit { nodes, compare, norms, loss: self.loss, weight: self.weight })
    }

    fn snapshot(&self, values: &Arc<Vec<f32>>) -> (Nodes, Compare) {
        let n = self.mesh.n_nodes();
        let drawn = |i: u32| sample_index(self.seed, self.step, self.index * self.n_nodes + i, n as u32);
        let at = |node: u32| values[node as usize * self.n_channels..][..self.n_channels].iter().copied();
        if let (Loss::W2, Mesh::Grid { dims, .. }) = (self.loss, self.mesh) {
            let all = if self.n_nodes == 0 { n as u32 } else { self.n_nodes };
            let first = |i: u32| if self.n_nodes == 0 { i } else { drawn(i) };
            let groups = (0..all).map(|i| differences(dims, first(i)));
            let (nodes, spacing): (Vec<_>, Vec<_>) = groups.unzip();
            let nodes: Vec<u32> = nodes.into_iter().flatten().collect();
            let values = nodes.iter().flat_map(|&node| at(node)).collect();
            return (Nodes::List(nodes), Compare::Differences { values, spacing: spacing.concat() });
        }
        if self.n_nodes == 0 || self.n_nodes as usize >= n {
            return (Nodes::All(n), Compare::Snapshot(Arc::clone(values)));
        }
        let nodes: Vec<u32> = (0..self.n_nodes).map(drawn).collect();
        let values = nodes.iter().flat_map(|&node| at(node)).collect();
        let energy_scale = n as f32 / nodes.len() as f32;
        (Nodes::List(nodes), Compare::Nodes { values, weights: None, energy_scale })
    }

    fn sketch(&self, sketch: &Arc<Sketch>) -> (Nodes, Compare) {
        let Some(nodes) = sketch.nodes() else {
            return (Nodes::All(self.mesh.n_nodes()), Compare::Rows(Arc::clone(sketch)));
        };
        let (weights, energy_scale) = (sketch.weights(), sketch.energy_scale());
        (Nodes::List(nodes), Compare::Nodes { values: sketch.values(), weights, energy_scale })
    }
}

/// A node of a grid and its next node along each axis (the one before at the end), with the coordinate differences.
fn differences(dims: &[usize], node: u32) -> (Vec<u32>, Vec<f32>) {
    let (mut nodes, mut spacing, mut stride) = (vec![node], Vec::new(), 1u32);
    for &n in dims.iter().rev() {
        let i = node / stride % n as u32;
        let step = 2.0 / (n.max(2) - 1) as f32;
        if n == 1 {
            nodes.push(node);
            spacing.push(f32::INFINITY);
        } else if (i as usize) + 1 < n {
            nodes.push(node + stride);
            spacing.push(step);
        } else {
            nodes.push(node - stride);
            spacing.push(-step);
        }
        stride *= n as u32;
    }
    (nodes, spacing)
}

impl Visit {
    /// Replaces `outputs: [n][n_channels]` by the gradient of the visit's share of the objective; returns its own loss.
    pub fn gradient(&self, outputs: &mut [f32]) -> f64 {
        let n_channels = self.norms.len();
        match &self.compare {
            Compare::Nodes { values, weights, energy_scale } => {
                outputs.iter_mut().zip(values).for_each(|(o, v)| *o -= v);
                let rows = outputs.chunks_exact_mut(n_channels);
                let scale_rows = |outputs: &mut [f32]| {
                    if let Some(weights) = weights {
                        let rows = outputs.chunks_exact_mut(n_channels);
                        rows.zip(weights).for_each(|(row, w)| row.iter_mut().for_each(|r| *r *= w));
                    }
                };
                drop(rows);
                scale_rows(outputs);
                let loss = self.loss_of_residuals(outputs, values, *energy_scale);
                scale_rows(outputs);
                loss
            }
            Compare::Snapshot(values) => {
                outputs.iter_mut().zip(values.iter()).for_each(|(o, v)| *o -= v);
                self.loss_of_residuals(outputs, values, 1.0)
            }
            Compare::Differences { values, spacing } => self.sobolev(outputs, values, spacing),
            Compare::Rows(sketch) => {
                let Some(projection) = sketch.projection() else { return f64::NAN };
                let kept = sketch.values();
                let mut rows = projection.apply(sketch.seed(), outputs, n_channels);
                rows.iter_mut().zip(&kept).for_each(|(r, v)| *r -= v);
                let loss = self.loss_of_residuals(&mut rows, &kept, sketch.energy_scale());
                outputs.copy_from_slice(&projection.apply_transposed(sketch.seed(), &rows, n_channels));
                loss
            }
        }
    }

    /// Replaces residuals `[n][n_channels]` by the loss gradient with respect to them.
    fn loss_of_residuals(&self, residuals: &mut [f32], values: &[f32], energy_scale: f32) -> f64 {
        let n_values = residuals.len() as f32;
        let mean = |sum: f64| sum / f64::from(n_values);
        match self.loss {
            Loss::R3 => self.r3(residuals, energy_scale),
            Loss::Rpw => {
                let mut sum = 0.0;
                for (r, v) in residuals.iter_mut().zip(values) {
                    let scale = v * v + Loss::RPW_FLOOR;
                    sum += f64::from(*r * *r / scale);
                    *r *= 2.0 * self.weight / n_values / scale;
                }
                mean(sum)
            }
            Loss::L1 => {
                let mut sum = 0.0;
                for r in residuals {
                    sum += f64::from(r.abs());
                    *r = self.weight / n_values * if *r == 0.0 { 0.0 } else { r.signum() };
                }
                mean(sum)
            }
            Loss::L2 | Loss::W2 => {
                let mut sum = 0.0;
                for r in residuals {
                    sum += f64::from(*r * *r);
                    *r *= 2.0 * self.weight / n_values;
                }
                mean(sum)
            }
        }
    }

    /// `mean over channels of sqrt(energy_scale * sum r^2) / norm`.
    fn r3(&self, residuals: &mut [f32], energy_scale: f32) -> f64 {
        let n_channels = self.norms.len();
        let mut sums = vec![0.0f64; n_channels];
        for row in residuals.chunks_exact(n_channels) {
            row.iter().zip(&mut sums).for_each(|(r, sum)| *sum += f64::from(r * r));
        }
        let root = |sum: &f64| (sum * f64::from(energy_scale) + f64::from(Loss::ROOT_FLOOR)).sqrt();
        let roots: Vec<f64> = sums.iter().map(root).collect();
        let share = f64::from(self.weight * energy_scale) / n_channels as f64;
        let factors: Vec<f32> =
            roots.iter().zip(&self.norms).map(|(s, n)| (share / (s * f64::from(*n))) as f32).collect();
        for row in residuals.chunks_exact_mut(n_channels) {
            row.iter_mut().zip(&factors).for_each(|(r, factor)| *r *= factor);
        }
        roots.iter().zip(&self.norms).map(|(s, n)| s / f64::from(*n)).sum::<f64>() / n_channels as f64
    }

    /// Mean squared difference of values and difference quotients over groups of `1 + n_axes` nodes.
    fn sobolev(&self, outputs: &mut [f32], values: &[f32], spacing: &[f32]) -> f64 {
        let n_channels = self.norms.len();
        outputs.iter_mut().zip(values).for_each(|(o, v)| *o -= v);
        let n_groups = self.nodes.len() - spacing.len();
        let n_axes = spacing.len() / n_groups;
        let scale = 2.0 * self.weight / (outputs.len() as f32);
        let mut sum = 0.0;
        let groups = outputs.chunks_exact_mut((1 + n_axes) * n_channels);
        for (group, spacing) in groups.zip(spacing.chunks_exact(n_axes)) {
            let (here, next) = group.split_at_mut(n_channels);
            sum += here.iter().map(|r| f64::from(r * r)).sum::<f64>();
            let residual: Vec<f32> = here.to_vec();
            here.iter_mut().for_each(|r| *r *= scale);
            for (next, h) in next.chunks_exact_mut(n_channels).zip(spacing) {
                for ((n, here), r) in next.iter_mut().zip(here.iter_mut()).zip(&residual) {
                    let quotient = (*n - r) / h;
                    sum += f64::from(quotient * quotient);
                    *n = scale * quotient / h;
                    *here -= *n;
                }
            }
        }
        sum / outputs.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Importance, SketchKind, SketchRule};

    /// Gradient of every visit against finite differences of its loss, in all losses and kinds of target.
    #[test]
    fn output_gradients_are_those_of_the_loss() {
        let mesh = Mesh::grid(&[5, 6]);
        let values: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin() + 1.2).collect();
        let snapshot = Target::Snapshot { values: Arc::new(values.clone()), norms: vec![3.0, 5.0] };
        let kinds = [SketchKind::Subsample, SketchKind::Importance, SketchKind::Fjlt, SketchKind::Gaussian];
        let sketches = kinds.map(|kind| {
            let rule = SketchRule { kind, n_rows: 9, n_bits: 8, exact_norms: true };
            Target::Sketch(Arc::new(Sketch::take(&rule, 4, &values, 2, &Importance::new(&mesh))))
        });
        for loss in [Loss::R3, Loss::Rpw, Loss::L1, Loss::L2, Loss::W2] {
            for (n_nodes, target) in
                std::iter::once((0, &snapshot)).chain([(7, &snapshot)]).chain(sketches.iter().map(|s| (0, s)))
            {
                let draw = Draw { mesh: &mesh, n_channels: 2, loss, weight: 2.5, n_nodes, seed: 1, step: 3, index: 0 };
                let visit = draw.visit(target).unwrap();
                let outputs: Vec<f32> = (0..2 * visit.nodes.len()).map(|i| (i as f32 * 0.31).cos() * 3.0).collect();
                let mut gradient = outputs.clone();
                visit.gradient(&mut gradient);
                for i in [0, 1, outputs.len() / 2, outputs.len() - 1] {
                    let shifted = |d: f32| {
                        let mut outputs = outputs.clone();
                        outputs[i] += d;
                        visit.gradient(&mut outputs)
                    };
                    let expected = 2.5 * (shifted(0.01) - shifted(-0.01)) / 0.02;
                    let found = f64::from(gradient[i]);
                    let scale = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                    assert!((found - expected).abs() < 0.01 * f64::from(scale), "{loss:?} {i}: {found} {expected}");
                }
            }
        }
    }
}
