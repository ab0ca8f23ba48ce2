//! A series as the plugin hands it over: steps of a moving pulse through the session, into a folder that stands for a dataset.
#![allow(dead_code, reason = "each test program uses a part")]

#[path = "steps.rs"]
mod steps;

use std::path::Path;

use adios2_inr::Settings;
use adios2_inr::session::SeriesKey;
#[allow(unused_imports, reason = "each test program uses a part")]
pub use steps::{floats, write};

pub const N: usize = 48;
pub const ACCURACY: f64 = 0.15;

/// A pulse that moves over a still pattern, which single blocks pay for again and again.
pub fn pulse(step: usize) -> Vec<f32> {
    let centre = 0.25 + 0.012 * step as f64;
    let at = |i: usize| {
        let (y, x) = ((i / N) as f64 / N as f64, (i % N) as f64 / N as f64);
        let pulse = (-30.0 * ((x - 0.5).powi(2) + (y - centre).powi(2))).exp();
        let waves = (25.0 * x + 9.0 * y * y).sin() * (23.0 * y - 7.0 * x * x).sin();
        (pulse + 0.5 * waves + 0.5 * (31.0 * (x - 0.3) * (y + 0.2)).sin()) as f32
    };
    (0..N * N).map(at).collect()
}

pub fn settings(more: &[(&str, &str)]) -> Settings {
    let base = [
        ("temporal", "series"),
        ("accuracy", "0.15"),
        ("segment_steps", "100"),
        ("network", "film"),
        ("width", "16"),
        ("blocks", "2"),
        ("backend", "cpu"),
        ("seconds", "1"),
        ("iterations", "40"),
    ];
    steps::settings(&base, more)
}

pub fn noise(step: usize) -> Vec<f32> {
    steps::noise(N, step)
}

pub fn key(dataset: &Path, variable: &str) -> SeriesKey {
    steps::key(dataset, variable, N)
}

pub fn read(dataset: &Path, record: &[u8]) -> Vec<f32> {
    steps::try_read(dataset, record, N).unwrap()
}
