//! Each engine of ADIOS2 and each way to open it: bounds by the largest error, everything else as without the operator.
//!
//! As `tests/plugin.rs`, these need the Python with adios2 that `INR_TEST_PYTHON` named when the tests were built. The programs know
//! nothing of the operator; what they read is compared with a dataset that was written without it.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use cli_common::ways::{ALONE, CERTIFIED, PREDICTED, WAYS, Way, client, engine, errors, holds, set_plain_xml, set_xml};
use cli_common::{BP5, python, run, stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

const N_STEPS: usize = 14;

/// What programs that were told `temporal` hear of engines that have no earlier steps.
const NO_EFFECT: &str = "'temporal' has no effect";

/// A folder with `plain.bp`, the run without the operator.
fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    set_plain_xml(&path, BP5);
    run(&mut client(&["write", &path, "plain.bp", "plain.xml", "0", &N_STEPS.to_string()]), 0);
    (folder, path)
}

/// What programs of one run say on stderr.
fn write(how: &str, folder: &str, first: usize, n: usize) -> String {
    stderr(&run(&mut client(&[how, folder, "run.bp", "inr.xml", &first.to_string(), &n.to_string()]), 0))
}

/// Every block of `run.bp` holds its bound, and nothing else differs from `plain.bp`.
#[track_caller]
fn check(folder: &str, way: &Way, what: &str) {
    let errors = errors(folder, "run.bp", "plain.bp", false);
    assert_eq!((errors["n_steps"].as_u64(), errors["n_blocks"].as_u64()), (Some(14), Some(28)), "{what}");
    holds(&errors, way, CERTIFIED, what);
}

fn every_way_is_kept(engine: &str) {
    let (_keep, path) = folder();
    for way in WAYS {
        set_xml(&path, engine, &way);
        let what = format!("{engine} {:?}", way.parameters[0]);
        assert_eq!(write("write", &path, 0, N_STEPS), "", "{what}");
        check(&path, &way, &what);
        let has_store = Path::new(&path).join("run.bp/inr").is_dir();
        assert_eq!(has_store, way.is_temporal(), "{what}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn every_aggregation_of_bp5_keeps_bounds_and_metadata() {
    for value in ["TwoLevelShm", "EveryoneWrites", "EveryoneWritesSerial", "DataSizeBased"] {
        every_way_is_kept(&engine("BP5", "AggregationType", value));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn asynchronous_writing_keeps_bounds_and_metadata() {
    for value in ["Guided", "Naive"] {
        every_way_is_kept(&engine("BP5", "AsyncWrite", value));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn bp4_keeps_bounds_and_metadata_and_says_once_that_temporal_has_no_effect() {
    let (_keep, path) = folder();
    for way in WAYS {
        set_xml(&path, "<engine type=\"BP4\"/>", &way);
        let said = write("write", &path, 0, N_STEPS);
        assert_eq!(said.matches("adios2_inr").count(), usize::from(way.is_temporal()), "{said}");
        assert!(!way.is_temporal() || said.contains(NO_EFFECT), "{said}");
        check(&path, &way, "BP4");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_appended_run_keeps_bounds_and_metadata() {
    for engine in [BP5, "<engine type=\"BP4\"/>"] {
        let (_keep, path) = folder();
        for way in WAYS {
            set_xml(&path, engine, &way);
            write("write", &path, 0, 5);
            write("append", &path, 5, N_STEPS - 5);
            check(&path, &way, engine);
        }
    }
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// A second process reads each step before the first one writes the next; returns what writer and reader said on stderr.
fn is_followed(kind: &str, way: &Way) -> [String; 2] {
    let (_keep, path) = folder();
    set_xml(&path, &format!("<engine type=\"{kind}\"/>"), way);
    let mut writer = client(&["write", &path, "run.bp", "inr.xml", "0", &N_STEPS.to_string()]);
    let writer = writer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    let mut reader = client(&["follow", &path, "run.bp", kind, "plain.bp"]);
    let mut reader = reader.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut written, mut read) = (lines(&mut writer), lines(&mut reader));
    let mut go_on = writer.stdin.take().unwrap();
    for step in 0..N_STEPS {
        assert_eq!(written.next().unwrap().unwrap(), step.to_string());
        let Some(line) = read.next() else {
            panic!("step {step} of {kind} is not read: {}", stderr(&reader.wait_with_output().unwrap()));
        };
        let errors: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!((errors["step"].as_u64(), errors["n_blocks"].as_u64()), (Some(step as u64), Some(2)));
        holds(&errors, way, 1.0, kind);
        writeln!(go_on).unwrap();
    }
    let [writer, reader] = [writer, reader].map(|child| child.wait_with_output().unwrap());
    assert!(writer.status.success() && reader.status.success(), "{}{}", stderr(&writer), stderr(&reader));
    [writer, reader].map(|done| stderr(&done))
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_reader_follows_a_run_that_is_being_written() {
    for way in WAYS {
        let [writer, reader] = is_followed("BP5", &way);
        assert_eq!(writer, "");
        // The network of a series is in training as long as the run lasts.
        let n_told = usize::from(way.parameters[0] == ("temporal", "series"));
        assert_eq!(reader.matches("adios2_inr").count(), n_told, "{reader}");
        assert_eq!(reader.matches("is not assured for their steps").count(), n_told, "{reader}");
    }
    assert_eq!(is_followed("BP4", &ALONE), ["", ""]);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_stream_keeps_bounds_and_says_once_that_temporal_has_no_effect() {
    for way in WAYS {
        let [said, reader] = is_followed("SST", &way);
        assert_eq!(reader, "");
        assert_eq!(said.matches("adios2_inr").count(), usize::from(way.is_temporal()), "{said}");
        assert!(!way.is_temporal() || said.contains(NO_EFFECT), "{said}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_stream_that_is_asked_for_temporal_strictly_is_an_error() {
    let (_keep, path) = folder();
    let way = Way { parameters: &[("temporal", "predict"), ("strict", "1")], ..PREDICTED };
    set_xml(&path, &engine("SST", "RendezvousReaderCount", "0"), &way);
    let done = client(&["write", &path, "run.bp", "inr.xml", "0", "1"]).output().unwrap();
    // SST itself prints memory that it has freed when it is not closed.
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("as strict=1 asks for") && said.contains(NO_EFFECT), "{said}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_stream_named_like_an_older_dataset_leaves_that_alone() {
    let (_keep, path) = folder();
    set_xml(&path, BP5, &PREDICTED);
    write("write", &path, 0, N_STEPS);
    set_xml(&path, &engine("SST", "RendezvousReaderCount", "0"), &PREDICTED);
    assert!(write("write", &path, 0, 4).contains(NO_EFFECT));
    assert_eq!(std::fs::read_dir(Path::new(&path).join("run.bp/inr")).unwrap().count(), 1);
    check(&path, &PREDICTED, "the older dataset");
}

#[test]
#[cfg_attr(not(test_host = "xarray_adios2"), ignore = "run scripts/hosts.sh and build again")]
fn xarray_reads_values_within_the_bound() {
    let (_keep, path) = folder();
    for way in WAYS {
        set_xml(&path, BP5, &way);
        write("write", &path, 0, N_STEPS);
        let mut reader = python();
        reader.env("PYTHONPATH", Path::new(env!("INR_TEST_HOSTS")).join("xarray_adios2"));
        reader.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/xarray_read.py"));
        let done = run(reader.args([&path, "run.bp", "plain.bp"]), 0);
        let errors: Value = serde_json::from_str(&stdout(&done)).unwrap();
        assert_eq!(errors["n_blocks"].as_u64(), Some(2 * N_STEPS as u64));
        holds(&errors, &way, CERTIFIED, "xarray");
    }
}
