//! A sketch: what is kept of a snapshot when it is gone.

use std::sync::OnceLock;

mod importance;
mod packed;
mod projection;

pub use importance::Importance;
pub(crate) use packed::PackedValues;
pub use projection::{Mixing, Projection};
pub(crate) use projection::{distinct, normal, stream};

use crate::train::random_u32;
use packed::PackedInts;

/// Which numbers of a snapshot are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SketchKind {
    /// Nodes drawn evenly, without repetition.
    Subsample,
    /// Nodes drawn half evenly, half in proportion to how much the field varies around them.
    Importance,
    /// Rows of a fast Johnson-Lindenstrauss transform (random signs, DCT).
    Fjlt,
    /// Rows of a subsampled randomised Hadamard transform.
    Srht,
    /// Rows of a Gaussian matrix.
    Gaussian,
    /// Nothing: the network forgets.
    None,
}

impl SketchKind {
    /// The name in settings and configs.
    pub fn name(self) -> &'static str {
        match self {
            SketchKind::Subsample => "subsample",
            SketchKind::Importance => "importance",
            SketchKind::Fjlt => "fjlt",
            SketchKind::Srht => "srht",
            SketchKind::Gaussian => "gaussian",
            SketchKind::None => "none",
        }
    }

    /// The matrix of the kinds that mix nodes.
    pub fn mixing(self) -> Option<Mixing> {
        match self {
            SketchKind::Fjlt => Some(Mixing::Dct),
            SketchKind::Srht => Some(Mixing::Hadamard),
            SketchKind::Gaussian => Some(Mixing::Gaussian),
            SketchKind::Subsample | SketchKind::Importance | SketchKind::None => None,
        }
    }
}

/// How sketches are taken.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SketchRule {
    /// Which numbers are kept.
    pub kind: SketchKind,
    /// Nodes or rows per snapshot, `1..=n_nodes`.
    pub n_rows: usize,
    /// Bits per kept value: 1 to 16, or 32.
    pub n_bits: u32,
    /// The loss on a sketch is relative to the snapshot's own norm (`sum u^2 + 1e-3 n`), else to the sketch's
    /// (`sum (S u)^2 + 1e-3`, the paper's).
    pub exact_norms: bool,
}

/// What is kept of one snapshot. Values are in the scaled unit of training.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Sketch {
    kind: SketchKind,
    seed: u64,
    n_nodes: usize,
    n_channels: usize,
    n_rows: usize,
    values: PackedValues,
    /// Importance sampling alone cannot be regenerated: nodes, and weights as `sqrt(2) * 2^(-code/16)`.
    drawn: Option<(PackedInts, Vec<u8>)>,
    norms: Vec<f32>,
    /// Under the root of the norms; it belongs to the network's unit and stays when that changes.
    floor: f64,
    #[serde(skip)]
    projection: OnceLock<Projection>,
}

/// Stabiliser of the R3 loss.
pub const R3_FLOOR: f64 = 1e-3;

/// `sqrt(sum u^2 + floor)` of each channel, `u: [n][n_channels]`.
pub fn norms(u: &[f32], n_channels: usize, floor: f64) -> Vec<f32> {
    let square = |c: usize| u.iter().skip(c).step_by(n_channels).map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
    (0..n_channels).map(|c| (square(c) + floor).sqrt() as f32).collect()
}

impl Sketch {
    /// Takes the sketch of `u: [n_nodes][n_channels]`. `importance` serves [`SketchKind::Importance`] alone.
    pub fn take(rule: &SketchRule, seed: u64, u: &[f32], n_channels: usize, importance: &Importance) -> Sketch {
        let n_nodes = u.len() / n_channels;
        let n_rows = rule.n_rows.clamp(1, n_nodes);
        let floor = R3_FLOOR * n_nodes as f64;
        let exact = norms(u, n_channels, floor);
        let gather = |nodes: &mut dyn Iterator<Item = u32>| -> Vec<f32> {
            nodes.flat_map(|i| &u[i as usize * n_channels..][..n_channels]).copied().collect()
        };
        let (mut drawn, mut projection) = (None, OnceLock::new());
        let (rows, scale) = match rule.kind.mixing() {
            Some(mixing) => {
                let plan = Projection::new(mixing, n_nodes, n_rows);
                let (rows, scale) = (plan.apply(seed, u, n_channels), plan.energy_scale());
                projection = plan.into();
                (rows, scale)
            }
            None if rule.kind == SketchKind::Importance => {
                let density = importance.density(u, n_channels, &exact);
                let nodes = draw(seed, &density, n_rows);
                let codes = nodes.iter().map(|&i| weight_code(density[i as usize] * n_nodes as f64)).collect();
                let n_bits = (n_nodes.max(2) - 1).ilog2() + 1;
                drawn = Some((PackedInts::new(n_bits, nodes.iter().copied()), codes));
                (gather(&mut nodes.into_iter()), n_nodes as f32 / n_rows as f32)
            }
            None => {
                let nodes = distinct(seed, n_nodes, n_rows);
                (gather(&mut nodes.into_iter()), n_nodes as f32 / n_rows as f32)
            }
        };
        let own = norms(&rows, n_channels, R3_FLOOR / f64::from(scale));
        let own = own.iter().map(|norm| norm * scale.sqrt()).collect();
        let values = PackedValues::new(&rows, n_channels, rule.n_bits);
        let (norms, floor) = if rule.exact_norms { (exact, floor) } else { (own, R3_FLOOR) };
        Sketch { kind: rule.kind, seed, n_nodes, n_channels, n_rows, values, drawn, norms, floor, projection }
    }

    /// Which numbers are kept.
    pub fn kind(&self) -> SketchKind {
        self.kind
    }

    /// What the operator is regenerated from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Nodes of the snapshot.
    pub fn n_nodes(&self) -> usize {
        self.n_nodes
    }

    /// Kept nodes or rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Kept values, `[n_rows][n_channels]`.
    pub fn values(&self) -> Vec<f32> {
        self.values.unpack()
    }

    /// `[n_channels]`: what the loss is relative to.
    pub fn norms(&self) -> &[f32] {
        &self.norms
    }

    /// The nodes that were kept; `None` where all of them are mixed.
    pub fn nodes(&self) -> Option<Vec<u32>> {
        match (&self.drawn, self.kind) {
            (Some((nodes, _)), _) => Some(nodes.iter().collect()),
            (None, SketchKind::Subsample) => Some(distinct(self.seed, self.n_nodes, self.n_rows)),
            _ => None,
        }
    }

    /// What residuals at [`Self::nodes`] are multiplied with, `1/sqrt(n p)`; `None` for 1.
    pub fn weights(&self) -> Option<Vec<f32>> {
        let weight = |&code: &u8| std::f32::consts::SQRT_2 * libm::exp2f(-f32::from(code) / 16.0);
        self.drawn.as_ref().map(|(_, codes)| codes.iter().map(weight).collect())
    }

    /// The operator of the kinds that mix nodes.
    pub fn projection(&self) -> Option<&Projection> {
        let mixing = self.kind.mixing()?;
        Some(self.projection.get_or_init(|| Projection::new(mixing, self.n_nodes, self.n_rows)))
    }

    /// What the sum of squared (weighted) residuals is multiplied with to estimate that over all nodes.
    pub fn energy_scale(&self) -> f32 {
        self.projection().map_or(self.n_nodes as f32 / self.n_rows as f32, Projection::energy_scale)
    }

    /// Changes the unit of a channel.
    pub fn scale_channel(&mut self, channel: usize, factor: f32) {
        self.values.scale_channel(channel, factor);
        let square = (f64::from(self.norms[channel]).powi(2) - self.floor).max(0.0);
        self.norms[channel] = (square * f64::from(factor).powi(2) + self.floor).sqrt() as f32;
    }

    /// Bytes that grow with every snapshot.
    pub fn bytes(&self) -> usize {
        let drawn = self.drawn.as_ref().map_or(0, |(nodes, codes)| nodes.bytes() + codes.len());
        self.values.bytes() + drawn + 4 * self.norms.len() + size_of::<u64>()
    }
}

/// Draws nodes with repetition in proportion to a density that sums to 1.
fn draw(seed: u64, density: &[f64], n: usize) -> Vec<u32> {
    let sums: Vec<f64> = density
        .iter()
        .scan(0.0, |sum, p| {
            Some({
                *sum += p;
                *sum
            })
        })
        .collect();
    let total = sums.last().copied().unwrap_or(0.0);
    let stream = stream(seed);
    let node = |i: u32| {
        let x = f64::from(random_u32(stream, i)) / 4_294_967_296.0 * total;
        sums.partition_point(|&s| s <= x).min(density.len() - 1) as u32
    };
    (0..n as u32).map(node).collect()
}

/// Code of the weight `1/sqrt(np)`, which is at most sqrt(2).
fn weight_code(np: f64) -> u8 {
    (16.0 * libm::log2((2.0 * np).sqrt())).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Mesh;

    const KINDS: [SketchKind; 5] =
        [SketchKind::Subsample, SketchKind::Importance, SketchKind::Fjlt, SketchKind::Srht, SketchKind::Gaussian];

    fn field() -> Vec<f32> {
        (0..400 * 2).map(|i| if (i / 2) % 57 == 0 { 1.0 } else { 0.1 * (i as f32 * 0.05).sin() }).collect()
    }

    fn take(kind: SketchKind, n_bits: u32, seed: u64) -> Sketch {
        let rule = SketchRule { kind, n_rows: 80, n_bits, exact_norms: true };
        Sketch::take(&rule, seed, &field(), 2, &Importance::new(&Mesh::grid(&[20, 20])))
    }

    #[test]
    fn every_kind_estimates_the_energy_of_a_snapshot() {
        let u = field();
        let energy: f64 = u.iter().map(|v| f64::from(v * v)).sum();
        for kind in KINDS {
            let estimate = |seed| {
                let sketch = take(kind, 32, seed);
                let weights = sketch.weights().unwrap_or_else(|| vec![1.0; 80]);
                let rows = sketch.values();
                let square = |(row, w): (&[f32], &f32)| row.iter().map(|v| f64::from(v * w).powi(2)).sum::<f64>();
                f64::from(sketch.energy_scale()) * rows.chunks(2).zip(&weights).map(square).sum::<f64>()
            };
            let mean = (0..100).map(estimate).sum::<f64>() / 100.0;
            assert!((mean / energy - 1.0).abs() < 0.1, "{kind:?}: {}", mean / energy);
        }
    }

    #[test]
    fn a_seed_regenerates_the_same_operator() {
        for kind in KINDS {
            let (a, b) = (take(kind, 8, 7), take(kind, 8, 7));
            assert_eq!((a.values(), a.nodes(), a.weights()), (b.values(), b.nodes(), b.weights()));
            assert_ne!(a.values(), take(kind, 8, 8).values(), "{kind:?}");
        }
    }

    #[test]
    fn importance_prefers_nodes_where_the_field_varies() {
        let nodes = take(SketchKind::Importance, 8, 1).nodes().unwrap();
        let spikes = nodes.iter().filter(|&&i| i % 57 == 0).count();
        // Drawn evenly it would be 1.6 of 80.
        assert!(spikes > 4, "{spikes} of 80");
    }

    #[test]
    fn sketches_are_as_small_as_their_bits() {
        let sketch = take(SketchKind::Importance, 8, 1);
        assert!(sketch.bytes() <= 80 * 2 + 80 * 9 / 8 + 80 + 48, "{}", sketch.bytes());
    }

    #[test]
    fn a_rescaled_sketch_is_the_sketch_of_the_rescaled_field() {
        for exact_norms in [false, true] {
            let rule = SketchRule { kind: SketchKind::Subsample, n_rows: 80, n_bits: 32, exact_norms };
            let of = |u: &[f32]| Sketch::take(&rule, 3, u, 2, &Importance::new(&Mesh::grid(&[20, 20])));
            let (u, mut scaled) = (field(), of(&field()));
            scaled.scale_channel(1, 1e-6);
            let small: Vec<f32> = u.iter().enumerate().map(|(i, v)| if i % 2 == 1 { 1e-6 * v } else { *v }).collect();
            let expected = of(&small);
            assert_eq!(scaled.values(), expected.values());
            scaled.norms().iter().zip(expected.norms()).for_each(|(a, b)| assert!((a / b - 1.0).abs() < 1e-5));
        }
    }

    #[test]
    fn norms_follow_the_rule() {
        let u = field();
        let sketch = take(SketchKind::Fjlt, 32, 3);
        assert_eq!(sketch.norms(), norms(&u, 2, 0.4));
        let rule = SketchRule { kind: SketchKind::Fjlt, n_rows: 80, n_bits: 32, exact_norms: false };
        let own = Sketch::take(&rule, 3, &u, 2, &Importance::new(&Mesh::grid(&[20, 20])));
        let scaled: Vec<f32> = own.values().iter().map(|v| v * own.energy_scale().sqrt()).collect();
        let expected = norms(&scaled, 2, 1e-3);
        own.norms().iter().zip(expected).for_each(|(a, b)| assert!((a / b - 1.0).abs() < 1e-5));
    }
}
