//! How good a decoded series is: the measures of the paper (Simpson, Becker, Doostan), per channel, in the data's unit.

/// Error measures of a series, complete after each [`SeriesMetrics::add`]. Vectors hold one value per channel unless said
/// otherwise; [`mean`] is the paper's single number.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SeriesMetrics {
    /// Relative error over all steps, `sqrt(sum (y' - y)^2 / sum y^2)` (0 for 0/0).
    #[serde(with = "infinite_as_null")]
    pub rfe: Vec<f64>,
    /// Mean over steps of `10 log10((max(y)^2 + 1e-8) / mean((y' - y)^2))` dB: the peak is the step's signed maximum.
    #[serde(with = "infinite_as_null")]
    pub psnr: Vec<f64>,
    /// Mean over steps of `20 log10((max(y) - min(y)) / rms(y' - y))` dB.
    #[serde(with = "infinite_as_null")]
    pub psnr_range: Vec<f64>,
    /// Mean over steps of `sqrt(sum (y' - y)^2 / (sum y^2 + 1e-3))`.
    pub r3: Vec<f64>,
    /// The largest of these over steps.
    pub r3_max: Vec<f64>,
    /// Mean over all values of `(y' - y)^2 / (y^2 + 1e-8)`.
    pub rpw: Vec<f64>,
    /// Mean over steps of `sum (y' - y)^2`.
    pub sse: Vec<f64>,
    /// `sqrt(sum (y' - y)^2 / sum y^2)` of each step, mean over channels; `[n_steps]`.
    #[serde(with = "infinite_as_null")]
    pub per_step: Vec<f64>,
    /// `sum (y' - y)^2` and `sum y^2` over all steps so far.
    #[serde(skip)]
    sums: Vec<(f64, f64)>,
}

/// Mean over channels; 0 of none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// One channel of one step.
struct Channel {
    square: f64,
    energy: f64,
    pointwise: f64,
    low: f64,
    high: f64,
}

impl SeriesMetrics {
    /// Nothing compared yet.
    pub fn new(n_channels: usize) -> Self {
        let zeros = || vec![0.0; n_channels];
        SeriesMetrics {
            rfe: zeros(),
            psnr: zeros(),
            psnr_range: zeros(),
            r3: zeros(),
            r3_max: zeros(),
            rpw: zeros(),
            sse: zeros(),
            per_step: Vec::new(),
            sums: vec![(0.0, 0.0); n_channels],
        }
    }

    /// Compares the next step, `[n_nodes][n_channels]` both.
    ///
    /// # Panics
    /// When the lengths differ or are no multiple of the number of channels.
    pub fn add(&mut self, original: &[f32], decoded: &[f32]) {
        let n_channels = self.rfe.len();
        assert_eq!(original.len(), decoded.len(), "same nodes");
        assert!(original.len().is_multiple_of(n_channels.max(1)), "whole nodes");
        let n_nodes = (original.len() / n_channels.max(1)) as f64;
        let n_before = self.per_step.len() as f64;
        let average = |mean: &mut f64, value: f64| *mean = (*mean * n_before + value) / (n_before + 1.0);
        let mut error = 0.0;
        for c in 0..n_channels {
            let of = |values: &'_ [f32]| values.iter().skip(c).step_by(n_channels).copied().collect::<Vec<_>>();
            let channel = Channel::compare(&of(original), &of(decoded));
            let (square, energy) = (channel.square, channel.energy);
            let r3 = (square / (energy + 1e-3)).sqrt();
            average(&mut self.psnr[c], 10.0 * ((channel.high.powi(2) + 1e-8) / (square / n_nodes)).log10());
            average(&mut self.psnr_range[c], 20.0 * ((channel.high - channel.low) / (square / n_nodes).sqrt()).log10());
            average(&mut self.r3[c], r3);
            average(&mut self.rpw[c], channel.pointwise / n_nodes);
            average(&mut self.sse[c], square);
            self.r3_max[c] = self.r3_max[c].max(r3);
            self.sums[c] = (self.sums[c].0 + square, self.sums[c].1 + energy);
            self.rfe[c] = relative(self.sums[c].0, self.sums[c].1);
            error += relative(square, energy) / n_channels as f64;
        }
        self.per_step.push(error);
    }
}

impl Channel {
    fn compare(original: &[f32], decoded: &[f32]) -> Channel {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut channel = Channel { square: 0.0, energy: 0.0, pointwise: 0.0, low, high };
        for (&y, &decoded) in original.iter().zip(decoded) {
            let y = f64::from(y);
            let square = (f64::from(decoded) - y).powi(2);
            channel.square += square;
            channel.energy += y * y;
            channel.pointwise += square / (y * y + 1e-8);
            (channel.low, channel.high) = (channel.low.min(y), channel.high.max(y));
        }
        channel
    }
}

fn relative(square: f64, energy: f64) -> f64 {
    if square == 0.0 { 0.0 } else { (square / energy).sqrt() }
}

/// JSON has no infinity: the PSNR of an exact copy is `null`.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|v| v.is_finite().then_some(v)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(from)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f64::INFINITY)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{a:?} {b:?}");
    }

    /// Two steps, two nodes, two channels. Channel 0: y = (3, 4), (0, -5) against (3, 5), (2, -5); channel 1 is exact in
    /// the first step and 10 for 20 at one node of the second.
    fn metrics() -> SeriesMetrics {
        let mut metrics = SeriesMetrics::new(2);
        metrics.add(&[3.0, 1.0, 4.0, -1.0], &[3.0, 1.0, 5.0, -1.0]);
        metrics.add(&[0.0, 20.0, -5.0, 0.0], &[2.0, 10.0, -5.0, 0.0]);
        metrics
    }

    #[test]
    fn measures_are_those_worked_out_by_hand() {
        let m = metrics();
        close(&m.rfe, &[(5.0f64 / 50.0).sqrt(), (100.0f64 / 402.0).sqrt()]);
        close(&m.sse, &[(1.0 + 4.0) / 2.0, 50.0]);
        let r3 = [(1.0f64 / 25.001).sqrt(), (4.0f64 / 25.001).sqrt(), (100.0f64 / 400.001).sqrt()];
        close(&m.r3, &[(r3[0] + r3[1]) / 2.0, r3[2] / 2.0]);
        close(&m.r3_max, &[r3[1], r3[2]]);
        let rpw = [1.0 / (16.0 + 1e-8), 4.0 / 1e-8, 100.0 / (400.0 + 1e-8)];
        close(&m.rpw, &[(rpw[0] + rpw[1]) / 4.0, rpw[2] / 4.0]);
        // The peak is the signed maximum: 4 in the first step, 0 in the second.
        let psnr = (10.0 * (16.00000001f64 / 0.5).log10() + 10.0 * (1e-8f64 / 2.0).log10()) / 2.0;
        let range = (20.0 * (1.0 / 0.5f64.sqrt()).log10() + 20.0 * (5.0 / 2.0f64.sqrt()).log10()) / 2.0;
        close(&m.psnr[..1], &[psnr]);
        close(&m.psnr_range[..1], &[range]);
        close(&m.per_step, &[0.2 / 2.0, (0.4 + 0.5) / 2.0]);
        assert!((mean(&[1.0, 4.0]) - 2.5).abs() < 1e-15);
    }

    #[test]
    fn an_exact_step_has_infinite_psnr_and_survives_json() {
        let m = metrics();
        assert_eq!((m.psnr[1], m.psnr_range[1]), (f64::INFINITY, f64::INFINITY));
        let text = serde_json::to_string(&m).unwrap();
        let back: SeriesMetrics = serde_json::from_str(&text).unwrap();
        assert_eq!((&back.rfe, &back.psnr, &back.per_step), (&m.rfe, &m.psnr, &m.per_step));
    }
}
