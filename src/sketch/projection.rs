//! Linear sketches that mix all nodes: `S u` with `S` regenerated from a seed, never stored.
//!
//! - FJLT: random signs, orthonormal DCT-II along the nodes, random rows (Ailon and Chazelle 2009; the paper's choice);
//! - SRHT: random signs, orthonormal Walsh-Hadamard transform of the zero-padded nodes, random rows;
//! - Gaussian: independent `N(0, 1/n_rows)` entries.
//!
//! With [`Projection::energy_scale`] `f`, `E f |S u|^2 = |u|^2`.

use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rustdct::{DctPlanner, TransformType2And3};

use crate::train::random_u32;

/// Which matrix mixes the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mixing {
    /// Signs and DCT-II.
    Dct,
    /// Signs and Walsh-Hadamard.
    Hadamard,
    /// Gaussian entries.
    Gaussian,
}

/// Projections of `n_nodes` values to `n_rows`; one plan serves every seed.
#[derive(Clone)]
pub struct Projection {
    mixing: Mixing,
    n_nodes: usize,
    n_rows: usize,
    dct: Option<Arc<dyn TransformType2And3<f32>>>,
}

impl std::fmt::Debug for Projection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} projection of {} nodes to {} rows", self.mixing, self.n_nodes, self.n_rows)
    }
}

impl Projection {
    /// A plan; `n_rows` in `1..=n_nodes`.
    pub fn new(mixing: Mixing, n_nodes: usize, n_rows: usize) -> Self {
        let dct = (mixing == Mixing::Dct).then(|| DctPlanner::new().plan_dct2(n_nodes));
        Projection { mixing, n_nodes, n_rows, dct }
    }

    /// Rows of `S`.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// What `|S u|^2` is multiplied with to estimate `|u|^2`.
    pub fn energy_scale(&self) -> f32 {
        match self.mixing {
            Mixing::Dct | Mixing::Hadamard => self.n_mixed() as f32 / self.n_rows as f32,
            Mixing::Gaussian => 1.0,
        }
    }

    /// Which matrix.
    pub fn mixing(&self) -> Mixing {
        self.mixing
    }

    /// Random stream of the nodes' signs for a seed; see [`random_u32`].
    pub fn sign_stream(seed: u64) -> u32 {
        stream(seed)
    }

    /// What a kernel makes the entries of each row from: DCT: `row / (4 n_nodes)` as a binary fraction of 64 bits, upper
    /// word first; Hadamard: the row; Gaussian: the row's random stream. See `shaders/shared/projection.wgsl`.
    pub fn row_words(&self, seed: u64) -> Vec<[u32; 2]> {
        let fraction = |row: u32| ((u128::from(row) << 64) / (4 * self.n_nodes as u128)) as u64;
        match self.mixing {
            Mixing::Dct => {
                let words = |row| [(fraction(row) >> 32) as u32, fraction(row) as u32];
                self.rows(seed).into_iter().map(words).collect()
            }
            Mixing::Hadamard => self.rows(seed).into_iter().map(|row| [row, 0]).collect(),
            Mixing::Gaussian => (0..self.n_rows).map(|row| [row_stream(seed, row), 0]).collect(),
        }
    }

    /// What the bare entries of every row are multiplied with (the first row of a DCT by `sqrt(1/2)` besides).
    pub fn row_scale(&self) -> f32 {
        match self.mixing {
            Mixing::Dct => (2.0 / self.n_nodes as f32).sqrt(),
            Mixing::Hadamard => 1.0 / (self.n_mixed() as f32).sqrt(),
            Mixing::Gaussian => 1.0 / (self.n_rows as f32).sqrt(),
        }
    }

    /// Length of a mixed vector.
    fn n_mixed(&self) -> usize {
        if self.mixing == Mixing::Hadamard { self.n_nodes.next_power_of_two() } else { self.n_nodes }
    }

    /// `S u`: `u: [n_nodes][n_channels]` -> `[n_rows][n_channels]`.
    pub fn apply(&self, seed: u64, u: &[f32], n_channels: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.n_rows * n_channels];
        if self.mixing == Mixing::Gaussian {
            self.for_each_entry(seed, |row, node, entry| add(&mut out, row, u, node, n_channels, entry));
            return out;
        }
        let rows = self.rows(seed);
        for channel in 0..n_channels {
            let mut mixed = vec![0.0; self.n_mixed()];
            for (node, slot) in mixed[..self.n_nodes].iter_mut().enumerate() {
                *slot = sign(seed, node) * u[node * n_channels + channel];
            }
            self.mix(&mut mixed);
            rows.iter().enumerate().for_each(|(i, &row)| out[i * n_channels + channel] = mixed[row as usize]);
        }
        out
    }

    /// `S^T g`: `g: [n_rows][n_channels]` -> `[n_nodes][n_channels]`.
    pub fn apply_transposed(&self, seed: u64, g: &[f32], n_channels: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.n_nodes * n_channels];
        if self.mixing == Mixing::Gaussian {
            self.for_each_entry(seed, |row, node, entry| add(&mut out, node, g, row, n_channels, entry));
            return out;
        }
        let rows = self.rows(seed);
        for channel in 0..n_channels {
            let mut mixed = vec![0.0; self.n_mixed()];
            rows.iter().enumerate().for_each(|(i, &row)| mixed[row as usize] = g[i * n_channels + channel]);
            self.unmix(&mut mixed);
            for (node, value) in mixed[..self.n_nodes].iter().enumerate() {
                out[node * n_channels + channel] = sign(seed, node) * value;
            }
        }
        out
    }

    /// The rows that are kept.
    fn rows(&self, seed: u64) -> Vec<u32> {
        distinct(seed, self.n_mixed(), self.n_rows)
    }

    /// Multiplies with the orthonormal transform.
    fn mix(&self, x: &mut [f32]) {
        let Some(dct) = &self.dct else { return hadamard(x) };
        dct.process_dct2(x);
        let scale = (2.0 / x.len() as f32).sqrt();
        x.iter_mut().for_each(|v| *v *= scale);
        x[0] *= std::f32::consts::FRAC_1_SQRT_2;
    }

    /// Multiplies with its transpose, which is its inverse.
    fn unmix(&self, x: &mut [f32]) {
        let Some(dct) = &self.dct else { return hadamard(x) };
        x[0] *= std::f32::consts::SQRT_2;
        dct.process_dct3(x);
        let scale = (2.0 / x.len() as f32).sqrt();
        x.iter_mut().for_each(|v| *v *= scale);
    }

    /// All entries of a Gaussian matrix, row by row.
    fn for_each_entry(&self, seed: u64, mut visit: impl FnMut(usize, usize, f32)) {
        let scale = self.row_scale();
        for row in 0..self.n_rows {
            let stream = row_stream(seed, row);
            for node in 0..self.n_nodes {
                visit(row, node, scale * normal(stream, node as u32));
            }
        }
    }
}

/// `out[to] += entry * from[of]` for every channel.
#[inline]
fn add(out: &mut [f32], to: usize, from: &[f32], of: usize, n_channels: usize, entry: f32) {
    let out = &mut out[to * n_channels..][..n_channels];
    out.iter_mut().zip(&from[of * n_channels..]).for_each(|(o, v)| *o += entry * v);
}

/// A stream of [`random_u32`] for a seed.
pub(crate) fn stream(seed: u64) -> u32 {
    random_u32((seed >> 32) as u32, seed as u32)
}

/// Random stream of a row of a Gaussian matrix.
fn row_stream(seed: u64, row: usize) -> u32 {
    random_u32(stream(seed), row as u32)
}

/// Random sign of a node.
fn sign(seed: u64, node: usize) -> f32 {
    if random_u32(stream(seed), node as u32) & 1 == 0 { 1.0 } else { -1.0 }
}

/// A standard normal number (Box and Muller 1958).
pub(crate) fn normal(stream: u32, counter: u32) -> f32 {
    let unit = |x: u32| ((x >> 8) as f32 + 0.5) / (1u32 << 24) as f32;
    let (radius, angle) = (unit(random_u32(stream, counter)), unit(random_u32(!stream, counter)));
    (-2.0 * libm::logf(radius)).sqrt() * libm::cosf(std::f32::consts::TAU * angle)
}

/// `n` distinct numbers below `range`, ascending (Floyd's algorithm).
pub(crate) fn distinct(seed: u64, range: usize, n: usize) -> Vec<u32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut chosen = std::collections::BTreeSet::new();
    for last in range - n..range {
        let draw = ((u128::from(random.next_u64()) * (last as u128 + 1)) >> 64) as u32;
        if !chosen.insert(draw) {
            chosen.insert(last as u32);
        }
    }
    chosen.into_iter().collect()
}

/// Orthonormal Walsh-Hadamard transform, its own inverse; the length is a power of two.
fn hadamard(x: &mut [f32]) {
    let mut half = 1;
    while half < x.len() {
        for pair in x.chunks_exact_mut(2 * half) {
            let (a, b) = pair.split_at_mut(half);
            a.iter_mut().zip(b).for_each(|(a, b)| (*a, *b) = (*a + *b, *a - *b));
        }
        half *= 2;
    }
    let scale = 1.0 / (x.len() as f32).sqrt();
    x.iter_mut().for_each(|v| *v *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Mixing; 3] = [Mixing::Dct, Mixing::Hadamard, Mixing::Gaussian];

    fn spiky(n: usize) -> Vec<f32> {
        (0..n).map(|i| if i % 97 == 3 { 5.0 } else { (i as f32 * 0.1).sin() * 0.05 }).collect()
    }

    fn square(v: &[f32]) -> f64 {
        v.iter().map(|x| f64::from(x * x)).sum()
    }

    #[test]
    fn energy_is_kept_in_the_mean() {
        let u = spiky(1000);
        for mixing in ALL {
            let projection = Projection::new(mixing, 1000, 100);
            let ratio =
                |seed| f64::from(projection.energy_scale()) * square(&projection.apply(seed, &u, 1)) / square(&u);
            let ratios: Vec<f64> = (0..60).map(ratio).collect();
            let mean = ratios.iter().sum::<f64>() / 60.0;
            let deviation = (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 60.0).sqrt();
            assert!((mean - 1.0).abs() < 0.08 && deviation < 0.3, "{mixing:?}: {mean} +- {deviation}");
        }
    }

    #[test]
    fn the_transpose_is_the_adjoint() {
        let u: Vec<f32> = (0..90 * 2).map(|i| (i as f32).cos()).collect();
        let g: Vec<f32> = (0..13 * 2).map(|i| (i as f32 * 0.7).sin()).collect();
        for mixing in ALL {
            let projection = Projection::new(mixing, 90, 13);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let forward = dot(&projection.apply(5, &u, 2), &g);
            let backward = dot(&u, &projection.apply_transposed(5, &g, 2));
            assert!((forward - backward).abs() < 1e-4, "{mixing:?}: {forward} {backward}");
        }
    }

    #[test]
    fn the_dct_is_the_orthonormal_dct_ii() {
        let projection = Projection::new(Mixing::Dct, 50, 50);
        let u = spiky(50);
        let mixed = projection.apply(8, &u, 1);
        for (k, value) in mixed.iter().enumerate() {
            let norm = if k == 0 { (1.0f64 / 50.0).sqrt() } else { (2.0f64 / 50.0).sqrt() };
            let term = |j: usize| {
                let angle = std::f64::consts::PI * k as f64 * (2 * j + 1) as f64 / 100.0;
                f64::from(sign(8, j) * u[j]) * angle.cos()
            };
            let expected = norm * (0..50).map(term).sum::<f64>();
            assert!((f64::from(*value) - expected).abs() < 1e-5, "row {k}");
        }
    }

    #[test]
    fn rows_are_distinct_and_belong_to_the_seed() {
        let rows = distinct(3, 500, 120);
        assert_eq!(rows.len(), 120);
        assert!(rows.windows(2).all(|w| w[0] < w[1]) && rows[119] < 500);
        assert_eq!(rows, distinct(3, 500, 120));
        assert_ne!(rows, distinct(4, 500, 120));
        assert_eq!(distinct(1, 5, 5), [0, 1, 2, 3, 4]);
    }
}
