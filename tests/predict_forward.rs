//! Reading a chain of predicted steps forward: alone in its process, because it counts what that process decodes.

#[path = "common/drift.rs"]
mod drift;

use adios2_inr::session;
use drift::{ACCURACY, drift, error, key, settings, try_read, write};

#[test]
fn reading_forward_decodes_each_step_once_and_any_step_at_most_a_key_interval() {
    let (folder, moved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (asked, key) = (settings(&[]), key(folder.path(), "u"));
    let records: Vec<_> = (0..40).map(|step| write(&key, &asked, &drift(step))).collect();
    let n_predicted = records.iter().filter(|record| record.len() < 64).count();
    assert!(n_predicted >= 30, "{n_predicted}");
    session::finish(&key);
    let before = session::n_steps_decoded();
    for (step, record) in records.iter().enumerate() {
        assert!(error(&try_read(folder.path(), record).unwrap(), &drift(step)) <= ACCURACY, "step {step}");
    }
    // The first step's record holds it itself; that it is in the store too costs one step more.
    let n_decoded = session::n_steps_decoded() - before;
    assert!(n_decoded <= 40, "{n_decoded}");
    // A copy is another dataset: nothing of it is known.
    std::fs::rename(folder.path().join("inr"), moved.path().join("inr")).unwrap();
    for step in [39, 7, 31, 15, 16, 24, 1, 14] {
        let before = session::n_steps_decoded();
        assert!(error(&try_read(moved.path(), &records[step]).unwrap(), &drift(step)) <= ACCURACY, "step {step}");
        assert!(session::n_steps_decoded() - before <= 16, "step {step}");
    }
}
