//! Transform coding of one field so that a promise about its error holds.
//!
//! ```text
//! values - base -> wavelet | DCT | block DCT -> dead-zone quantiser -> bands -> context coder -> payload
//!                                                      \-> back to values -> residual (pointwise bounds only) -^
//! ```
//!
//! Start with `kind` (the transforms behind one interface), `pyramid` (the geometry they share), `coefficients` (the
//! context coder) and `search` (how a goal becomes a step). Decoding is f64 arithmetic in a fixed order, the same bits on
//! every machine and for any number of threads.

mod axis;
mod coefficients;
mod dct;
mod estimate;
mod kind;
mod payload;
mod prediction;
mod probe;
mod pyramid;
mod quantise;
mod sample;
mod search;
mod simd;
mod streams;
mod wavelet;

use crate::{Error, Finish, Result};
pub use kind::Kind;
use kind::Transform;
use payload::Head;
use prediction::Predicted;
pub use prediction::Prediction;
use streams::Guide;

/// A field to encode.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// `product(dims)` values, finite everywhere; masked points are already filled with something smooth.
    pub values: &'a [f64],
    /// 1 to 5 axes, slowest first, each longer than 1 unless the field is one value.
    pub dims: &'a [usize],
    /// True where a point counts; `None` when all do.
    pub mask: Option<&'a [bool]>,
    /// What happens to values after decoding.
    pub finish: Finish,
    /// A function that is added to what is coded; the decoder has it too.
    pub base: Option<&'a [f64]>,
    /// A prediction that is used as far as it helps; the decoder has it too. Not together with a base.
    pub prediction: Option<Prediction<'a>>,
}

/// What a decoder has besides the payload: what the encoder had in [`Input`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// See [`Input::base`].
    pub base: Option<&'a [f64]>,
    /// See [`Input::prediction`].
    pub prediction: Option<Prediction<'a>>,
}

/// What must hold at the points that count, behind [`Finish`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// `||x' - x||_2` is at most this.
    L2(f64),
    /// `max |x' - x|` is at most this.
    Linf(f64),
    /// The payload has at most this many bytes, and is as accurate as they allow.
    Bytes(usize),
}

/// An encoded field.
#[derive(Clone, Debug)]
pub struct Output {
    /// For [`decode`].
    pub payload: Vec<u8>,
    /// Exactly what [`decode`] returns.
    pub values: Vec<f64>,
    /// The transform; none when the base needed nothing else.
    pub kind: Kind,
    /// Estimated bytes of the payload had there been no prediction.
    pub unpredicted_bytes: usize,
    /// Gain of the prediction in each band, coarse to fine; empty when it is not used.
    pub gains: Vec<f32>,
}

/// Encodes a field; `None` when the goal cannot be met (a bound below the precision of the type, too few bytes).
///
/// # Errors
/// [`Error::Internal`] when the parts of `input` disagree in length.
pub fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    let n = product(input.dims)?;
    let of_prediction = |part: fn(Prediction) -> usize| input.prediction.map(part);
    let lengths = [
        Some(input.values.len()),
        input.mask.map(<[bool]>::len),
        input.base.map(<[f64]>::len),
        of_prediction(|p| p.values.len()),
        of_prediction(|p| p.last.len()),
    ];
    if input.dims.is_empty() || lengths.iter().flatten().any(|&length| length != n) {
        return Err(Error::Internal(format!("a field of {:?} values over dimensions {:?}", lengths, input.dims)));
    }
    search::encode(input, goal)
}

/// Decodes a payload into values after `finish`. Allocates in proportion to `product(dims)`, which the caller checks.
///
/// # Errors
/// [`Error::Corrupt`] when the payload is not one for these dimensions, or needs a prediction that is not there.
pub fn decode(payload: &[u8], dims: &[usize], finish: Finish, known: Known) -> Result<Vec<f64>> {
    let n = product(dims)?;
    let lengths = [known.base.map(<[f64]>::len), known.prediction.map(|p| p.values.len().min(p.last.len()))];
    if dims.is_empty() || n == 0 || lengths.iter().flatten().any(|&length| length != n) {
        return Err(Error::corrupt(format!(
            "a transform payload over dimensions {dims:?} with a base of another size"
        )));
    }
    let (head, streams) = Head::read(payload)?;
    if !Transform::is_affordable(head.kind, dims) {
        return Err(Error::corrupt(format!("a whole-block DCT over dimensions {dims:?}, which no encoder chooses")));
    }
    let transform = Transform::new(head.kind, dims);
    let coded = head.kind != Kind::None || head.quantum.is_some();
    if !coded && !streams.is_empty() {
        return Err(Error::corrupt("a transform payload without content has bytes behind its head"));
    }
    let mut values = Vec::new();
    let mut residual = None;
    if coded {
        let mut predicted = head.is_predicted.then(|| known.predicted(&transform)).transpose()?;
        let guide = predicted.as_mut().zip(known.prediction);
        let step = head.quantiser.map_or(1.0, |quantiser| quantiser.step);
        let guide = guide.map(|(predicted, prediction)| Guide { predicted, prediction, step, quantum: head.quantum });
        let mut integers =
            streams::decode(streams, transform.pyramid(), dims, head.split, head.quantum.is_some(), guide)?;
        if let Some(quantiser) = head.quantiser {
            values = vec![0.0; n];
            quantiser.dequantise(&integers.bands, transform.pyramid(), &mut values);
            integers.bands = Vec::new();
            if let Some(predicted) = &predicted {
                predicted.add_to(&mut values, transform.pyramid(), 1.0);
            }
            transform.inverse(&mut values);
        }
        residual = integers.residual;
    }
    if values.is_empty() {
        values = vec![0.0; n];
    }
    finish_values(&mut values, known.base, residual.as_deref().zip(head.quantum), finish);
    Ok(values)
}

/// True for a payload that needs a prediction.
pub fn is_predicted(payload: &[u8]) -> bool {
    Head::read(payload).is_ok_and(|(head, _)| head.is_predicted)
}

impl Known<'_> {
    fn predicted(&self, transform: &Transform) -> Result<Predicted> {
        let prediction =
            self.prediction.ok_or_else(|| Error::corrupt("a predicted payload without what it was predicted from"))?;
        Ok(Predicted::new(prediction.values, transform))
    }
}

/// Adds base and residual and applies `finish`: the last steps of decoding.
fn finish_values(values: &mut [f64], base: Option<&[f64]>, residual: Option<(&[i32], f64)>, finish: Finish) {
    if let Some(base) = base {
        values.iter_mut().zip(base).for_each(|(v, b)| *v += b);
    }
    if let Some((residual, quantum)) = residual {
        values.iter_mut().zip(residual).for_each(|(v, &q)| *v = with_residual(*v, q, quantum));
    }
    values.iter_mut().for_each(|v| *v = finish.apply(*v));
}

/// A zero adds nothing, not even to a negative zero.
#[inline(always)]
fn with_residual(value: f64, q: i32, quantum: f64) -> f64 {
    if q == 0 { value } else { value + f64::from(q) * quantum }
}

fn product(dims: &[usize]) -> Result<usize> {
    let n = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    n.ok_or(Error::Limit { asked: u64::MAX, limit: usize::MAX as u64 })
}
