//! Processes of one node find each other: by a number in the ids of their files, one after the other through a door.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use super::{lock, place};
use crate::Result;

static NUMBER: LazyLock<Option<u32>> = LazyLock::new(|| {
    let id = fs::read("/proc/sys/kernel/random/boot_id").ok().filter(|id| !id.is_empty())?;
    Some((xxh3_64(&id) as u32).max(1))
});

/// The same for all processes that this machine runs until it is started anew, and for hardly any other machine; `None` where
/// it is not known.
pub fn number() -> Option<u32> {
    *NUMBER
}

/// Id of a file of this node.
pub fn id(node: u32, random: u32) -> u64 {
    u64::from(node) << 32 | u64::from(random)
}

/// The node that an id is of.
pub fn of(id: u64) -> u32 {
    (id >> 32) as u32
}

/// Held while a process of the node joins a dataset: a file that is there for as long.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    file: File,
}

impl Door {
    /// Waits for those before.
    ///
    /// # Errors
    /// [`crate::Error::File`], also where there are no locks.
    pub fn open(dataset: &Path, node: u32) -> Result<Door> {
        let path = dataset.join(super::FOLDER).join(format!("{node:08x}.lock"));
        let open = || loop {
            let file = place::open(&path)?;
            lock::await_turn(&file)?;
            // The one before may have taken it away.
            if super::is_at(&file, &path, 0) {
                return Ok(file);
            }
        };
        let file = open().map_err(|e| super::failure(&path, &e))?;
        Ok(Door { path, file })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // One that stays is used again.
        let _ = fs::remove_file(&self.path);
        // A forked child may keep the file open.
        lock::end_turn(&self.file);
    }
}
