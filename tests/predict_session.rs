//! `temporal=predict` below ADIOS2: steps through the session, as the plugin hands them over.

#[path = "common/drift.rs"]
mod drift;

use std::path::Path;

use adios2_inr::session::{self, Line, SeriesKey};
use adios2_inr::store::{self, Kind};
use adios2_inr::{Block, Dtype, Settings, codec};
use drift::{ACCURACY, N, drift, error, floats, key, noise, read_anew, settings, try_read, write};

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
        // The first line says who writes.
        let lines: Vec<Line> = text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
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

/// A folder with the store of another dataset, damaged.
struct Damaged {
    folder: tempfile::TempDir,
    /// The store's only file.
    id: u64,
    whole: Vec<u8>,
}

impl Damaged {
    /// Beside the records of so many steps.
    fn write(n_steps: usize) -> (Damaged, Vec<Vec<u8>>) {
        let (original, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = key(original.path(), "u");
        let records = (0..n_steps).map(|step| write(&key, &settings(&[]), &drift(step))).collect();
        session::finish(&key);
        let id = store::ids(original.path())[0];
        let whole = std::fs::read(store::path(original.path(), id)).unwrap();
        std::fs::create_dir(folder.path().join(store::FOLDER)).unwrap();
        (Damaged { folder, id, whole }, records)
    }

    /// Where the heads of the store's entries are, with their kinds.
    fn heads(&self) -> Vec<(usize, Kind)> {
        let (mut heads, mut at) = (Vec::new(), store::MAGIC.len());
        while let Some(length) = self.whole.get(at..at + 4) {
            heads.push((at, Kind(self.whole[at + 12])));
            at += 12 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        }
        heads
    }

    /// One byte `k / of` through the file becomes another one, or the file ends there.
    fn damage(&self, k: usize, of: usize, ends: bool) {
        let mut bytes = self.whole.clone();
        let at = 8 + (bytes.len() - 9) * k / of;
        bytes[at] ^= 0x55;
        if ends {
            bytes.truncate(at);
        }
        self.put(&bytes);
    }

    /// The store's file becomes these bytes.
    fn put(&self, bytes: &[u8]) {
        // A new file in its place each time, as a copy would be.
        std::fs::write(self.folder.path().join("draft"), bytes).unwrap();
        std::fs::rename(self.folder.path().join("draft"), store::path(self.folder.path(), self.id)).unwrap();
    }
}

#[test]
fn damage_is_an_error_and_never_wrong_values() {
    let (damaged, records) = Damaged::write(12);
    let mut n_refused = 0;
    for k in 0..24 {
        damaged.damage(k, 24, k % 3 == 0);
        for (step, record) in records.iter().enumerate() {
            match try_read(damaged.folder.path(), record) {
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
fn a_damaged_head_loses_the_steps_up_to_the_next_key_and_says_where_the_damage_is() {
    const INTERVAL: usize = 16;
    let (damaged, records) = Damaged::write(3 * INTERVAL);
    let heads = damaged.heads();
    let steps: Vec<usize> = heads.iter().filter(|(_, kind)| *kind == Kind::STEP).map(|(at, _)| *at).collect();
    for at in steps.iter().step_by(5) {
        let mut bytes = damaged.whole.clone();
        bytes[at + 1] ^= 0x55;
        damaged.put(&bytes);
        let lost: Vec<(usize, String)> = records
            .iter()
            .enumerate()
            .filter_map(|(i, record)| Some((i, read_anew(damaged.folder.path(), record).err()?.to_string())))
            .collect();
        assert!((1..=INTERVAL + 1).contains(&lost.len()), "{} steps", lost.len());
        let (first, last) = (lost[0].0, lost[lost.len() - 1].0);
        assert!(last - first <= INTERVAL, "{first} to {last}");
        let place = format!("{:016x}.inr is damaged: ", damaged.id);
        assert!(
            lost.iter().all(|(_, told)| told.contains(&place) && told.contains(&format!("from byte {at} on"))),
            "{lost:?}"
        );
    }
}

#[test]
fn a_survey_names_exactly_the_steps_that_cannot_be_read() {
    let (damaged, records) = Damaged::write(12);
    let mut n_lost = 0;
    for k in 0..16 {
        damaged.damage(k, 16, false);
        let survey = session::survey(damaged.folder.path()).remove(0).unwrap();
        for record in &records {
            let Some(place) = codec::step_of(record).unwrap() else { continue };
            let step = survey.step(&place);
            let is_told = step.is_none_or(|step| step.problem.is_some());
            assert_eq!(read_anew(damaged.folder.path(), record).is_err(), is_told, "damage {k}, {place:?}: {step:?}");
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

/// Encodes a block of any kind; its record.
fn encode(key: &SeriesKey, settings: &Settings, dtype: Dtype, bytes: &[u8]) -> Vec<u8> {
    let outcome = session::encode(key, &Block::new(dtype, &key.dims, bytes).unwrap(), settings);
    assert_eq!(outcome.warning, None);
    outcome.record.expect("a record")
}

#[test]
fn a_variable_whose_steps_do_not_fit_memory_stands_alone_and_the_log_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let n_block = (4 * N * N).to_string();
    let asked = settings(&[("memory", &n_block), ("log", log.to_str().unwrap())]);
    let key = key(folder.path(), "u");
    for step in 0..6 {
        let record = write(&key, &asked, &drift(step));
        assert!(error(&floats(&codec::decode(&record).unwrap().bytes), &drift(step)) <= ACCURACY);
    }
    assert!(store::ids(folder.path()).is_empty());
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.lines().skip(1).all(|line| line.contains("set 'memory' higher")), "{text}");
}

#[test]
fn variables_of_one_name_in_two_datasets_at_once_do_not_mix() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let keys = folders.each_ref().map(|folder| key(folder.path(), "u"));
    let value = |which: usize, step: usize| drift(step + 100 * which);
    let records: Vec<_> =
        (0..20).map(|step| [0, 1].map(|which| write(&keys[which], &settings(&[]), &value(which, step)))).collect();
    keys.iter().for_each(session::finish);
    for which in [0, 1] {
        assert_eq!(store::ids(folders[which].path()).len(), 1);
        assert!(records.iter().filter(|record| record[which].len() < 64).count() >= 14);
        for step in (0..20).map(|i| i * 7 % 20) {
            let found = try_read(folders[which].path(), &records[step][which]).unwrap();
            assert!(error(&found, &value(which, step)) <= ACCURACY, "dataset {which}, step {step}");
        }
    }
}

#[test]
fn blocks_that_change_their_shape_begin_anew_and_integers_stand_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, mut key) = (key(folder.path(), "u"), key(folder.path(), "u"));
    let mut records = Vec::new();
    for step in 0..18 {
        // Six whole blocks, then six of half the rows, then whole ones again.
        key.dims = if step / 6 == 1 { vec![N / 2, N] } else { whole.dims.clone() };
        let n = key.dims.iter().product::<usize>();
        records.push((encode(&key, &settings(&[]), Dtype::F32, bytemuck::cast_slice(&drift(step)[..n])), n));
    }
    for (step, (record, n)) in records.iter().enumerate() {
        let mut bytes = vec![0; 4 * n];
        session::decode_from(folder.path().to_str().unwrap(), record, &mut bytes).unwrap();
        // Half a block has a smaller range.
        assert!(error(&floats(&bytes), &drift(step)[..*n]) <= ACCURACY, "step {step}");
        assert!(step % 6 > 0 || record.len() > 64, "step {step} stands alone");
    }
    let mut integers = key.clone();
    integers.variable = "cells".to_owned();
    for step in 0..4 {
        let cells: Vec<i32> = drift(step).iter().map(|x| (100.0 * x) as i32).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&cells);
        let record = encode(&integers, &settings(&[]), Dtype::I32, bytes);
        assert_eq!(codec::decode(&record).unwrap().bytes, bytes);
    }
}
