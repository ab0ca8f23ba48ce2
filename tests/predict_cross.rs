//! Variables that are predicted with the step of another one: bytes, bounds, what reading decodes, damage. Alone in its process, because it
//! counts what that decodes.

#[path = "common/drift.rs"]
mod drift;

use std::path::Path;

use adios2_inr::session::{self, Line, survey_file};
use adios2_inr::store;
use drift::{ACCURACY, N, drift, error, key, settings, try_read, write};

const N_STEPS: usize = 40;

/// Something new at every step, which `v` follows at once.
fn u(step: usize) -> Vec<f32> {
    let phase = (step * step * 7 % 31) as f32;
    let forced = |i: usize| 0.2 * (0.2 * (i / N) as f32 + phase).sin() * (0.17 * (i % N) as f32 - 2.0 * phase).cos();
    drift(step).iter().enumerate().map(|(i, v)| v + forced(i)).collect()
}

fn v(step: usize) -> Vec<f32> {
    u(step).iter().zip(drift(step + 50)).map(|(u, own)| 0.7 * u - 0.4 * own).collect()
}

fn bytes_of(log: &Path, variable: &str) -> usize {
    lines(log).iter().filter(|line| line.variable == variable).map(|line| line.report.stored_bytes).sum()
}

fn lines(log: &Path) -> Vec<Line> {
    std::fs::read_to_string(log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes both variables, in this order; their records.
fn write_both(folder: &Path, log: &Path, order: [&str; 2]) -> [Vec<Vec<u8>>; 2] {
    let asked = settings(&[("log", log.to_str().unwrap())]);
    let mut records = [Vec::new(), Vec::new()];
    for step in 0..N_STEPS {
        for name in order {
            let (of, values) = if name == "u" { (0, u(step)) } else { (1, v(step)) };
            records[of].push(write(&key(folder, name), &asked, &values));
        }
    }
    order.iter().for_each(|name| session::finish(&key(folder, name)));
    records
}

fn assert_step(dataset: &Path, record: &[u8], expected: &[f32], what: &str) {
    assert!(error(&try_read(dataset, record).unwrap(), expected) <= ACCURACY, "{what}");
}

#[test]
fn a_variable_is_predicted_with_one_written_before_it_and_read_within_two_key_intervals() {
    let (folder, moved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = folder.path().join("log.jsonl");
    let [of_u, of_v] = write_both(folder.path(), &log, ["u", "v"]);
    let n_cross = lines(&log).iter().filter(|line| line.report.beside.as_deref() == Some("u")).count();
    assert!(n_cross >= N_STEPS / 2, "{n_cross}");

    let by_itself = tempfile::tempdir().unwrap();
    let other_log = by_itself.path().join("log.jsonl");
    let asked = settings(&[("cross", "0"), ("log", other_log.to_str().unwrap())]);
    for step in 0..N_STEPS {
        write(&key(by_itself.path(), "u"), &asked, &u(step));
        write(&key(by_itself.path(), "v"), &asked, &v(step));
    }
    ["u", "v"].iter().for_each(|name| session::finish(&key(by_itself.path(), name)));
    assert!(lines(&other_log).iter().all(|line| line.report.beside.is_none()));
    let (with, without) = (bytes_of(&log, "v"), bytes_of(&other_log, "v"));
    assert!(with < without * 3 / 4, "{with} with u, {without} by itself");

    let before = session::n_steps_decoded();
    for (step, record) in of_u.iter().enumerate() {
        assert_step(folder.path(), record, &u(step), &format!("u, step {step}"));
    }
    for (step, record) in of_v.iter().enumerate() {
        assert_step(folder.path(), record, &v(step), &format!("v, step {step}"));
    }
    let n_decoded = session::n_steps_decoded() - before;
    assert!(n_decoded <= 2 * N_STEPS as u64, "each step once: {n_decoded}");

    std::fs::rename(folder.path().join("inr"), moved.path().join("inr")).unwrap();
    for step in [39, 7, 31, 15, 16, 24, 1, 14] {
        let before = session::n_steps_decoded();
        assert_step(moved.path(), &of_v[step], &v(step), &format!("v, step {step} of a moved dataset"));
        assert!(session::n_steps_decoded() - before <= 32, "step {step}");
    }
}

#[test]
fn the_order_of_variables_does_not_matter_to_the_bound_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let [of_u, of_v] = write_both(folder.path(), &folder.path().join("log.jsonl"), ["v", "u"]);
    let id = store::ids(folder.path())[0];
    let path = store::path(folder.path(), id);
    let whole = std::fs::read(&path).unwrap();
    // Steps that are known, and those of them that are told to be lost.
    let counts = || {
        let chains = survey_file(&path, id).unwrap().chains;
        (
            chains.iter().map(|chain| chain.n_steps).sum::<usize>(),
            chains.iter().map(|chain| chain.n_lost).sum::<usize>(),
        )
    };
    let ((n_known, 0), mut n_errors) = (counts(), 0) else { panic!("nothing is lost yet") };
    for k in 0..24 {
        let (mut bytes, at) = (whole.clone(), 8 + (whole.len() - 9) * k / 24);
        bytes[at] ^= 0x55;
        std::fs::write(folder.path().join("draft"), bytes).unwrap();
        std::fs::rename(folder.path().join("draft"), &path).unwrap();
        let (n_left, n_told) = counts();
        let mut n_lost = 0;
        for step in 0..N_STEPS {
            for (record, expected) in [(&of_u[step], u(step)), (&of_v[step], v(step))] {
                match try_read(folder.path(), record) {
                    Ok(found) => assert!(error(&found, &expected) <= ACCURACY, "byte {at}, step {step}"),
                    Err(_) => n_lost += 1,
                }
            }
        }
        let n_told = n_told + n_known - n_left;
        assert!(n_lost <= n_told, "byte {at}: {n_lost} steps are lost, {n_told} are told");
        n_errors += n_lost;
    }
    assert!(n_errors > 0);
}
