#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("npy"), |data: &[u8]| targets::npy_file(data));
