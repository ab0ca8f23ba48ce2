//! What the scripts pack and install: library and program of the profile under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::cli_common::plugin_folder;

/// A folder with both, as `INR_ARTEFACTS` wants it.
pub fn artefacts() -> TempDir {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inr"));
    let library = plugin_folder().join("libadios2_inr.so");
    // On the same disk as both, so that links will do.
    let folder = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
    for path in [program, library] {
        std::fs::hard_link(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// A script of `scripts/`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name));
    command
}
