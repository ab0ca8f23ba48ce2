//! A trained series network: what stands for all steps of a segment (docs/FORMAT.md, "Series network").

use super::quantise::{self, WeightSteps};
use super::{NetworkKind, SeriesShape};
use crate::entropy::integer::{decode_sign, encode_sign, signed};
use crate::entropy::{Decoder, Encoder, MagnitudeModel};
use crate::model::canonical;
use crate::{Error, Result};

/// Weights, units and time axis of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesNetwork {
    /// Size of the network.
    pub shape: SeriesShape,
    /// Steps that the time axis from -1 to 1 stands for.
    pub n_steps: usize,
    /// Steps it was trained on: `0..n_trained` can be asked for.
    pub n_trained: usize,
    /// What each channel's output is multiplied with, `[n_channels]`.
    pub scales: Vec<f32>,
    /// Rounded parameters in the order of [`super`].
    pub params: Vec<f32>,
    /// What they were rounded to.
    pub steps: WeightSteps,
    /// Estimated relative L2 error of each step and channel, `[n_trained][n_channels]`, rounded to 1/16 octave; empty
    /// when there is no certificate.
    pub certificate: Vec<Vec<f32>>,
}

/// Version of the layout.
const VERSION: u8 = 1;
/// Certificates are stored in steps of this part of an octave.
const PER_OCTAVE: f32 = 16.0;
/// Steps beyond this are not believed.
const MAX_STEPS: u64 = 1 << 24;

#[derive(serde::Serialize, serde::Deserialize)]
struct Header<'a> {
    version: u8,
    kind: NetworkKind,
    n_space: u8,
    width: u16,
    n_blocks: u8,
    n_channels: u8,
    time_span: u8,
    n_steps: u64,
    n_trained: u64,
    scales: Vec<f32>,
    certificate: &'a [u8],
}

/// Steps that the time axis from -1 to 1 has room for, at least: when time moves further per step, a new snapshot moves the
/// network so much that it loses the earlier ones.
const LEAST_AXIS: usize = 200;

/// Time of `step` on the axis from -1 to 1 of `n_steps`; shorter series take its first part.
pub fn time(step: f64, n_steps: usize) -> f32 {
    (2.0 * step / (n_steps.max(LEAST_AXIS) - 1) as f64 - 1.0) as f32
}

/// What [`time`] moves by from step to step.
pub fn time_rate(n_steps: usize) -> f64 {
    2.0 / (n_steps.max(LEAST_AXIS) - 1) as f64
}

/// The times of the window that `step` belongs to, `[time_span]`.
pub fn window(step: f64, n_steps: usize, time_span: usize) -> Vec<f32> {
    if time_span == 1 {
        return vec![time(step, n_steps)];
    }
    let first = step as usize / time_span * time_span;
    (first..first + time_span).map(|s| time(s.min(n_steps.max(1) - 1) as f64, n_steps)).collect()
}

impl SeriesNetwork {
    /// Bytes of the network; exact.
    pub fn encode(&self) -> Vec<u8> {
        let SeriesShape { kind, n_space, width, n_blocks, n_channels, time_span } = self.shape;
        let certificate = encode_certificate(&self.certificate);
        let header = Header {
            version: VERSION,
            kind,
            n_space: n_space as u8,
            width: width as u16,
            n_blocks: n_blocks as u8,
            n_channels: n_channels as u8,
            time_span: time_span as u8,
            n_steps: self.n_steps as u64,
            n_trained: self.n_trained as u64,
            scales: self.scales.clone(),
            certificate: &certificate,
        };
        let mut bytes = postcard::to_allocvec(&header).expect("memory takes any header");
        bytes.extend(quantise::encode(&self.shape, &self.params, &self.steps));
        bytes
    }

    /// Mirror of [`Self::encode`].
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Version`].
    pub fn decode(bytes: &[u8]) -> Result<SeriesNetwork> {
        let bad = |what: &str| Error::corrupt(format!("a series network {what}"));
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&found) if found > VERSION => return Err(Error::Version { found, supported: VERSION }),
            _ => return Err(bad("has no version")),
        }
        let (header, weights) = postcard::take_from_bytes::<Header>(bytes).map_err(|_| bad("has a damaged header"))?;
        let shape = SeriesShape {
            kind: header.kind,
            n_space: header.n_space.into(),
            width: header.width.into(),
            n_blocks: header.n_blocks.into(),
            n_channels: header.n_channels.into(),
            time_span: header.time_span.into(),
        };
        shape.check()?;
        let finite = header.scales.iter().all(|s| s.is_finite());
        if header.scales.len() != shape.n_channels
            || !finite
            || header.n_trained > header.n_steps
            || header.n_steps > MAX_STEPS
        {
            return Err(bad("has impossible steps or scales"));
        }
        let certificate = decode_certificate(header.certificate, header.n_trained as usize, shape.n_channels)?;
        let (steps, params) = quantise::decode(&shape, weights)?;
        Ok(SeriesNetwork {
            shape,
            n_steps: header.n_steps as usize,
            n_trained: header.n_trained as usize,
            scales: header.scales,
            params,
            steps,
            certificate,
        })
    }

    /// The parameters of [`SeriesShape::spatial`] at a step, which may lie between two. Canonical.
    pub fn at_step(&self, step: f64) -> Vec<f32> {
        let window = window(step, self.n_steps, self.shape.time_span);
        self.shape.at_time(&self.params, &window, time(step, self.n_steps))
    }

    /// Values at a point with coordinates from -1 to 1, `[n_channels]` in the data's unit.
    ///
    /// # Errors
    /// [`Error::Series`] for a wrong number of coordinates.
    pub fn value_at(&self, step: f64, x: &[f32]) -> Result<Vec<f32>> {
        if x.len() != self.shape.n_space {
            let (wanted, found) = (self.shape.n_space, x.len());
            return Err(Error::Series(format!("the network has {wanted} coordinates but {found} were given")));
        }
        let mut out = vec![0.0; self.shape.n_channels];
        canonical::evaluate_point(&self.shape.spatial(), &self.at_step(step), x, &mut out);
        out.iter_mut().zip(&self.scales).for_each(|(y, scale)| *y *= scale);
        Ok(out)
    }
}

/// Octaves below 1 of an estimate, in stored units.
fn code_of(estimate: f32) -> i32 {
    (-PER_OCTAVE * libm::log2f(estimate.max(1e-30))).round().clamp(-1024.0, 1600.0) as i32
}

/// An estimate as it is stored.
pub fn rounded_estimate(estimate: f32) -> f32 {
    libm::exp2f(-code_of(estimate) as f32 / PER_OCTAVE)
}

/// Differences from step to step, channel by channel.
fn encode_certificate(certificate: &[Vec<f32>]) -> Vec<u8> {
    let Some(n_channels) = certificate.first().map(Vec::len) else { return Vec::new() };
    let (mut encoder, mut model) = (Encoder::default(), MagnitudeModel::default());
    for channel in 0..n_channels {
        let mut last = 0;
        for code in certificate.iter().map(|row| code_of(row[channel])) {
            let difference: i32 = code - last;
            model.encode(&mut encoder, difference.unsigned_abs());
            if difference != 0 {
                encode_sign(&mut encoder, difference < 0);
            }
            last = code;
        }
    }
    encoder.finish()
}

fn decode_certificate(bytes: &[u8], n_steps: usize, n_channels: usize) -> Result<Vec<Vec<f32>>> {
    // Every estimate takes a part of a bit at least: a short stream cannot stand for a long certificate.
    if bytes.is_empty() || n_steps > 1024 * bytes.len() {
        return Ok(Vec::new());
    }
    let (mut decoder, mut model) = (Decoder::new(bytes), MagnitudeModel::default());
    let mut certificate = vec![vec![0.0; n_channels]; n_steps];
    for channel in 0..n_channels {
        let mut last = 0i32;
        for row in &mut certificate {
            let magnitude = model.decode(&mut decoder);
            let negative = magnitude != 0 && decode_sign(&mut decoder);
            last = last.saturating_add(signed(magnitude, negative));
            row[channel] = libm::exp2f(-(last as f32) / PER_OCTAVE);
        }
    }
    decoder.finish()?;
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> SeriesNetwork {
        let shape =
            SeriesShape { kind: NetworkKind::Film, n_space: 2, width: 16, n_blocks: 1, n_channels: 2, time_span: 1 };
        let params = shape.initial_params(3);
        let steps = WeightSteps::of(&shape, &params, 6);
        let certificate = (0..20).map(|i| vec![0.01 + 0.001 * i as f32, 0.5]).collect::<Vec<_>>();
        let certificate =
            certificate.into_iter().map(|row: Vec<f32>| row.into_iter().map(rounded_estimate).collect()).collect();
        let params = steps.round(&shape, &params);
        SeriesNetwork { shape, n_steps: 50, n_trained: 20, scales: vec![2.0, 1e-3], params, steps, certificate }
    }

    #[test]
    fn a_network_comes_back_exactly() {
        let network = network();
        assert_eq!(SeriesNetwork::decode(&network.encode()), Ok(network.clone()));
        let bare = SeriesNetwork { certificate: Vec::new(), ..network };
        assert_eq!(SeriesNetwork::decode(&bare.encode()), Ok(bare));
    }

    #[test]
    fn estimates_are_kept_to_a_few_percent() {
        for estimate in [1e-6, 0.0123, 0.5, 1.0, 3.0] {
            assert!((rounded_estimate(estimate) / estimate - 1.0).abs() < 0.023);
        }
    }

    #[test]
    fn damaged_networks_are_errors() {
        let bytes = network().encode();
        assert!(matches!(SeriesNetwork::decode(&[9]), Err(Error::Version { .. })));
        for n in 0..bytes.len() - 8 {
            assert!(SeriesNetwork::decode(&bytes[..n]).is_err(), "{n} bytes");
        }
        for at in 0..40 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            // Whatever comes out, nothing panics and nothing large is allocated.
            let _ = SeriesNetwork::decode(&damaged);
        }
    }

    #[test]
    fn windows_share_their_times() {
        assert_eq!(window(5.0, 9, 1), [time(5.0, 9)]);
        assert_eq!(window(5.0, 9, 3), window(3.0, 9, 3));
        assert_eq!(window(8.0, 10, 4), [time(8.0, 10), time(9.0, 10), time(9.0, 10), time(9.0, 10)]);
    }
}
