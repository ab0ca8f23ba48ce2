//! A folder of `.npy` files, one per step, in the order of their names.

use std::path::{Path, PathBuf};

use adios2_inr::npy::Array;
use anyhow::{Context as _, Result, ensure};

use super::file::{Entry, File, Part, Steps, cut};
use super::flat::Flat;
use super::open::extension;

/// The files.
pub struct Folder {
    files: Vec<PathBuf>,
    entries: [Entry; 1],
}

impl Folder {
    /// Opens the first of them.
    pub fn open(path: &Path) -> Result<Folder> {
        let name = || path.display().to_string();
        let entries = std::fs::read_dir(path).with_context(name)?;
        let mut files = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>().with_context(name)?;
        files.retain(|f| extension(f) == "npy");
        files.sort();
        let first = files.first().with_context(|| format!("{}: holds no .npy file", name()))?;
        let mut entry = Flat::npy(first)?.entries()[0].clone();
        entry.name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entry.steps = Steps::Own(files.len());
        Ok(Folder { files, entries: [entry] })
    }
}

impl File for Folder {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize, part: Part) -> Result<Array> {
        let (step, axis) = match part {
            Part::Step(step) => (step, None),
            Part::Cut { axis, index } => (0, Some((axis, index))),
        };
        let (name, first) = (self.files[step].display(), &self.entries[entry]);
        let array = Flat::npy(&self.files[step])?.read(0, Part::Step(0))?;
        ensure!(array.dims == first.dims, "{name}: has dimensions {:?}, the first file {:?}", array.dims, first.dims);
        ensure!(Ok(array.dtype) == first.dtype, "{name}: holds {}, unlike the first file", array.dtype.name());
        Ok(axis.map_or_else(|| array.clone(), |(axis, index)| cut(&array, axis, index)))
    }

    fn has_names(&self) -> bool {
        false
    }
}
