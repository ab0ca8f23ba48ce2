//! The client that writes and reads two series (`tests/clients/series.py`), and what `inr inspect` says about its datasets.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{inr_with_adios2, python, run, stdout};

/// `tests/clients/series.py`.
pub fn client(arguments: &[&str]) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/series.py")).args(arguments);
    command
}

/// A folder with this `adios2.xml`.
pub fn folder(xml: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("adios2.xml"), xml).unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

/// Errors by (step, block), read by another process in random order.
pub fn errors(folder: &str, name: &str, seed: &str) -> BTreeMap<(usize, usize), f64> {
    let printed = stdout(&run(&mut client(&["read", folder, name, seed]), 0));
    let errors: BTreeMap<String, f64> = serde_json::from_str(&printed).unwrap();
    let place = |key: &str| {
        let (step, block) = key.split_once(',').unwrap();
        (step.parse().unwrap(), block.parse().unwrap())
    };
    errors.into_iter().map(|(key, error)| (place(&key), error)).collect()
}

/// `inr inspect` of a dataset.
pub fn inspect_command(folder: &str, name: &str) -> Command {
    let mut command = inr_with_adios2();
    command.arg("inspect").arg(Path::new(folder).join(name));
    command
}

/// What `inr inspect --json` says of a dataset.
pub fn inspect(folder: &str, name: &str) -> Value {
    let done = run(inspect_command(folder, name).arg("--json"), 0);
    serde_json::from_str::<Value>(&stdout(&done)).unwrap()[0].take()
}
