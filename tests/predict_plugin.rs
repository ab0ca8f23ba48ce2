//! `temporal=predict` in real ADIOS2 clients: runs that end, are killed, go on, move and share a machine.
//!
//! As `tests/plugin.rs`, these need the Python with adios2 that `INR_TEST_PYTHON` named when the tests were built.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use approx::assert_relative_eq;
use cli_common::series::{client, errors, folder, inspect};
use cli_common::{BP5, inr, run, stderr, stdout};
use serde_json::Value;

const ACCURACY: f64 = 1e-3;

const PARAMETERS: [(&str, &str); 4] =
    [("temporal", "predict"), ("accuracy", "1e-3"), ("backend", "cpu"), ("log", "run.jsonl")];

fn xml(engine: &str) -> String {
    cli_common::xml(engine, &PARAMETERS, &["u"])
}

/// Every block of the first `n_steps` steps keeps its promise, read in random order by another process.
fn check(folder: &str, name: &str, n_steps: usize) {
    for seed in ["7", "8"] {
        let errors = errors(folder, name, seed);
        assert!(errors.len() >= 2 * n_steps, "{} blocks", errors.len());
        for (place, error) in errors {
            assert!(error <= ACCURACY, "{place:?}: {error}");
        }
    }
}

/// Number of records that refer to the model store.
fn n_predicted(folder: &str, name: &str) -> usize {
    let found = inspect(folder, name);
    let is_stub = |block: &&Value| block["stored_bytes"].as_u64().unwrap() <= 64;
    found["blocks"].as_array().unwrap().iter().filter(is_stub).count()
}

/// What `inr inspect` says about steps adds up to the bytes on the disk.
fn inspect_tells_of_every_step(found: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    let steps: Vec<&Value> =
        found["blocks"].as_array().unwrap().iter().filter(|b| b["prediction"].is_object()).collect();
    assert!(steps.len() >= 60, "{}", steps.len());
    for block in &steps {
        let step = &block["prediction"];
        assert_eq!(step["kind"] == "predicted", number(&step["needs"]) > 0.0);
        assert_eq!(step["kind"] == "predicted", step["predictor"] != "" && step["gain"].is_number());
        let n_stored = number(&block["stored_bytes"]) + number(&step["bytes"]) + number(&step["share_bytes"]);
        // The ratio is printed with three digits.
        assert_relative_eq!(number(&block["ratio"]) * n_stored, number(&block["raw_bytes"]), max_relative = 0.01);
    }
    let chains = found["model_store"]["files"][0]["chains"].as_array().unwrap();
    assert_eq!(chains.len(), 2);
    assert!(chains.iter().all(|c| c["variable"] == "u" && c["n_lost"] == 0 && number(&c["gain"]) > 1.0), "{chains:?}");
    let in_chains: f64 = chains.iter().map(|chain| number(&chain["n_bytes"])).sum();
    assert_eq!(in_chains + 8.0, number(&found["model_store"]["bytes"]), "nothing else is in the file");
    let records: f64 = found["blocks"].as_array().unwrap().iter().map(|b| number(&b["stored_bytes"])).sum();
    assert_eq!(number(&found["stored_bytes"]), records + in_chains + 8.0);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_xml_file_alone_gives_predicted_steps_that_move_with_their_dataset() {
    let (keep, path) = folder(&xml(BP5));
    run(&mut client(&["write", &path, "run.bp", "0", "40"]), 0);
    check(&path, "run.bp", 40);
    assert!(n_predicted(&path, "run.bp") >= 60);
    inspect_tells_of_every_step(&inspect(&path, "run.bp"));
    let report = stdout(&run(inr().arg("report").arg(keep.path().join("run.jsonl")).arg("--json"), 0));
    let chain = &serde_json::from_str::<Value>(&report).unwrap()["variables"][0]["chain"];
    assert!(chain["n_predicted"].as_u64() >= Some(60) && chain["gain"].as_f64() > Some(1.0), "{chain}");
    assert!(stdout(&run(inr().arg("report").arg(keep.path().join("run.jsonl")), 0)).contains("chain of"));
    std::fs::create_dir(keep.path().join("moved")).unwrap();
    std::fs::rename(keep.path().join("run.bp"), keep.path().join("moved/elsewhere.bp")).unwrap();
    check(&path, "moved/elsewhere.bp", 40);
    // A record without its store says where that should be.
    std::fs::remove_dir_all(keep.path().join("moved/elsewhere.bp/inr")).unwrap();
    let found = inspect(&path, "moved/elsewhere.bp");
    let is_lost = |block: &&Value| block["error"].as_str().is_some_and(|error| error.contains("subfolder 'inr'"));
    assert!(found["blocks"].as_array().unwrap().iter().filter(is_lost).count() >= 60);
    let done = client(&["read", &path, "moved/elsewhere.bp", "1"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("moved/elsewhere.bp/inr"), "{said}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_killed_run_is_readable_to_its_last_step_and_goes_on() {
    for n_lines in [2, 13, 25] {
        let (_keep, path) = folder(&xml(BP5));
        let mut writer = client(&["write", &path, "run.bp", "0", "1000"]).stdout(Stdio::piped()).spawn().unwrap();
        let last = BufReader::new(writer.stdout.take().unwrap()).lines().take(n_lines).last();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let n_finished = last.unwrap().unwrap().parse::<usize>().unwrap() + 1;
        check(&path, "run.bp", n_finished);
        let n = errors(&path, "run.bp", "3").len() / 2;
        run(&mut client(&["append", &path, "run.bp", &n.to_string(), "8"]), 0);
        check(&path, "run.bp", n + 8);
        let files = inspect(&path, "run.bp")["model_store"]["files"].as_array().unwrap().len();
        assert_eq!(files, 2, "the second process has a file of its own");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_program_that_makes_an_operator_for_each_step_is_read_back_too() {
    let (_keep, path) = folder(&xml(BP5));
    run(&mut client(&["each", &path, "run.bp", "0", "20"]), 0);
    check(&path, "run.bp", 20);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_folder_that_adios2_empties_at_its_first_step_keeps_the_steps() {
    for aggregation in ["TwoLevelShm", "EveryoneWrites", "DataSizeBased"] {
        let engine =
            format!("<engine type=\"BP5\"><parameter key=\"AggregationType\" value=\"{aggregation}\"/></engine>");
        let (_keep, path) = folder(&xml(&engine));
        // The second run finds the folder of the first one.
        for n_steps in [13, 16] {
            run(&mut client(&["write", &path, "run.bp", "0", &n_steps.to_string()]), 0);
            check(&path, "run.bp", n_steps);
        }
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn two_runs_at_once_and_one_written_anew_do_not_mix() {
    let (_keep, path) = folder(&xml(BP5));
    run(&mut client(&["write", &path, "b.bp", "5", "14"]), 0);
    let start = |name: &str| client(&["write", &path, name, "0", "18"]).stdout(Stdio::null()).spawn().unwrap();
    let writers = [start("a.bp"), start("b.bp")];
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    for name in ["a.bp", "b.bp"] {
        check(&path, name, 18);
        assert_eq!(inspect(&path, name)["model_store"]["files"].as_array().unwrap().len(), 1);
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_full_disk_costs_the_prediction_of_that_step_and_the_following_ones_and_is_said_once() {
    let engine = "<engine type=\"BP5\"><parameter key=\"StripeSize\" value=\"64\"/></engine>";
    let (_keep, path) = folder(&xml(engine));
    let done = run(&mut client(&["full", &path, "run.bp", "0", "20"]), 0);
    let said = stderr(&done);
    assert_eq!(said.matches("the following ones of the variable are stored alone").count(), 1, "{said}");
    check(&path, "run.bp", 20);
    let is_predicted = |block: &&Value| block["record"]["step"].is_object();
    let found = inspect(&path, "run.bp");
    let predicted = found["blocks"].as_array().unwrap().iter().filter(is_predicted);
    let steps: Vec<u64> = predicted.map(|block| block["step"].as_u64().unwrap()).collect();
    assert!(steps.len() >= 12 && steps.iter().all(|step| *step < 10), "{steps:?}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_engine_that_names_no_dataset_stores_each_step_alone_and_says_so() {
    let (keep, path) = folder(&xml("<engine type=\"BP4\"/>"));
    run(&mut client(&["write", &path, "run.bp", "0", "6"]), 0);
    check(&path, "run.bp", 6);
    assert!(!keep.path().join("run.bp/inr").exists());
    let log = std::fs::read_to_string(Path::new(&path).join("run.jsonl")).unwrap();
    assert!(log.lines().skip(1).all(|line| line.contains("use BP5")), "{log}");
    assert!(stdout(&run(&mut client(&["read", &path, "run.bp", "1"]), 0)).contains("0,0"));
}
