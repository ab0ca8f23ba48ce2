//! Chains of predicted steps on a GPU: any reader decodes them, and the CPU takes over from a device that is lost.
#![cfg(feature = "gpu")]

use std::sync::Arc;

use adios2_inr::backend::gpu::GpuBackend;
use adios2_inr::codec::{self, Chain, History, Link, predicted};
use adios2_inr::predict::Predictor;
use adios2_inr::{Block, Dtype, Settings};

const DIMS: [usize; 2] = [64, 60];

fn field(step: usize) -> Vec<f64> {
    let value = |i: usize| {
        let (x, y) = ((i / DIMS[1]) as f64 + 0.4 * step as f64, (i % DIMS[1]) as f64);
        (0.21 * x).sin() * (0.17 * y).cos() + 0.3 * (0.31 * x - 0.1 * y).sin().powi(2)
    };
    (0..DIMS.iter().product()).map(value).collect()
}

fn encode(chain: &mut Chain, step: usize, settings: &Settings) -> Link {
    let bytes: Vec<u8> = field(step).iter().flat_map(|v| v.to_le_bytes()).collect();
    let block = Block::new(Dtype::F64, &DIMS, &bytes).expect("block");
    let mut alone = || codec::encode(&block, settings, &codec::Context::default());
    chain.encode(&block, settings, &[], &mut alone).expect("a step")
}

/// One test, because it loses the device.
#[test]
#[cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]
fn what_a_gpu_predicts_any_reader_decodes_and_the_cpu_takes_over_from_a_lost_device() {
    let device = GpuBackend::open(None, true).expect("INR_TEST_GPU=1 says that there is a driver");
    let index = device.info().index.to_string();
    let pairs = [
        ("temporal", "predict"),
        ("predictor", "network"),
        ("norm", "Linf"),
        ("accuracy", "1e-3"),
        ("model", "transform"),
        ("threshold", "1"),
        ("backend", "gpu"),
        ("device", &index),
    ];
    let settings = Settings::from_pairs(pairs).expect("settings");
    let (mut chain, mut predictors): (_, Vec<(u32, Vec<u8>)>) = (Chain::default(), Vec::new());
    let mut history: Option<History> = None;
    let mut n_predicted = 0;
    for step in 0..9 {
        if step == 5 {
            assert_eq!(chain.refusal(), None);
            // The first loss is answered by opening the device again.
            (0..2).for_each(|_| {
                device.lose_device().expect("a device to lose");
                let _ = GpuBackend::open(Some(&index), true);
            });
        }
        let link = encode(&mut chain, step, &settings);
        predictors.extend(link.predictors.iter().cloned());
        n_predicted += usize::from(link.needs > 0);
        let (needs, record, fields) = (link.needs, link.encoded.record.clone(), link.encoded.fields.clone());
        let mut out = vec![0; 8 * DIMS.iter().product::<usize>()];
        let find = |number: u32| find(&predictors, number);
        history = predicted::decode(&record, needs, history.as_ref(), &find, &mut out).expect("decodes");
        let decoded: Vec<f64> = out.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        assert_eq!(decoded, *fields[0].as_slice().wide(), "the reader's CPU computes the writer's bits, step {step}");
        let error = decoded.iter().zip(field(step)).map(|(d, v)| (d - v).abs()).fold(0.0, f64::max);
        assert!(error <= 1e-3 * 2.4, "{error}");
        chain.accept(link);
    }
    assert!(n_predicted >= 6, "{n_predicted}");
    let why = chain.refusal().expect("the device was lost");
    assert!(why.contains("lost"), "{why}");
}

fn find(predictors: &[(u32, Vec<u8>)], number: u32) -> adios2_inr::Result<Arc<Predictor>> {
    let (_, bytes) = predictors.iter().find(|(n, _)| *n == number).expect("a known predictor");
    predicted::decode_predictor(bytes, number, &|before| find(predictors, before))
}
