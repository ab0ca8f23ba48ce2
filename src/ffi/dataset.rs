//! Tells a dataset that is written anew from one that goes on: ADIOS2 hands over a path and no word about opening.
//!
//! BP5 keeps an index, `md.idx`. It appears at the first EndStep, grows with every step and is kept by Append; opening for
//! Write empties it in place. So an index that shrank, changed at the same size, or is another file belongs to a new run.
//! ADIOS2 opens on a thread of its own (AsyncOpen): a first block that is written before it is done counts to the old run,
//! which costs nothing but a warm start from it.
//! A stream without a file (SST) never changes.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::process::PerProcess;

/// Datasets remembered; beyond it all are forgotten, which only costs warm starts.
const MAX_DATASETS: usize = 4096;

/// What `md.idx` looked like.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Index {
    bytes: u64,
    modified: Option<SystemTime>,
    file: u64,
}

#[derive(Default)]
struct Known {
    datasets: HashMap<PathBuf, (Option<Index>, u64)>,
    /// Never used twice, so a forgotten dataset cannot come back under its old number.
    next: u64,
}

/// A number for the run that is writing the dataset at `path` (absolute): it stays the same from step to step and over
/// Append, and changes when the dataset is opened for Write again.
pub fn generation(path: &Path) -> u64 {
    static KNOWN: PerProcess<Mutex<Known>> = PerProcess::new(Mutex::default);
    let mut known = KNOWN.get().lock().unwrap_or_else(PoisonError::into_inner);
    let found = std::fs::metadata(path.join("md.idx")).ok().map(|metadata| Index::new(&metadata));
    let last = known.datasets.get(path).copied();
    let number = match last {
        Some((seen, number)) if continues(seen, found) => number,
        _ => {
            known.next += 1;
            known.next
        }
    };
    if last != Some((found, number)) {
        if known.datasets.len() >= MAX_DATASETS {
            known.datasets.clear();
        }
        known.datasets.insert(path.to_owned(), (found, number));
    }
    number
}

impl Index {
    fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Index { bytes: metadata.len(), modified: metadata.modified().ok(), file }
    }
}

/// True when an index that looked like `seen` can have become `found` within one run.
fn continues(seen: Option<Index>, found: Option<Index>) -> bool {
    match (seen, found) {
        // The opening thread may be slower than the first block of the first step.
        (None, _) => true,
        (Some(_), None) => false,
        (Some(seen), Some(found)) => {
            seen.file == found.file
                && (found.bytes > seen.bytes || (found.bytes == seen.bytes && found.modified == seen.modified))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;

    #[test]
    fn a_dataset_goes_on_over_steps_and_appends_and_starts_anew_when_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let index = path.join("md.idx");
        let first = generation(path);
        assert_eq!(generation(path), first, "second block of the first step");
        File::create(&index).unwrap();
        assert_eq!(generation(path), first, "second block, once the dataset is open");
        fs::write(&index, [0; 146]).unwrap();
        assert_eq!(generation(path), first, "second step");
        File::options().append(true).open(&index).unwrap().write_all(&[0; 41]).unwrap();
        assert_eq!(generation(path), first, "third step");
        File::create(&index).unwrap();
        let second = generation(path);
        assert_ne!(second, first, "opened for writing again");
        assert_eq!(generation(path), second);
        fs::write(&index, [0; 146]).unwrap();
        assert_eq!(generation(path), second);
        fs::remove_file(&index).unwrap();
        assert_ne!(generation(path), second, "removed");
    }

    #[test]
    fn datasets_never_share_a_number() {
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(generation(&folder.path().join("a.bp")), generation(&folder.path().join("b.bp")));
    }
}
