//! Damage to a store whose variables need each other: told, and never wrong values.

#[path = "common/cross.rs"]
mod cross;

use adios2_inr::session::survey_file;
use adios2_inr::store;
use cross::{ACCURACY, N_STEPS, error, read_anew, u, v, write_both};

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
    for k in 0..48 {
        let (mut bytes, at) = (whole.clone(), 8 + (whole.len() - 9) * k / 48);
        bytes[at] ^= 0x55;
        std::fs::write(folder.path().join("draft"), bytes).unwrap();
        std::fs::rename(folder.path().join("draft"), &path).unwrap();
        let (n_left, n_told) = counts();
        let mut n_lost = 0;
        for step in 0..N_STEPS {
            for (record, expected) in [(&of_u[step], u(step)), (&of_v[step], v(step))] {
                match read_anew(folder.path(), record) {
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
