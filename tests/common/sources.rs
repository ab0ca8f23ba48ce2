//! The files of a folder of sources.

use std::path::{Path, PathBuf};

/// All of them but those of programs.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| !path.ends_with("src/bin"));
    files.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
