//! Predicted steps written today stay readable: predictors in tests/golden_prediction/ predict, and chains there decode to, the
//! bits they did when they were added, at any number of threads, with any instruction set; predictors on a GPU too.
//!
//! `INR_ADD_GOLDEN=1 cargo test --test golden_prediction` adds files that are missing; it never replaces one.

#[macro_use]
#[path = "common/backends.rs"]
mod backends;
#[path = "common/golden.rs"]
mod golden;

use std::path::PathBuf;
use std::sync::Arc;

use adios2_inr::backend::Backend;

use adios2_inr::codec::{self, Chain, History, predicted};
use adios2_inr::predict::stencil::n_inputs;
use adios2_inr::predict::{Beside, Dense, Mlp, Past, Predictor, Scaling, Units};
use adios2_inr::train::random_u32;
use adios2_inr::{Block, Dtype, Error, Settings};

/// Widths of the hidden layers; `None` for a linear predictor.
type Widths = Option<[usize; 2]>;

/// `(file name, dims, widths, bits behind the point of the weights, shifts of the inputs)`.
type Weights = (&'static str, &'static [usize], Widths, u8, [i8; 4]);

const PREDICTORS: &[Weights] = &[
    ("v1-linear-1d", &[200], None, 7, [14, 12, 11, 10]),
    ("v1-network-1d", &[131], Some([16, 16]), 8, [14, 12, 11, 10]),
    ("v1-network-2d", &[23, 41], Some([16, 16]), 9, [15, 13, 12, 11]),
    ("v1-network-3d", &[9, 10, 11], Some([16, 16]), 7, [14, 12, 11, 10]),
    ("v1-wide-3d", &[1, 17, 9], Some([32, 32]), 8, [14, 12, 11, 10]),
    ("v1-uneven-4d", &[3, 4, 5, 6], Some([6, 20]), 15, [15, 13, 12, 11]),
    ("v1-network-5d", &[2, 3, 1, 4, 5], Some([16, 16]), 4, [14, 12, 11, 10]),
    // Inputs, sums and activations that overflow: cut off or wrapped, everywhere in the same way.
    ("v1-extreme-3d", &[6, 7, 8], Some([16, 16]), 4, [-3, -15, 0, 1]),
    // With another variable.
    ("v1-cross-linear-1d", &[150], None, 7, [14, 12, 11, 10]),
    ("v1-cross-network-2d", &[21, 33], Some([16, 16]), 9, [15, 13, 12, 11]),
    ("v1-cross-wide-3d", &[8, 9, 10], Some([32, 32]), 8, [14, 12, 11, 10]),
    ("v1-cross-network-5d", &[2, 3, 3, 4, 5], Some([16, 16]), 8, [14, 12, 11, 10]),
    // Every width that 'predictor_width' offers.
    ("v1-network-48-2d", &[19, 23], Some([48, 48]), 9, [15, 13, 12, 11]),
    ("v1-network-64-4d", &[3, 5, 4, 7], Some([64, 64]), 9, [15, 13, 12, 11]),
];

/// `(file name, type, dims, settings)`.
type Case = (&'static str, Dtype, &'static [usize], &'static [(&'static str, &'static str)]);

const CHAINS: &[Case] = &[
    ("v1-chain-1d-f64", Dtype::F64, &[3000], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v1-chain-2d-f32", Dtype::F32, &[60, 50], &[("norm", "Linf"), ("accuracy", "1e-3"), ("predictor", "network")]),
    ("v1-chain-l2-2d-f32", Dtype::F32, &[64, 64], &[("accuracy", "1e-2")]),
    ("v1-chain-3d-f32", Dtype::F32, &[16, 17, 18], &[("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v1-chain-masked-f32", Dtype::F32, &[50, 40], &[("fill", "-1e34"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v1-chain-last-c64", Dtype::C64, &[40, 30], &[("accuracy", "1e-2"), ("predictor", "last")]),
    ("v1-chain-4d-f32", Dtype::F32, &[5, 8, 9, 10], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-2d-f32", Dtype::F32, &[60, 50], &[("norm", "Linf"), ("accuracy", "1e-3"), ("predictor", "network")]),
    ("v2-chain-l2-2d-f64", Dtype::F64, &[64, 64], &[("accuracy", "1e-2")]),
    ("v2-chain-3d-f32", Dtype::F32, &[16, 17, 18], &[("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v2-chain-masked-f32", Dtype::F32, &[50, 40], &[("fill", "-1e34"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-near-3d-f32", Dtype::F32, &[20, 21, 22], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-mixed-2d-f32", Dtype::F32, &[60, 50], &[("norm", "Linf"), ("accuracy", "1e-3"), ("effort", "best")]),
    ("v2-chain-noise-2d-f32", Dtype::F32, &[320, 181], &[("norm", "Linf"), ("accuracy", "5e-3")]),
    // Every kind and width of predictors.
    ("v2-chain-last-c64", Dtype::C64, &[40, 30], &[("accuracy", "1e-2"), ("predictor", "last")]),
    ("v2-chain-linear-3d-f32", Dtype::F32, &[11, 13, 7], &[("accuracy", "1e-2"), ("predictor", "linear")]),
    ("v2-chain-32-2d-f32", Dtype::F32, &[40, 41], &[NETWORK, ("predictor_width", "32")]),
    ("v2-chain-48-2d-f64", Dtype::F64, &[40, 41], &[NETWORK, ("predictor_width", "48")]),
    ("v2-chain-64-2d-f32", Dtype::F32, &[40, 41], &[NETWORK, ("predictor_width", "64")]),
    // Every rank, promise and order, and what else changes a chain.
    ("v2-chain-1d-f64", Dtype::F64, &[1500], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-4d-f32", Dtype::F32, &[5, 6, 7, 8], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-5d-f64", Dtype::F64, &[3, 4, 5, 6, 5], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-linf-c32", Dtype::C32, &[30, 31], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-psnr-2d-f64", Dtype::F64, &[40, 41], &[("psnr", "50")]),
    ("v2-chain-abs-2d-f32", Dtype::F32, &[40, 41], &[("mode", "ABS"), ("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v2-chain-column-2d-f32", Dtype::F32, &[30, 50], &[("order", "column"), ("norm", "Linf")]),
    ("v2-chain-keys-2d-f32", Dtype::F32, &[40, 41], &[("key_interval", "5"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-chain-fast-2d-f32", Dtype::F32, &[40, 41], &[("effort", "fast"), ("norm", "Linf"), ("accuracy", "1e-3")]),
];

const NETWORK: (&str, &str) = ("predictor", "network");

/// Steps of a chain.
const N_STEPS: usize = 7;

/// A chain as a file: its predictors with their numbers, its steps with how many they need before them.
type Stored = (Vec<(u32, Vec<u8>)>, Vec<(usize, Vec<u8>)>);

fn path(name: &str) -> PathBuf {
    golden::folder("golden_prediction").join(name)
}

/// Waves with a front that move; no function of the platform's libm in it.
fn values(n: usize, step: usize) -> Vec<f64> {
    let triangle = |x: f64| 1.0 - 4.0 * ((x - x.floor()) - 0.5).abs();
    let value = |i: usize| {
        let x = (i as f64 + 3.0 * step as f64) / n as f64;
        let bend = 0.3 * triangle(31.0 * x);
        triangle(7.0 * x) + bend * bend + if x > 0.6 { 0.8 } else { 0.0 }
    };
    (0..n).map(value).collect()
}

fn dense(n_inputs: usize, n_outputs: usize, shift: u8, seed: u32) -> Dense {
    let random = |i: usize| random_u32(seed, i as u32);
    let weights = (0..n_inputs * n_outputs).map(|i| random(i) as i8).collect();
    let biases = (0..n_outputs).map(|j| random(1 << 20 | j) as i16).collect();
    Dense { n_inputs, weights, biases, shift }
}

fn predictor(&(name, dims, widths, shift, shifts): &Weights) -> Predictor {
    let own = Units { offset: 0.125, exponent: 24, shifts };
    let beside = name.contains("cross").then_some(Units { offset: -0.25, exponent: 23, shifts });
    let scaling = Scaling { own, beside };
    let n = n_inputs(dims.len(), scaling.n_fields());
    let layers = |[a, b]: [usize; 2]| [dense(n, a, shift, 1), dense(a, b, shift, 2), dense(b, 1, shift, 3)];
    Predictor {
        rank: dims.len(),
        scaling,
        linear: dense(n, 1, shift, 4),
        mlp: widths.map(|w| Mlp { layers: layers(w) }),
    }
}

fn check(name: &str, make: impl FnOnce() -> Vec<u8>, decoded: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    golden::check(&path(name).with_extension("bin"), make, |bytes| golden::hash(&decoded(bytes)));
}

fn bytes_of(name: &str, dtype: Dtype, n: usize, step: usize) -> Vec<u8> {
    let hole = |i: usize, v: f64| if name.contains("masked") && i % 9 < 2 { -1e34 } else { v };
    // In the last step there is what nothing foresees, so that large bands are full.
    let is_noisy = name.contains("noise") && step + 1 == N_STEPS;
    let noise = |i: usize| if is_noisy { f64::from(random_u32(1, i as u32)) / 3e9 } else { 0.0 };
    let values = |n, step| values(n, step).into_iter().enumerate().map(|(i, v)| v + noise(i)).collect::<Vec<f64>>();
    match dtype {
        Dtype::F32 => {
            values(n, step).iter().enumerate().flat_map(|(i, &v)| (hole(i, v) as f32).to_le_bytes()).collect()
        }
        Dtype::C32 => values(2 * n, step).iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
        Dtype::C64 => values(2 * n, step).iter().flat_map(|v| v.to_le_bytes()).collect(),
        _ => values(n, step).iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

fn chain(&(name, dtype, dims, pairs): &Case) -> Vec<u8> {
    let base = [("threshold", "1"), ("backend", "cpu"), ("temporal", "predict"), ("model", "transform")];
    let settings = Settings::from_pairs(base.into_iter().chain(pairs.iter().copied())).expect("settings");
    let (mut chain, mut stored): (_, Stored) = (Chain::default(), Default::default());
    for step in 0..N_STEPS {
        let bytes = bytes_of(name, dtype, dims.iter().product(), step);
        let block = Block::new(dtype, dims, &bytes).expect("block");
        let mut alone = || codec::encode(&block, &settings, &codec::Context::default());
        let link = chain.encode(&block, &settings, &[], &mut alone).expect("a step");
        stored.0.extend(link.predictors.iter().cloned());
        stored.1.push((link.needs, link.encoded.record.clone()));
        chain.accept(link);
    }
    assert!(stored.1.iter().filter(|step| step.0 > 0).count() >= 4, "{name} predicts next to nothing");
    postcard::to_allocvec(&stored).expect("bytes")
}

/// The bytes of all steps of a stored chain of blocks of `n_bytes`.
fn decode(stored: &[u8], n_bytes: usize) -> Vec<Vec<u8>> {
    let (predictors, steps): Stored = postcard::from_bytes(stored).expect("a chain");
    fn find(predictors: &[(u32, Vec<u8>)], number: u32) -> adios2_inr::Result<Arc<Predictor>> {
        let found = predictors.iter().find(|(n, _)| *n == number);
        let (_, bytes) = found.ok_or_else(|| Error::Internal(format!("no predictor {number}")))?;
        predicted::decode_predictor(bytes, number, &|before| find(predictors, before))
    }
    let mut history: Option<History> = None;
    let mut step = |(needs, record): &(usize, Vec<u8>)| {
        let mut out = vec![0; n_bytes];
        let find = |number| find(&predictors, number);
        history = predicted::decode(record, *needs, history.as_ref(), &find, &mut out).expect("a step");
        out
    };
    steps.iter().map(&mut step).collect()
}

fn golden_predictors_predict_the_bits_they_always_did(backend: &dyn Backend) {
    golden::assert_way();
    for weights in PREDICTORS {
        let &(name, dims, ..) = weights;
        let n = dims.iter().product();
        let [before, last, other, before_last] = [0, 1, 5, 4].map(|step| values(n, step));
        check(
            name,
            || predictor(weights).encode(None),
            |bytes| {
                let predictor = Predictor::decode(bytes, None).expect(name);
                let predict = |before: Option<&[f64]>| {
                    let beside = name.contains("cross").then_some(Beside { now: &other, last: &before_last });
                    let past = Past { last: &last, before, beside };
                    let values = predictor.predict_on(past, dims, backend).expect(name);
                    assert!(values.iter().zip(&last).any(|(new, old)| new != old), "{name} changes nothing");
                    values.iter().flat_map(|v| v.to_le_bytes()).collect()
                };
                vec![predict(Some(&before)), predict(None)]
            },
        );
    }
}

every_backend!(golden_predictors_predict_the_bits_they_always_did);

#[test]
fn golden_chains_decode_to_the_bytes_they_always_did() {
    golden::assert_way();
    for case in CHAINS {
        let &(name, dtype, dims, _) = case;
        let n_bytes = bytes_of(name, dtype, dims.iter().product(), 0).len();
        check(name, || chain(case), |stored| decode(stored, n_bytes));
    }
}

#[test]
fn golden_steps_decode_to_the_same_bytes_on_any_number_of_threads_with_any_instruction_set() {
    golden::in_every_way("golden_chains_decode_to_the_bytes_they_always_did");
}

#[test]
fn every_file_in_the_folder_is_a_case() {
    let names: Vec<&str> = PREDICTORS.iter().map(|p| p.0).chain(CHAINS.iter().map(|c| c.0)).collect();
    golden::assert_all_known(&path(""), &names);
}
