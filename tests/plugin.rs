//! Real ADIOS2 clients, each in a process of its own: they write through the plugin and read without knowing it.
//!
//! The programs stand in `tests/clients`. They need the Python with adios2 that `INR_TEST_PYTHON` named when the tests were
//! built (or the project's `.venv`); without one the tests are shown as ignored.
#![cfg(feature = "adios2")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

#[path = "common/clients.rs"]
mod clients;
use clients::{clients, compile, folder, plugin_folder, python, succeed};
#[path = "common/networks.rs"]
mod networks;
use networks::{SIDE, dataset};

fn every_case_comes_back(engine: &str) {
    let (_keep, path) = folder();
    let (_, warnings) = succeed(&mut python("write.py", &[engine, &path]));
    assert!(!warnings.contains("adios2_inr"), "{warnings}");
    succeed(&mut python("read.py", &[engine, &path]));
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn every_case_keeps_its_promise_in_bp5() {
    every_case_comes_back("BP5");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn every_case_keeps_its_promise_in_bp4() {
    every_case_comes_back("BP4");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_appended_and_moved_dataset_reads_in_any_order() {
    let (keep, path) = folder();
    succeed(&mut python("append_move.py", &["write", &path]));
    succeed(&mut python("append_move.py", &["append", &path]));
    std::fs::create_dir(keep.path().join("moved")).unwrap();
    std::fs::rename(keep.path().join("run.bp"), keep.path().join("moved/elsewhere.bp")).unwrap();
    succeed(&mut python("append_move.py", &["read", &path]));
}

/// As in README: the operator once, variables that name it.
const XML: &str = r#"<?xml version="1.0"?>
<adios-config>
  <operator name="inr" type="plugin">
    <parameter key="PluginName" value="inr"/>
    <parameter key="PluginLibrary" value="adios2_inr"/>
  </operator>
  <operator name="strict" type="plugin">
    <parameter key="PluginName" value="inr"/>
    <parameter key="PluginLibrary" value="adios2_inr"/>
    <parameter key="Accuracy" value="1e-3"/>
    <parameter key="NORM" value="Linf"/>
  </operator>
  <io name="SimulationOutput">
    <engine type="ENGINE"/>
    <variable name="U"><operation operator="inr"/></variable>
    <variable name="V"><operation operator="strict"/></variable>
  </io>
</adios-config>
"#;

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn an_xml_file_alone_switches_the_operator_on() {
    for engine in ["BP5", "BP4"] {
        let (keep, path) = folder();
        std::fs::write(keep.path().join("adios2.xml"), XML.replace("ENGINE", engine)).unwrap();
        succeed(&mut python("xml_client.py", &["write", &path]));
        let stored = std::fs::read(keep.path().join("out.bp/data.0")).unwrap();
        let blocks = stored.windows(10).filter(|w| w == b"adios2_inr").count();
        assert_eq!(blocks, 6, "{engine}: two of three variables, three steps");
        succeed(&mut python("xml_client.py", &["read", &path]));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_killed_writer_leaves_every_finished_step() {
    for engine in ["BP5", "BP4"] {
        let (_keep, path) = folder();
        let mut writer = python("killed.py", &["write", &path, engine]).stdout(Stdio::piped()).spawn().unwrap();
        let finished = BufReader::new(writer.stdout.take().unwrap()).lines().take(3).last();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let finished: usize = finished.expect("three steps").unwrap().parse().unwrap();
        succeed(&mut python("killed.py", &["read", &path, engine, &(finished + 1).to_string()]));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn wrong_parameters_are_an_error_before_any_data_is_lost() {
    let cases =
        [("unknown_key", "accuracy"), ("bad_value", "accuracy"), ("contradiction", "ratio"), ("points", "nowhere.npy")];
    for (case, needed) in cases {
        let (_keep, path) = folder();
        let (said, _) = succeed(&mut python("wrong.py", &[case, &path, "BP5"]));
        assert!(said.contains("error:") && said.contains("variable 'u'") && said.contains(needed), "{case}: {said}");
        assert!(said.contains("run.bp") && said.contains("Correct the operator's parameters"), "{case}: {said}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn wrong_parameters_under_bp4_store_exact_blocks_and_one_line() {
    let (_keep, path) = folder();
    let (said, warnings) = succeed(&mut python("wrong.py", &["unknown_key", &path, "BP4"]));
    assert_eq!(said.trim(), "written");
    let lines: Vec<_> = warnings.lines().filter(|l| l.starts_with("adios2_inr: ")).collect();
    assert!(lines.len() == 1 && lines[0].contains("acuracy") && lines[0].contains("stored as it is"), "{warnings}");
    succeed(&mut python("wrong.py", &["read_exact", &path, "BP4"]));
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn without_the_memory_a_run_goes_on_and_stores_less_well() {
    for temporal in ["none", "predict", "series"] {
        // From what the host itself needs to what encoding needs.
        let mut is_raw = Vec::new();
        for n_free in ["5", "9", "14", "40"] {
            let (_keep, path) = folder();
            let (said, warned) = succeed(&mut python("limited.py", &[&path, temporal, n_free]));
            let is_told = warned.contains("bytes of memory, which are not to be had");
            is_raw.push(said.contains("exact"));
            assert!(is_told || !is_raw[is_raw.len() - 1], "{temporal} {n_free}: {said}{warned}");
            assert!(warned.matches("adios2_inr").count() <= 2, "{warned}");
        }
        assert!(is_raw[0] && !is_raw[3], "{temporal}: {is_raw:?}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_reader_without_the_memory_gets_a_sentence_and_reads_when_there_is_more() {
    for temporal in ["none", "predict", "series"] {
        let (_keep, path) = folder();
        let (said, _) = succeed(&mut python("limited_read.py", &[&path, temporal]));
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[lines.len() - 2..], ["read", "end"], "{temporal}: {said}");
        let refused: Vec<_> = lines.iter().filter(|line| line.starts_with("adios2_inr cannot decode")).collect();
        let tells = |line: &str| {
            ["variable 'u' of", "run.bp: reading it takes up to", " MB"].iter().all(|part| line.contains(part))
        };
        assert!(!refused.is_empty() && refused.iter().all(|line| tells(line)), "{temporal}: {said}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_temporal_that_an_engine_has_no_names_for_is_told_once() {
    let (_keep, path) = folder();
    let (said, warned) = succeed(&mut python("wrong.py", &["no_names", &path, "BP4"]));
    assert_eq!(said, "written\n");
    assert_eq!(warned.matches("'temporal' has no effect: use BP5").count(), 1, "{warned}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_fallback_is_an_error_for_those_who_ask_for_one() {
    let (_keep, path) = folder();
    let (said, warned) = succeed(&mut python("wrong.py", &["not_strict", &path, "BP5"]));
    assert!(said == "written\n" && warned.contains("the run log cannot be written"), "{said}{warned}");
    let (said, _) = succeed(&mut python("wrong.py", &["strict", &path, "BP5"]));
    let told = ["error:", "run.bp, as strict=1 asks for: variable 'u': ", "the run log cannot be written"];
    assert!(told.iter().all(|part| said.contains(part)), "{said}");
    // An error would abort the program there.
    let (said, warned) = succeed(&mut python("wrong.py", &["strict", &path, "BP4"]));
    assert!(said == "written\n" && warned.contains("strict=1 has no effect"), "{said}{warned}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_missing_library_is_a_clean_error() {
    let (_keep, path) = folder();
    let empty = tempfile::tempdir().unwrap();
    let mut command = python("wrong.py", &["missing_library", &path, "BP5"]);
    let (said, _) = succeed(command.env("ADIOS2_PLUGIN_PATH", empty.path()));
    assert!(said.contains("error:") && said.contains("adios2_inr"), "{said}");
    // At reading too, where only the block's own header names the library.
    succeed(&mut python("append_move.py", &["write", &path]));
    let mut command = python("wrong.py", &["read", &path, "BP5"]);
    let (said, _) = succeed(command.env("ADIOS2_PLUGIN_PATH", empty.path()));
    assert!(said.contains("error:") && said.contains("adios2_inr"), "{said}");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_damaged_block_says_which_and_why() {
    let (keep, path) = folder();
    succeed(&mut python("append_move.py", &["write", &path]));
    let data = keep.path().join("run.bp/data.0");
    let mut bytes = std::fs::read(&data).unwrap();
    let at =
        bytes.windows(10).position(|w| w == b"adios2_inr").expect("the plugin's name stands before the record") + 10;
    for byte in &mut bytes[at + 40..at + 48] {
        *byte ^= 0x5a;
    }
    std::fs::write(&data, bytes).unwrap();
    let (said, _) = succeed(&mut python("wrong.py", &["read", &path, "BP5"]));
    assert!(said.contains("error:") && said.contains("variable 'u'") && said.contains("run.bp"), "{said}");
    assert!(said.contains("cannot be decoded"), "{said}");
}

/// The C++ client, compiled once against the headers and libraries the plugin was built with.
fn cpp_client() -> &'static Path {
    static CLIENT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, client) = CLIENT.get_or_init(|| {
        let include = Path::new(env!("INR_ADIOS2_INCLUDE"));
        let package = include.parent().unwrap();
        let folders = [package.to_owned(), package.join("lib"), package.join("lib64")];
        let libraries =
            folders.iter().find(|f| f.join("libadios2_cxx.so").exists() || f.join("libadios2_cxx11.so").exists());
        let libraries = libraries.expect("ADIOS2's C++ library stands beside its headers");
        let cxx = if libraries.join("libadios2_cxx.so").exists() { "-ladios2_cxx" } else { "-ladios2_cxx11" };
        let folder = tempfile::tempdir().unwrap();
        let client = folder.path().join("client");
        let mut compile = Command::new(std::env::var_os("CXX").unwrap_or("g++".into()));
        compile.args(["-std=c++17", "-O1", "-isystem"]).arg(include).arg(clients().join("client.cpp"));
        compile.arg("-L").arg(libraries).arg(format!("-Wl,-rpath,{}", libraries.display()));
        compile.args([cxx, "-ladios2_core", "-pthread", "-Wl,--allow-shlib-undefined", "-o"]).arg(&client);
        succeed(&mut compile);
        (folder, client)
    });
    client
}

fn cpp(mode: &str, engine: &str, folder: &str) -> Command {
    let mut command = Command::new(cpp_client());
    command.args([mode, engine, folder]).env("ADIOS2_PLUGIN_PATH", plugin_folder());
    command
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn cpp_programs_write_and_read() {
    for engine in ["BP5", "BP4"] {
        let (_keep, path) = folder();
        succeed(&mut cpp("write", engine, &path));
        succeed(&mut cpp("read", engine, &path));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn two_engines_in_two_threads_do_not_mix() {
    for engine in ["BP5", "BP4"] {
        let (_keep, path) = folder();
        succeed(&mut cpp("threads", engine, &path));
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn appending_continues_a_series_and_writing_anew_starts_one() {
    let (keep, path) = folder();
    succeed(&mut python("reopened.py", &[&path]));
    let log = std::fs::read_to_string(keep.path().join("log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    // Those without a step say who writes.
    let steps: Vec<_> = lines.filter_map(|line| line["step"].as_u64()).collect();
    assert_eq!(steps, [0, 0, 1, 2, 3, 4, 0, 1], "{log}");
}

#[test]
fn a_c_program_uses_the_c_interface() {
    let (keep, _) = folder();
    let series = dataset(&[(&[0, 0], &[SIDE, SIDE], 1, 1), (&[0, SIDE], &[SIDE, SIDE], 1, 2)]);
    let mut client = compile("cc", &["-std=c99", "-Wextra", "-pedantic"], "c_client.c", keep.path());
    succeed(client.arg(series.path()));
}

#[test]
fn the_host_floating_point_mode_changes_no_bit() {
    let (keep, _) = folder();
    let mut client = compile("cc", &["-std=c99", "-Wextra"], "float_mode.c", keep.path());
    let (plain, _) = succeed(client.arg("plain"));
    let (ftz, _) = succeed(Command::new(client.get_program()).arg("ftz"));
    assert_eq!(plain, ftz);
}

#[test]
fn the_plugin_needs_no_symbol_of_adios2_and_stays_loaded() {
    let library = plugin_folder().join("libadios2_inr.so");
    let (symbols, _) = succeed(Command::new("nm").args(["-D", "--undefined-only"]).arg(&library));
    assert!(symbols.contains("_Unwind_") && !symbols.contains("adios2"), "{symbols}");
    let (exported, _) = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    for name in ["OperatorCreate", "OperatorDestroy", "inr_encode", "inr_decode", "inr_observe"] {
        assert!(exported.contains(&format!(" T {name}\n")), "{name} is not exported:\n{exported}");
    }
    let (dynamic, _) = succeed(Command::new("readelf").args(["-d"]).arg(&library));
    assert!(dynamic.contains("NODELETE") && dynamic.contains("SONAME"), "{dynamic}");
}
