//! Bands in slabs along their first axis, which are coded independently of each other.

use rayon::prelude::*;

use super::coefficients::{BandModel, code_slab};
use super::neighbours::{Parent, Slab, Weights};
use super::runs::Coders;
use super::slab_decoder::{self, Job};
use super::tables::{self, Tables};
use super::tokens::{self, Tokens};
use crate::Result;
use crate::entropy::Decoder;

/// A band is cut into slabs of about this many values; and so in format version 1.
const SLAB: [usize; 2] = [1 << 17, 1 << 18];

/// A band that is cut into slabs.
#[derive(Clone, Copy)]
pub(super) struct Slabs<'a> {
    pub dims: &'a [usize],
    pub parent: Option<Parent<'a>>,
    pub weights: Weights,
    /// Whether further contexts are mixed in, which slabs with tables do not do.
    pub mixes: bool,
    pub hints: Option<&'a [u8]>,
    /// Whether they are coded with tables, and not as format version 1 does.
    pub has_tables: bool,
}

/// Rows along axis 0 per slab of a band.
fn rows_per_slab(dims: &[usize], has_tables: bool) -> usize {
    let per_row: usize = dims[1..].iter().product();
    let n_slabs = (dims[0] * per_row / SLAB[usize::from(!has_tables)]).clamp(1, dims[0].max(1));
    dims[0].div_ceil(n_slabs).max(1)
}

/// Slabs of a band of these dimensions.
pub(super) fn n_slabs(dims: &[usize], has_tables: bool) -> usize {
    dims[0].div_ceil(rows_per_slab(dims, has_tables)).max(1)
}

impl<'a> Slabs<'a> {
    /// Number of slabs.
    pub fn n(&self) -> usize {
        n_slabs(self.dims, self.has_tables)
    }

    /// Values of a slab but the last.
    fn n_values(&self) -> usize {
        (rows_per_slab(self.dims, self.has_tables) * self.dims[1..].iter().product::<usize>()).max(1)
    }

    /// The whole band as one slab.
    pub fn whole(&self) -> Slab<'a> {
        self.get(0, self.dims.iter().product())
    }

    /// Slab `s` of `n` values.
    fn get(&self, s: usize, n: usize) -> Slab<'a> {
        let mut dims = self.dims.to_vec();
        dims[0] = n / self.dims[1..].iter().product::<usize>().max(1);
        let at = s * self.n_values();
        let first = s * rows_per_slab(self.dims, self.has_tables);
        let hints = self.hints.map(|hints| &hints[at..at + n]);
        let Slabs { parent, weights, mixes, .. } = *self;
        Slab { dims, band_size: self.dims[0], first, parent, weights, mixes, hints }
    }
}

/// Encodes bands, none of which is the parent of another one without being known: a stream with their tables and one per slab. The
/// symbols of all slabs are read back in the contexts that they were written in.
///
/// # Errors
/// [`crate::Error::Internal`] when a stream gives other symbols.
pub(super) fn encode(bands: &[(Slabs, &[i32])]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for (slabs, values) in bands {
        let parts = values.chunks(slabs.n_values()).enumerate();
        all.extend(parts.map(|(s, part)| (slabs.get(s, part.len()), part)));
    }
    let tokens = all.par_iter().map(|(slab, values)| Tokens::of(values, slab));
    let mut tokens = tokens.collect::<Result<Vec<Tokens>>>()?;
    let counts = tokens::count(&tokens);
    let table_bytes = tables::encode(&counts);
    let tables = tables::decode(&table_bytes)?;
    let steps = tokens::steps(&counts, &tables);
    let finish = |tokens: &mut [Tokens]| {
        let streams: Vec<Vec<u8>> = tokens.iter_mut().map(|tokens| tokens.finish(&steps)).collect();
        tokens::check_symbols(tokens, &streams, &tables)?;
        tokens.fill_with(Tokens::default);
        Ok(streams)
    };
    let streams = tokens.par_chunks_mut(tokens::N_AT_ONCE).map(finish).collect::<Result<Vec<_>>>()?;
    Ok(std::iter::once(table_bytes).chain(streams.into_iter().flatten()).collect())
}

/// Decodes bands of one level with their streams into zeros.
///
/// # Errors
/// [`crate::Error::Corrupt`].
pub(super) fn decode<'a>(
    bands: Vec<(Slabs, &mut [i32])>,
    tables: &Tables,
    streams: &mut impl Iterator<Item = &'a [u8]>,
) -> Result<()> {
    let mut slabs = Vec::new();
    for (band, values) in bands {
        for (s, values) in values.chunks_mut(band.n_values()).enumerate() {
            slabs.push((streams.next().unwrap_or_default(), band.get(s, values.len()), values));
        }
    }
    let jobs = slabs.iter_mut().map(|(bytes, slab, values)| Job { bytes, slab, values });
    decode_pairs(jobs.collect(), tables)
}

/// Decodes slabs two by two.
fn decode_pairs(jobs: Vec<Job>, tables: &Tables) -> Result<()> {
    let mut jobs: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
    let decode = |pair: &mut [Option<Job>]| {
        let mut pair = pair.iter_mut().map(Option::take);
        slab_decoder::decode([pair.next().flatten(), pair.next().flatten()], tables)
    };
    jobs.par_chunks_mut(2).map(decode).collect()
}

/// Decodes a band of format version 1 into zeros.
///
/// # Errors
/// [`crate::Error::Corrupt`].
pub(super) fn decode_v1<'a>(
    band: Slabs,
    values: &mut [i32],
    model: &BandModel,
    streams: &mut impl Iterator<Item = &'a [u8]>,
) -> Result<()> {
    let own: Vec<&[u8]> = streams.take(band.n()).collect();
    let parts = values.par_chunks_mut(band.n_values()).zip(own).enumerate();
    let decode = |(s, (values, bytes)): (usize, (&mut [i32], &[u8]))| {
        let mut decoders = Coders { values: Decoder::new(bytes), runs: Decoder::new(&[]) };
        let slab = band.get(s, values.len());
        code_slab(&mut decoders, &mut model.clone(), values, &slab);
        decoders.values.finish()
    };
    parts.map(decode).collect()
}
