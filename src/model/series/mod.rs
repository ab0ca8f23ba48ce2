//! Networks for a whole series: a residual SIREN on `(x, t)` whose parameters may themselves be generated from `t`
//! (Simpson, Becker, Doostan: a hypernetwork; FiLM: only biases and output layer are generated; tinr: nothing is).
//!
//! The *body* is [`SirenShape`] with the coordinates of space first and time last. Some of its parameters are shared by
//! all times; the others are the outputs of the *generator*, a SIREN on the times of a window. At one time the body is an
//! ordinary SIREN over space: the time's column of the input layer is folded into the input biases, `b' = fma(w_t, t, b)`
//! ([`SeriesShape::at_time`]). Training and decoding know series networks only in that form.
//!
//! Parameters are one flat f32 vector: the shared ones in body order, then the generator's in the order of
//! [`super::siren`]. Its output bias is what a generated parameter is at rest, its output weights move it.

pub mod gradient;
pub mod network;
mod quantise;

pub use network::SeriesNetwork;
pub use quantise::WeightSteps;

use crate::model::SirenShape;
use crate::model::canonical;
use crate::{Error, Result};

/// How a network depends on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Biases and output layer are generated from time, hidden weights are shared.
    Film,
    /// A plain SIREN on `(x, t)`.
    Tinr,
    /// Every parameter is generated from time.
    Hypernet,
}

impl NetworkKind {
    /// The name in settings and configs.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Film => "film",
            NetworkKind::Tinr => "tinr",
            NetworkKind::Hypernet => "hypernet",
        }
    }
}

/// Size of a series network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SeriesShape {
    /// What is generated from time.
    pub kind: NetworkKind,
    /// Coordinates of space, 1..=4.
    pub n_space: usize,
    /// Neurons per hidden layer of the body, 8..=256.
    pub width: usize,
    /// Residual blocks of the body, 0..=16.
    pub n_blocks: usize,
    /// Values per node, 1..=16.
    pub n_channels: usize,
    /// Steps that share one set of generated parameters (the paper's time window), 1..=16.
    pub time_span: usize,
}

/// Neurons per hidden layer of every generator.
pub(crate) const GENERATOR_WIDTH: usize = 16;
/// Residual blocks of every generator.
pub(crate) const GENERATOR_BLOCKS: usize = 3;
/// The generator's output weights start this much smaller: at first every time has nearly the same network.
const GENERATOR_SCALE: f32 = 1e-2;

impl SeriesShape {
    /// The SIREN on `(x, t)`.
    pub fn body(&self) -> SirenShape {
        SirenShape { n_inputs: self.n_space + 1, ..self.spatial() }
    }

    /// The SIREN over space at one time.
    pub fn spatial(&self) -> SirenShape {
        SirenShape { n_inputs: self.n_space, width: self.width, n_blocks: self.n_blocks, n_outputs: self.n_channels }
    }

    /// The SIREN from a window's times to the generated parameters; `None` for tinr.
    pub fn generator(&self) -> Option<SirenShape> {
        let n_outputs = self.generated().len();
        (n_outputs > 0).then_some(SirenShape {
            n_inputs: self.time_span,
            width: GENERATOR_WIDTH,
            n_blocks: GENERATOR_BLOCKS,
            n_outputs,
        })
    }

    /// True for each body parameter that is generated.
    pub fn is_generated(&self) -> Vec<bool> {
        let body = self.body();
        let last = 2 * body.n_blocks + 1;
        let layers = body.layers().enumerate();
        layers
            .flat_map(|(layer, (rows, columns))| {
                let (weights, biases) = match self.kind {
                    NetworkKind::Film => (layer == last, true),
                    NetworkKind::Tinr => (false, false),
                    NetworkKind::Hypernet => (true, true),
                };
                std::iter::repeat_n(weights, rows * columns).chain(std::iter::repeat_n(biases, rows))
            })
            .collect()
    }

    /// Positions of the generated parameters in the body's vector, ascending.
    pub fn generated(&self) -> Vec<usize> {
        positions(&self.is_generated(), true)
    }

    /// Positions of the shared parameters in the body's vector, ascending.
    pub fn shared(&self) -> Vec<usize> {
        positions(&self.is_generated(), false)
    }

    /// Number of stored parameters.
    pub fn n_params(&self) -> usize {
        self.body().n_params() - self.generated().len() + self.generator().map_or(0, |g| g.n_params())
    }

    /// Floating-point operations of forward + backward for one node at one time, without the generator.
    pub fn flops_train(&self) -> f64 {
        self.spatial().flops_train()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the size that is out of range (shapes come from files).
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("n_space", self.n_space, 1, 4),
            ("width", self.width, 8, 256),
            ("n_blocks", self.n_blocks, 0, 16),
            ("n_channels", self.n_channels, 1, 16),
            ("time_span", self.time_span, 1, 16),
        ];
        match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            None => Ok(()),
            Some((name, value, low, high)) => {
                Err(Error::corrupt(format!("series network with {name} = {value}: it must be {low} to {high}")))
            }
        }
    }

    /// Random parameters for training, the same on every machine for a seed. The body starts as
    /// [`SirenShape::initial_params`], whatever the time: the generator's output bias holds the generated part of it and
    /// its output weights are `1e-2` of a SIREN's.
    pub fn initial_params(&self, seed: u64) -> Vec<f32> {
        let body = self.body().initial_params(seed);
        let mut params: Vec<f32> = self.shared().iter().map(|&i| body[i]).collect();
        if let Some(generator) = self.generator() {
            let mut generated = generator.initial_params(seed ^ 0x5eed);
            let (weights, biases) = (self.generator_weights().start - params.len(), generator.n_outputs);
            let n = generated.len();
            generated[weights..n - biases].iter_mut().for_each(|w| *w *= GENERATOR_SCALE);
            generated[n - biases..].iter_mut().zip(self.generated()).for_each(|(b, i)| *b = body[i]);
            params.extend(generated);
        }
        params
    }

    /// Where the generator's parameters stand in the vector: all behind the shared ones.
    pub fn generator_params(&self) -> std::ops::Range<usize> {
        let n = self.n_params();
        n - self.generator().map_or(0, |g| g.n_params())..n
    }

    /// Where the generator's output weights stand; empty for tinr.
    pub fn generator_weights(&self) -> std::ops::Range<usize> {
        let n = self.n_params();
        let Some(g) = self.generator() else { return n..n };
        n - g.n_outputs * (g.width + 1)..n - g.n_outputs
    }

    /// The body's parameters for the window `times: [time_span]`. Canonical: the same bits everywhere.
    ///
    /// # Panics
    /// When a length does not belong to the shape.
    pub fn body_params(&self, params: &[f32], times: &[f32]) -> Vec<f32> {
        assert_eq!((params.len(), times.len()), (self.n_params(), self.time_span));
        let mut body = vec![0.0; self.body().n_params()];
        self.shared().iter().zip(params).for_each(|(&i, &p)| body[i] = p);
        if let Some(generator) = self.generator() {
            let mut out = vec![0.0; generator.n_outputs];
            canonical::evaluate_point(&generator, &params[self.generator_params()], times, &mut out);
            self.generated().iter().zip(out).for_each(|(&i, p)| body[i] = p);
        }
        body
    }

    /// The parameters of [`Self::spatial`] at time `t` of the window `times`. Canonical.
    ///
    /// # Panics
    /// When a length does not belong to the shape.
    pub fn at_time(&self, params: &[f32], times: &[f32], t: f32) -> Vec<f32> {
        let body = self.body_params(params, times);
        let n_inputs = self.n_space + 1;
        let (input, rest) = body.split_at(self.width * n_inputs);
        let (biases, rest) = rest.split_at(self.width);
        let rows = input.chunks_exact(n_inputs);
        let mut spatial: Vec<f32> = rows.clone().flat_map(|row| &row[..self.n_space]).copied().collect();
        spatial.extend(rows.zip(biases).map(|(row, b)| row[self.n_space].mul_add(t, *b)));
        spatial.extend_from_slice(rest);
        spatial
    }

    /// Multiplies the output of channel `channel` by `factor`, at every time.
    pub fn scale_channel(&self, params: &mut [f32], channel: usize, factor: f32) {
        let body = self.body();
        let (n, h) = (body.n_params(), body.width);
        let outputs = n - body.n_outputs * (h + 1);
        let of_channel = |i: usize| {
            i >= n - body.n_outputs && i - (n - body.n_outputs) == channel
                || i >= outputs && i < n - body.n_outputs && (i - outputs) / h == channel
        };
        let shared = params.iter_mut().zip(self.shared()).filter(|(_, i)| of_channel(*i));
        shared.for_each(|(p, _)| *p *= factor);
        let Some(generator) = self.generator() else { return };
        let weights = self.generator_weights();
        for (row, _) in self.generated().iter().enumerate().filter(|(_, i)| of_channel(**i)) {
            let start = weights.start + row * generator.width;
            params[start..start + generator.width].iter_mut().for_each(|w| *w *= factor);
            params[weights.end + row] *= factor;
        }
    }
}

fn positions(flags: &[bool], wanted: bool) -> Vec<usize> {
    flags.iter().enumerate().filter(|(_, flag)| **flag == wanted).map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: NetworkKind, n_space: usize, width: usize, n_blocks: usize, n_channels: usize) -> SeriesShape {
        SeriesShape { kind, n_space, width, n_blocks, n_channels, time_span: 1 }
    }

    #[test]
    fn stored_parameters_are_counted_as_in_the_paper() {
        let hypernet = |d, h, b, c| shape(NetworkKind::Hypernet, d, h, b, c);
        let cases =
            [(hypernet(2, 16, 3, 4), 31_652), (hypernet(3, 16, 3, 1), 31_057), (hypernet(3, 64, 4, 3), 576_179)];
        let tinr = |d, h, b, c| shape(NetworkKind::Tinr, d, h, b, c);
        let plain = [(tinr(2, 62, 4, 4), 31_748), (tinr(3, 239, 5, 3), 575_515), (tinr(3, 64, 5, 1), 41_985)];
        for (shape, n) in cases.into_iter().chain(plain) {
            assert_eq!(shape.n_params(), n, "{shape:?}");
            assert_eq!(shape.initial_params(3).len(), n);
        }
    }

    #[test]
    fn at_the_start_every_time_has_nearly_the_same_network() {
        let shape = shape(NetworkKind::Hypernet, 2, 16, 3, 4);
        let params = shape.initial_params(1);
        let (first, last) = (shape.body_params(&params, &[-1.0]), shape.body_params(&params, &[1.0]));
        let norm = |v: &[f32]| v.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        let difference: Vec<f32> = first.iter().zip(&last).map(|(a, b)| a - b).collect();
        let deviation = norm(&difference) / norm(&first);
        assert!(deviation > 1e-5 && deviation < 1e-2, "{deviation}");
    }

    #[test]
    fn a_folded_network_gives_the_values_of_the_network_on_space_and_time() {
        for kind in [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet] {
            let shape = shape(kind, 2, 16, 2, 3);
            let params = shape.initial_params(9);
            let (x, t) = ([0.3, -0.7], 0.4);
            let (mut folded, mut whole) = ([0.0; 3], [0.0; 3]);
            canonical::evaluate_point(&shape.spatial(), &shape.at_time(&params, &[t], t), &x, &mut folded);
            let body = shape.body_params(&params, &[t]);
            canonical::evaluate_point(&shape.body(), &body, &[x[0], x[1], t], &mut whole);
            for (a, b) in folded.iter().zip(whole) {
                assert!((a - b).abs() < 2e-5, "{kind:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn scaling_a_channel_scales_its_values_alone() {
        for kind in [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet] {
            let shape = shape(kind, 1, 8, 1, 2);
            let mut params = shape.initial_params(2);
            let value = |params: &[f32]| {
                let mut out = [0.0; 2];
                canonical::evaluate_point(&shape.spatial(), &shape.at_time(params, &[0.2], 0.2), &[0.5], &mut out);
                out
            };
            let before = value(&params);
            shape.scale_channel(&mut params, 1, 0.5);
            assert_eq!(value(&params), [before[0], 0.5 * before[1]]);
        }
    }
}
