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
mod bytes;
mod chunks;
mod classes;
mod coefficients;
mod dct;
mod estimate;
mod joined;
mod kind;
mod l2;
mod lane;
mod linf;
mod mixing;
mod neighbours;
mod payload;
mod points;
mod prediction;
mod probe;
mod pyramid;
mod quantise;
mod runs;
mod sample;
mod search;
mod simd;
mod slab_decoder;
mod slabs;
mod sparse;
mod streams;
mod survey;
mod tables;
mod tokens;
mod trial;
mod wavelet;

use crate::container::VERSION;
use crate::field::{self, Array, Real, Slice};
use crate::metrics::Errors;
use crate::settings::Effort;
use crate::{Error, Finish, Result};
use chunks::Chunks;
pub use kind::Kind;
use kind::Transform;
use payload::{CHUNKED, Head};
use points::Last;
use prediction::Predicted;
pub use prediction::Prediction;
use streams::Guide;

/// A field to encode.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// `product(dims)` values, finite everywhere; masked points are already filled with something smooth.
    pub values: Slice<'a>,
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
    /// What is tried.
    pub tries: Tries,
}

/// What an encoder tries.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// How much of it.
    pub effort: Effort,
    /// The only transform.
    pub only: Option<Kind>,
    /// What the estimated best step of the quantiser is multiplied by under a pointwise bound.
    pub step_factor: f64,
    /// Whether context models are mixed.
    pub mixes: bool,
}

impl Default for Tries {
    fn default() -> Self {
        Tries { effort: Effort::Default, only: None, step_factor: 1.0, mixes: false }
    }
}

/// What a decoder has besides the payload: what the encoder had in [`Input`].
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Format version of the record with the payload.
    pub version: u8,
    /// See [`Input::base`].
    pub base: Option<&'a [f64]>,
    /// See [`Input::prediction`].
    pub prediction: Option<Prediction<'a>>,
}

impl Default for Known<'_> {
    fn default() -> Self {
        Known { version: VERSION, base: None, prediction: None }
    }
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
    pub values: Array,
    /// Errors of these values at the points that count, where the search had to know them.
    pub errors: Option<Errors>,
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
    let chunks = Chunks::of(input.dims);
    if chunks.n() > 1 { chunks::encode(input, goal, &chunks) } else { search::encode(input, goal) }
}

/// Decodes a payload into values after `finish`, in its type. Allocates in proportion to `product(dims)`, which the caller checks.
///
/// # Errors
/// [`Error::Corrupt`] when the payload is not one for these dimensions, or needs a prediction that is not there.
pub fn decode(payload: &[u8], dims: &[usize], finish: Finish, known: Known) -> Result<Array> {
    let n = product(dims)?;
    let lengths = [known.base.map(<[f64]>::len), known.prediction.map(|p| p.values.len().min(p.last.len()))];
    if dims.is_empty() || n == 0 || lengths.iter().flatten().any(|&length| length != n) {
        return Err(Error::corrupt(format!(
            "a transform payload over dimensions {dims:?} with a base of another size"
        )));
    }
    if let Some((&CHUNKED, chunks)) = payload.split_first().filter(|_| known.version > 1) {
        return chunks::decode(chunks, &Chunks::of(dims), finish, known);
    }
    let (head, streams) = Head::read(payload, known.version)?;
    if !kind::is_affordable(head.kind, dims) {
        return Err(Error::corrupt(format!("a whole-block DCT over dimensions {dims:?}, which no encoder chooses")));
    }
    let last = Last { middle: middle(finish, known.base, known.version), ..Last::of(finish, known.base) };
    if head.is_single {
        values::<f32>(&head, streams, dims, known, last)
    } else {
        values::<f64>(&head, streams, dims, known, last)
    }
}

/// What is taken from all values before the transform.
fn middle(finish: Finish, base: Option<&[f64]>, version: u8) -> f64 {
    if base.is_some() || version == 1 { 0.0 } else { finish.middle() }
}

/// Values of the streams behind a head.
fn values<T: Real>(head: &Head, streams: &[u8], dims: &[usize], known: Known, last: Last) -> Result<Array> {
    let transform = Transform::<T>::new(head.kind, dims);
    let mut values = field::zeros(product(dims)?);
    if !head.is_coded() {
        if !streams.is_empty() {
            return Err(Error::corrupt("a transform payload without content has bytes behind its head"));
        }
        return Ok(last.finish(values));
    }
    let mut predicted = head.is_predicted.then(|| known.predicted(&transform, last.middle)).transpose()?;
    let guide = predicted.as_mut().zip(known.prediction);
    let step = head.quantiser.map_or(1.0, |quantiser| quantiser.step);
    let mut guide = guide.map(|(predicted, prediction)| Guide { predicted, prediction, step, quantum: head.quantum });
    let (pyramid, has_residual) = (transform.pyramid(), head.quantum.is_some());
    let mut integers = streams::decode(streams, pyramid, dims, head.split, has_residual, guide.as_mut())?;
    if let Some(quantiser) = head.quantiser {
        quantiser.dequantise(&integers.bands, transform.pyramid(), &mut values);
        integers.bands = Vec::new();
        if let Some(predicted) = &predicted {
            predicted.add_to(&mut values, transform.pyramid(), 1.0);
        }
        transform.inverse(&mut values);
    }
    Ok(Last { residual: integers.residual.as_deref().zip(head.quantum), ..last }.finish(values))
}

/// Bytes that transforms of a field keep about the places of its axes, at most: much where it has one axis only.
pub fn axis_bytes(dims: &[usize]) -> usize {
    let is_whole = kind::is_affordable(Kind::Dct, dims) || Chunks::of(dims).n() > 1;
    let per_place = if is_whole { 64 } else { 24 };
    dims.iter().fold(0, |sum: usize, n| sum.saturating_add(n.saturating_mul(per_place)))
}

/// Values behind the last step of decoding.
pub fn finished(values: &[f64], finish: Finish) -> Array {
    Last::of(finish, None).finish(values.to_vec())
}

/// True for a payload of a format version over these dimensions that needs a prediction.
pub fn is_predicted(payload: &[u8], dims: &[usize], version: u8) -> bool {
    if let Some((&CHUNKED, chunks)) = payload.split_first().filter(|_| version > 1) {
        return chunks::needs_prediction(chunks, &Chunks::of(dims), version);
    }
    Head::read(payload, version).is_ok_and(|(head, _)| head.is_predicted)
}

impl Known<'_> {
    fn predicted<T: Real>(&self, transform: &Transform<T>, middle: f64) -> Result<Predicted<T>> {
        let prediction =
            self.prediction.ok_or_else(|| Error::corrupt("a predicted payload without what it was predicted from"))?;
        Ok(Predicted::new(prediction.values, transform, middle))
    }
}

fn product(dims: &[usize]) -> Result<usize> {
    let n = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    n.ok_or(Error::Limit { asked: u64::MAX, limit: usize::MAX as u64 })
}
