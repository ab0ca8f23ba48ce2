//! Which instructions the processor has and this process may use. `INR_INSTRUCTIONS` (`scalar`, `avx2` or `avx512`) holds it to these
//! and plainer ones, which changes no bit: for tests, and to find out whether a wide kernel is to blame.

use std::arch::is_x86_feature_detected;
use std::sync::atomic::{AtomicU8, Ordering};

/// From plain to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What every processor has.
    Scalar,
    /// x86-64 with AVX2, FMA, BMI2 and POPCNT.
    Avx2,
    /// That and AVX-512F.
    Avx512,
}

const UNKNOWN: u8 = u8::MAX;
static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

/// True when the processor has the instructions of `level` and the process may use them. As cheap as asking the standard library.
#[inline]
pub fn allows(level: Level) -> bool {
    let known = LEVEL.load(Ordering::Relaxed);
    let allowed = if known == UNKNOWN { find() } else { known };
    allowed >= level as u8
}

#[cold]
fn find() -> u8 {
    let level = limit().min(available()) as u8;
    LEVEL.store(level, Ordering::Relaxed);
    level
}

fn limit() -> Level {
    match std::env::var("INR_INSTRUCTIONS").as_deref().map(str::trim) {
        Ok("scalar") => Level::Scalar,
        Ok("avx2") => Level::Avx2,
        _ => Level::Avx512,
    }
}

fn available() -> Level {
    let has_bits = is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("popcnt");
    let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && has_bits;
    match (has_avx2, is_x86_feature_detected!("avx512f")) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        (false, _) => Level::Scalar,
    }
}
