//! The kinds of files a series comes from.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::config::DataConfig;
use super::data_netcdf::NetCdf;
use super::source::{Source, extension, numbers};
use crate::npy;

/// Opens `config.path` by what it is.
pub fn open(config: &DataConfig) -> Result<Box<dyn Source>> {
    let path = &config.path;
    match extension(path).as_str() {
        _ if !path.exists() => bail!("{}: there is no such file: set 'data.path'", path.display()),
        "npy" => Ok(Box::new(NpySeries::open(path)?)),
        "nc" | "nc4" | "cdf" | "netcdf" => Ok(Box::new(NetCdf::open(path, &config.variables)?)),
        "bp" | "bp4" | "bp5" => open_bp(config),
        _ if path.is_dir() && path.join("md.0").exists() => open_bp(config),
        _ if path.is_dir() => Ok(Box::new(NpyFolder::open(path)?)),
        _ => bail!("{}: not a .npy file, a folder of them, a .nc file or a .bp dataset", path.display()),
    }
}

#[cfg(feature = "adios2")]
fn open_bp(config: &DataConfig) -> Result<Box<dyn Source>> {
    Ok(Box::new(super::data_bp::Bp::open(&config.path, &config.variables)?))
}

#[cfg(not(feature = "adios2"))]
fn open_bp(config: &DataConfig) -> Result<Box<dyn Source>> {
    bail!("{}: this inr was built without ADIOS2: build it with the feature 'adios2'", config.path.display())
}

/// Coordinates `(n, d)` from a `.npy` file: `[n][d]` and `d`.
pub fn read_points(path: &Path) -> Result<(Vec<f64>, usize)> {
    let array = npy::read(path)?;
    let &[_, n_axes] = array.dims.as_slice() else {
        bail!("{}: has dimensions {:?} but coordinates are (n, d)", path.display(), array.dims);
    };
    Ok((numbers(array.dtype, &array.bytes).with_context(|| path.display().to_string())?, n_axes))
}

/// One array with time as its first axis.
struct NpySeries {
    array: npy::Array,
    names: [String; 1],
}

impl NpySeries {
    fn open(path: &Path) -> Result<NpySeries> {
        let array = npy::read(path)?;
        let name = || path.display().to_string();
        ensure!(array.dims.len() >= 2, "{}: has {} axes but a series has at least 2", name(), array.dims.len());
        Ok(NpySeries { array, names: ["u".into()] })
    }
}

impl Source for NpySeries {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_steps(&self) -> usize {
        self.array.dims[0]
    }

    fn dims(&self) -> &[usize] {
        &self.array.dims[1..]
    }

    fn default_axes(&self) -> Option<&str> {
        None
    }

    fn read(&self, step: usize, _: usize) -> Result<Vec<f64>> {
        let n_bytes = self.array.bytes.len() / self.n_steps();
        numbers(self.array.dtype, &self.array.bytes[step * n_bytes..][..n_bytes])
    }

    fn points(&self, _: &[String]) -> Result<(Vec<f64>, usize)> {
        bail!("a .npy file has no variables: set 'data.points' to a .npy file of coordinates")
    }
}

/// One file per step.
struct NpyFolder {
    files: Vec<PathBuf>,
    dims: Vec<usize>,
    names: [String; 1],
}

impl NpyFolder {
    fn open(path: &Path) -> Result<NpyFolder> {
        let name = || path.display().to_string();
        let entries = std::fs::read_dir(path).with_context(name)?;
        let mut files = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>().with_context(name)?;
        files.retain(|f| extension(f) == "npy");
        files.sort();
        let first = files.first().with_context(|| format!("{}: holds no .npy file", name()))?;
        let dims = npy::read(first)?.dims;
        Ok(NpyFolder { files, dims, names: ["u".into()] })
    }
}

impl Source for NpyFolder {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_steps(&self) -> usize {
        self.files.len()
    }

    fn dims(&self) -> &[usize] {
        &self.dims
    }

    fn default_axes(&self) -> Option<&str> {
        None
    }

    fn read(&self, step: usize, _: usize) -> Result<Vec<f64>> {
        let (array, file) = (npy::read(&self.files[step])?, self.files[step].display());
        ensure!(array.dims == self.dims, "{file}: has dimensions {:?}, the first file {:?}", array.dims, self.dims);
        numbers(array.dtype, &array.bytes)
    }

    fn points(&self, _: &[String]) -> Result<(Vec<f64>, usize)> {
        bail!("a folder of .npy files has no variables: set 'data.points' to a .npy file of coordinates")
    }
}
