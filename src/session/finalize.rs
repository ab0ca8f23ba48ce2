//! Finishing afterwards the networks of runs that were killed.

use std::path::Path;
use std::sync::Arc;

use super::facts::{Facts, key};
use super::live::{DEFAULT_SECONDS, Nodes, resume};
use super::nodes;
use super::survey;
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::store::{Kind, Store};
use crate::{Error, Result, Settings, field, threads};

/// What became of one segment.
#[derive(Clone, Debug)]
pub struct Finalized {
    /// Store file.
    pub store: u64,
    /// Series within the file.
    pub series: u32,
    /// Segment of the series.
    pub segment: u32,
    /// Variable, empty when not even that could be read.
    pub variable: String,
    /// Start of the blocks.
    pub start: Vec<usize>,
    /// The network, or why it stays as it was last published.
    pub outcome: Result<Consolidated>,
}

/// A network that was finished.
#[derive(Clone, Debug)]
pub struct Consolidated {
    /// Steps it was trained on.
    pub n_steps: usize,
    /// Steps behind the last checkpoint: learnt again from the network itself, which had seen them.
    pub n_relearnt: usize,
    /// True when the network stays as it was published, with a certificate: going on made it no better.
    pub is_kept: bool,
    /// Bytes of the network.
    pub network_bytes: usize,
    /// Steps of the segment whose certified error breaks their promise.
    pub broken: Vec<u32>,
}

/// Finishes all segments of the dataset at `dataset` that their processes left in training. Store files of running processes
/// are left alone and returned as errors.
///
/// # Errors
/// [`Error::File`] when there is no model store.
pub fn finalize(dataset: &Path, settings: &Settings) -> Result<(Vec<Finalized>, Vec<Error>)> {
    let (mut finalized, mut refused) = (Vec::new(), Vec::new());
    for id in survey::store_ids(dataset)? {
        match Store::open(dataset, id) {
            Ok(mut store) => {
                let keys = store.keys().into_iter().filter(|key| key.kind == Kind::SEGMENT);
                let segments: Vec<_> = keys.map(|key| (key.series, key.segment)).collect();
                finalized.extend(
                    segments.into_iter().filter_map(|(series, segment)| one(&mut store, series, segment, settings)),
                );
            }
            Err(error) => refused.push(error),
        }
    }
    Ok((finalized, refused))
}

/// `None` for a segment that is finished.
fn one(store: &mut Store, series: u32, segment: u32, settings: &Settings) -> Option<Finalized> {
    let bytes = store.get(key(Kind::SEGMENT, series, segment)).unwrap_or_default();
    let facts = Facts::decode(&bytes);
    let network = store.get(key(Kind::NETWORK, series, segment)).and_then(|bytes| SeriesNetwork::decode(&bytes).ok());
    let is_certified = |facts: &Facts| network.is_some_and(|network| facts.is_certified_by(&network.certificate));
    if facts.as_ref().is_ok_and(is_certified) {
        return None;
    }
    let (variable, start) =
        facts.as_ref().map_or_else(|_| Default::default(), |f| (f.variable.clone(), f.start.clone()));
    let outcome = facts.and_then(|facts| consolidate(store, series, segment, facts, settings));
    Some(Finalized { store: store.id(), series, segment, variable, start, outcome })
}

fn consolidate(
    store: &mut Store,
    series: u32,
    segment: u32,
    mut facts: Facts,
    settings: &Settings,
) -> Result<Consolidated> {
    let keys = [Kind::SEGMENT, Kind::NETWORK, Kind::CHECKPOINT].map(|kind| key(kind, series, segment));
    let lost = |what: &str| Error::Series(format!("its {what} is lost: the network stays as it was last published"));
    let published = SeriesNetwork::decode(&store.get(keys[1]).ok_or_else(|| lost("network"))?)?;
    let checkpoint = store.get(keys[2]).ok_or_else(|| lost("checkpoint"))?;
    let nodes = nodes_of(store, &facts)?;
    let mut trainer = resume(&checkpoint, &nodes, settings)?;
    let n_known = trainer.n_pushed();
    let seconds = settings.seconds.unwrap_or(DEFAULT_SECONDS);
    let mut networks = threads::install(settings.threads, || {
        for step in n_known..published.n_trained {
            trainer.push(&published.snapshot(step as f64, &nodes.mesh, rayon::current_num_threads())?)?;
        }
        let certificate = trainer.certificate_of(&published)?;
        trainer.finish(Some(seconds))?;
        Ok([trainer.network()?, SeriesNetwork { certificate, ..published }])
    })?;
    for network in &mut networks {
        // These steps are certified against what the network had made of them: what it had missed comes on top.
        let relearnt = network.certificate.iter_mut().zip(&facts.errors).skip(n_known);
        relearnt.for_each(|(row, errors)| {
            row.iter_mut().zip(errors).filter(|(_, e)| e.is_finite()).for_each(|(sum, e)| *sum += e)
        });
    }
    // Going on does not always help, and estimates are uncertain: every step was within its promise when the published network was
    // checked against it, so half as many may be above it afterwards.
    let [finished, published] = networks;
    let verdict = |network: &SeriesNetwork| facts.verdict(&network.certificate);
    let ((n_after, largest_after), (n_before, largest_before)) = (verdict(&finished), verdict(&published));
    let is_kept = 2 * n_after > n_before || (n_after == n_before && largest_after > largest_before);
    let network = if is_kept { published } else { finished };
    let bytes = network.encode();
    facts.is_finished = true;
    facts.errors.clear();
    // In this order, as in `Running::finish`.
    store.append_kept(&[(keys[1], &bytes), (keys[0], &facts.encode()), (keys[2], &[])], |_| true)?;
    Ok(Consolidated {
        n_steps: network.n_trained,
        n_relearnt: network.n_trained.saturating_sub(n_known),
        network_bytes: bytes.len(),
        is_kept,
        broken: facts.broken(&network.certificate),
    })
}

fn nodes_of(store: &mut Store, facts: &Facts) -> Result<Nodes> {
    let mesh = match facts.points {
        None => Mesh::grid(&field::fold_dims(&facts.dims)),
        Some(points) => {
            let lost = || Error::corrupt(format!("the coordinates {points} of its mesh are not in the model store"));
            nodes::decode(&store.get(key(Kind::POINTS, points, 0)).ok_or_else(lost)?)?
        }
    };
    Ok(Nodes { mesh: Arc::new(mesh), points: facts.points })
}
