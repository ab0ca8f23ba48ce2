//! Model stores with networks that were never trained but move with time.
#![allow(dead_code, reason = "each test program uses a part")]

use adios2_inr::model::{NetworkKind, SeriesNetwork, SeriesShape, WeightSteps};
use adios2_inr::session::Facts;
use adios2_inr::store::{Key, Kind, Store};
use adios2_inr::{Dtype, Mode, Norm, Target};
use tempfile::TempDir;

pub const SIDE: usize = 6;
pub const N_STEPS: u64 = 8;

/// A network that was never trained but moves with time.
pub fn network(seed: u64, n_space: usize) -> SeriesNetwork {
    let shape = SeriesShape { kind: NetworkKind::Film, n_space, width: 16, n_blocks: 1, n_channels: 1, time_span: 1 };
    let mut params = shape.initial_params(seed);
    params[shape.generator_weights()].iter_mut().for_each(|w| *w *= 50.0);
    let steps = WeightSteps::of(&shape, &params, 8);
    let params = steps.round(&shape, &params);
    let n_steps = N_STEPS as usize;
    let certificate = (0..n_steps).map(|step| vec![if step == 3 { 0.25 } else { 0.0625 }]).collect();
    SeriesNetwork { shape, n_steps, n_trained: n_steps, scales: vec![2.0], params, steps, certificate }
}

pub fn facts(variable: &str, start: &[usize], dims: &[usize], first: u64) -> Facts {
    let promise = Target::Accuracy(Mode::Rel, Norm::L2, 0.1);
    let mut facts = Facts::new(variable, start, dims, Dtype::F32, promise, None);
    facts.is_finished = true;
    for step in 0..N_STEPS {
        // The third step of the segment is stored alone, one step behind the fifth the network never saw.
        let limit = if step == 2 { f32::INFINITY } else { 0.1 };
        facts.add(first + step + u64::from(step > 4), vec![limit], vec![]);
    }
    facts
}

/// Segments (start, dimensions, first step, seed) as series 0, 1, ... of one file.
pub fn dataset(segments: &[(&[usize], &[usize], u64, u64)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::create(folder.path()).unwrap();
    for (i, &(start, dims, first, seed)) in segments.iter().enumerate() {
        let n_space = dims.iter().filter(|n| **n > 1).count();
        publish(&mut store, i as u32, &facts("u", start, dims, first), &network(seed, n_space).encode());
    }
    folder
}

/// One block of a complex variable.
pub fn complex_dataset() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dims = [SIDE, SIDE];
    let real = network(3, dims.len());
    let shape = SeriesShape { n_channels: 2, ..real.shape };
    let mut params = shape.initial_params(3);
    params[shape.generator_weights()].iter_mut().for_each(|w| *w *= 50.0);
    let steps = WeightSteps::of(&shape, &params, 8);
    let params = steps.round(&shape, &params);
    let certificate = real.certificate.iter().map(|row| vec![row[0], row[0] / 2.0]).collect();
    let network = SeriesNetwork { shape, scales: vec![2.0, 3.0], params, steps, certificate, ..real };
    let promise = Target::Accuracy(Mode::Rel, Norm::L2, 0.1);
    let mut facts = Facts::new("u", &[0, 0], &dims, Dtype::C32, promise, None);
    facts.is_finished = true;
    (0..N_STEPS).for_each(|step| facts.add(1 + step, vec![0.1; 2], vec![]));
    publish(&mut Store::create(folder.path()).unwrap(), 0, &facts, &network.encode());
    folder
}

pub fn publish(store: &mut Store, segment: u32, facts: &Facts, network: &[u8]) {
    // One series for each place, one segment after the other.
    let series = facts.start.iter().sum::<usize>() as u32;
    let key = |kind| Key { kind, series, segment };
    store.append(&[(key(Kind::SEGMENT), &facts.encode()), (key(Kind::NETWORK), network)]).unwrap();
}
