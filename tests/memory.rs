//! Encoding and decoding take a few times the block in memory beside it, and no more.

use std::alloc::System;

use adios2_inr::codec::{self, Context};
use adios2_inr::{Block, Dtype, Settings};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const DIMS: [usize; 3] = [128, 128, 128];

/// Waves, and noise that no transform sees through.
fn field() -> Vec<f32> {
    let noise = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(40_503) >> 8) as f32;
    let value = |i: usize| (i as f32 * 1e-3).sin() + ((i % 128) as f32 * 0.1).cos() + noise(i) / 1e9;
    (0..DIMS.iter().product()).map(value).collect()
}

/// Most bytes that encoding and decoding have held at once so far beside the block, in blocks.
fn peak(dtype: Dtype, bytes: &[u8], out: &mut [u8], accuracy: &str, norm: &str) -> f64 {
    let pairs = [("accuracy", accuracy), ("norm", norm), ("model", "transform"), ("threads", "2")];
    let settings = Settings::from_pairs(pairs).unwrap();
    let block = Block::new(dtype, &DIMS, bytes).unwrap();
    let before = ALLOCATOR.allocated();
    let record = codec::encode(&block, &settings, &Context::default()).unwrap().record;
    codec::decode_into(&record, out).unwrap();
    (ALLOCATOR.max_allocated() - before) as f64 / bytes.len() as f64
}

#[test]
fn a_float32_block_takes_four_times_itself_and_a_float64_block_three_times() {
    let values = field();
    let single: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let double: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
    drop(values);
    let mut out = vec![0; double.len()];
    // The high-water mark never falls: what takes least comes first.
    for (dtype, bytes, limit) in [(Dtype::F32, &single, 4.0), (Dtype::F64, &double, 3.0)] {
        for (accuracy, norm) in [("1e-2", "L2"), ("1e-3", "L2"), ("1e-2", "Linf"), ("1e-4", "Linf")] {
            let peak = peak(dtype, bytes, &mut out[..bytes.len()], accuracy, norm);
            assert!(peak <= limit, "{dtype:?} {norm} {accuracy}: {peak}");
        }
    }
}
