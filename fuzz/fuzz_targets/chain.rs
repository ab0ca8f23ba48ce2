#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("chain"), |data: &[u8]| targets::chain(data));
