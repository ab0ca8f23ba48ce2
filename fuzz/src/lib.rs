//! What libFuzzer (fuzz_targets/) and `make test` (tests/fuzz.rs) share.

pub mod seeds;
pub mod targets;
