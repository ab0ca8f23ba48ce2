//! One row: encode, decode, compare, and the search for the peers' parameter.

use std::time::Instant;

use adios2_inr::Norm;
use adios2_inr::metrics::Errors;
use anyhow::{Context as _, Result};
use serde::Serialize;

use super::codecs::{Codec, Control, Stored};
use super::data::Data;
use super::goal::Goal;

/// Search steps at most.
const N_SEARCH: usize = 24;
/// A search ends when the error is this close under the target.
const CLOSE: f64 = 0.998;
/// Or when parameters just under and just over the target are this close.
const CLOSEST: f64 = 1.001;

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub data: String,
    pub dims: Vec<usize>,
    pub dtype: &'static str,
    pub n_masked: usize,
    pub norm: Norm,
    pub error: f64,
    pub codec: String,
    /// The model of ours that was chosen; empty for peers.
    pub model: String,
    pub raw_bytes: usize,
    pub stored_bytes: usize,
    pub ratio: f64,
    pub bits_per_value: f64,
    /// dB over the value range; JSON null when the copy is exact.
    pub psnr: f64,
    pub rel_l2: f64,
    pub max_error: f64,
    pub max_over_range: f64,
    pub held: bool,
    /// Raw megabytes (1e6 bytes) per second.
    pub encode_mb_s: f64,
    pub decode_mb_s: f64,
}

impl Row {
    /// What was asked.
    pub fn goal(&self) -> Goal {
        Goal { norm: self.norm, error: self.error }
    }
}

/// One encode and decode.
struct Trial {
    knob: f64,
    stored: Stored,
    errors: Errors,
    encode_seconds: f64,
    decode_seconds: f64,
}

fn trial(codec: &dyn Codec, data: &Data, goal: Goal, knob: f64) -> Result<Trial> {
    let started = Instant::now();
    let stored = codec.encode(data, goal, knob)?;
    let encode_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let decoded = codec.decode(data, &stored)?;
    let decode_seconds = started.elapsed().as_secs_f64();
    codec.check(data, &decoded)?;
    let errors = Errors::between((&data.values).into(), (&decoded.to_f64()?).into(), data.valid.as_deref());
    Ok(Trial { knob, stored, errors, encode_seconds, decode_seconds })
}

/// Measures one codec at one goal; seconds are medians of `repeat` runs.
pub fn measure(codec: &dyn Codec, data: &Data, goal: Goal, repeat: u32) -> Result<Row> {
    let best = match codec.control(goal) {
        Control::Goal => trial(codec, data, goal, goal.error)?,
        Control::Bound => trial(codec, data, goal, goal.error * data.range)?,
        Control::Search => search(codec, data, goal)?,
    };
    let mut seconds = [vec![best.encode_seconds], vec![best.decode_seconds]];
    for _ in 1..repeat {
        let again = trial(codec, data, goal, best.knob)?;
        seconds[0].push(again.encode_seconds);
        seconds[1].push(again.decode_seconds);
    }
    let [encode_seconds, decode_seconds] = seconds.map(median);
    let raw_bytes = data.array.bytes.len();
    let stored_bytes = best.stored.n_bytes();
    let errors = best.errors;
    Ok(Row {
        data: data.name.clone(),
        dims: data.array.dims.clone(),
        dtype: data.array.dtype.name(),
        n_masked: data.n_masked,
        norm: goal.norm,
        error: goal.error,
        codec: codec.name().to_owned(),
        model: best.stored.model,
        raw_bytes,
        stored_bytes,
        ratio: crate::table::ratio(raw_bytes, stored_bytes),
        bits_per_value: 8.0 * stored_bytes as f64 / data.values.len() as f64,
        psnr: errors.psnr,
        rel_l2: errors.rel_l2,
        max_error: errors.max,
        max_over_range: errors.max_over_range,
        held: goal.holds(&errors),
        encode_mb_s: raw_bytes as f64 / 1e6 / encode_seconds,
        decode_mb_s: raw_bytes as f64 / 1e6 / decode_seconds,
    })
}

/// The middle one, the slower of two; there is at least one.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The smallest record whose measured error is at or under the goal, among parameters closing in on the goal: a
/// bracket, then interpolation on log scales.
fn search(codec: &dyn Codec, data: &Data, goal: Goal) -> Result<Trial> {
    // Uniform errors of +-a have an RMS of a / sqrt(3).
    let mut knob = match goal.norm {
        Norm::L2 => goal.error * data.rms() * 3.0f64.sqrt(),
        Norm::Linf => goal.error * data.range,
    };
    let mut best: Option<Trial> = None;
    // Parameter and reached error just under and just over the goal.
    let (mut under, mut over) = (None, None);
    for _ in 0..N_SEARCH {
        let t = trial(codec, data, goal, knob)?;
        let reached = goal.reached(&t.errors).max(f64::MIN_POSITIVE);
        if goal.holds(&t.errors) {
            under = Some((knob, reached));
            if best.as_ref().is_none_or(|b| t.stored.n_bytes() <= b.stored.n_bytes()) {
                best = Some(t);
            }
        } else {
            over = Some((knob, reached));
        }
        knob = match (under, over) {
            (Some((_, reached)), _) if reached >= CLOSE * goal.error => break,
            (Some((low, _)), Some((high, _))) if high / low < CLOSEST => break,
            (Some(low), Some(high)) => between(low, high, goal.error),
            (Some((low, reached)), None) => low * (goal.error / reached).clamp(1.2, 16.0),
            (None, Some((high, reached))) => high * (goal.error / reached).clamp(1.0 / 16.0, 1.0 / 1.2),
            (None, None) => unreachable!("every trial is under or over"),
        };
    }
    best.with_context(|| format!("no parameter reached the target in {N_SEARCH} tries"))
}

/// A point between two parameters where a power law through both errors meets `target`, kept off the ends.
fn between((low, e_low): (f64, f64), (high, e_high): (f64, f64), target: f64) -> f64 {
    let share = (target / e_low).ln() / (e_high / e_low).ln();
    let share = if share.is_finite() { share.clamp(0.15, 0.85) } else { 0.5 };
    low * (high / low).powf(share)
}

#[cfg(test)]
mod tests {
    use adios2_inr::Dtype;

    use super::super::data::Decoded;
    use super::*;
    use crate::npy::Array;

    /// Rounds to multiples of twice the parameter; the finer, the more bytes.
    struct Rounding;

    impl Codec for Rounding {
        fn name(&self) -> &str {
            "rounding"
        }

        fn control(&self, goal: Goal) -> Control {
            if goal.norm == Norm::Linf { Control::Bound } else { Control::Search }
        }

        fn encode(&self, _: &Data, _: Goal, knob: f64) -> Result<Stored> {
            let parts = vec![knob.to_le_bytes().to_vec(), vec![0; (10.0 / knob) as usize]];
            Ok(Stored { parts, model: String::new() })
        }

        fn decode(&self, data: &Data, stored: &Stored) -> Result<Decoded> {
            let step = 2.0 * f64::from_le_bytes(stored.parts[0].as_slice().try_into()?);
            Ok(Decoded::Values(adios2_inr::field::Array::F64(
                data.values.iter().map(|v| (v / step).round() * step).collect(),
            )))
        }
    }

    fn data() -> Data {
        let values: Vec<f64> = (0..5000).map(|i| (f64::from(i) * 0.001).sin() + 0.3).collect();
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Data::new("sine".into(), Array { dtype: Dtype::F64, dims: vec![5000], bytes }, None).unwrap()
    }

    #[test]
    fn a_searched_peer_ends_just_under_the_asked_error() {
        for error in [5e-2, 1e-3, 1e-6] {
            let row = measure(&Rounding, &data(), Goal { norm: Norm::L2, error }, 1).unwrap();
            assert!(row.held && row.rel_l2 >= 0.95 * error && row.rel_l2 <= error, "{error}: {}", row.rel_l2);
        }
    }

    #[test]
    fn a_bounded_peer_gets_the_asked_error_as_its_bound() {
        let row = measure(&Rounding, &data(), Goal { norm: Norm::Linf, error: 1e-2 }, 2).unwrap();
        assert!(row.held && row.max_over_range > 0.99e-2, "{}", row.max_over_range);
        assert_eq!(row.ratio, 40_000.0 / row.stored_bytes as f64);
    }
}
