//! Entropy-coded streams of a payload: one for everything small, more for bands large enough to be coded in parallel.

use rayon::prelude::*;

use super::coefficients::{BandModel, Parent, Slab, code_slab};
use super::prediction::{Predicted, Prediction};
use super::pyramid::Pyramid;
use crate::entropy::integer::{N_PREFIX, code_exp_golomb, signed};
use crate::entropy::{Bit, Coder, Decoder, Encoder};
use crate::{Error, Result};

/// Levels whose largest band has at least this many values may get streams of their own.
const MIN_SPLIT: usize = 1 << 15;
/// A band is cut into slabs of about this many values.
const SLAB: usize = 1 << 18;

/// What goes into the streams.
pub(super) struct Integers {
    /// Per band of the pyramid.
    pub bands: Vec<Vec<i32>>,
    /// Of the whole field, where a pointwise bound needs one.
    pub residual: Option<Vec<i32>>,
}

/// Which parts have streams of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    /// Bands finer than this level, counted from the finest.
    pub n_levels: usize,
    /// The residual.
    pub residual: bool,
}

impl Split {
    /// Streams of their own where they are large enough that two bytes each do not matter.
    pub fn choose(pyramid: &Pyramid, integers: &Integers) -> Self {
        let used = |values: &[i32]| values.iter().filter(|&&v| v != 0).count();
        let large = |level: usize| {
            let at = |b: &&(usize, &Vec<i32>)| pyramid.bands[b.0].level == level && pyramid.bands[b.0].parent.is_some();
            let bands: Vec<_> = integers.bands.iter().enumerate().filter(|b| at(&b)).collect();
            bands.iter().any(|b| b.1.len() >= MIN_SPLIT)
                && bands.iter().map(|b| used(b.1)).sum::<usize>() >= MIN_SPLIT / 2
        };
        let n_levels = (0..pyramid.n_levels().min(7)).take_while(|&level| large(level)).count();
        let residual = integers.residual.as_ref().is_some_and(|r| used(r) >= MIN_SPLIT / 2);
        Split { n_levels, residual }
    }
}

/// What a decoder expects of the integers.
pub(super) struct Guide<'a> {
    /// Gains, which the streams carry, and coefficients.
    pub predicted: &'a mut Predicted,
    /// The prediction itself.
    pub prediction: Prediction<'a>,
    /// Of the quantiser.
    pub step: f64,
    /// Of the residual.
    pub quantum: Option<f64>,
}

/// Classes of the magnitudes to expect, per band and for the residual; empty without a prediction.
#[derive(Default)]
struct Hints {
    bands: Vec<Vec<u8>>,
    residual: Option<Vec<u8>>,
}

impl Hints {
    fn of(guide: &Guide, pyramid: &Pyramid) -> Self {
        let band = |band| guide.predicted.hints(band, pyramid, guide.step);
        let bands = pyramid.bands.par_iter().map(band).collect();
        Hints { bands, residual: guide.quantum.map(|quantum| guide.prediction.hints(quantum)) }
    }

    fn band(&self, i: usize) -> Option<&[u8]> {
        self.bands.get(i).map(Vec::as_slice)
    }

    fn residual(&self) -> Option<&[u8]> {
        self.residual.as_deref()
    }
}

/// Rows along axis 0 per slab of a band.
fn rows_per_slab(dims: &[usize]) -> usize {
    let per_row: usize = dims[1..].iter().product();
    let n_slabs = (dims[0] * per_row / SLAB).clamp(1, dims[0].max(1));
    dims[0].div_ceil(n_slabs).max(1)
}

fn n_slabs(dims: &[usize]) -> usize {
    dims[0].div_ceil(rows_per_slab(dims)).max(1)
}

/// Encodes all integers; they come back unchanged.
pub(super) fn encode(
    integers: &mut Integers,
    pyramid: &Pyramid,
    dims: &[usize],
    split: Split,
    guide: Option<Guide>,
) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let offset = median(&integers.bands[0]);
    integers.bands[0].iter_mut().for_each(|v| *v = v.wrapping_sub(offset));
    let (model, hints) = code_common(&mut encoder, integers, pyramid, dims, (split, guide), offset);
    let mut streams = vec![encoder.finish()];
    for i in split_bands(pyramid, split) {
        let mut values = std::mem::take(&mut integers.bands[i]);
        let slabs = Slabs::of_band(i, pyramid, &integers.bands, &hints);
        streams.extend(slabs.each(&mut values, |_, slab, values| encode_slab(&model, slab, values)));
        integers.bands[i] = values;
    }
    if let Some(residual) = integers.residual.as_mut().filter(|_| split.residual) {
        let slabs = Slabs { dims, parent: None, hints: hints.residual() };
        let model = BandModel::new(slabs.hints.is_some());
        streams.extend(slabs.each(residual, |_, slab, values| encode_slab(&model, slab, values)));
    }
    join(&streams)
}

fn encode_slab(model: &BandModel, slab: Slab, values: &mut [i32]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    code_slab(&mut encoder, &mut model.clone(), values, slab);
    encoder.finish()
}

fn decode_slab(model: &BandModel, bytes: &[u8], slab: Slab, values: &mut [i32]) -> Result<()> {
    let mut decoder = Decoder::new(bytes);
    code_slab(&mut decoder, &mut model.clone(), values, slab);
    decoder.finish()
}

/// Decodes what [`encode`] made.
///
/// # Errors
/// [`Error::Corrupt`] when the bytes are no such streams.
pub(super) fn decode(
    bytes: &[u8],
    pyramid: &Pyramid,
    dims: &[usize],
    split: Split,
    residual: bool,
    guide: Option<Guide>,
) -> Result<Integers> {
    let mut integers = Integers {
        bands: pyramid.bands.iter().map(|band| vec![0; band.len()]).collect(),
        residual: residual.then(|| vec![0; dims.iter().product()]),
    };
    let split_bands: Vec<usize> = split_bands(pyramid, split).collect();
    let residual_slabs = if split.residual && residual { n_slabs(dims) } else { 0 };
    let n_streams = 1 + residual_slabs + split_bands.iter().map(|&i| n_slabs(&pyramid.bands[i].dims)).sum::<usize>();
    let mut streams = cut(bytes, n_streams)?.into_iter();
    let mut decoder = Decoder::new(streams.next().unwrap_or_default());
    let (model, hints) = code_common(&mut decoder, &mut integers, pyramid, dims, (split, guide), 0);
    decoder.finish()?;
    for i in split_bands {
        let mut values = std::mem::take(&mut integers.bands[i]);
        let slabs = Slabs::of_band(i, pyramid, &integers.bands, &hints);
        let own: Vec<&[u8]> = streams.by_ref().take(n_slabs(slabs.dims)).collect();
        let results = slabs.each(&mut values, |s, slab, values| decode_slab(&model, own[s], slab, values));
        results.into_iter().collect::<Result<()>>()?;
        integers.bands[i] = values;
    }
    if let Some(residual) = integers.residual.as_mut().filter(|_| split.residual) {
        let own: Vec<&[u8]> = streams.collect();
        let slabs = Slabs { dims, parent: None, hints: hints.residual() };
        let model = BandModel::new(slabs.hints.is_some());
        let results = slabs.each(residual, |s, slab, values| decode_slab(&model, own[s], slab, values));
        results.into_iter().collect::<Result<()>>()?;
    }
    Ok(integers)
}

/// The stream that is always there; returns the model that the other streams start from, and their hints.
fn code_common<C: Coder>(
    coder: &mut C,
    integers: &mut Integers,
    pyramid: &Pyramid,
    dims: &[usize],
    (split, guide): (Split, Option<Guide>),
    offset: i32,
) -> (BandModel, Hints) {
    let hints = guide.map_or_else(Hints::default, |guide| {
        guide.predicted.code_gains(coder);
        Hints::of(&guide, pyramid)
    });
    let has_hints = !hints.bands.is_empty();
    let mut low = BandModel::new(has_hints);
    let offset = code_integer(coder, offset);
    let mut model = BandModel::new(has_hints);
    for (i, band) in pyramid.bands.iter().enumerate() {
        if i > 0 && band.level < split.n_levels {
            break;
        }
        let mut values = std::mem::take(&mut integers.bands[i]);
        let parent = parent(i, pyramid, &integers.bands);
        let slab = Slab { dims: &band.dims, band_size: band.dims[0], first: 0, parent, hints: hints.band(i) };
        code_slab(coder, if i == 0 { &mut low } else { &mut model }, &mut values, slab);
        integers.bands[i] = values;
    }
    integers.bands[0].iter_mut().for_each(|v| *v = v.wrapping_add(offset));
    if let Some(residual) = integers.residual.as_mut().filter(|_| !split.residual) {
        let slab = Slab { dims, band_size: dims[0], first: 0, parent: None, hints: hints.residual() };
        code_slab(coder, &mut BandModel::new(slab.hints.is_some()), residual, slab);
    }
    (model, hints)
}

fn code_integer<C: Coder>(coder: &mut C, value: i32) -> i32 {
    let magnitude = code_exp_golomb(coder, &mut [Bit::default(); N_PREFIX], value.unsigned_abs());
    let negative = coder.code_even(value < 0);
    signed(magnitude, negative)
}

fn parent<'a>(i: usize, pyramid: &'a Pyramid, bands: &'a [Vec<i32>]) -> Option<Parent<'a>> {
    let parent = pyramid.bands[i].parent?;
    Some(Parent { values: &bands[parent], dims: &pyramid.bands[parent].dims })
}

fn split_bands(pyramid: &Pyramid, split: Split) -> impl Iterator<Item = usize> {
    let is_split = move |i: &usize| *i > 0 && pyramid.bands[*i].level < split.n_levels;
    (0..pyramid.bands.len()).filter(is_split)
}

/// The slabs of one band.
struct Slabs<'a> {
    dims: &'a [usize],
    parent: Option<Parent<'a>>,
    hints: Option<&'a [u8]>,
}

impl<'a> Slabs<'a> {
    fn of_band(i: usize, pyramid: &'a Pyramid, bands: &'a [Vec<i32>], hints: &'a Hints) -> Self {
        Slabs { dims: &pyramid.bands[i].dims, parent: parent(i, pyramid, bands), hints: hints.band(i) }
    }

    /// Calls `f(number, slab, values)` for all slabs in parallel; results in order.
    fn each<T: Send>(&self, values: &mut [i32], f: impl Fn(usize, Slab, &mut [i32]) -> T + Sync) -> Vec<T> {
        let n_rows = rows_per_slab(self.dims);
        let per_row: usize = self.dims[1..].iter().product();
        let task = |(s, values): (usize, &mut [i32])| {
            let mut dims = self.dims.to_vec();
            dims[0] = values.len() / per_row;
            let at = s * n_rows * per_row;
            let hints = self.hints.map(|hints| &hints[at..at + values.len()]);
            let slab = Slab { dims: &dims, band_size: self.dims[0], first: s * n_rows, parent: self.parent, hints };
            f(s, slab, values)
        };
        values.par_chunks_mut((n_rows * per_row).max(1)).enumerate().map(task).collect()
    }
}

fn median(values: &[i32]) -> i32 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}

/// Streams one after another, in front the length of each but the last.
fn join(streams: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for stream in &streams[..streams.len() - 1] {
        let mut n = stream.len();
        while n >= 128 {
            out.push((n & 127) as u8 | 128);
            n >>= 7;
        }
        out.push(n as u8);
    }
    out.extend(streams.iter().flatten());
    out
}

/// The opposite of [`join`].
fn cut(mut bytes: &[u8], n_streams: usize) -> Result<Vec<&[u8]>> {
    let short = || Error::corrupt("the transform payload is shorter than its streams");
    if n_streams > bytes.len() + 1 {
        return Err(short());
    }
    let mut lengths = Vec::with_capacity(n_streams);
    for _ in 1..n_streams {
        let (mut n, mut at) = (0usize, 0);
        loop {
            let (&byte, rest) = bytes.split_first().ok_or_else(short)?;
            bytes = rest;
            n |= usize::from(byte & 127) << at;
            at += 7;
            if byte < 128 {
                break;
            }
            if at > 49 {
                return Err(short());
            }
        }
        lengths.push(n);
    }
    let mut streams = Vec::with_capacity(n_streams);
    for n in lengths {
        let (stream, rest) = bytes.split_at_checked(n).ok_or_else(short)?;
        streams.push(stream);
        bytes = rest;
    }
    streams.push(bytes);
    Ok(streams)
}
