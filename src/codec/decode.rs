//! Records back into blocks: the mirror of `lossy`, and the only code that reads records.

use super::memory::{self, Steps};
use super::meta::Meta;
use super::series::{self, Networks, NoNetworks, Place, Prediction};
use super::stub::{self, StepPlace};
use super::{section, siren};
use crate::container::{self, Record};
use crate::field::{self, Array, mask};
use crate::settings::Target;
use crate::transform::{self, Known};
use crate::{Dtype, Error, Result, lossless, threads};

/// Largest block [`decode`] makes room for: 16 GiB.
pub const DEFAULT_LIMIT: u64 = 16 << 30;

/// A decoded block.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, slowest first.
    pub dims: Vec<usize>,
    /// Little-endian elements.
    pub bytes: Vec<u8>,
}

/// What a record says about itself, read from its header alone.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, slowest first.
    pub dims: Vec<usize>,
    /// What is stored: raw, lossless, constant, transform, siren+transform, series, series+remainder, step of a chain.
    pub model: String,
    /// Bytes of the block.
    pub raw_bytes: usize,
    /// Bytes of the record.
    pub stored_bytes: usize,
    /// The promise in words; "exact" for lossless records, empty for those that leave it to a step in the model store.
    pub promise: String,
    /// The promise; `None` for lossless records and those that leave it to a step.
    #[serde(skip)]
    pub target: Option<Target>,
    /// Relative L2 error that was measured when writing, rounded up.
    pub rel_l2: f64,
    /// Largest absolute error that was measured when writing, rounded up.
    pub max_error: f64,
    /// `(name, bytes)` of each section.
    pub sections: Vec<(String, usize)>,
    /// The network of the model store that stands for the block.
    pub place: Option<Place>,
    /// The step of a chain in the model store that the block is.
    pub step: Option<StepPlace>,
}

/// Decodes a record into fresh memory of at most [`DEFAULT_LIMIT`] bytes.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Version`], [`Error::Limit`], [`Error::MemoryToRead`].
pub fn decode(record: &[u8]) -> Result<Decoded> {
    decode_within(record, DEFAULT_LIMIT)
}

/// Decodes a record into fresh memory of at most `limit` bytes.
///
/// # Errors
/// As [`decode`].
pub fn decode_within(record: &[u8], limit: u64) -> Result<Decoded> {
    decode_on(record, limit, 0)
}

/// Decodes a record into fresh memory of at most `limit` bytes on `n_threads` threads (0: one per core). The bits do not
/// depend on how many.
///
/// # Errors
/// As [`decode`].
pub fn decode_on(record: &[u8], limit: u64, n_threads: usize) -> Result<Decoded> {
    let parsed = container::read(record)?;
    let mut bytes = room(parsed.raw_bytes, limit)?;
    threads::install(n_threads, || {
        memory::ask_to_decode(&parsed, Steps::None)?;
        fill(&parsed, &References::default(), &mut bytes)
    })?;
    Ok(Decoded { dtype: parsed.dtype, dims: parsed.dims, bytes })
}

/// Zeros for a decoded block of `n_bytes`, at most `limit`.
///
/// # Errors
/// [`Error::Limit`] beyond it, and when there is no memory.
pub fn room(n_bytes: usize, limit: u64) -> Result<Vec<u8>> {
    let room = if n_bytes as u64 > limit { None } else { field::room(n_bytes) };
    room.ok_or(Error::Limit { asked: n_bytes as u64, limit })
}

/// Decodes a record into `out`, which must have exactly [`Summary::raw_bytes`]. Work memory is at most what
/// [`memory::needed_to_decode`] says; it is asked for before.
///
/// # Errors
/// As [`decode`], and when the sizes differ.
pub fn decode_into(record: &[u8], out: &mut [u8]) -> Result<()> {
    decode_into_with(record, &NoNetworks, out)
}

/// As [`decode_into`], for records that refer to networks as well.
///
/// # Errors
/// As [`decode_into`]; what `networks` reports.
pub fn decode_into_with(record: &[u8], networks: &dyn Networks, out: &mut [u8]) -> Result<()> {
    let parsed = container::read(record)?;
    if parsed.raw_bytes != out.len() {
        return Err(Error::corrupt(format!(
            "it holds {} bytes of {:?} {} but {} are asked for",
            parsed.raw_bytes,
            parsed.dims,
            parsed.dtype.name(),
            out.len()
        )));
    }
    let references = References { networks, ..References::default() };
    threads::install(0, || {
        memory::ask_to_decode(&parsed, Steps::None)?;
        fill(&parsed, &references, out).map(drop)
    })
}

/// The network a record refers to; `None` when it stands alone.
///
/// # Errors
/// As [`decode`].
pub fn place_of(record: &[u8]) -> Result<Option<Place>> {
    series::place(&container::read(record)?)
}

/// The finite value that marks missing data in a record that stands alone or of a predicted step, if there is one.
///
/// # Errors
/// As [`decode`].
pub fn fill_of(record: &[u8]) -> Result<Option<f64>> {
    let parsed = container::read(record)?;
    let Some((real, _)) = parsed.dtype.components() else { return Ok(None) };
    let palette = parsed.section(section::MASKED_VALUES).map(mask::palette).transpose()?;
    let value = |bits: u64| if real == Dtype::F32 { f32::from_bits(bits as u32).into() } else { f64::from_bits(bits) };
    Ok(palette.unwrap_or_default().into_iter().map(value).find(|value| value.is_finite()))
}

/// Reads a record's header, checks its checksum, decodes nothing.
///
/// # Errors
/// As [`decode`].
pub fn inspect(record: &[u8]) -> Result<Summary> {
    let parsed = container::read(record)?;
    let step = stub::step_in(&parsed)?;
    let meta = if parsed.meta.is_empty() { None } else { Some(Meta::decode(parsed.meta, parsed.dtype)?) };
    let without = if step.is_some() { "" } else { "exact" };
    Ok(Summary {
        dtype: parsed.dtype,
        model: model_name(&parsed).to_owned(),
        raw_bytes: parsed.raw_bytes,
        stored_bytes: record.len(),
        promise: meta.as_ref().map_or_else(|| without.to_owned(), |m| m.target.to_string()),
        target: meta.as_ref().map(|m| m.target),
        rel_l2: meta.as_ref().map_or(0.0, |m| f64::from(m.rel_l2)),
        max_error: meta.as_ref().map_or(0.0, |m| f64::from(m.max_error)),
        sections: parsed.sections.iter().map(|(t, p)| (section::name(*t).to_owned(), p.len())).collect(),
        place: series::place(&parsed)?,
        step,
        dims: parsed.dims,
    })
}

fn model_name(record: &Record) -> &'static str {
    let has = |kind| record.sections.iter().any(|(tag, _)| tag % 16 == kind);
    if has(section::STEP) {
        "step of a chain"
    } else if has(section::SERIES) {
        if has(section::TRANSFORM) { "series+remainder" } else { "series" }
    } else if has(section::SIREN) {
        "siren+transform"
    } else if has(section::TRANSFORM) {
        "transform"
    } else if has(section::LOSSLESS) {
        "lossless"
    } else if has(section::RAW) {
        "raw"
    } else {
        "constant"
    }
}

/// What records refer to outside themselves.
#[derive(Clone, Copy, Default)]
pub(super) struct References<'a> {
    /// Where networks of series and steps of chains are found.
    pub networks: &'a dyn Networks,
    /// What each component was predicted to become, for a step of a chain.
    pub predictions: &'a [Forecast],
}

/// What a component of a step was predicted to become.
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    /// The prediction.
    pub values: Vec<f64>,
    /// The step before.
    pub last: Vec<f64>,
}

impl Forecast {
    pub fn prediction(&self) -> transform::Prediction<'_> {
        transform::Prediction { values: &self.values, last: &self.last }
    }
}

/// Decodes a parsed record into `out` of `record.raw_bytes`; returns the values of each component, masked points filled in,
/// or none for records that are exact.
pub(super) fn fill(record: &Record, references: &References, out: &mut [u8]) -> Result<Vec<Array>> {
    if let Some(raw) = record.section(section::RAW) {
        if raw.len() != out.len() {
            return Err(Error::corrupt(format!("the raw section has {} of {} bytes", raw.len(), out.len())));
        }
        out.copy_from_slice(raw);
        return Ok(Vec::new());
    }
    if let Some(payload) = record.section(section::LOSSLESS) {
        return lossless::decode_into(payload, record.dtype.size(), out).map(|()| Vec::new());
    }
    if record.section(section::STEP).is_some() {
        return Err(Error::corrupt(
            "it stands for a step of a chain, which its dataset's folder 'inr' holds: read it there",
        ));
    }
    let components = Components::of(record, references)?;
    let fill = |component| {
        let values = components.values(component)?;
        if components.meta.finish(record.dtype, component).is_some() {
            field::put_values(record.dtype, component, &values, out);
        }
        if let Some((valid, bits)) = components.masked(component)? {
            field::put_masked_bits(record.dtype, component, &bits, &valid, out);
        }
        Ok(values)
    };
    (0..components.meta.ranges.len()).map(fill).collect()
}

/// The components of a lossily coded record.
pub(super) struct Components<'a> {
    record: &'a Record<'a>,
    meta: Meta,
    dims: Vec<usize>,
    /// What a network of a series says.
    network: Option<Prediction>,
    predictions: &'a [Forecast],
}

impl<'a> Components<'a> {
    /// # Errors
    /// [`Error::Corrupt`]; what the networks report.
    pub fn of(record: &'a Record<'a>, references: &References<'a>) -> Result<Self> {
        let meta = Meta::decode(record.meta, record.dtype)?;
        let network = Prediction::of(record, references.networks)?;
        let dims = field::fold_dims(&record.dims);
        Ok(Components { record, meta, dims, network, predictions: references.predictions })
    }

    /// Values of a component; those of masked points without meaning.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn values(&self, component: usize) -> Result<Array> {
        let (record, n_points) = (self.record, self.dims.iter().product());
        let constant = |value| {
            let real = record.dtype.components().map_or(record.dtype, |(real, _)| real);
            Ok(Array::constant(real, value, n_points))
        };
        let Some(finish) = self.meta.finish(record.dtype, component) else { return constant(0.0) };
        if finish.min == finish.max {
            return constant(finish.min);
        }
        if let Some(network) = &self.network {
            return series::component(record, &self.meta, network, component, &self.dims);
        }
        let section = |kind| record.section(section::of(kind, component));
        let base = section(section::SIREN).map(|payload| siren::decode(payload, &self.dims, finish)).transpose()?;
        let payload = record.require(section::of(section::TRANSFORM, component), "transform")?;
        let prediction = self.predictions.get(component).map(Forecast::prediction);
        let known = Known { version: record.version, base: base.as_deref(), prediction };
        transform::decode(payload, &self.dims, finish, known)
    }

    /// Which points of a component count, and the bit patterns of those that do not; `None` when all do.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn masked(&self, component: usize) -> Result<Option<(Vec<bool>, Vec<u64>)>> {
        let Some(payload) = self.record.section(section::of(section::MASK, component)) else { return Ok(None) };
        let valid = mask::decode_positions(payload, &self.dims)?;
        let n_masked = valid.iter().filter(|ok| !**ok).count();
        let values = self.record.require(section::of(section::MASKED_VALUES, component), "masked values")?;
        Ok(Some((valid, mask::decode_values(values, n_masked)?)))
    }
}
