//! What the model store of a dataset holds, for people.

use std::path::Path;

use super::chain_survey::{self, StoredChain, StoredStep};
use super::facts::{Facts, key};
use crate::codec::{Place, StepPlace};
use crate::model::SeriesNetwork;
use crate::settings::Target;
use crate::store::{self, Contents, Kind};
use crate::{Error, Result};

/// One file of the model store.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StoreFile {
    /// Its id.
    pub store: u64,
    /// Its size.
    pub n_bytes: usize,
    /// Entries whose bytes are damaged.
    pub n_damaged: usize,
    /// Bytes behind the last whole entry.
    pub n_torn: usize,
    /// Segments in order.
    pub segments: Vec<StoredSegment>,
    /// Chains of predicted steps in order.
    pub chains: Vec<StoredChain>,
}

/// One network and what is known about it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StoredSegment {
    /// Series within the file.
    pub series: u32,
    /// Segment of the series.
    pub segment: u32,
    /// Variable name.
    pub variable: String,
    /// Start of the blocks.
    pub start: Vec<usize>,
    /// Dimensions of the blocks.
    pub dims: Vec<usize>,
    /// What was promised.
    pub promise: Target,
    /// Bytes of the network; 0 when it is lost.
    pub network_bytes: usize,
    /// Bytes of what training goes on from.
    pub checkpoint_bytes: usize,
    /// False for a network in training, or left by a killed process.
    pub is_finished: bool,
    /// Steps that the network was trained on.
    pub n_steps: usize,
    /// Steps that it stands for.
    pub n_by_network: usize,
    /// Certified relative L2 error of each step, of the worst channel; empty without a certificate.
    pub certified: Vec<f32>,
    /// Steps whose certified error breaks their promise.
    pub broken: Vec<u32>,
}

/// The model store of the dataset at `dataset`, file by file; a file that cannot be read is an error in its place.
pub fn survey(dataset: &Path) -> Vec<Result<StoreFile>> {
    store::ids(dataset).into_iter().map(|id| file(dataset, id)).collect()
}

/// Ids of the store files of the dataset at `dataset`.
///
/// # Errors
/// [`Error::File`] without a model store.
pub fn store_ids(dataset: &Path) -> Result<Vec<u64>> {
    let ids = store::ids(dataset);
    if ids.is_empty() {
        let reason = "has no model store: it was written without temporal=series, or its folder 'inr' was left behind";
        return Err(Error::File { path: dataset.display().to_string(), reason: reason.to_owned() });
    }
    Ok(ids)
}

fn file(dataset: &Path, id: u64) -> Result<StoreFile> {
    survey_file(&store::path(dataset, id), id)
}

/// One file of a model store; `id` is what it is to be called.
///
/// # Errors
/// [`Error::File`] when it cannot be read or holds damaged facts.
pub fn survey_file(path: &Path, id: u64) -> Result<StoreFile> {
    let named = |e: Error| Error::File { path: path.display().to_string(), reason: e.to_string() };
    let contents = Contents::read(path).map_err(named)?;
    let keys = contents.keys().filter(|key| key.kind == Kind::SEGMENT);
    let segments: Result<Vec<_>> = keys.map(|k| segment(&contents, k.series, k.segment)).collect();
    Ok(StoreFile {
        store: id,
        n_bytes: contents.n_bytes(),
        n_damaged: contents.n_damaged,
        n_torn: contents.n_torn,
        segments: segments.map_err(named)?,
        chains: chain_survey::chains(&contents),
    })
}

fn segment(contents: &Contents, series: u32, segment: u32) -> Result<StoredSegment> {
    let get = |kind| contents.get(key(kind, series, segment));
    let facts = Facts::decode(get(Kind::SEGMENT).unwrap_or_default())?;
    let network = get(Kind::NETWORK).map(SeriesNetwork::decode).transpose()?;
    let certificate = network.as_ref().map_or(&[][..], |network| network.certificate.as_slice());
    Ok(StoredSegment {
        series,
        segment,
        network_bytes: get(Kind::NETWORK).map_or(0, <[u8]>::len),
        checkpoint_bytes: get(Kind::CHECKPOINT).map_or(0, <[u8]>::len),
        is_finished: facts.is_certified_by(certificate),
        n_steps: network.as_ref().map_or(0, |network| network.n_trained),
        n_by_network: facts.n_by_network(),
        certified: certificate.iter().map(|row| row.iter().copied().fold(0.0, f32::max)).collect(),
        broken: facts.broken(certificate),
        variable: facts.variable,
        start: facts.start,
        dims: facts.dims,
        promise: facts.promise,
    })
}

impl StoreFile {
    /// The segment of a place in this file.
    pub fn segment(&self, place: &Place) -> Option<&StoredSegment> {
        let is_it = |s: &&StoredSegment| (s.series, s.segment) == (place.series, place.segment);
        self.segments.iter().filter(|_| self.store == place.store).find(is_it)
    }

    /// The step of a chain at a place in this file.
    pub fn step(&self, place: &StepPlace) -> Option<&StoredStep> {
        let mut chains = self.chains.iter().filter(|_| self.store == place.store);
        chains.find(|chain| chain.series == place.series)?.steps.get(&place.step)
    }

    /// Names the variable of the chain at a place, if it is in this file.
    pub fn name_chain(&mut self, place: &StepPlace, variable: &str) {
        let is_it = |chain: &&mut StoredChain| (self.store, chain.series) == (place.store, place.series);
        if let Some(chain) = self.chains.iter_mut().find(is_it) {
            variable.clone_into(&mut chain.variable);
        }
    }
}
