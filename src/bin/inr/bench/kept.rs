//! Finished rows, kept as they come: an interrupted run goes on where it was.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use adios2_inr::field::Array;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::codec::{dtype_of, element_bytes};
use super::measure::Row;
use super::quality::Quality;
use crate::npy;

/// A row with what is shown of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// Everything the row depends on.
    key: String,
    pub row: Row,
    pub quality: Quality,
}

/// The folder of a run with its rows so far.
pub struct Kept {
    folder: PathBuf,
    /// Gone at the end where nobody asked for a folder.
    _temporary: Option<tempfile::TempDir>,
    file: File,
    rows: HashMap<String, Finished>,
}

impl Kept {
    /// Opens or makes `folder`, or one for this run only.
    pub fn open(folder: Option<&Path>) -> Result<Kept> {
        let temporary = folder.is_none().then(tempfile::tempdir).transpose()?;
        let folder = folder.or(temporary.as_ref().map(|t| t.path())).unwrap_or(Path::new(".")).to_owned();
        let name = || folder.display().to_string();
        std::fs::create_dir_all(folder.join("steps")).with_context(name)?;
        let path = folder.join("rows.jsonl");
        let text = if path.exists() { std::fs::read_to_string(&path).with_context(name)? } else { String::new() };
        // The last line may have been cut off; it is measured again.
        let rows = text.lines().filter_map(|line| serde_json::from_str::<Finished>(line).ok());
        let rows = rows.map(|finished| (finished.key.clone(), finished)).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(name)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").with_context(name)?;
        }
        Ok(Kept { folder, _temporary: temporary, file, rows })
    }

    /// The row of this key, if it was finished before and its step is there.
    pub fn find(&self, key: &str) -> Option<Finished> {
        self.rows.get(key).filter(|finished| self.path(finished).exists()).cloned()
    }

    /// Keeps a row, and of its decoded steps the one that is shown.
    pub fn add(&mut self, key: String, row: Row, quality: Quality, shown: &Array) -> Result<Finished> {
        let finished = Finished { key, row, quality };
        let array = npy::Array {
            dtype: dtype_of(shown),
            dims: finished.row.dims.clone(),
            bytes: element_bytes(shown).to_vec(),
        };
        npy::write(&self.path(&finished), &array)?;
        let line = serde_json::to_string(&finished)? + "\n";
        self.file.write_all(line.as_bytes()).with_context(|| self.folder.display().to_string())?;
        self.rows.insert(finished.key.clone(), finished.clone());
        Ok(finished)
    }

    /// The shown step of a row, decoded.
    pub fn step(&self, finished: &Finished) -> Result<npy::Array> {
        Ok(npy::read(&self.path(finished))?)
    }

    fn path(&self, finished: &Finished) -> PathBuf {
        self.folder.join("steps").join(format!("{:016x}.npy", xxh3_64(finished.key.as_bytes())))
    }
}
