//! Square fields in single precision handed to the session as the plugin does it.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::Path;

use adios2_inr::session::{self, SeriesKey, StoredNetworks};
use adios2_inr::{Block, Dtype, Settings, codec};

/// White noise that no other step has anything to do with.
pub fn noise(n: usize, step: usize) -> Vec<f32> {
    let mut state = step as u64 + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..n * n).map(next).collect()
}

/// `base` with `more` in place of its keys or beside them.
pub fn settings(base: &[(&str, &str)], more: &[(&str, &str)]) -> Settings {
    let kept = base.iter().filter(|(key, _)| more.iter().all(|(k, _)| k != key));
    Settings::from_pairs(kept.chain(more).copied()).unwrap()
}

pub fn key(dataset: &Path, variable: &str, n: usize) -> SeriesKey {
    SeriesKey {
        dataset: dataset.to_str().unwrap().to_owned(),
        generation: 0,
        variable: variable.to_owned(),
        start: vec![0, 0],
        dims: vec![n, n],
    }
}

pub fn write(key: &SeriesKey, settings: &Settings, values: &[f32]) -> Vec<u8> {
    let block = Block::new(Dtype::F32, &key.dims, bytemuck::cast_slice(values)).unwrap();
    let outcome = session::encode(key, &block, settings);
    assert_eq!(outcome.warning, None);
    outcome.record.expect("a record")
}

pub fn try_read(dataset: &Path, record: &[u8], n: usize) -> adios2_inr::Result<Vec<f32>> {
    let mut bytes = vec![0; 4 * n * n];
    session::decode_from(dataset.to_str().unwrap(), record, &mut bytes)?;
    Ok(floats(&bytes))
}

/// As [`try_read`], but without the cache of decoded blocks, which knows those of a file that was damaged since.
pub fn read_anew(dataset: &Path, record: &[u8], n: usize) -> adios2_inr::Result<Vec<f32>> {
    let mut bytes = vec![0; 4 * n * n];
    let networks = StoredNetworks { dataset: dataset.to_str().unwrap() };
    match codec::step_of(record)? {
        Some(place) => networks.step(&place, &mut bytes)?,
        None => codec::decode_into_with(record, &networks, &mut bytes)?,
    }
    Ok(floats(&bytes))
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
