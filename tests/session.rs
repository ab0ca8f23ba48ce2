//! The state of a run: networks start warm, series stay apart, the log is whole, and encoding never fails.

use std::sync::Arc;

use adios2_inr::session::{self, Line, SeriesKey};
use adios2_inr::{Block, Dtype, Settings, codec};

const DIMS: [usize; 3] = [16, 16, 16];

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let base = [("threshold", "1")];
    Settings::from_pairs(base.into_iter().chain(pairs.iter().copied())).expect("settings")
}

fn key(dataset: &str, variable: &str) -> SeriesKey {
    SeriesKey {
        dataset: dataset.to_owned(),
        generation: 0,
        variable: variable.to_owned(),
        start: vec![0, 0, 0],
        dims: DIMS.to_vec(),
    }
}

/// A smooth wave that moves slowly.
fn snapshot(step: usize) -> Vec<u8> {
    let at = |i: usize| {
        let (x, y, z) = ((i / 256) as f32, (i / 16 % 16) as f32, (i % 16) as f32);
        (0.3 * x + 0.1 * y + 0.02 * step as f32).sin() * (0.2 * z).cos()
    };
    (0..4096).flat_map(|i| at(i).to_le_bytes()).collect()
}

fn lines(path: &std::path::Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).expect("the log");
    // The first line says who writes.
    text.lines().skip(1).map(|line| serde_json::from_str(line).expect("a whole JSON line")).collect()
}

#[test]
fn a_series_starts_from_its_last_network_and_gets_better_with_the_same_effort() {
    let log = tempfile::NamedTempFile::new().expect("file");
    let path = log.path().to_str().expect("path").to_owned();
    let siren = [
        ("model", "siren"),
        ("iterations", "40"),
        ("width", "16"),
        ("blocks", "1"),
        ("backend", "cpu"),
        ("accuracy", "1e-4"),
    ];
    let asked = settings(&[&siren[..], &[("log", &path)]].concat());
    for step in 0..4 {
        let bytes = snapshot(step);
        let block = Block::new(Dtype::F32, &DIMS, &bytes).expect("block");
        let outcome = session::encode(&key("/runs/warm.bp", "U"), &block, &asked);
        assert_eq!(outcome.warning, None);
        let mut back = vec![0; bytes.len()];
        session::decode_into(&outcome.record.unwrap(), &mut back).expect("decodes");
    }
    let lines = lines(log.path());
    assert_eq!(lines.iter().map(|l| l.step).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(lines.iter().all(|l| l.variable == "U" && l.report.errors.rel_l2 <= 1e-4));
    let bytes: Vec<usize> = lines.iter().map(|l| l.report.stored_bytes).collect();
    assert!(bytes[3] < bytes[0], "the remainder shrinks as the network gets better: {bytes:?}");
}

#[test]
fn many_threads_append_whole_lines_and_their_series_stay_apart() {
    let log = tempfile::NamedTempFile::new().expect("file");
    let asked = Arc::new(settings(&[("model", "transform"), ("log", log.path().to_str().expect("path"))]));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || {
                for step in 0..8 {
                    let bytes = snapshot(10 * writer + step);
                    let block = Block::new(Dtype::F32, &DIMS, &bytes).expect("block");
                    let outcome = session::encode(&key("/runs/threads.bp", &format!("V{writer}")), &block, &asked);
                    assert_eq!(outcome.warning, None);
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|w| w.join().expect("writer"));
    let lines = lines(log.path());
    assert_eq!(lines.len(), 32);
    for writer in 0..4 {
        let of = |l: &&Line| l.variable == format!("V{writer}");
        assert_eq!(lines.iter().filter(of).map(|l| l.step).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }
}

#[test]
fn a_missing_gpu_leaves_the_promise_and_says_so() {
    let asked =
        settings(&[("backend", "gpu"), ("device", "no such adapter"), ("model", "siren"), ("accuracy", "1e-3")]);
    let bytes = snapshot(0);
    let block = Block::new(Dtype::F32, &DIMS, &bytes).expect("block");
    let outcome = session::encode(&key("/runs/gpu.bp", "U"), &block, &asked);
    let warning = outcome.warning.expect("a warning");
    assert!(warning.contains("'U'") && warning.contains("model=transform"), "{warning}");
    assert!(codec::inspect(&outcome.record.unwrap()).expect("summary").rel_l2 <= 1e-3);
}

#[test]
fn a_log_that_cannot_be_written_is_a_warning_and_the_block_is_stored() {
    let asked = settings(&[("model", "transform"), ("log", "/nonexistent-folder/run.jsonl")]);
    let bytes = snapshot(0);
    let block = Block::new(Dtype::F32, &DIMS, &bytes).expect("block");
    let outcome = session::encode(&key("/runs/log.bp", "U"), &block, &asked);
    assert!(outcome.warning.expect("a warning").contains("run log"));
    assert!(codec::decode(&outcome.record.unwrap()).is_ok());
}

#[test]
fn a_cached_block_is_the_decoded_one_and_a_wrong_size_is_an_error() {
    let bytes = snapshot(1);
    let block = Block::new(Dtype::F32, &DIMS, &bytes).expect("block");
    let outcome = session::encode(&SeriesKey::default(), &block, &settings(&[("model", "transform")]));
    let record = outcome.record.unwrap();
    let (mut first, mut second) = (vec![0; bytes.len()], vec![1; bytes.len()]);
    session::decode_into(&record, &mut first).expect("decodes");
    session::decode_into(&record, &mut second).expect("decodes");
    assert_eq!(first, second);
    assert!(session::decode_into(&record, &mut second[..100]).is_err());
}
