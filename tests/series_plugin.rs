//! Series mode in real ADIOS2 clients: runs that end, are killed, go on, move and share a machine.
//!
//! As `tests/plugin.rs`, these need the Python with adios2 that `INR_TEST_PYTHON` named when the tests were built.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;
#[path = "common/tolerance.rs"]
mod tolerance;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use approx::assert_abs_diff_eq;
use cli_common::series::{client, errors, inspect, inspect_command};
use cli_common::ways::{CERTIFIED, IN_TRAINING, SERIES};
use cli_common::{BP5, inr, python, run, series, stdout};
use serde_json::Value;
use tempfile::TempDir;

const ACCURACY: f64 = SERIES.l2;

fn xml(engine: &str) -> String {
    let parameters = [SERIES.parameters, &[("backend", "cpu"), ("log", "run.jsonl")]].concat();
    cli_common::xml(engine, &parameters, &["u"])
}

fn folder() -> (TempDir, String) {
    series::folder(&xml(BP5))
}

/// `inr query --json` at one place of blocks `(step, block)`, which networks stand for. Needs no ADIOS2.
fn query(folder: &str, name: &str, blocks: &[(usize, usize)]) -> Vec<Value> {
    let places = blocks.iter().flat_map(|(step, block)| ["--at".into(), format!("5,{},{step}", [7, 60][*block])]);
    let done = run(inr().arg("query").arg(Path::new(folder).join(name)).args(["u", "--json"]).args(places), 0);
    serde_json::from_str::<Value>(&stdout(&done)).unwrap()["points"].as_array().unwrap().clone()
}

/// Every block holds its promise, or is named as one that does not; returns the number that networks stand for.
fn check(folder: &str, name: &str, n_steps: usize) -> usize {
    let errors = errors(folder, name, "7");
    assert_eq!(errors.len(), 2 * n_steps);
    let found = inspect(folder, name);
    let mut by_network = Vec::new();
    for block in found["blocks"].as_array().unwrap() {
        let place = (block["step"].as_u64().unwrap() as usize, block["block"].as_u64().unwrap() as usize);
        let is_by_network = block["record"]["model"] == "series";
        by_network.extend(is_by_network.then_some(place));
        assert!(!is_by_network || block["stored_bytes"].as_u64().unwrap() <= 64, "{block}");
        assert!(!is_by_network || block["network"]["is_finished"] == true, "{block}");
        let is_named = block["network"]["is_broken"] == true;
        let limit = if is_by_network { CERTIFIED * ACCURACY } else { ACCURACY };
        assert!(is_named || errors[&place] <= limit, "{place:?}: {} {block}", errors[&place]);
    }
    if !by_network.is_empty() {
        let asked = query(folder, name, &by_network);
        let steps = by_network.iter().map(|(step, _)| *step as u64);
        steps
            .zip(&asked)
            .for_each(|(step, point)| assert!(point["stored"] == "network" && point["step"] == step, "{point}"));
    }
    by_network.len()
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_xml_file_alone_gives_a_series_one_network_per_block_and_tiny_steps() {
    let (keep, path) = folder();
    run(&mut client(&["write", &path, "run.bp", "0", "40"]), 0);
    assert!(check(&path, "run.bp", 40) >= 54);
    let code = "import adios2; f = adios2.FileReader('run.bp'); u = f.read('u', step_selection=[39, 1]); print(u[5, 7], u[5, 60])";
    let read = stdout(&run(python().current_dir(&path).args(["-c", code]), 0));
    let asked = query(&path, "run.bp", &[(39, 0), (39, 1)]);
    for (read, asked) in read.split_whitespace().zip(asked) {
        let (read, asked) = (read.parse::<f64>().unwrap(), asked["values"][0].as_f64().unwrap());
        assert_abs_diff_eq!(read, asked, epsilon = tolerance::PRINTED);
    }
    std::fs::create_dir(keep.path().join("moved")).unwrap();
    std::fs::rename(keep.path().join("run.bp"), keep.path().join("moved/elsewhere.bp")).unwrap();
    check(&path, "moved/elsewhere.bp", 40);

    let found = inspect(&path, "moved/elsewhere.bp");
    let files = found["model_store"]["files"].as_array().unwrap();
    assert_eq!((files.len(), files[0]["segments"].as_array().unwrap().len()), (1, 2));
    assert!(found["stored_bytes"].as_u64() > found["model_store"]["bytes"].as_u64());
    let report = stdout(&run(inr().arg("report").arg(keep.path().join("run.jsonl")), 0));
    assert!(report.contains("network of") && report.contains("by network"), "{report}");
    // A record without its network says where that should be.
    std::fs::remove_dir_all(keep.path().join("moved/elsewhere.bp/inr")).unwrap();
    let done = client(&["read", &path, "moved/elsewhere.bp", "1"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("moved/elsewhere.bp/inr") && said.contains("keep the .bp folder whole"), "{said}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_killed_series_is_readable_to_its_last_step_goes_on_and_is_finished_afterwards() {
    for n_lines in [2, 13, 25] {
        let (_keep, path) = folder();
        let mut writer = client(&["write", &path, "run.bp", "0", "1000"]).stdout(Stdio::piped()).spawn().unwrap();
        let last = BufReader::new(writer.stdout.take().unwrap()).lines().take(n_lines).last();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let n_finished = last.unwrap().unwrap().parse::<usize>().unwrap() + 1;
        let killed = errors(&path, "run.bp", "3");
        assert!(killed.len() >= 2 * n_finished, "{} of {n_finished} steps", killed.len());
        // What later steps moved is not certified yet, but it is there.
        assert!(killed.values().all(|error| *error <= IN_TRAINING * ACCURACY), "{killed:?}");

        let dataset = Path::new(&path).join("run.bp");
        let told = stdout(&run(&mut inspect_command(&path, "run.bp"), 0));
        // The first blocks are stored alone.
        assert!(told.contains("is not assured now: run 'inr finalize'") || n_lines < 20, "{told}");

        let doubts = |path: &str| {
            let done = run(&mut client(&["read", path, "run.bp", "5"]), 0);
            String::from_utf8_lossy(&done.stderr).matches("is not assured for their steps").count()
        };
        assert!(doubts(&path) == usize::from(told.contains("is not assured now")), "{told}");

        let n = killed.len() / 2;
        run(&mut client(&["append", &path, "run.bp", &n.to_string(), "16"]), 0);
        let n_networks = |path: &str| inspect(path, "run.bp")["model_store"]["files"].as_array().unwrap().len();
        assert_eq!(n_networks(&path), 2, "the second process has a file of its own");
        run(inr().arg("finalize").arg(&dataset).args(["--seconds", "0.4"]), 0);
        assert_eq!(doubts(&path), 0);
        check(&path, "run.bp", n + 16);
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_program_that_makes_an_operator_for_each_step_ends_its_series_with_the_process() {
    let (_keep, path) = folder();
    run(&mut client(&["each", &path, "run.bp", "0", "20"]), 0);
    assert!(check(&path, "run.bp", 20) >= 14);
    let found = inspect(&path, "run.bp");
    let segments = found["model_store"]["files"][0]["segments"].as_array().unwrap();
    assert!(segments.len() == 2 && segments.iter().all(|s| s["n_steps"] == 19), "{segments:?}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_folder_that_adios2_empties_at_its_first_step_keeps_the_networks() {
    for aggregation in ["TwoLevelShm", "EveryoneWrites", "DataSizeBased"] {
        let (keep, path) = folder();
        let engine =
            format!("<engine type=\"BP5\"><parameter key=\"AggregationType\" value=\"{aggregation}\"/></engine>");
        std::fs::write(keep.path().join("adios2.xml"), xml(&engine)).unwrap();
        // The second run finds the folder of the first one.
        for n_steps in [13, 16] {
            run(&mut client(&["write", &path, "run.bp", "0", &n_steps.to_string()]), 0);
            assert!(check(&path, "run.bp", n_steps) >= 2 * (n_steps - 12), "{aggregation}, {n_steps} steps");
        }
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn two_runs_at_once_and_one_written_anew_do_not_mix() {
    let (_keep, path) = folder();
    run(&mut client(&["write", &path, "b.bp", "5", "14"]), 0);
    let start = |name: &str| client(&["write", &path, name, "0", "18"]).stdout(Stdio::null()).spawn().unwrap();
    // b.bp is written anew: ADIOS2 empties the folder, the networks of the run before are gone.
    let writers = [start("a.bp"), start("b.bp")];
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    for name in ["a.bp", "b.bp"] {
        check(&path, name, 18);
        assert_eq!(inspect(&path, name)["model_store"]["files"].as_array().unwrap().len(), 1);
    }
}
