#![no_main]

use adios2_inr_fuzz::{seeds, targets};

libfuzzer_sys::fuzz_target!(init: seeds::write("chain"), |data: &[u8]| targets::chain(data));
