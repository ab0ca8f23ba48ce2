#![no_main]

use adios2_inr_fuzz::{configs, plant};

libfuzzer_sys::fuzz_target!(init: plant("config"), |data: &[u8]| configs::read(data));
