//! A writer in series mode holds no more after many steps than after a few, but for its sketches.

use std::alloc::System;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Dtype, Settings};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const N: usize = 64;
/// 100 nodes of 8 bits, their numbers and weights; 32 held-out rows of 16 bits; limits and bookkeeping.
const BYTES_PER_STEP: usize = 1280;

fn snapshot(step: usize) -> Vec<u8> {
    let value = |i: usize| ((i / N) as f32 * 0.2 + step as f32 * 0.01).sin() + ((i % N) as f32 * 0.3).cos();
    (0..N * N).flat_map(|i| value(i).to_le_bytes()).collect()
}

#[test]
fn memory_grows_by_the_sketches_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [
        ("temporal", "series"),
        ("strict_series", "1"),
        ("iterations", "2"),
        ("width", "8"),
        ("blocks", "1"),
        ("backend", "cpu"),
        ("model", "transform"),
        ("threads", "1"),
    ];
    let settings = Settings::from_pairs(pairs).unwrap();
    let dims = vec![N, N];
    let dataset = folder.path().to_str().unwrap().to_owned();
    let key = SeriesKey { dataset, generation: 0, variable: "u".to_owned(), start: vec![0, 0], dims: dims.clone() };
    let write = |step| {
        let bytes = snapshot(step);
        session::encode(&key, &Block::new(Dtype::F32, &dims, &bytes).unwrap(), &settings);
    };
    (0..20).for_each(write);
    let early = ALLOCATOR.allocated();
    (20..120).for_each(write);
    let late = ALLOCATOR.allocated();
    assert!(late <= early + 100 * BYTES_PER_STEP, "{early} -> {late} bytes");
}
