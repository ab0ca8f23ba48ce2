//! `inr pack` on a real dataset, read back by a plain ADIOS2 after the original is gone.
//!
//! As `tests/plugin.rs`, these need the Python with adios2 that `INR_TEST_PYTHON` named when the tests were built.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;

use std::path::Path;
use std::process::Command;

use cli_common::series::{client as series_client, errors as read_errors, folder, inspect};
use cli_common::{BP5, inr, plugin_folder, python, run, stderr, stdout, xml};
use serde_json::Value;

const ACCURACY: f64 = 1e-3;

const PARAMETERS: [(&str, &str); 5] =
    [("temporal", "predict"), ("norm", "Linf"), ("accuracy", "1e-3"), ("backend", "cpu"), ("fill", "0.25")];
const VARIABLES: [&str; 2] = ["u", "a/m &amp; &lt;n>"];

fn client(arguments: &[&str]) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/pack.py")).args(arguments);
    command
}

fn pack(folder: &str, arguments: &[&str]) -> Command {
    let wheel = run(python().args(["-c", "import adios2; print(adios2.__path__[0])"]), 0);
    let mut command = inr();
    command.env("ADIOS2_DIR", stdout(&wheel).trim()).env("ADIOS2_PLUGIN_PATH", plugin_folder());
    command.current_dir(folder).arg("pack").args(arguments);
    command
}

/// Largest difference of each variable to what was dumped, over its range.
fn errors(folder: &str, name: &str) -> Value {
    serde_json::from_str(&stdout(&run(&mut client(&["compare", folder, name, "run.pickle"]), 0))).unwrap()
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_packed_dataset_is_whole_without_the_one_it_was_made_from() {
    let (keep, path) = folder(&xml(BP5, &PARAMETERS, &VARIABLES));
    run(&mut client(&["write", &path]), 0);
    run(&mut client(&["dump", &path, "run.bp", "run.pickle"]), 0);
    let told = stdout(&run(&mut pack(&path, &["run.bp", "packed.bp", "--json"]), 0));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["n_coded"].as_u64() >= Some(12) && told["n_copied"].as_u64() >= Some(3), "{told}");
    run(&mut pack(&path, &["run.bp", "tight.bp", "--tighten", "8"]), 0);
    run(&mut pack(&path, &["run.bp", "exact.bp", "--lossless"]), 0);
    run(&mut pack(&path, &["run.bp", "few.bp", "--skip", "odd", "--skip", "name"]), 0);
    assert!(stderr(&run(&mut pack(&path, &["run.bp", "packed.bp"]), 2)).contains("is there already"));
    assert!(
        stderr(&run(&mut pack(&path, &["run.bp", "x.bp", "--skip", "nothing"]), 1)).contains("no variable 'nothing'")
    );
    let before = inspect(&path, "run.bp");
    std::fs::remove_dir_all(keep.path().join("run.bp")).unwrap();
    for (name, bound) in [("packed.bp", ACCURACY), ("tight.bp", ACCURACY / 8.0), ("exact.bp", 0.0)] {
        assert!(!keep.path().join(name).join("inr").exists());
        let errors = errors(&path, name);
        assert!(errors.as_object().unwrap().values().all(|error| error.as_f64() <= Some(bound)), "{name}: {errors}");
    }
    let packed = inspect(&path, "packed.bp");
    let blocks = |found: &Value| found["blocks"].as_array().unwrap().clone();
    assert!(blocks(&packed).iter().all(|block| block["record"]["step"].is_null()));
    // Records that stood alone are the same; the others promise what they promised.
    for (old, new) in blocks(&before).iter().zip(&blocks(&packed)) {
        assert_eq!(old["record"]["promise"], new["record"]["promise"], "{old} {new}");
        let is_step = old["record"]["step"].is_object();
        assert!(is_step || old["record"] == new["record"], "{old} {new}");
    }
    assert!(blocks(&inspect(&path, "few.bp")).iter().all(|b| b["variable"] != "odd" && b["variable"] != "name"));
    let left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn steps_of_a_network_become_records_of_their_own() {
    let series = [("temporal", "series"), ("norm", "L2"), ("accuracy", "0.15"), ("width", "16"), ("blocks", "2")];
    let parameters = [&series[..], &[("iterations", "40"), ("seconds", "0.4"), ("backend", "cpu")]].concat();
    let (keep, path) = folder(&xml(BP5, &parameters, &VARIABLES));
    run(&mut series_client(&["write", &path, "run.bp", "0", "18"]), 0);
    let by_network = |name: &str| {
        let found = inspect(&path, name);
        found["blocks"].as_array().unwrap().iter().filter(|block| block["record"]["model"] == "series").count()
    };
    assert!(by_network("run.bp") >= 8, "{}", by_network("run.bp"));
    let said = stdout(&run(&mut pack(&path, &["run.bp", "packed.bp"]), 0));
    assert!(said.contains("up to 2.00 times the bound"), "{said}");
    std::fs::remove_dir_all(keep.path().join("run.bp")).unwrap();
    assert_eq!(by_network("packed.bp"), 0);
    let errors = read_errors(&path, "packed.bp", "7");
    // A certificate knows the first error within 1.4.
    assert!(errors.len() == 36 && errors.values().all(|error| *error <= 2.5 * 0.15), "{errors:?}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_step_that_is_lost_ends_packing_with_a_sentence_and_no_dataset() {
    let (keep, path) = folder(&xml(BP5, &PARAMETERS, &VARIABLES));
    run(&mut client(&["write", &path]), 0);
    std::fs::remove_dir_all(keep.path().join("run.bp/inr")).unwrap();
    let said = stderr(&run(&mut pack(&path, &["run.bp", "packed.bp"]), 1));
    assert!(said.contains("variable '") && said.contains("keep the .bp folder whole"), "{said}");
    let mut left: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["adios2.xml", "run.bp"]);
}
