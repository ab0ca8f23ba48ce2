//! Golden files: what a version wrote, and a checksum of what it decodes to, which never changes.
//!
//! `INR_ADD_GOLDEN=1` adds files that are missing and touches none that is there. `INR_UPDATE_GOLDEN=NAME,NAME` writes the checksums of these
//! anew and leaves alone what they are of: for a bug of the decoder that was mended (CONTRIBUTING.md).
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::{Path, PathBuf};

use adios2_inr::backend::cpu::Instructions;

/// Numbers of threads that golden files are decoded on.
const THREADS: [&str; 4] = ["1", "2", "3", "7"];
/// As `INR_INSTRUCTIONS` calls them.
const INSTRUCTIONS: [(&str, Instructions); 3] =
    [("scalar", Instructions::Scalar), ("avx2", Instructions::Avx2), ("avx512", Instructions::Avx512)];

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// True where a golden file that is missing is to be made.
pub fn is_to_be_added(path: &Path) -> bool {
    std::env::var_os("INR_ADD_GOLDEN").is_some() && !path.exists()
}

fn is_to_be_updated(name: &str) -> bool {
    std::env::var("INR_UPDATE_GOLDEN").is_ok_and(|names| names.split(',').any(|n| n.trim() == name))
}

/// Checksum of all bytes that something decoded to.
pub fn hash(parts: &[Vec<u8>]) -> String {
    format!("{:032x}\n", xxhash_rust::xxh3::xxh3_128(&parts.concat()))
}

/// Compares what the golden file at `path` decodes to with the checksum beside it, after `make` has written both where they may be added.
pub fn check(path: &Path, make: impl FnOnce() -> Vec<u8>, decoded: impl Fn(&[u8]) -> String) {
    if is_to_be_added(path) {
        let bytes = make();
        std::fs::write(path, &bytes).expect("golden file");
        std::fs::write(path.with_extension("xxh3"), decoded(&bytes)).expect("golden hash");
    }
    let name = path.file_stem().expect("a name").to_str().expect("ASCII");
    let bytes = std::fs::read(path).expect(name);
    check_hash(name, &path.with_extension("xxh3"), &decoded(&bytes));
}

/// Compares a checksum with the one at `path`, or writes that anew if it is asked for.
pub fn check_hash(name: &str, path: &Path, found: &str) {
    if is_to_be_updated(name) {
        std::fs::write(path, found).expect("golden hash");
    }
    assert_eq!(found, std::fs::read_to_string(path).expect(name), "{name} decodes to other bits");
}

/// Runs the tests of this program whose names contain `filter` on every number of threads with every instruction set that there is. Both
/// are fixed when a process first decodes, so each way needs its own process.
pub fn in_every_way(filter: &str) {
    for (name, instructions) in INSTRUCTIONS {
        if !instructions.is_available() {
            eprintln!("skipped: this CPU has no {instructions}");
            continue;
        }
        THREADS.iter().for_each(|n_threads| in_one_way(filter, n_threads, name));
    }
}

pub fn in_one_way(filter: &str, n_threads: &str, instructions: &str) {
    let output = std::process::Command::new(std::env::current_exe().expect("this test"))
        .arg(filter)
        .env("RAYON_NUM_THREADS", n_threads)
        .env("INR_INSTRUCTIONS", instructions)
        .env_remove("INR_ADD_GOLDEN")
        .env_remove("INR_UPDATE_GOLDEN")
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{n_threads} threads, {instructions}:\n{text}");
    assert!(!text.contains(" 0 passed"), "nothing was tested:\n{text}");
}

/// Every test that a way is meant for says first that it runs in it.
pub fn assert_way() {
    let Ok(asked) = std::env::var("INR_INSTRUCTIONS") else { return };
    let found = Instructions::best();
    assert!(INSTRUCTIONS.contains(&(asked.as_str(), found)), "{asked} was asked for, {found} is used");
}

/// Files (or folders) that no case is about.
pub fn assert_all_known(folder: &Path, names: &[&str]) {
    for entry in std::fs::read_dir(folder).expect("the golden folder") {
        let path = entry.expect("entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(names.contains(&name.as_str()), "{name} is no case");
    }
}
