//! A series as the plugin hands it over: steps of a moving pulse through the session, into a folder that stands for a dataset.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::Path;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Dtype, Settings};

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
    let kept = base.into_iter().filter(|(key, _)| more.iter().all(|(k, _)| k != key));
    Settings::from_pairs(kept.chain(more.iter().copied())).unwrap()
}

pub fn key(dataset: &Path, variable: &str) -> SeriesKey {
    SeriesKey {
        dataset: dataset.to_str().unwrap().to_owned(),
        generation: 0,
        variable: variable.to_owned(),
        start: vec![0, 0],
        dims: vec![N, N],
    }
}

pub fn write(key: &SeriesKey, settings: &Settings, values: &[f32]) -> Vec<u8> {
    let block = Block::new(Dtype::F32, &key.dims, bytemuck::cast_slice(values)).unwrap();
    let outcome = session::encode(key, &block, settings);
    assert_eq!(outcome.warning, None);
    outcome.record
}

pub fn read(dataset: &Path, record: &[u8]) -> Vec<f32> {
    let mut bytes = vec![0; 4 * N * N];
    session::decode_from(dataset.to_str().unwrap(), record, &mut bytes).unwrap();
    floats(&bytes)
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
