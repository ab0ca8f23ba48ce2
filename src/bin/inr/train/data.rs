//! The series a run is about: snapshots `[n_nodes][n_channels]` from files of several kinds.

use std::sync::Arc;

use adios2_inr::mesh::Mesh;
use anyhow::{Context as _, Result, bail, ensure};

use super::arrays::{Arrays, read_points};
use super::config::{DataConfig, Points};
use super::layout::Layout;

/// A series, read step by step.
pub struct Series {
    /// For tables.
    pub name: String,
    /// The nodes.
    pub mesh: Arc<Mesh>,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// Steps of the series.
    pub n_steps: usize,
    /// The file's number of step 0.
    first: usize,
    /// The file's channels that are taken.
    picked: Vec<usize>,
    layout: Layout,
    arrays: Arrays,
}

impl Series {
    /// Opens what the config names.
    pub fn open(config: &DataConfig) -> Result<Series> {
        let path = &config.path;
        Series::of(config, Arrays::open(config)?).with_context(|| path.display().to_string())
    }

    fn of(config: &DataConfig, arrays: Arrays) -> Result<Series> {
        let points = match &config.points {
            None => None,
            Some(Points::File(file)) => Some(read_points(file)?),
            Some(Points::Variables(names)) => Some(arrays.points(names)?),
        };
        let layout = Layout::new(config, arrays.dims(), arrays.default_axes(), points.is_some())?;
        let mesh = match points {
            Some((coordinates, n_axes)) => Mesh::points(&coordinates, n_axes)?,
            None => Mesh::grid(&layout.grid),
        };
        let (n_nodes, found) = (layout.n_nodes(), mesh.n_nodes());
        ensure!(found == n_nodes, "'data.points' has {found} nodes but a step has {n_nodes}: they must be the same");
        ensure!(mesh.n_axes() <= 4, "a grid of {} axes is not supported: at most 4", mesh.n_axes());

        let names = &arrays.names;
        let all: Vec<String> = match layout.n_channels {
            1 => names.to_vec(),
            n => names.iter().flat_map(|v| (0..n).map(move |c| format!("{v}[{c}]"))).collect(),
        };
        let picked = config.channels.clone().unwrap_or_else(|| (0..all.len()).collect());
        if let Some(bad) = picked.iter().find(|c| **c >= all.len()) {
            bail!("'data.channels' names channel {bad} but there are {} (from 0)", all.len());
        }
        let [first, end] = config.steps.unwrap_or([0, arrays.n_steps()]);
        let n_steps = arrays.n_steps();
        ensure!(first < end && end <= n_steps, "'data.steps' cannot be [{first}, {end}]: there are {n_steps} steps");
        let stem = config.path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Series {
            name: config.name.clone().unwrap_or_else(|| stem.into_owned()),
            mesh: Arc::new(mesh),
            channels: picked.iter().map(|&c| all[c].clone()).collect(),
            n_steps: end - first,
            first,
            picked,
            layout,
            arrays,
        })
    }

    /// Values per node.
    pub fn n_channels(&self) -> usize {
        self.picked.len()
    }

    /// Bytes of the series as f32.
    pub fn raw_bytes(&self) -> usize {
        4 * self.n_steps * self.mesh.n_nodes() * self.n_channels()
    }

    /// Bytes a reader needs to know where the nodes are.
    pub fn mesh_bytes(&self) -> usize {
        if matches!(*self.mesh, Mesh::Grid { .. }) { 0 } else { self.mesh.bytes() }
    }

    /// The grid's size, slowest first; of points their number alone.
    pub fn dims(&self) -> Vec<usize> {
        match &*self.mesh {
            Mesh::Grid { dims, .. } => dims.clone(),
            Mesh::Points { .. } => vec![self.mesh.n_nodes()],
        }
    }

    /// Values of step `step`, `[n_nodes][n_channels]` in the data's unit, finite.
    pub fn snapshot(&self, step: usize) -> Result<Vec<f32>> {
        let read = |array| self.arrays.read(self.first + step, array);
        let arrays = (0..self.arrays.names.len()).map(read).collect::<Result<Vec<_>>>()?;
        let values = self.layout.gather(&arrays, &self.picked);
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(i) => bail!(
                "step {step} holds {} at node {}: a series network needs finite values, so fill such nodes first",
                values[i],
                i / self.n_channels()
            ),
        }
    }
}
