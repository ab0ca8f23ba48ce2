//! What reading takes beside the block is known before it starts. What a reader hears that lacks it: tests/plugin.rs.

use std::alloc::System;
use std::sync::Arc;

use adios2_inr::codec::{self, Chain, Context, History, memory, predicted};
use adios2_inr::predict::Predictor;
use adios2_inr::{Block, Dtype, Settings};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes held at most while `work` runs, beside what was held before.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    // The high-water mark never falls: so much is held that all that comes on top of it is seen.
    let ballast: Vec<u8> = Vec::with_capacity(ALLOCATOR.max_allocated() - ALLOCATOR.allocated());
    let before = ALLOCATOR.max_allocated();
    let result = work();
    drop(ballast);
    (ALLOCATOR.max_allocated() - before, result)
}

/// Waves, with noise that no transform sees through, and one value in `n_valid` missing.
fn values(n: usize, noise: f64, step: usize, n_valid: usize) -> Vec<f64> {
    let random = |i: usize| f64::from((i as u32 + step as u32).wrapping_mul(2_654_435_761).rotate_left(13)) / 4e9;
    let wave = |i: usize| (i as f64 * 1e-3 + 0.02 * step as f64).sin() + ((i % 128) as f64 * 0.1).cos();
    (0..n).map(|i| if i % n_valid == 1 { f64::NAN } else { wave(i) + noise * random(i) }).collect()
}

fn bytes_of(dtype: Dtype, values: &[f64]) -> Vec<u8> {
    match dtype {
        Dtype::F32 | Dtype::C32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
        Dtype::I32 => values.iter().flat_map(|&v| ((1e3 * v) as i32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

struct Case {
    name: &'static str,
    dtype: Dtype,
    dims: &'static [usize],
    noise: f64,
    n_valid: usize,
    settings: &'static [(&'static str, &'static str)],
}

const ALL: usize = usize::MAX;
const LINF: &[(&str, &str)] = &[("accuracy", "1e-3"), ("norm", "Linf"), ("model", "transform")];
const TIGHT: &[(&str, &str)] = &[("accuracy", "1e-7"), ("norm", "Linf"), ("model", "transform")];
const L2: &[(&str, &str)] = &[("accuracy", "1e-2"), ("norm", "L2"), ("model", "transform")];
const SIREN: &[(&str, &str)] = &[("accuracy", "1e-2"), ("model", "siren"), ("seconds", "1"), ("backend", "cpu")];

const CASES: [Case; 15] = [
    Case { name: "smooth", dtype: Dtype::F32, dims: &[96, 96, 96], noise: 0.0, n_valid: ALL, settings: L2 },
    Case { name: "noise", dtype: Dtype::F32, dims: &[96, 96, 96], noise: 1.0, n_valid: ALL, settings: LINF },
    Case { name: "tight", dtype: Dtype::F32, dims: &[96, 96, 96], noise: 1.0, n_valid: ALL, settings: TIGHT },
    Case { name: "double", dtype: Dtype::F64, dims: &[96, 96, 96], noise: 0.1, n_valid: ALL, settings: LINF },
    Case { name: "tight double", dtype: Dtype::F64, dims: &[96, 96, 96], noise: 1.0, n_valid: ALL, settings: TIGHT },
    Case { name: "one axis", dtype: Dtype::F64, dims: &[900_000], noise: 0.1, n_valid: ALL, settings: LINF },
    Case { name: "power of two", dtype: Dtype::F64, dims: &[1 << 20], noise: 0.0, n_valid: ALL, settings: L2 },
    Case { name: "long rows", dtype: Dtype::F64, dims: &[16, 56_000], noise: 1.0, n_valid: ALL, settings: TIGHT },
    Case { name: "two axes", dtype: Dtype::F32, dims: &[900, 1000], noise: 0.1, n_valid: ALL, settings: LINF },
    Case {
        name: "five axes",
        dtype: Dtype::F32,
        dims: &[16, 14, 16, 16, 16],
        noise: 0.1,
        n_valid: ALL,
        settings: LINF,
    },
    Case { name: "masked", dtype: Dtype::F32, dims: &[96, 96, 96], noise: 0.1, n_valid: 3, settings: LINF },
    Case { name: "complex", dtype: Dtype::C64, dims: &[700, 640], noise: 0.1, n_valid: ALL, settings: LINF },
    Case { name: "integers", dtype: Dtype::I32, dims: &[900, 1000], noise: 0.1, n_valid: ALL, settings: L2 },
    Case { name: "network", dtype: Dtype::F32, dims: &[300, 300], noise: 0.0, n_valid: ALL, settings: SIREN },
    Case { name: "tiny", dtype: Dtype::F32, dims: &[7, 5], noise: 0.0, n_valid: ALL, settings: LINF },
];

impl Case {
    fn bytes(&self, step: usize) -> Vec<u8> {
        let n_components = self.dtype.components().map_or(1, |(_, n)| n);
        let n = self.dims.iter().product::<usize>() * n_components;
        bytes_of(self.dtype, &values(n, self.noise, step, self.n_valid))
    }
}

/// `read` stays within `asked`; the question itself goes to the system and is not seen here.
fn holds(name: &str, asked: usize, read: impl Fn() -> adios2_inr::Result<()>) {
    read().unwrap_or_else(|e| panic!("{name}: {e}"));
    let (taken, _) = peak(&read);
    assert!(taken <= asked, "{name}: takes {taken} of {asked} bytes");
}

fn alone() {
    for case in CASES {
        let bytes = case.bytes(0);
        let settings = Settings::from_pairs(case.settings.iter().copied()).unwrap();
        let block = Block::new(case.dtype, case.dims, &bytes).unwrap();
        let record = codec::encode(&block, &settings, &Context::default()).unwrap().record;
        let mut out = vec![0; bytes.len()];
        let asked = memory::needed_to_decode(&record).unwrap();
        let out = std::cell::RefCell::new(&mut out);
        holds(case.name, asked, || codec::decode_into(&record, &mut out.borrow_mut()));
    }
}

fn of_a_chain() {
    for dtype in [Dtype::F32, Dtype::F64] {
        let case = Case { name: "chain", dtype, dims: &[300, 400], noise: 0.0, n_valid: ALL, settings: LINF };
        let more = [("temporal", "predict"), ("backend", "cpu")];
        let settings = Settings::from_pairs(case.settings.iter().copied().chain(more)).unwrap();
        let (mut chain, mut predictors, mut steps) = (Chain::default(), Vec::new(), Vec::new());
        for step in 0..6 {
            let bytes = case.bytes(step);
            let block = Block::new(dtype, case.dims, &bytes).unwrap();
            let mut by_itself = || codec::encode(&block, &settings, &Context::default());
            let link = chain.encode(&block, &settings, &[], &mut by_itself).unwrap();
            predictors.extend(link.predictors.iter().cloned());
            steps.push((link.needs, link.encoded.record.clone()));
            chain.accept(link);
        }
        assert!(steps.last().is_some_and(|(needs, _)| *needs > 0), "the last step is not predicted");
        let find = |number: u32| find(&predictors, number);
        let mut history: Option<History> = None;
        let mut out = vec![0; case.bytes(0).len()];
        for (i, (needs, record)) in steps.iter().enumerate() {
            let asked = predicted::needed_to_decode(record, *needs).unwrap();
            let buffer = std::cell::RefCell::new(&mut out);
            let read =
                || predicted::decode(record, *needs, history.as_ref(), &find, &mut buffer.borrow_mut()).map(|_| ());
            holds(&format!("step {i} of a chain"), asked, read);
            history = predicted::decode(record, *needs, history.as_ref(), &find, &mut out).unwrap();
        }
    }
}

fn find(predictors: &[(u32, Vec<u8>)], number: u32) -> adios2_inr::Result<Arc<Predictor>> {
    let (_, bytes) = predictors.iter().find(|(n, _)| *n == number).expect("a predictor of this number");
    predicted::decode_predictor(bytes, number, &|before| find(predictors, before))
}

#[test]
fn reading_takes_no_more_than_is_asked_for_before() {
    alone();
    of_a_chain();
}
