//! A series for `temporal=predict`: waves that drift over each other, whose next step the last two tell.
#![allow(dead_code, reason = "each test program uses a part")]

#[path = "steps.rs"]
mod steps;

use std::path::Path;

use adios2_inr::Settings;
use adios2_inr::session::SeriesKey;
#[allow(unused_imports, reason = "each test program uses a part")]
pub use steps::{floats, write};

pub const N: usize = 64;
pub const ACCURACY: f64 = 1e-3;

pub fn drift(step: usize) -> Vec<f32> {
    let t = step as f64;
    let at = |i: usize| {
        let (y, x) = ((i / N) as f64, (i % N) as f64);
        ((0.31 * x - 0.12 * t).sin() * (0.23 * y + 0.08 * t).cos() + 0.4 * (0.4 * (x + y) + 0.1 * t).sin()) as f32
    };
    (0..N * N).map(at).collect()
}

pub fn settings(more: &[(&str, &str)]) -> Settings {
    let base = [("temporal", "predict"), ("accuracy", "1e-3"), ("norm", "Linf"), ("backend", "cpu")];
    steps::settings(&base, more)
}

pub fn noise(step: usize) -> Vec<f32> {
    steps::noise(N, step)
}

pub fn key(dataset: &Path, variable: &str) -> SeriesKey {
    steps::key(dataset, variable, N)
}

pub fn try_read(dataset: &Path, record: &[u8]) -> adios2_inr::Result<Vec<f32>> {
    steps::try_read(dataset, record, N)
}

pub fn read_anew(dataset: &Path, record: &[u8]) -> adios2_inr::Result<Vec<f32>> {
    steps::read_anew(dataset, record, N)
}

/// Largest error over the range of `values`.
pub fn error(found: &[f32], values: &[f32]) -> f64 {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let largest = found.iter().zip(values).map(|(f, v)| f64::from(f - v).abs()).fold(0.0, f64::max);
    largest / f64::from(high - low)
}
