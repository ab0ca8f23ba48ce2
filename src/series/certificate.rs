//! The certificate: what a finished network's error is at every step, estimated without the raw data from rows of a
//! Hadamard sketch that training never saw.
//!
//! For each step `|S (f - u)|^2` with `S` of 32 random rows is an unbiased estimate of `|f - u|^2`. Rows that were trained
//! on would be optimistic: the network was fitted to them.

use crate::sketch::{Mixing, PackedValues, Projection, norms};

/// Bits of a kept value: far below the errors to be estimated.
const N_BITS: u32 = 16;

/// Held-out rows of one snapshot.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct HeldOut {
    seed: u64,
    rows: PackedValues,
    /// `sqrt(sum u^2)` of each channel.
    norms: Vec<f32>,
}

impl HeldOut {
    /// Takes the rows of `u: [n_nodes][n_channels]`.
    pub fn take(seed: u64, u: &[f32], n_channels: usize, n_rows: usize) -> HeldOut {
        let projection = plan(u.len() / n_channels, n_rows);
        let rows = PackedValues::new(&projection.apply(seed, u, n_channels), n_channels, N_BITS);
        HeldOut { seed, rows, norms: norms(u, n_channels, 0.0) }
    }

    /// Estimated relative L2 error of each channel of `decoded: [n_nodes][n_channels]`, in the unit of the rows.
    pub fn estimate(&self, decoded: &[f32]) -> Vec<f32> {
        let n_channels = self.norms.len();
        let kept = self.rows.unpack();
        let projection = plan(decoded.len() / n_channels, kept.len() / n_channels);
        let found = projection.apply(self.seed, decoded, n_channels);
        let error = |channel: usize| {
            let of_channel = found.iter().zip(&kept).skip(channel).step_by(n_channels);
            let square = of_channel.map(|(f, k)| f64::from(f - k).powi(2)).sum::<f64>();
            (square * f64::from(projection.energy_scale())).sqrt()
        };
        let relative =
            |(channel, norm): (usize, &f32)| (error(channel) / f64::from(norm.max(f32::MIN_POSITIVE))) as f32;
        self.norms.iter().enumerate().map(relative).collect()
    }

    /// Changes the unit of a channel.
    pub fn scale_channel(&mut self, channel: usize, factor: f32) {
        self.rows.scale_channel(channel, factor);
        self.norms[channel] *= factor;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + 4 * self.norms.len() + size_of::<u64>()
    }
}

fn plan(n_nodes: usize, n_rows: usize) -> Projection {
    Projection::new(Mixing::Hadamard, n_nodes, n_rows.min(n_nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_close_to_the_true_error_and_unbiased() {
        let u: Vec<f32> = (0..900 * 2).map(|i| (i as f32 * 0.013).sin()).collect();
        // An error at few nodes: what subsamples miss.
        let decoded: Vec<f32> = u.iter().enumerate().map(|(i, v)| if i % 83 == 0 { v + 0.3 } else { *v }).collect();
        let error = |c: usize| {
            let pairs = u.iter().zip(&decoded).skip(c).step_by(2);
            let (e, n) =
                pairs.fold((0.0, 0.0), |(e, n), (a, b)| (e + f64::from(a - b).powi(2), n + f64::from(*a).powi(2)));
            (e / n).sqrt()
        };
        let mut squares = [0.0; 2];
        for seed in 0..200 {
            let estimate = HeldOut::take(seed, &u, 2, 32).estimate(&decoded);
            for c in 0..2 {
                let ratio = f64::from(estimate[c]) / error(c);
                assert!((0.55..1.6).contains(&ratio), "{ratio}");
                squares[c] += ratio * ratio / 200.0;
            }
        }
        assert!(squares.iter().all(|s| (s - 1.0).abs() < 0.06), "{squares:?}");
    }

    #[test]
    fn an_exact_copy_has_no_error_to_speak_of() {
        let u: Vec<f32> = (0..500).map(|i| (i as f32 * 0.1).cos()).collect();
        assert!(HeldOut::take(1, &u, 1, 32).estimate(&u)[0] < 1e-4);
    }
}
