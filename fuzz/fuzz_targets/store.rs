#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("store"), |data: &[u8]| targets::networks(data));
