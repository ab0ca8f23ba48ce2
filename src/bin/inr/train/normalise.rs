//! The paper's normalisations: one offset and one factor per channel, from the whole series.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::config::Normalise;

/// `(y - offset) * factor`, per channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Offset and factor of each channel; empty: values stay as they are.
    channels: Vec<(f64, f64)>,
}

/// What a pass over the series finds out about one channel.
#[derive(Clone, Copy)]
struct Statistics {
    low: f64,
    high: f64,
    sum: f64,
}

impl Normaliser {
    /// One pass over `snapshots`, `[n_nodes][n_channels]` each.
    pub fn new(
        mode: Normalise,
        n_channels: usize,
        snapshots: impl Iterator<Item = Result<Vec<f32>>>,
    ) -> Result<Normaliser> {
        if mode == Normalise::None {
            return Ok(Normaliser::default());
        }
        let mut all = vec![Statistics { low: f64::INFINITY, high: f64::NEG_INFINITY, sum: 0.0 }; n_channels];
        let mut n = 0u64;
        for snapshot in snapshots {
            for row in snapshot?.chunks_exact(n_channels) {
                for (s, &y) in all.iter_mut().zip(row) {
                    let y = f64::from(y);
                    (s.low, s.high, s.sum) = (s.low.min(y), s.high.max(y), s.sum + y);
                }
                n += 1;
            }
        }
        let inverse = |x: f64| if x > 0.0 { 1.0 / x } else { 1.0 };
        let channel = |s: &Statistics| match mode {
            Normalise::None => (0.0, 1.0),
            Normalise::ZeroOne => (s.low, inverse(s.high - s.low)),
            Normalise::MinusOneOne => (0.5 * (s.low + s.high), 2.0 * inverse(s.high - s.low)),
            // The standard deviation cancels against the division by the largest magnitude.
            Normalise::ZScore => {
                let mean = s.sum / n.max(1) as f64;
                (mean, inverse((s.high - mean).max(mean - s.low)))
            }
        };
        Ok(Normaliser { channels: all.iter().map(channel).collect() })
    }

    /// Into the unit of training.
    pub fn apply(&self, values: &mut [f32]) {
        let channels = self.channels.iter().cycle();
        values
            .iter_mut()
            .zip(channels)
            .for_each(|(y, (offset, factor))| *y = ((f64::from(*y) - offset) * factor) as f32);
    }

    /// Back into the data's unit.
    pub fn undo(&self, values: &mut [f32]) {
        let channels = self.channels.iter().cycle();
        values.iter_mut().zip(channels).for_each(|(y, (offset, factor))| *y = (f64::from(*y) / factor + offset) as f32);
    }

    /// Bytes a reader needs: two f32 per channel.
    pub fn bytes(&self) -> usize {
        8 * self.channels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_fills_its_range_and_is_undone() {
        let snapshots = [vec![1.0f32, -4.0, 3.0, 0.0], vec![5.0, 0.0, 3.0, -8.0]];
        for (mode, wanted) in [
            (Normalise::None, [(1.0, 5.0), (-8.0, 0.0)]),
            (Normalise::ZeroOne, [(0.0, 1.0), (0.0, 1.0)]),
            (Normalise::MinusOneOne, [(-1.0, 1.0), (-1.0, 1.0)]),
            (Normalise::ZScore, [(-1.0, 1.0), (-1.0, 0.6)]),
        ] {
            let normaliser = Normaliser::new(mode, 2, snapshots.iter().cloned().map(Ok)).unwrap();
            let mut all: Vec<f32> = snapshots.concat();
            normaliser.apply(&mut all);
            for (channel, (low, high)) in wanted.into_iter().enumerate() {
                let of = || all.iter().skip(channel).step_by(2).copied();
                let found = (of().fold(f32::MAX, f32::min), of().fold(f32::MIN, f32::max));
                assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{mode:?}: {found:?}");
            }
            normaliser.undo(&mut all);
            assert!(all.iter().zip(snapshots.concat()).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
