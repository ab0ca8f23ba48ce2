//! The CPU backend's own promises: canonical bits, independence of threads and instructions, no allocation per step.

use adios2_inr::backend::cpu::{CpuBackend, Instructions};
use adios2_inr::backend::{Backend, TrainingSet};
use adios2_inr::mesh::axis;
use adios2_inr::model::{SirenShape, canonical};
use adios2_inr::train::Schedule;

const SHAPES: [SirenShape; 5] = [
    SirenShape { n_inputs: 3, width: 64, n_blocks: 2, n_outputs: 1 },
    SirenShape { n_inputs: 1, width: 8, n_blocks: 0, n_outputs: 1 },
    SirenShape { n_inputs: 2, width: 23, n_blocks: 3, n_outputs: 5 },
    SirenShape { n_inputs: 5, width: 128, n_blocks: 1, n_outputs: 16 },
    SirenShape { n_inputs: 4, width: 33, n_blocks: 16, n_outputs: 2 },
];

/// FNV-1a of the evaluation of each shape: records written today must decode to these bits for ever.
const GOLDEN: [u64; 5] =
    [0xf54d_90c2_1c32_ea1c, 0xa100_d2e9_40dd_59c4, 0xedca_e5d4_1d33_47f2, 0x582f_36e9_3ba9_ea1a, 0xb5a3_8be4_381a_cab1];

fn dims(shape: &SirenShape) -> Vec<usize> {
    [&[1801][..], &[41, 37], &[13, 11, 10], &[7, 6, 5, 4], &[4, 5, 3, 6, 2]][shape.n_inputs - 1].to_vec()
}

fn backends() -> Vec<CpuBackend> {
    let available = Instructions::ALL.into_iter().filter(|i| i.is_available());
    available.flat_map(|i| [1, 3].map(|n| CpuBackend::with_instructions(n, i).expect("available"))).collect()
}

fn evaluate(backend: &CpuBackend, shape: &SirenShape, params: &[f32]) -> Vec<f32> {
    let dims = dims(shape);
    let mut out = vec![f32::NAN; dims.iter().product::<usize>() * shape.n_outputs];
    backend.evaluate_siren(shape, params, &dims, &mut out).expect("an evaluation");
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn every_instruction_set_and_thread_count_gives_the_canonical_bits() {
    for shape in SHAPES {
        let params = shape.initial_params(17);
        let axes: Vec<Vec<f32>> = dims(&shape).iter().map(|&n| axis(n)).collect();
        let n_points: usize = dims(&shape).iter().product();
        let mut expected = vec![0.0; n_points * shape.n_outputs];
        for (index, out) in expected.chunks_exact_mut(shape.n_outputs).enumerate() {
            let mut rest = index;
            let mut x: Vec<f32> = axes.iter().rev().map(|a| (a[rest % a.len()], rest /= a.len()).0).collect();
            x.reverse();
            canonical::evaluate_point(&shape, &params, &x, out);
        }
        for backend in backends() {
            let out = evaluate(&backend, &shape, &params);
            assert_eq!(bits(&out), bits(&expected), "{shape:?} on {}", backend.name());
        }
    }
}

#[test]
fn evaluation_has_its_golden_bits() {
    for (shape, golden) in SHAPES.iter().zip(GOLDEN) {
        let out = evaluate(&CpuBackend::new(0), shape, &shape.initial_params(2026));
        let fnv = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        let hash = out.iter().flat_map(|v| v.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, fnv);
        assert_eq!(hash, golden, "{shape:?}: {hash:#018x}");
    }
}

#[test]
fn training_has_the_same_bits_for_every_instruction_set_and_thread_count() {
    let shape = SirenShape { n_inputs: 2, width: 20, n_blocks: 2, n_outputs: 2 };
    let values: Vec<f32> = (0..60 * 50 * 2).map(|i| (i as f32 * 0.01).sin()).collect();
    let set = TrainingSet { dims: &[60, 50], values: &values, n_channels: 2 };
    let schedule = Schedule { n_steps: 15, batch: 1111, peak_rate: 1e-3, n_warmup: 3, final_fraction: 0.1 };
    let runs: Vec<_> = backends()
        .iter()
        .map(|backend| {
            let mut training = backend.train_siren(&shape, &shape.initial_params(4), set, 8).expect("training starts");
            let loss = training.run(&schedule, 0, 15).expect("steps");
            (loss.to_bits(), bits(&training.params().expect("parameters")), backend.name())
        })
        .collect();
    for run in &runs {
        assert_eq!((run.0, &run.1), (runs[0].0, &runs[0].1), "{} and {}", run.2, runs[0].2);
    }
}

#[test]
fn a_loss_that_explodes_is_an_error() {
    let shape = SirenShape { n_inputs: 1, width: 8, n_blocks: 1, n_outputs: 1 };
    let set = TrainingSet { dims: &[3], values: &[0.0, f32::MAX, 0.0], n_channels: 1 };
    let schedule = Schedule { n_steps: 50, batch: 64, peak_rate: 1e30, n_warmup: 1, final_fraction: 1.0 };
    let backend = CpuBackend::new(1);
    let mut training = backend.train_siren(&shape, &shape.initial_params(0), set, 0).expect("training starts");
    let message = training.run(&schedule, 0, 50).unwrap_err().to_string();
    assert!(message.contains("not finite"), "{message}");
}
