//! Two variables for `temporal=predict`, one of which follows the other at once.

#[path = "drift.rs"]
mod drift;

use std::path::Path;

use adios2_inr::session;
#[allow(unused_imports, reason = "each test program uses a part")]
pub use drift::{ACCURACY, N, drift, error, key, read_anew, settings, try_read, write};

pub const N_STEPS: usize = 40;

/// Something new at every step, which `v` follows at once.
pub fn u(step: usize) -> Vec<f32> {
    let phase = (step * step * 7 % 31) as f32;
    let forced = |i: usize| 0.2 * (0.2 * (i / N) as f32 + phase).sin() * (0.17 * (i % N) as f32 - 2.0 * phase).cos();
    drift(step).iter().enumerate().map(|(i, v)| v + forced(i)).collect()
}

pub fn v(step: usize) -> Vec<f32> {
    u(step).iter().zip(drift(step + 50)).map(|(u, own)| 0.7 * u - 0.4 * own).collect()
}

/// Writes both variables, in this order; their records.
pub fn write_both(folder: &Path, log: &Path, order: [&str; 2]) -> [Vec<Vec<u8>>; 2] {
    let asked = settings(&[("log", log.to_str().unwrap())]);
    let mut records = [Vec::new(), Vec::new()];
    for step in 0..N_STEPS {
        for name in order {
            let (of, values) = if name == "u" { (0, u(step)) } else { (1, v(step)) };
            records[of].push(write(&key(folder, name), &asked, &values));
        }
    }
    order.iter().for_each(|name| session::finish(&key(folder, name)));
    records
}
