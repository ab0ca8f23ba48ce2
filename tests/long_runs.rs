//! Long and strange processes: they fork, close the library, end without Close or from another thread, and write and read many blocks.
//!
//! `scripts/bench/long_runs.py` has the longer versions. Programs in C use the C interface and need no ADIOS2.
#![cfg(feature = "adios2")]

#[path = "common/clients.rs"]
mod clients;
use clients::{compile, folder, plugin_folder, python, succeed};

const WAYS: [&str; 3] = ["none", "predict", "series"];

fn strange(mode: &str) {
    for temporal in WAYS {
        let ((keep, _), (_data, path)) = (folder(), folder());
        // The program opens the library itself: it is not to be there before.
        let flags = ["-std=c11", "-D_GNU_SOURCE", "-pthread", "-Wl,--as-needed"];
        let mut program = compile("cc", &flags, "strange.c", keep.path());
        let (said, _) = succeed(program.args([mode, temporal, &path, "cpu"]).env("LD_LIBRARY_PATH", plugin_folder()));
        assert_eq!(said, "done\n", "{mode} {temporal}");
    }
}

#[test]
fn a_forked_child_encodes_and_decodes_and_so_does_its_parent() {
    strange("fork");
}

#[test]
fn children_of_a_process_whose_other_threads_encode_do_not_hang() {
    strange("busy");
}

#[test]
fn a_library_that_is_closed_stays_for_its_threads_and_handlers() {
    strange("closed");
}

#[test]
fn another_thread_may_end_the_process_while_blocks_are_encoded() {
    strange("leave");
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_run_that_ends_without_close_leaves_every_finished_step() {
    for temporal in WAYS {
        for how in ["exit", "abrupt", "elsewhere"] {
            let (_keep, path) = folder();
            let written = python("unclosed.py", &["write", &path, temporal, how]).output().unwrap();
            let said = String::from_utf8(written.stdout).unwrap();
            // How ADIOS2 itself ends is its matter, what it has ended before is ours.
            assert_eq!(said.lines().last(), Some("12"), "{temporal} {how}: {}", written.status);
            succeed(&mut python("unclosed.py", &["read", &path, "12"]));
        }
    }
}

/// Resident KB, open files and threads of a process after so many blocks.
struct Mark {
    resident: i64,
    others: [u32; 2],
}

fn marks(what: &str, temporal: &str, at: [u32; 2]) -> [Mark; 2] {
    let (_keep, path) = folder();
    let [first, second] = at;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bench/long_runs.py");
    let arguments = ["one", what, temporal, &format!("{path}/run.bp"), &format!("{first},{second}")];
    let (said, _) = succeed(&mut python(script, &arguments));
    let mark = |line: &str| {
        let numbers: Vec<u32> = line.split(' ').map(|n| n.parse().unwrap()).collect();
        Mark { resident: numbers[1].into(), others: [numbers[2], numbers[3]] }
    };
    let marks: Vec<Mark> = said.lines().map(mark).collect();
    marks.try_into().unwrap_or_else(|_| panic!("{what} {temporal}: {said}"))
}

/// Between the two marks memory grows by less than this many bytes per block, and neither files nor threads become more.
fn stays_flat(what: &str, ways: &[&str], at: [u32; 2], bytes_per_block: i64) {
    for temporal in ways {
        let [before, after] = marks(what, temporal, at);
        let (grown, n) = (1024 * (after.resident - before.resident), i64::from(at[1] - at[0]));
        // Allocators take memory in pieces.
        assert!(grown < (4 << 20) + bytes_per_block * n, "{what} {temporal}: {grown} bytes more after {n} blocks");
        assert_eq!(before.others, after.others, "{what} {temporal}: open files, threads");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn memory_handles_and_threads_of_a_long_run_stay_what_they_are() {
    stays_flat("write", &WAYS, [300, 1200], 0);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn memory_handles_and_threads_of_a_long_reader_stay_what_they_are() {
    stays_flat("read", &WAYS, [1000, 4000], 0);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn operators_and_datasets_leave_nothing_behind() {
    stays_flat("operators", &WAYS, [300, 900], 0);
    // Each network is finished with its dataset, which takes too long here.
    stays_flat("datasets", &["none", "predict"], [30, 120], 0);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_step_may_have_a_thousand_variables_and_thousands_of_blocks() {
    // A thousand predictors or networks are more than a test has time for.
    stays_flat("variables", &["none"], [1000, 2000], 0);
    // ADIOS2 keeps the step until it ends, and each block starts a chain or series.
    stays_flat("wide", &WAYS, [300, 900], 32 << 10);
}
