//! Entropy-coded streams of a payload: one for everything small, more for bands large enough to be coded in parallel.

use rayon::prelude::*;

use super::coefficients::{BandModel, code_slab};
use super::joined::{cut, join};
use super::neighbours::{Parent, Weights};
use super::prediction::{Predicted, Prediction};
use super::pyramid::Pyramid;
use super::runs::Coders;
use super::slabs::{self, Slabs};
use super::sparse;
use super::{Tries, tables};
use crate::entropy::integer::{N_PREFIX, code_exp_golomb, signed};
use crate::entropy::{Bit, Coder, Decoder, Recorder};
use crate::field::{self, Real};
use crate::settings::Effort;
use crate::{Error, Result};

/// Levels whose largest band has at least this many values have streams of their own,
const MIN_SPLIT: usize = 1 << 12;
/// and so many that are not zero, without a prediction and with one: hints make contexts many, and steps of a chain are small.
const MIN_USED: [usize; 2] = [1 << 15, 1 << 19];
/// Half as many where only one in so many is used: fewer contexts occur.
const FEW: usize = 4;
/// So many corrections per slab of the residual, which has few contexts, are worth tables.
const MIN_RESIDUAL: [usize; 2] = [1 << 10, 1 << 14];
/// Where fewer than one in so many is not zero, runs of zeros are quicker: in a level, and in the residual.
const DENSE: [usize; 2] = [64, 16];
/// Values that are counted at a time.
const TASK: usize = 1 << 16;
/// Such levels at most.
pub(super) const MAX_LEVELS: usize = 15;

/// What goes into the streams.
#[derive(PartialEq)]
pub(super) struct Integers {
    /// Per band of the pyramid.
    pub bands: Vec<Vec<i32>>,
    /// Of the whole field, where a pointwise bound needs one.
    pub residual: Option<Vec<i32>>,
}

/// How the residual is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResidualCoder {
    /// In the stream that is always there.
    Common,
    /// In slabs of its own.
    Slabs,
    /// As few integers without pattern, in a stream of its own.
    Sparse,
}

/// Which parts have streams of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    /// Bands finer than this level, counted from the finest.
    pub n_levels: usize,
    pub residual: ResidualCoder,
    /// Whether those streams have tables, and are not of format version 1.
    pub has_tables: bool,
    /// Whether zeros of the stream that is always there are coded as runs, which are one more stream.
    pub has_runs: bool,
    pub weights: Weights,
    /// Whether context models are mixed; nothing has a stream of its own then but a sparse residual.
    pub mixes: bool,
}

impl Split {
    /// Streams of their own where tables are worth their bytes, and with the tables of finer levels.
    pub fn choose(pyramid: &Pyramid, dims: &[usize], integers: &Integers, is_predicted: bool, tries: Tries) -> Self {
        let Tries { effort, mixes, .. } = tries;
        let [min_used, min_residual] = [MIN_USED, MIN_RESIDUAL].map(|least| least[usize::from(is_predicted)]);
        let used = |values: &[i32]| -> usize {
            values.par_chunks(TASK).map(|part| part.iter().map(|&v| u32::from(v != 0)).sum::<u32>() as usize).sum()
        };
        let large = |level: usize| {
            let at = |b: &&(usize, &Vec<i32>)| pyramid.bands[b.0].level == level && pyramid.bands[b.0].parent.is_some();
            let bands: Vec<_> = integers.bands.iter().enumerate().filter(|b| at(&b)).collect();
            let (n, n_used) = bands.iter().fold((0, 0), |(n, n_used), b| (n + b.1.len(), n_used + used(b.1)));
            let least = min_used / if level == 0 { 1 } else { 4 } / if n_used * FEW < n { 2 } else { 1 };
            !mixes && bands.iter().any(|b| b.1.len() >= MIN_SPLIT) && n_used >= least && DENSE[0] * n_used > n
        };
        let n_levels = (0..pyramid.n_levels().min(MAX_LEVELS)).take_while(|&level| large(level)).count();
        let coder = |r: &Vec<i32>| {
            let (n_slabs, n_used) = (slabs::n_slabs(dims, true), used(r));
            if DENSE[1] * n_used > r.len() {
                let is_large = !mixes && r.len() >= MIN_SPLIT && n_used >= min_residual * n_slabs;
                return if is_large { ResidualCoder::Slabs } else { ResidualCoder::Common };
            }
            let has_pattern =
                is_predicted || (effort != Effort::Fast && sparse::are_clustered(r, dims[dims.len() - 1], n_used));
            if has_pattern { ResidualCoder::Common } else { ResidualCoder::Sparse }
        };
        let residual = integers.residual.as_ref().map_or(ResidualCoder::Common, coder);
        Split { n_levels, residual, has_tables: true, has_runs: true, weights: Weights::Near, mixes }
    }
}

/// What a decoder expects of the integers.
pub(super) struct Guide<'a, T> {
    /// Gains, which the streams carry, and coefficients.
    pub predicted: &'a mut Predicted<T>,
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
    fn of<T: Real>(guide: &Guide<T>, pyramid: &Pyramid) -> Self {
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

/// Encodes all integers; they come back unchanged. Every stream is read back at once, decision by decision in the contexts that they
/// were written in, and with [`Effort::Best`] all are decoded once more as a reader does.
///
/// # Errors
/// [`Error::Internal`] when that gives something else.
pub(super) fn encode<T: Real>(
    integers: &mut Integers,
    pyramid: &Pyramid,
    dims: &[usize],
    (split, effort): (Split, Effort),
    mut guide: Option<Guide<T>>,
) -> Result<Vec<u8>> {
    let mut recorders = Coders { values: Recorder::default(), runs: Recorder::default() };
    let offset = median(&integers.bands[0]);
    integers.bands[0].iter_mut().for_each(|v| *v = v.wrapping_sub(offset));
    let (_, hints) = code_common(&mut recorders, integers, pyramid, dims, (split, guide.as_mut()), offset);
    let mut streams = vec![recorders.values.finish()?, recorders.runs.finish()?];
    let of_band = |i: usize| (slabs_of(i, pyramid, &integers.bands, (&hints, split)), &integers.bands[i][..]);
    let bands: Vec<_> = split_bands(pyramid, split).map(of_band).collect();
    if !bands.is_empty() {
        streams.extend(slabs::encode(&bands)?);
    }
    match (&integers.residual, split.residual) {
        (Some(residual), ResidualCoder::Slabs) => {
            streams.extend(slabs::encode(&[(slabs_of_residual(dims, (&hints, split)), residual)])?);
        }
        (Some(residual), ResidualCoder::Sparse) => streams.push(sparse::encode(residual)?),
        (_, ResidualCoder::Common) | (None, _) => {}
    }
    let bytes = join(&streams);
    let mut is_same = cut(&bytes, streams.len())? == streams;
    if effort == Effort::Best {
        let gains = guide.as_ref().map(|guide| guide.predicted.gains());
        is_same &= decode(&bytes, pyramid, dims, split, integers.residual.is_some(), guide.as_mut())? == *integers;
        is_same &= guide.map(|guide| guide.predicted.gains()) == gains;
    }
    if is_same { Ok(bytes) } else { Err(Error::changed()) }
}

/// Decodes what [`encode`] made.
///
/// # Errors
/// [`Error::Corrupt`] when the bytes are no such streams.
pub(super) fn decode<T: Real>(
    bytes: &[u8],
    pyramid: &Pyramid,
    dims: &[usize],
    split: Split,
    residual: bool,
    guide: Option<&mut Guide<T>>,
) -> Result<Integers> {
    let mut integers = Integers {
        bands: pyramid.bands.par_iter().map(|band| field::zeros(band.len())).collect(),
        residual: residual.then(|| field::zeros(dims.iter().product())),
    };
    let split = Split { residual: if residual { split.residual } else { ResidualCoder::Common }, ..split };
    let mut streams = cut(bytes, n_streams(pyramid, dims, split))?.into_iter().peekable();
    let mut decoder = |is_there: bool| Decoder::new(streams.next_if(|_| is_there).unwrap_or_default());
    let mut decoders = Coders { values: decoder(true), runs: decoder(split.has_runs) };
    let (model, hints) = code_common(&mut decoders, &mut integers, pyramid, dims, (split, guide), 0);
    decoders.values.finish().and_then(|()| decoders.runs.finish())?;
    if split.has_tables {
        decode_bands(&mut integers.bands, pyramid, (&hints, split), &mut streams)?;
    } else {
        for i in split_bands(pyramid, split) {
            let mut values = std::mem::take(&mut integers.bands[i]);
            let slabs = slabs_of(i, pyramid, &integers.bands, (&hints, split));
            slabs::decode_v1(slabs, &mut values, &model, &mut streams)?;
            integers.bands[i] = values;
        }
    }
    if let Some(residual) = integers.residual.as_mut().filter(|_| split.residual == ResidualCoder::Sparse) {
        sparse::decode(streams.next().unwrap_or_default(), residual)?;
    }
    if let Some(residual) = integers.residual.as_mut().filter(|_| split.residual == ResidualCoder::Slabs) {
        let slabs = slabs_of_residual(dims, (&hints, split));
        if split.has_tables {
            let tables = tables::decode(streams.next().unwrap_or_default())?;
            slabs::decode(vec![(slabs, residual)], &tables, &mut streams)?;
        } else {
            slabs::decode_v1(slabs, residual, &BandModel::new(slabs.hints.is_some(), false, false), &mut streams)?;
        }
    }
    Ok(integers)
}

/// Streams of a payload.
fn n_streams(pyramid: &Pyramid, dims: &[usize], split: Split) -> usize {
    let n_slabs = |dims: &[usize]| slabs::n_slabs(dims, split.has_tables);
    let tables = usize::from(split.has_tables);
    let bands: usize = split_bands(pyramid, split).map(|i| n_slabs(&pyramid.bands[i].dims)).sum();
    let residual = match split.residual {
        ResidualCoder::Common => 0,
        ResidualCoder::Slabs => tables + n_slabs(dims),
        ResidualCoder::Sparse => 1,
    };
    1 + usize::from(split.has_runs) + if bands > 0 { tables + bands } else { 0 } + residual
}

/// Decodes the bands that have streams of their own, level by level.
fn decode_bands<'a>(
    bands: &mut [Vec<i32>],
    pyramid: &Pyramid,
    (hints, split): (&Hints, Split),
    streams: &mut impl Iterator<Item = &'a [u8]>,
) -> Result<()> {
    let all: Vec<usize> = split_bands(pyramid, split).collect();
    if all.is_empty() {
        return Ok(());
    }
    let tables = tables::decode(streams.next().unwrap_or_default())?;
    for level in all.chunk_by(|&a, &b| pyramid.bands[a].level == pyramid.bands[b].level) {
        let mut values: Vec<Vec<i32>> = level.iter().map(|&i| std::mem::take(&mut bands[i])).collect();
        let slabs = level.iter().map(|&i| slabs_of(i, pyramid, bands, (hints, split)));
        slabs::decode(slabs.zip(values.iter_mut().map(Vec::as_mut_slice)).collect(), &tables, streams)?;
        level.iter().zip(values).for_each(|(&i, values)| bands[i] = values);
    }
    Ok(())
}

/// The stream that is always there; returns the model that the other streams of version 1 start from, and hints.
fn code_common<C: Coder, T: Real>(
    coders: &mut Coders<C>,
    integers: &mut Integers,
    pyramid: &Pyramid,
    dims: &[usize],
    (split, guide): (Split, Option<&mut Guide<T>>),
    offset: i32,
) -> (BandModel, Hints) {
    let hints = guide.map_or_else(Hints::default, |guide| {
        guide.predicted.code_gains(&mut coders.values);
        Hints::of(guide, pyramid)
    });
    let has_hints = !hints.bands.is_empty();
    let new = |has_hints| BandModel::new(has_hints, split.has_runs, split.mixes);
    let offset = code_integer(&mut coders.values, offset);
    let mut model = new(has_hints);
    for (i, band) in pyramid.bands.iter().enumerate() {
        if i > 0 && band.level < split.n_levels {
            break;
        }
        let mut values = std::mem::take(&mut integers.bands[i]);
        let slab = slabs_of(i, pyramid, &integers.bands, (&hints, split)).whole();
        if i == 0 {
            let mut low = new(has_hints);
            code_slab(coders, &mut low, &mut values, &slab);
            low.finish(coders);
        } else {
            code_slab(coders, &mut model, &mut values, &slab);
        }
        integers.bands[i] = values;
    }
    model.finish(coders);
    integers.bands[0].iter_mut().for_each(|v| *v = v.wrapping_add(offset));
    if let Some(residual) = integers.residual.as_mut().filter(|_| split.residual == ResidualCoder::Common) {
        let slab = slabs_of_residual(dims, (&hints, split)).whole();
        let mut model = new(slab.hints.is_some());
        code_slab(coders, &mut model, residual, &slab);
        model.finish(coders);
    }
    (model, hints)
}

fn code_integer<C: Coder>(coder: &mut C, value: i32) -> i32 {
    let magnitude = code_exp_golomb(coder, &mut [Bit::default(); N_PREFIX], value.unsigned_abs());
    let negative = coder.code_even(value < 0);
    signed(magnitude, negative)
}

/// The slabs of band `i`.
fn slabs_of<'a>(
    i: usize,
    pyramid: &'a Pyramid,
    bands: &'a [Vec<i32>],
    (hints, split): (&'a Hints, Split),
) -> Slabs<'a> {
    let parent = pyramid.bands[i].parent;
    let parent = parent.map(|parent| Parent { values: &bands[parent], dims: &pyramid.bands[parent].dims });
    let Split { weights, mixes, has_tables, .. } = split;
    Slabs { dims: &pyramid.bands[i].dims, parent, weights, mixes, hints: hints.band(i), has_tables }
}

/// The slabs of the residual.
fn slabs_of_residual<'a>(dims: &'a [usize], (hints, split): (&'a Hints, Split)) -> Slabs<'a> {
    let Split { weights, mixes, has_tables, .. } = split;
    Slabs { dims, parent: None, weights, mixes, hints: hints.residual(), has_tables }
}

fn split_bands(pyramid: &Pyramid, split: Split) -> impl Iterator<Item = usize> {
    let is_split = move |i: &usize| *i > 0 && pyramid.bands[*i].level < split.n_levels;
    (0..pyramid.bands.len()).filter(is_split)
}

fn median(values: &[i32]) -> i32 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}
