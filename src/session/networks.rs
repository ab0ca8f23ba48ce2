//! Finding the networks that records refer to: in the dataset that is being read, in those this process writes, in those it
//! has open.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use xxhash_rust::xxh3::xxh3_64;

use super::facts::{self, Facts};
use super::{chains, files, nodes};
use crate::codec::{Networks, Place, Segment, StepPlace, memory};
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::process::PerProcess;
use crate::store::{self, Kind};
use crate::threads::canonical;
use crate::{Error, Result};

/// Networks kept decoded.
const N_NETWORKS: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Meshes of coordinates kept decoded; they are much larger.
const N_MESHES: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Bytes in memory, at most, for each of a stored network or of stored coordinates while they are decoded.
const PER_BYTE: usize = 64;

/// Where network and facts stood when they were read: they may be published anew.
type Stamp = [Option<Range<u64>>; 2];

/// A network as it was found.
#[derive(Clone)]
struct Found {
    stamp: Stamp,
    segment: Arc<Segment>,
    standing: Standing,
}

/// What is to be known of a network before its steps are used.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Changes when the network does.
    pub hash: u64,
    /// A sentence when the steps may be above their promise.
    pub doubt: Option<String>,
}

struct Cache {
    /// By number of the file, series and segment.
    networks: LruCache<(u64, u32, u32), Found>,
    meshes: LruCache<u64, Arc<Mesh>>,
}

static CACHE: PerProcess<Mutex<Cache>> =
    PerProcess::new(|| Mutex::new(Cache { networks: LruCache::new(N_NETWORKS), meshes: LruCache::new(N_MESHES) }));

/// Networks of the dataset at `dataset` (absolute; empty when it is not known), else of those that this process has open.
#[derive(Clone, Copy, Debug)]
pub struct StoredNetworks<'a> {
    /// Path of the dataset.
    pub dataset: &'a str,
}

impl Networks for StoredNetworks<'_> {
    fn segment(&self, place: &Place) -> Result<Arc<Segment>> {
        self.find(place).map(|found| found.segment)
    }
}

impl StoredNetworks<'_> {
    /// How the network of a place stands.
    ///
    /// # Errors
    /// As [`Networks::segment`].
    pub fn standing(&self, place: &Place) -> Result<Standing> {
        self.find(place).map(|found| found.standing)
    }

    /// Decodes a step of a chain into `out`.
    ///
    /// # Errors
    /// [`Error::NoStep`] that tells where it was looked for; what a damaged one is refused with.
    pub fn step(&self, place: &StepPlace, out: &mut [u8]) -> Result<()> {
        let &StepPlace { store, series, step } = place;
        let found = self.look(store, |path| chains::decode(path, place, out))?;
        found.map_err(|looked| Error::NoStep { store, series, step, looked })
    }

    /// The record of a step of a chain.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_record(&self, place: &StepPlace) -> Result<Vec<u8>> {
        let &StepPlace { store, series, step } = place;
        let found = self.look(store, |path| chains::record(path, place))?;
        found.map_err(|looked| Error::NoStep { store, series, step, looked })
    }

    fn find(&self, place: &Place) -> Result<Found> {
        let found = self.look(place.store, |path| read(path, place))?;
        let &Place { store, series, segment, .. } = place;
        found.map_err(|looked| Error::NoNetwork { store, series, segment, looked })
    }

    /// What `read` finds in a store file of this id; else where it was looked for.
    fn look<T>(&self, store: u64, mut read: impl FnMut(&Path) -> Result<Option<T>>) -> Result<Result<T, String>> {
        let mut looked: Vec<PathBuf> = Vec::new();
        let named = (!self.dataset.is_empty()).then(|| PathBuf::from(self.dataset));
        // Only looked at where the one before did not help.
        let own = std::iter::once_with(super::live::datasets).flatten();
        let open = std::iter::once_with(open_datasets).flatten();
        for dataset in named.into_iter().chain(own).chain(open) {
            if looked.contains(&dataset) {
                continue;
            }
            if let Some(found) = read(&store::path(&dataset, store))? {
                return Ok(Ok(found));
            }
            looked.push(dataset);
        }
        let places: Vec<String> = looked.iter().map(|p| p.join(store::FOLDER).display().to_string()).collect();
        Ok(Err(match places.as_slice() {
            [] => "the engine names no dataset and none is open".to_owned(),
            _ => format!("looked in {}", places.join(", ")),
        }))
    }
}

/// The network in the store file at `path`; `None` when it holds none for this place.
fn read(path: &Path, place: &Place) -> Result<Option<Found>> {
    let Some(file) = files::open(path)? else { return Ok(None) };
    let known = (file.number, place.series, place.segment);
    let lock = || CACHE.get().lock().unwrap_or_else(PoisonError::into_inner);
    let mut index = file.index();
    index.refresh()?;
    let keys = [Kind::NETWORK, Kind::SEGMENT].map(|kind| facts::key(kind, place.series, place.segment));
    let stamp = keys.map(|key| index.span(key));
    if let Some(found) = lock().networks.get(&known).filter(|found| found.stamp == stamp) {
        return Ok(Some(found.clone()));
    }
    let _mode = canonical();
    ask_for_entries(&stamp)?;
    let Some(bytes) = index.get(keys[0])? else {
        // A file of this id is no other's.
        return match index.damage() {
            Some(damage) => Err(Error::corrupt(format!("its network is lost, for {damage}"))),
            None => Ok(None),
        };
    };
    ask_to_decode(&bytes)?;
    let network = SeriesNetwork::decode(&bytes)?;
    let about = index.get(keys[1])?.ok_or_else(|| {
        let why = index.damage().map(|damage| format!(", for {damage}")).unwrap_or_default();
        Error::corrupt(format!("what was promised for the steps of its network is lost{why}"))
    })?;
    let about = Facts::decode(&about)?;
    let points = |points| {
        let key = facts::key(Kind::POINTS, points, 0);
        ask_for_entries(&[index.span(key)])?;
        mesh(index.get(key)?.as_deref(), points)
    };
    let mesh = about.points.map(points).transpose()?;
    drop(index);
    let doubt = doubt(&about, &network, path);
    let standing = Standing { hash: xxh3_64(&bytes), doubt };
    let found = Found { stamp, segment: Arc::new(Segment { network, mesh }), standing };
    lock().networks.put(known, found.clone());
    Ok(Some(found))
}

/// Asks for the memory that reading entries takes, which are copied once.
fn ask_for_entries(spans: &[Option<Range<u64>>]) -> Result<()> {
    let n_bytes = spans.iter().flatten().map(|span| 2 * (span.end - span.start)).sum::<u64>();
    memory::ask_to_read(usize::try_from(n_bytes).unwrap_or(usize::MAX).saturating_add(memory::SMALL))
}

/// Asks for the memory that decoding a network or coordinates takes.
fn ask_to_decode(stored: &[u8]) -> Result<()> {
    memory::ask_to_read(PER_BYTE.saturating_mul(stored.len()).saturating_add(memory::SMALL))
}

/// What a reader is to be told of a network in the store file at `path`, if anything.
fn doubt(facts: &Facts, network: &SeriesNetwork, path: &Path) -> Option<String> {
    let dataset = path.ancestors().nth(2).unwrap_or(path).display();
    if !facts.is_certified_by(&network.certificate) {
        return (facts.n_by_network() > 0).then(|| {
            format!(
                "{dataset} has networks that are still in training or whose run was killed, so that what was promised is not \
                 assured for their steps: run 'inr finalize {dataset}' when no process writes it any more"
            )
        });
    }
    let n_broken = facts.broken(&network.certificate).len();
    let Facts { variable, promise, .. } = facts;
    (n_broken > 0).then(|| {
        format!(
            "{n_broken} of the steps of variable '{variable}' in {dataset} break {promise} by their network's certificate: \
             'inr inspect' names them"
        )
    })
}

/// The coordinates of number `points`, from their entry in a store file.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn mesh(entry: Option<&[u8]>, points: u32) -> Result<Arc<Mesh>> {
    let lost = || Error::corrupt(format!("the coordinates {points} of its mesh are not in the model store"));
    let bytes = entry.ok_or_else(lost)?;
    let lock = || CACHE.get().lock().unwrap_or_else(PoisonError::into_inner);
    let hash = xxh3_64(bytes);
    if let Some(mesh) = lock().meshes.get(&hash) {
        return Ok(Arc::clone(mesh));
    }
    ask_to_decode(bytes)?;
    let mesh = Arc::new(nodes::decode(bytes)?);
    lock().meshes.put(hash, Arc::clone(&mesh));
    Ok(mesh)
}

/// Folders that hold a file this process has open and ADIOS2 could have opened: `NAME.bp/data.0`, `NAME.bp/md.idx`.
fn open_datasets() -> Vec<PathBuf> {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let targets = descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let is_of_a_dataset = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("data.") || name.starts_with("md.") || name == "mmd.0"
    };
    let mut folders: Vec<PathBuf> =
        targets.filter(is_of_a_dataset).filter_map(|path| path.parent().map(Path::to_owned)).collect();
    folders.sort();
    folders.dedup();
    folders
}
