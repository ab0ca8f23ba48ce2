//! `temporal=predict` below ADIOS2: steps through the session, as the plugin hands them over.

#[path = "common/drift.rs"]
mod drift;

use std::path::Path;

use adios2_inr::session::{self, Line};
use adios2_inr::{codec, store};
use drift::{ACCURACY, N, drift, error, floats, key, settings, try_read, write};

fn noise(step: usize) -> Vec<f32> {
    let mut state = step as u64 + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..N * N).map(next).collect()
}

/// Bytes of the records and of the store files.
fn n_bytes(dataset: &Path, records: &[Vec<u8>]) -> usize {
    let files = store::ids(dataset).into_iter().map(|id| std::fs::metadata(store::path(dataset, id)).unwrap().len());
    records.iter().map(Vec::len).sum::<usize>() + files.sum::<u64>() as usize
}

#[test]
fn every_step_keeps_its_bound_in_fewer_bytes_than_alone_whatever_the_predictor() {
    for predictor in ["auto", "last", "linear", "network"] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.jsonl");
        let asked = settings(&[("predictor", predictor), ("log", log.to_str().unwrap())]);
        let key = key(folder.path(), "u");
        let records: Vec<_> = (0..40).map(|step| write(&key, &asked, &drift(step))).collect();
        session::finish(&key);
        let alone = settings(&[("temporal", "none")]);
        let alone: usize = (0..40).map(|step| write(&key, &alone, &drift(step)).len()).sum();
        let stored = n_bytes(folder.path(), &records);
        assert!(stored < alone, "{predictor}: {stored} of {alone}");
        for (step, record) in records.iter().enumerate() {
            let error = error(&try_read(folder.path(), record).unwrap(), &drift(step));
            assert!(error <= ACCURACY, "{predictor}, step {step}: {error}");
        }
        let text = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().filter(|line| !line.report.gains.is_empty()).count() >= 30, "{predictor}");
        for report in lines.iter().map(|line| &line.report) {
            assert_eq!(report.predictor.is_empty(), report.unpredicted_bytes.is_none());
            assert!(predictor != "last" || ["", "last", "nothing"].contains(&report.predictor.as_str()));
        }
        assert!(lines.iter().all(|line| line.report.errors.max_over_range <= ACCURACY));
    }
}

#[test]
fn fields_without_memory_cost_nothing_and_stand_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), "noise");
    let records: Vec<_> = (0..40).map(|step| write(&key, &settings(&[]), &noise(step))).collect();
    session::finish(&key);
    let alone: usize = (0..40).map(|step| write(&key, &settings(&[("temporal", "none")]), &noise(step)).len()).sum();
    let stored = n_bytes(folder.path(), &records);
    assert!(stored as f64 <= 1.01 * alone as f64, "{stored} of {alone}");
    for (step, record) in records.iter().enumerate() {
        let found = floats(&codec::decode(record).unwrap().bytes);
        assert!(error(&found, &noise(step)) <= ACCURACY);
    }
}

#[test]
fn a_copied_dataset_is_read_by_two_threads_in_any_order() {
    let (folder, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = key(folder.path(), "u");
    let records: Vec<_> = (0..36).map(|step| write(&key, &settings(&[]), &drift(step))).collect();
    // As a killed process leaves it: nothing was finished.
    std::fs::create_dir(copied.path().join(store::FOLDER)).unwrap();
    for id in store::ids(folder.path()) {
        std::fs::copy(store::path(folder.path(), id), store::path(copied.path(), id)).unwrap();
    }
    std::thread::scope(|scope| {
        for stride in [5, 31] {
            let (records, copied) = (&records, copied.path());
            scope.spawn(move || {
                for step in (0..36).map(|i| i * stride % 36) {
                    let found = try_read(copied, &records[step]).unwrap();
                    assert!(error(&found, &drift(step)) <= ACCURACY, "step {step}");
                }
            });
        }
    });
}

#[test]
fn damage_is_an_error_and_never_wrong_values() {
    let (folder, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = key(folder.path(), "u");
    let records: Vec<_> = (0..12).map(|step| write(&key, &settings(&[]), &drift(step))).collect();
    session::finish(&key);
    let id = store::ids(folder.path())[0];
    let whole = std::fs::read(store::path(folder.path(), id)).unwrap();
    std::fs::create_dir(damaged.path().join(store::FOLDER)).unwrap();
    let mut n_refused = 0;
    for k in 0..24 {
        let mut bytes = whole.clone();
        let at = 8 + (whole.len() - 9) * k / 24;
        bytes[at] ^= 0x55;
        if k % 3 == 0 {
            bytes.truncate(at);
        }
        // A new file in its place each time, as a copy would be.
        std::fs::write(damaged.path().join("draft"), bytes).unwrap();
        std::fs::rename(damaged.path().join("draft"), store::path(damaged.path(), id)).unwrap();
        for (step, record) in records.iter().enumerate() {
            match try_read(damaged.path(), record) {
                Ok(found) => assert!(error(&found, &drift(step)) <= ACCURACY, "damage {k}, step {step}"),
                Err(error) => {
                    n_refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    assert!(n_refused > 0 && n_refused < 24 * 12, "{n_refused}");
}

#[test]
fn a_survey_names_exactly_the_steps_that_cannot_be_read() {
    let (folder, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = key(folder.path(), "u");
    let records: Vec<_> = (0..12).map(|step| write(&key, &settings(&[]), &drift(step))).collect();
    session::finish(&key);
    let id = store::ids(folder.path())[0];
    let whole = std::fs::read(store::path(folder.path(), id)).unwrap();
    std::fs::create_dir(damaged.path().join(store::FOLDER)).unwrap();
    let mut n_lost = 0;
    for k in 0..16 {
        let mut bytes = whole.clone();
        bytes[8 + (whole.len() - 9) * k / 16] ^= 0x55;
        std::fs::write(damaged.path().join("draft"), bytes).unwrap();
        std::fs::rename(damaged.path().join("draft"), store::path(damaged.path(), id)).unwrap();
        let survey = session::survey(damaged.path()).remove(0).unwrap();
        for record in &records {
            let Some(place) = codec::step_of(record).unwrap() else { continue };
            let step = survey.step(&place);
            let is_told = step.is_none_or(|step| step.problem.is_some());
            assert_eq!(try_read(damaged.path(), record).is_err(), is_told, "damage {k}, {place:?}: {step:?}");
            n_lost += usize::from(is_told);
        }
    }
    assert!(n_lost > 16, "{n_lost}");
}

#[test]
fn a_run_that_goes_on_and_blocks_of_another_shape_start_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut key = key(folder.path(), "u");
    for (generation, steps) in [(0, 0..12), (1, 12..24)] {
        key.generation = generation;
        let records: Vec<_> = steps.clone().map(|step| write(&key, &settings(&[]), &drift(step))).collect();
        for (step, record) in steps.zip(&records) {
            assert!(error(&try_read(folder.path(), record).unwrap(), &drift(step)) <= ACCURACY, "step {step}");
        }
        assert!(records[0].len() > 64, "a record that stands alone");
    }
}
