//! Variables that are predicted with the step of another one: bytes, bounds, and what reading decodes, alone in its process because it
//! counts that.

#[path = "common/cross.rs"]
mod cross;

use std::path::Path;

use adios2_inr::session::{self, Line};
use cross::{ACCURACY, N_STEPS, error, key, settings, try_read, u, v, write, write_both};

fn lines(log: &Path) -> Vec<Line> {
    std::fs::read_to_string(log).unwrap().lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes_of(log: &Path, variable: &str) -> usize {
    lines(log).iter().filter(|line| line.variable == variable).map(|line| line.report.stored_bytes).sum()
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
