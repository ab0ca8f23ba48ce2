//! What libFuzzer (fuzz_targets/) and `make test` (tests/fuzz.rs) share.

pub mod configs;
pub mod seeds;
pub mod targets;

use configs::Usage;

/// Writes the seeds of a target into the folder that `INR_FUZZ_SEEDS` names, if it does: libFuzzer reads them next.
pub fn plant(target: &str) {
    let Some(folder) = std::env::var_os("INR_FUZZ_SEEDS").map(std::path::PathBuf::from) else { return };
    let seeds = if target == "config" { configs::seeds() } else { seeds::of(target) };
    for (i, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{i:03}")), seed).expect("a seed");
    }
}
