#![no_main]

use adios2_inr_fuzz::{plant, targets};

libfuzzer_sys::fuzz_target!(init: plant("entropy"), |data: &[u8]| targets::entropy(data));
