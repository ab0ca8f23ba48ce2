#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("settings"), |data: &[u8]| targets::settings(data));
