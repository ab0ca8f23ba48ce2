//! Hosts other than the ADIOS2 that the plugin was built with: older ones, openPMD-api, programs with ADIOS2 linked in and stripped,
//! and strangers.
#![cfg(feature = "adios2")]

use std::path::Path;
use std::process::Command;

#[path = "common/clients.rs"]
mod clients;
use clients::{compile, folder, plugin_folder, python, succeed};

/// As [`python`], with the packages of a host before those of ADIOS2 2.12.
fn hosted(host: &str, script: &str, arguments: &[&str]) -> Command {
    let mut command = python(script, arguments);
    command.env("PYTHONPATH", Path::new(env!("INR_TEST_HOSTS")).join(host));
    command
}

fn reads_and_writes_what_2_12_does(host: &str) {
    let (_keep, path) = folder();
    let (_, said) = succeed(&mut hosted(host, "append_move.py", &["write", &path]));
    assert!(!said.contains("adios2_inr"), "{said}");
    succeed(&mut python("append_move.py", &["append", &path]));
    std::fs::create_dir(Path::new(&path).join("moved")).unwrap();
    std::fs::rename(Path::new(&path).join("run.bp"), Path::new(&path).join("moved/elsewhere.bp")).unwrap();
    succeed(&mut hosted(host, "append_move.py", &["read", &path]));
    succeed(&mut python("append_move.py", &["read", &path]));
}

#[test]
#[cfg_attr(not(test_host = "adios2_2_10"), ignore = "run scripts/hosts.sh and build again")]
fn adios2_2_10_and_2_12_read_each_other() {
    reads_and_writes_what_2_12_does("adios2_2_10");
}

#[test]
#[cfg_attr(not(test_host = "adios2_2_11"), ignore = "run scripts/hosts.sh and build again")]
fn adios2_2_11_and_2_12_read_each_other() {
    reads_and_writes_what_2_12_does("adios2_2_11");
}

#[test]
#[cfg_attr(
    not(all(test_host = "openpmd_0_17_0", test_host = "openpmd_0_17_1")),
    ignore = "run scripts/hosts.sh and build again"
)]
fn openpmd_versions_read_each_other_in_every_encoding() {
    let versions = ["openpmd_0_17_0", "openpmd_0_17_1"];
    for (writer, reader) in [(versions[0], versions[1]), (versions[1], versions[0])] {
        for encoding in ["file", "group", "variable"] {
            let (keep, path) = folder();
            let (_, said) = succeed(&mut hosted(writer, "openpmd.py", &["write", &path, encoding]));
            assert!(!said.contains("adios2_inr"), "{said}");
            succeed(&mut hosted(reader, "openpmd.py", &["read", &path, encoding]));
            let n_bytes: u64 = files(keep.path()).iter().map(|f| f.metadata().unwrap().len()).sum();
            assert!(n_bytes < 3 * 20 * 24 * 28 * 28 / 2, "{n_bytes} bytes: the operator was not used");
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What a stripped program with an interface of ADIOS2 in it says on stdout and stderr.
fn stripped(interface: &str, more: &[&str]) -> (String, String) {
    let (keep, _) = folder();
    let defined = format!("-DINTERFACE={interface}");
    let arguments = [&["-std=c++17", "-s", "-isystem", env!("INR_ADIOS2_INCLUDE"), &defined], more].concat();
    let mut host = compile("c++", &arguments, "host.cpp", keep.path());
    succeed(host.arg(plugin_folder().join("libadios2_inr.so")))
}

const OLD_STRINGS: &str = "-D_GLIBCXX_USE_CXX11_ABI=0";

#[test]
fn each_interface_is_told_in_a_stripped_program_and_keeps_the_bound() {
    let hosts: [(&str, &[&str]); 5] =
        [("10", &[]), ("10", &[OLD_STRINGS]), ("11", &[]), ("11", &[OLD_STRINGS]), ("12", &[])];
    for (interface, more) in hosts {
        let (said, warned) = stripped(interface, more);
        let words: Vec<&str> = said.split_whitespace().collect();
        let (n_bytes, error): (usize, f64) = (words[0].parse().unwrap(), words[5].parse().unwrap());
        assert!(n_bytes < 48_000 && error > 0.0 && error <= 1e-3, "{interface} {more:?}: {said}");
        assert_eq!(warned, "");
    }
}

#[test]
fn a_host_whose_parameters_cannot_be_read_stores_blocks_as_they_are_and_says_so_once() {
    for interface in ["10", "11"] {
        let (said, warned) = stripped(interface, &["-DNO_STRINGS"]);
        assert!(said.ends_with("of 480000, error 0\n"), "{said}");
        assert_eq!(warned.matches("adios2_inr: every block is stored as it is").count(), 1, "{warned}");
        assert!(warned.contains("_GLIBCXX_USE_CXX11_ABI=1"), "{warned}");
    }
}

#[test]
fn an_unknown_host_is_refused_with_a_sentence_on_stderr_too() {
    for (interface, more, cure) in [("0", "-O0", "use ADIOS2 2.9 or newer"), ("12", OLD_STRINGS, "CXX11_ABI=1")] {
        let (said, warned) = stripped(interface, &[more]);
        assert!(said.contains("refused: adios2_inr was loaded by") && said.contains(cure), "{said}");
        assert!(warned.starts_with("adios2_inr: ") && warned.contains(cure), "{warned}");
    }
}

#[test]
#[cfg_attr(
    not(all(test_python, test_host = "adios2_2_11", test_host = "adios2_2_10")),
    ignore = "run scripts/hosts.sh and build again"
)]
fn what_a_program_writes_through_the_io_it_reads_with_changes_no_bit() {
    // In the folder "." stands ADIOS2 2.12.
    for host in [".", "adios2_2_11", "adios2_2_10"] {
        let (_keep, path) = folder();
        succeed(&mut python("append_move.py", &["write", &path]));
        let (_, said) = succeed(&mut hosted(host, "same_io.py", &[&path, "run.bp"]));
        // ADIOS2 2.10 keeps no operator of what it reads.
        let n_told = usize::from(host != "adios2_2_10");
        assert_eq!(said.matches("an operator that ADIOS2 made for reading").count(), n_told, "{host}: {said}");
    }
}
