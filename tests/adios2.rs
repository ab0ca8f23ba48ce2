//! The wrapper over ADIOS2's C API, in this process: what it writes it reads, and it sees the records that are stored.
//!
//! ADIOS2 must be where the plugin's headers were found; the plugin is the one of this build.
#![cfg(feature = "adios2")]

use std::path::Path;
use std::process::Command;

use adios2_inr::adios2::{Dataset, Plugin, Writer};
use adios2_inr::{Block, Dtype};

#[path = "common/clients.rs"]
mod clients;
use clients::plugin_folder;

const DIMS: [usize; 3] = [24, 25, 26];

/// The environment of ADIOS2 is read once per process, so each test runs again in a child that has it.
fn in_child(name: &str, body: fn(&Path)) {
    if let Some(folder) = std::env::var_os("INR_TEST_CHILD") {
        return body(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture"]).env("INR_TEST_CHILD", folder.path());
    child.env("ADIOS2_PLUGIN_PATH", plugin_folder());
    child.env("ADIOS2_DIR", Path::new(env!("INR_ADIOS2_INCLUDE")).parent().unwrap());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

fn wave(step: usize) -> Vec<f64> {
    (0..DIMS.iter().product()).map(|i| (0.01 * i as f64 + step as f64).sin()).collect()
}

/// `U` goes through the operator, `W` and the counter do not; `late` is missing in the first step.
fn write(path: &Path, engine: &str) {
    let config = path.with_extension("xml");
    let operator = r#"<operation type="plugin"><parameter key="PluginName" value="inr"/>
        <parameter key="PluginLibrary" value="adios2_inr"/></operation>"#;
    let xml = format!(
        r#"<?xml version="1.0"?><adios-config><io name="run"><engine type="{engine}"/>
        <variable name="U">{operator}</variable><variable name="late">{operator}</variable></io></adios-config>"#
    );
    std::fs::write(&config, xml).unwrap();
    let writer = Writer::create(path, &config, "run").unwrap();
    for step in 0..3 {
        let (wave, counts) = (wave(step), [step as i32; 10]);
        let block = Block::new(Dtype::F64, &DIMS, bytemuck::cast_slice(&wave)).unwrap();
        let counts = Block::new(Dtype::I32, &[10], bytemuck::cast_slice(&counts)).unwrap();
        let mut arrays = vec![("U", block), ("W", block), ("counts", counts)];
        if step > 0 {
            arrays.push(("late", block));
        }
        writer.step(&arrays).unwrap();
    }
}

fn largest_difference(bytes: &[u8], step: usize) -> f64 {
    let values: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_ne_bytes(b.try_into().unwrap())).collect();
    values.iter().zip(wave(step)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn check_values(folder: &Path, engine: &str) {
    let path = folder.join(format!("{engine}.bp"));
    write(&path, engine);
    let dataset = Dataset::open(&path).unwrap();
    let names: Vec<_> = dataset.variables().iter().map(|v| (v.name.as_str(), v.dtype, v.n_steps)).collect();
    let (real, counter) = (Some(Dtype::F64), Some(Dtype::I32));
    assert_eq!(names, [("U", real, 3), ("W", real, 3), ("counts", counter, 3), ("late", real, 2)]);
    for step in [2, 0, 1] {
        let exact = dataset.variable("W").unwrap();
        assert_eq!(exact.shape, DIMS);
        assert_eq!(largest_difference(&dataset.read_step(exact, step).unwrap(), step), 0.0);
        let lossy = dataset.read_block(dataset.variable("U").unwrap(), step, 0).unwrap();
        assert!(largest_difference(&lossy, step) < 0.3);
        let counts = dataset.read_block(dataset.variable("counts").unwrap(), step, 0).unwrap();
        assert_eq!(counts, [step as i32; 10].map(i32::to_ne_bytes).concat());
    }
    let late = dataset.variable("late").unwrap();
    assert!(
        largest_difference(&dataset.read_step(late, 1).unwrap(), 2) < 0.3,
        "the second of its steps is the run's third"
    );
    assert!(dataset.variable("X").unwrap_err().to_string().contains("only U, W, counts, late"));
}

#[test]
fn what_is_written_is_read_in_bp5() {
    in_child("what_is_written_is_read_in_bp5", |folder| check_values(folder, "BP5"));
}

#[test]
fn what_is_written_is_read_in_bp4() {
    in_child("what_is_written_is_read_in_bp4", |folder| check_values(folder, "BP4"));
}

#[test]
fn the_stored_records_are_seen() {
    in_child("the_stored_records_are_seen", |folder| {
        for engine in ["BP5", "BP4"] {
            let path = folder.join(format!("{engine}.bp"));
            write(&path, engine);
            let records = Dataset::open(&path).unwrap().records().unwrap();
            assert_eq!(records.len(), 3 * 3 + 2, "{engine}");
            for record in &records {
                let summary = record.summary.as_ref().unwrap();
                let ours = record.variable == "U" || record.variable == "late";
                assert_eq!(summary.is_some(), ours, "{engine} {record:?}");
                if let Some(summary) = summary {
                    assert_eq!((summary.dims.as_slice(), summary.raw_bytes), (&DIMS[..], record.raw_bytes));
                    assert_eq!(summary.stored_bytes, record.stored_bytes);
                    assert!(record.stored_bytes * 4 < record.raw_bytes, "{engine} {record:?}");
                }
            }
        }
    });
}

#[test]
fn a_missing_dataset_is_an_error_with_its_name() {
    in_child("a_missing_dataset_is_an_error_with_its_name", |folder| {
        let error = Dataset::open(&folder.join("none.bp")).unwrap_err().to_string();
        assert!(error.contains("none.bp") && error.contains("no such file"), "{error}");
    });
}

#[test]
fn a_folder_that_is_no_dataset_is_an_error_that_says_so() {
    in_child("a_folder_that_is_no_dataset_is_an_error_that_says_so", |folder| {
        let error = Dataset::open(folder).unwrap_err().to_string();
        assert!(error.contains("this folder is no ADIOS2 dataset"), "{error}");
    });
}

#[test]
fn only_this_plugin_is_taken_for_the_plugin() {
    in_child("only_this_plugin_is_taken_for_the_plugin", |_| {
        let plugin = Plugin::load().unwrap();
        assert_eq!(plugin.version(), env!("CARGO_PKG_VERSION"));
        let adios2 = adios2_inr::adios2::Library::load().unwrap();
        let error = Plugin::open(&adios2.path).unwrap_err().to_string();
        assert!(error.contains("not adios2-inr's plugin"), "{error}");
    });
}
