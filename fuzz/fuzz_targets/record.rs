#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("record"), |data: &[u8]| targets::record(data));
