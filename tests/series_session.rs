//! Series mode below ADIOS2: steps of a moving pulse through the session, as the plugin hands them over.

#[path = "common/pulse.rs"]
mod pulse;

use std::path::Path;

use adios2_inr::codec;
use adios2_inr::session::{self, Facts, Line, SegmentLine, SeriesKey};
use adios2_inr::store::{self, Contents, Key, Kind};
use pulse::{ACCURACY, N, floats, key, noise, pulse, read, settings, write};

fn relative_l2(a: &[f32], b: &[f32]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    square(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b))) / square(&mut b.iter().map(|&b| f64::from(b)))
}

fn model(record: &[u8]) -> String {
    codec::inspect(record).unwrap().model
}

fn contents(dataset: &Path) -> Contents {
    let ids = store::ids(dataset);
    assert_eq!(ids.len(), 1);
    Contents::read(&store::path(dataset, ids[0])).unwrap()
}

fn entry(kind: Kind, segment: u32) -> Key {
    Key { kind, series: 0, segment }
}

#[test]
fn every_step_keeps_its_promise_when_written_and_one_network_serves_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let (asked, key) = (settings(&[("log", log.to_str().unwrap())]), key(folder.path(), "u"));
    let mut records = Vec::new();
    for step in 0..115 {
        let values = pulse(step);
        let record = write(&key, &asked, &values);
        let error = relative_l2(&read(folder.path(), &record), &values);
        assert!(error <= ACCURACY, "step {step}: {error}");
        records.push(record);
    }
    session::finish(&key);
    let by_network: Vec<usize> = (0..115).filter(|&step| model(&records[step]) == "series").collect();
    assert!(by_network.len() >= 95 && by_network[0] > 10, "{by_network:?}");
    assert!(by_network.iter().all(|&step| records[step].len() <= 64), "{} bytes", records[by_network[0]].len());

    let contents = contents(folder.path());
    for segment in 0..2 {
        let facts = Facts::decode(contents.get(entry(Kind::SEGMENT, segment)).unwrap()).unwrap();
        assert!(
            facts.is_finished && facts.variable == "u" && facts.limits().count() == if segment == 0 { 100 } else { 14 }
        );
        assert!(contents.get(entry(Kind::NETWORK, segment)).is_some());
        assert_eq!(contents.get(entry(Kind::CHECKPOINT, segment)), None);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    let segments: Vec<SegmentLine> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let blocks: Vec<Line> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    assert_eq!((segments.len(), blocks.len()), (2, 115));
    assert_eq!(segments.iter().map(|s| s.n_by_network).sum::<usize>(), by_network.len());
    // What consolidation moved is named: every other step still holds, within what a certificate of 32 rows can tell.
    for &step in &by_network {
        let error = relative_l2(&read(folder.path(), &records[step]), &pulse(step));
        let is_named = segments.iter().any(|s| s.broken.contains(&(step as u64)));
        assert!(is_named || error <= 1.4 * ACCURACY, "step {step}: {error}");
    }
}

/// What a killed process leaves: the same files, locked by nobody.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to.join(store::FOLDER)).unwrap();
    for id in store::ids(from) {
        std::fs::copy(store::path(from, id), store::path(to, id)).unwrap();
    }
}

#[test]
fn a_killed_run_is_finished_afterwards_and_a_running_one_is_left_alone() {
    let (folder, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (asked, key) = (settings(&[]), key(folder.path(), "killed"));
    // The last checkpoint is behind: blocks are smaller than it.
    let records: Vec<_> = (0..37).map(|step| write(&key, &asked, &pulse(step))).collect();
    copy(folder.path(), killed.path());
    let before = contents(killed.path()).n_bytes();
    let (done, refused) = session::finalize(folder.path(), &asked).unwrap();
    assert!(done.is_empty() && refused.len() == 1 && refused[0].to_string().contains("running process"), "{refused:?}");

    let (done, refused) = session::finalize(killed.path(), &asked).unwrap();
    assert!(refused.is_empty() && done.len() == 1 && done[0].variable == "killed");
    let network = done[0].outcome.as_ref().unwrap();
    assert!(network.n_steps == 36 && network.n_relearnt > 0 && network.n_relearnt < 20, "{network:?}");
    let contents = contents(killed.path());
    assert!(contents.n_bytes() < before && contents.get(entry(Kind::CHECKPOINT, 0)).is_none());
    for (step, record) in records.iter().enumerate() {
        let error = relative_l2(&read(killed.path(), record), &pulse(step));
        let is_named = step > 0 && network.broken.contains(&(step as u32 - 1));
        assert!(is_named || error <= 1.4 * ACCURACY, "step {step}: {error}");
    }
    assert!(session::finalize(killed.path(), &asked).unwrap().0.is_empty(), "nothing is left to do");
}

#[test]
fn a_damaged_store_is_an_error_or_an_older_network_and_never_a_panic() {
    let (folder, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (asked, key) = (settings(&[]), key(folder.path(), "damaged"));
    let records: Vec<_> = (0..14).map(|step| write(&key, &asked, &pulse(step))).collect();
    copy(folder.path(), damaged.path());
    // As long as this process writes the series, it has a network to give.
    session::finish(&key);
    let path = store::path(damaged.path(), store::ids(damaged.path())[0]);
    let whole = std::fs::read(&path).unwrap();
    let (mut n_right, mut n_refused) = (0, 0);
    for at in (0..whole.len()).step_by(997) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        // Another name each time, as decoded networks are remembered.
        let moved = damaged.path().join(format!("{at}.bp"));
        std::fs::create_dir_all(moved.join(store::FOLDER)).unwrap();
        std::fs::copy(&path, store::path(&moved, store::ids(damaged.path())[0])).unwrap();
        let mut out = vec![0; 4 * N * N];
        match codec::decode_into_with(
            &records[13],
            &session::StoredNetworks { dataset: moved.to_str().unwrap() },
            &mut out,
        ) {
            Ok(()) => n_right += usize::from(relative_l2(&floats(&out), &pulse(13)) <= 1.1 * ACCURACY),
            Err(error) => {
                n_refused += usize::from(["network", "model store"].iter().any(|word| error.to_string().contains(word)))
            }
        }
    }
    assert!(n_right > 0 && n_refused > 0 && n_right + n_refused == whole.len().div_ceil(997), "{n_right} {n_refused}");
}

#[test]
fn an_unstructured_mesh_carries_its_coordinates_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let points = folder.path().join("points.npy");
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 2), }}\n", N * N);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    (0..N * N).flat_map(|i| [(i / N) as f32, (i % N) as f32]).for_each(|x| bytes.extend(x.to_le_bytes()));
    std::fs::write(&points, bytes).unwrap();
    let asked = settings(&[("points", points.to_str().unwrap())]);
    let key = SeriesKey { start: vec![0], dims: vec![N * N], ..key(folder.path(), "mesh") };
    let records: Vec<_> = (0..14).map(|step| write(&key, &asked, &pulse(step))).collect();
    std::fs::remove_file(&points).unwrap();
    assert_eq!(model(&records[13]), "series");
    assert!(relative_l2(&read(folder.path(), &records[13]), &pulse(13)) <= ACCURACY);
    let stored = contents(folder.path());
    assert_eq!(stored.get(entry(Kind::POINTS, 0)).map(<[u8]>::len), Some(1 + 32 + 8 * N * N));
}

#[test]
fn a_wiped_store_is_back_after_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, key) = (settings(&[]), key(folder.path(), "wiped"));
    let records: Vec<_> = (0..14).map(|step| write(&key, &asked, &pulse(step))).collect();
    assert_eq!(model(&records[13]), "series");
    std::fs::remove_dir_all(folder.path().join(store::FOLDER)).unwrap();
    let mut out = vec![0; 4 * N * N];
    let error = session::decode_from("/elsewhere.bp", &records[13], &mut out).unwrap_err().to_string();
    assert!(error.contains("/elsewhere.bp/inr") && error.contains("keep the .bp folder whole"), "{error}");
    write(&key, &asked, &pulse(14));
    assert!(relative_l2(&read(folder.path(), &records[13]), &pulse(13)) <= ACCURACY);
}

#[test]
fn a_series_that_does_not_pay_is_given_up_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let (asked, key) = (settings(&[("log", log.to_str().unwrap())]), key(folder.path(), "noise"));
    for step in 0..14 {
        let values = noise(step);
        let record = write(&key, &asked, &values);
        assert!(relative_l2(&read(folder.path(), &record), &values) <= ACCURACY);
        assert!(!model(&record).starts_with("series"));
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(
        text.lines().any(|l| serde_json::from_str::<SegmentLine>(l).is_ok_and(|s| s.why.contains("given up"))),
        "{text}"
    );
    assert!(text.lines().last().unwrap().contains("given up"), "{text}");
    assert!(contents(folder.path()).keys().all(|key| key.kind == Kind::OWNER));
}

#[test]
fn strict_steps_hold_for_good_over_a_network_that_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, key) = (
        settings(&[("strict_series", "1"), ("segment_steps", "6"), ("accuracy", "0.02")]),
        key(folder.path(), "strict"),
    );
    let records: Vec<_> = (0..13).map(|step| write(&key, &asked, &pulse(step))).collect();
    session::finish(&key);
    assert!(
        records[..7].iter().all(|r| !model(r).starts_with("series")),
        "the first segment has no finished network yet"
    );
    for (step, record) in records.iter().enumerate() {
        let error = relative_l2(&read(folder.path(), record), &pulse(step));
        assert!(error <= 0.02, "step {step}: {error}");
    }
}

#[test]
fn blocks_that_no_network_can_hold_are_stored_alone_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let (asked, key) = (settings(&[("log", log.to_str().unwrap())]), key(folder.path(), "odd"));
    let with_nan = || [vec![f32::NAN], pulse(2)[1..].to_vec()].concat();
    let cases = [pulse(0), vec![0.5; N * N], with_nan()].into_iter().chain((3..15).map(pulse));
    let records: Vec<_> = cases.map(|values| write(&key, &asked, &values)).collect();
    let models: Vec<String> = records.iter().map(|r| model(r)).collect();
    assert_eq!((models[1].as_str(), models[2].as_str(), models[14].as_str()), ("constant", "transform", "series"));
    let other = SeriesKey { dims: vec![N * N / 4, 4], ..key.clone() };
    assert_ne!(model(&write(&other, &asked, &pulse(15))), "series");
    assert_ne!(model(&write(&key, &asked, &pulse(16))), "series");
    let text = std::fs::read_to_string(&log).unwrap();
    for why in ["its first block", "on trial", "constant blocks", "NaN", "change their shape"] {
        assert!(text.contains(why), "{why}: {text}");
    }
}
