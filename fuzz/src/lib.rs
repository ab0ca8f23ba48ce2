//! What libFuzzer (fuzz_targets/) and `make test` (tests/fuzz.rs) share.

pub mod seeds;
pub mod targets;

/// Writes the seeds of a target into the folder that `INR_FUZZ_SEEDS` names, if it does: libFuzzer reads them next.
pub fn plant(target: &str) {
    let Some(folder) = std::env::var_os("INR_FUZZ_SEEDS").map(std::path::PathBuf::from) else { return };
    for (i, seed) in seeds::of(target).iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{i:03}")), seed).expect("a seed");
    }
}
