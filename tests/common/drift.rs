//! A series for `temporal=predict`: waves that drift over each other, whose next step the last two tell.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::Path;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Dtype, Settings};

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

pub fn try_read(dataset: &Path, record: &[u8]) -> adios2_inr::Result<Vec<f32>> {
    let mut bytes = vec![0; 4 * N * N];
    session::decode_from(dataset.to_str().unwrap(), record, &mut bytes)?;
    Ok(floats(&bytes))
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Largest error over the range of `values`.
pub fn error(found: &[f32], values: &[f32]) -> f64 {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let largest = found.iter().zip(values).map(|(f, v)| f64::from(f - v).abs()).fold(0.0, f64::max);
    largest / f64::from(high - low)
}
