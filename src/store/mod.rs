//! The model store: files in `NAME.bp/inr/` that records refer to. Layout, checks and publishing; what the payloads mean
//! is the session's business.
//!
//! The processes of a node append to one file, `<id>.inr`, one at a time ([`Store::join`]). The newest entry of a key is the one
//! that counts, so a network is published anew without changing a byte that a reader may be looking at. What many steps depend
//! on has a spare that restores it. docs/FORMAT.md, "Model store", describes every byte.

mod draft;
mod entry;
mod index;
mod lock;
mod node;
mod parity;
mod place;
mod reader;
mod spare;
mod turn;
mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use entry::{Key, Kind, MAGIC, write as write_entry};
pub use index::Index;
pub use reader::Contents;
pub use writer::Store;

use crate::Error;

/// Folder of the store inside a dataset.
pub const FOLDER: &str = "inr";
/// Ending of a store file's name; 16 hex digits stand before it.
const ENDING: &str = ".inr";

/// Path of the file of `id` in the dataset at `dataset`.
pub fn path(dataset: &Path, id: u64) -> PathBuf {
    dataset.join(FOLDER).join(name(id))
}

fn name(id: u64) -> String {
    format!("{id:016x}{ENDING}")
}

fn failure(path: &Path, error: &std::io::Error) -> Error {
    let reason = format!("networks and predicted steps cannot be kept here ({error})");
    Error::File { path: path.display().to_string(), reason }
}

/// Ids of the store files in the dataset at `dataset`, in ascending order; none where there is no store.
pub fn ids(dataset: &Path) -> Vec<u64> {
    let Ok(folder) = std::fs::read_dir(dataset.join(FOLDER)) else { return Vec::new() };
    let mut ids: Vec<u64> = folder.flatten().filter_map(|file| id_of(file.file_name().to_str()?)).collect();
    ids.sort_unstable();
    ids
}

fn id_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING).filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

/// True when `path` still leads to `file` and `end` bytes of it are there.
fn is_at(file: &File, path: &Path, end: u64) -> bool {
    let (Ok(there), Ok(here)) = (fs::metadata(path), file.metadata()) else { return false };
    #[cfg(unix)]
    let is_same = {
        use std::os::unix::fs::MetadataExt as _;
        (there.dev(), there.ino()) == (here.dev(), here.ino())
    };
    #[cfg(not(unix))]
    let is_same = true;
    is_same && there.len() >= end && here.len() >= end
}
