//! What this process keeps in one dataset: its store file, numbers of series, coordinates of meshes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index;
use crate::mesh::Mesh;
use crate::session::{facts, nodes};
use crate::store::{Key, Kind, Store};
use crate::{Error, Result, Settings};

/// Store file and numbers of one dataset; the file is made when something is published first.
#[derive(Debug)]
pub struct Writer {
    dataset: PathBuf,
    store: Option<Store>,
    meshes: Vec<PointsFile>,
    generation: u64,
    n_before: u64,
}

/// Rows of a coordinates file that some series of the dataset has.
#[derive(Debug)]
struct PointsFile {
    path: PathBuf,
    first: usize,
    n: usize,
    nodes: Nodes,
}

/// The nodes of a series.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Where they are.
    pub mesh: Arc<Mesh>,
    /// Number of their coordinates in the store; `None` for grids.
    pub points: Option<u32>,
}

impl Writer {
    /// For the dataset at `dataset`, from its first block in this process on.
    pub fn new(dataset: &Path, generation: u64) -> Self {
        let n_before = index::n_steps(dataset);
        Writer { dataset: dataset.to_owned(), store: None, meshes: Vec::new(), generation, n_before }
    }

    /// Steps that the dataset had before this run: none when it was opened for writing anew.
    pub fn n_before(&mut self, generation: u64) -> u64 {
        if generation != self.generation {
            (self.generation, self.n_before) = (generation, 0);
        }
        self.n_before
    }

    /// True once this run has ended a step; for a dataset that was opened for writing anew.
    pub fn has_steps(&self) -> bool {
        index::n_steps(&self.dataset) > 0
    }

    /// The number of a series, which it gets at its first step.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn number(&mut self, known: &mut Option<u32>) -> Result<u32> {
        match known {
            Some(number) => Ok(*number),
            None => Ok(*known.insert(self.store()?.new_series()?)),
        }
    }

    /// The store file, which is in its place when this returns.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn store(&mut self) -> Result<&mut Store> {
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Store::join(&self.dataset)?),
        };
        store.ensure()?;
        Ok(store)
    }

    /// What records know the store file by; `None` before there is one.
    pub fn store_id(&self) -> Option<u64> {
        self.store.as_ref().map(Store::id)
    }

    /// Publishes what was published before again if it is gone; makes no file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn ensure(&mut self) -> Result<()> {
        self.store.as_mut().map_or(Ok(()), |store| store.ensure().map(drop))
    }

    /// The nodes of blocks with these folded dimensions, from row `first` on where they are points.
    ///
    /// # Errors
    /// [`Error::File`] for coordinates that do not fit.
    pub fn nodes(&mut self, settings: &Settings, dims: &[usize], first: usize) -> Result<Nodes> {
        let Some(path) = &settings.points else {
            return Ok(Nodes { mesh: Arc::new(Mesh::grid(dims)), points: None });
        };
        let n = dims.iter().product();
        let is_same = |file: &PointsFile| &file.path == path && (file.first, file.n) == (first, n);
        if let Some(known) = self.meshes.iter().find(|file| is_same(file)) {
            return Ok(known.nodes.clone());
        }
        let mesh = nodes::read_points(path, first, n)?;
        if mesh.n_axes() > u8::MAX.into() {
            return Err(Error::Series(format!("the nodes have {} coordinates", mesh.n_axes())));
        }
        let store = self.store()?;
        let points = store.new_series()?;
        store.append_kept(&[(points_key(points), &nodes::encode(&mesh))], |_| true)?;
        let nodes = Nodes { mesh, points: Some(points) };
        self.meshes.push(PointsFile { path: path.clone(), first, n, nodes: nodes.clone() });
        Ok(nodes)
    }
}

fn points_key(points: u32) -> Key {
    facts::key(Kind::POINTS, points, 0)
}
