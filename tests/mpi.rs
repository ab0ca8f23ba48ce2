//! Parallel programs: ADIOS2 with MPI, as `scripts/mpi.sh` builds it, on 2 and 4 ranks, read by programs without MPI.
//!
//! `make test-mpi` names the build in `INR_TEST_MPI`; without it the tests are shown as ignored. Beside it they need the Python with
//! adios2 that `INR_TEST_PYTHON` named.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cli_common::ways::{
    ALONE, CERTIFIED, IN_TRAINING, PREDICTED, WAYS, Way, client, engine, errors, holds, set_plain_xml, set_xml,
};
use cli_common::{BP5, inr, plugin_folder, run, stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

const N_STEPS: usize = 14;

/// The folder that `scripts/mpi.sh` made.
fn mpi() -> &'static Path {
    let folder: Option<&str> = option_env!("INR_TEST_MPI");
    Path::new(folder.expect("the test is ignored without it"))
}

/// A program of the build.
fn tool(name: &str) -> Command {
    let mut command = Command::new(mpi().join("adios2/bin").join(name));
    command.env("ADIOS2_PLUGIN_PATH", plugin_folder());
    command
}

/// `mpirun` of more ranks than cores, as root where it must be; Open MPI 4 and 5 are told by variables, which others ignore.
fn mpirun(n_ranks: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["-n", &n_ranks.to_string()]).stdin(Stdio::null()).env("ADIOS2_PLUGIN_PATH", plugin_folder());
    for name in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"] {
        command.env(name, "1");
    }
    // Containers forbid the copy from process to process, and say so on stderr.
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none").env("OMPI_MCA_mpi_yield_when_idle", "1");
    command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command
}

/// The C++ program, compiled once.
fn cpp_writer() -> &'static Path {
    static WRITER: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = WRITER.get_or_init(|| {
        let (folder, prefix) = (tempfile::tempdir().unwrap(), mpi().join("adios2"));
        let (program, libraries) = (folder.path().join("mpi_writer"), prefix.join("lib"));
        let mut compile = Command::new("mpicxx");
        compile
            .args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-DADIOS2_USE_MPI", "-isystem"])
            .arg(prefix.join("include"));
        compile.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/mpi_writer.cpp")).arg("-o").arg(&program);
        compile.arg("-L").arg(&libraries).arg(format!("-Wl,-rpath,{}", libraries.display()));
        compile.args(["-ladios2_cxx_mpi", "-ladios2_cxx", "-ladios2_core_mpi", "-ladios2_core"]);
        run(&mut compile, 0);
        (folder, program)
    });
    program
}

/// A program that writes in parallel: `FOLDER NAME XML STEPS` come after it.
type Writer = fn(n_ranks: usize) -> Command;

fn cpp(n_ranks: usize) -> Command {
    let mut command = mpirun(n_ranks);
    command.arg(cpp_writer());
    command
}

fn python(n_ranks: usize) -> Command {
    let mut command = mpirun(n_ranks);
    let path = std::env::join_paths([mpi().join("adios2/python"), mpi().join("python")]).unwrap();
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(cli_common::python().get_program());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/mpi_writer.py"));
    command
}

/// Writes `NAME.bp` in `folder` as `NAME.xml` there says.
fn write(writer: Writer, n_ranks: usize, folder: &str, name: &str) -> String {
    let (dataset, xml) = (format!("{name}.bp"), format!("{name}.xml"));
    stderr(&run(writer(n_ranks).args([folder, &dataset, &xml, &N_STEPS.to_string()]), 0))
}

/// A folder with `plain.bp`, the run without the operator.
fn folder(writer: Writer, n_ranks: usize) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    set_plain_xml(&path, BP5);
    write(writer, n_ranks, &path, "plain");
    (folder, path)
}

/// What `bpls` says about a dataset, without its values.
fn listed(folder: &str, name: &str) -> String {
    stdout(&run(tool("bpls").current_dir(folder).args(["-la", "-D", name]), 0))
}

/// The values of "u" as `bpls` prints them.
fn printed(folder: &str, name: &str) -> Vec<f64> {
    let done = run(tool("bpls").current_dir(folder).args(["-d", name, "u", "-n", "1", "-f", "%.9g"]), 0);
    let text = stdout(&done);
    let lines = text.lines().filter(|line| line.trim_start().starts_with('('));
    lines.map(|line| line.split_whitespace().last().unwrap().parse().unwrap()).collect()
}

#[track_caller]
fn check(folder: &str, n_ranks: usize, way: &Way, what: &str) {
    let found = errors(folder, "inr.bp", "plain.bp", false);
    let n_blocks = (n_ranks * N_STEPS) as u64;
    assert_eq!(
        (found["n_steps"].as_u64(), found["n_blocks"].as_u64()),
        (Some(N_STEPS as u64), Some(n_blocks)),
        "{what}"
    );
    holds(&found, way, CERTIFIED, what);
}

fn ranks_keep_their_promise(writer: Writer) {
    for n_ranks in [2, 4] {
        let (_keep, path) = folder(writer, n_ranks);
        for way in WAYS {
            let what = format!("{n_ranks} ranks, {:?}", way.parameters[0]);
            set_xml(&path, BP5, &way);
            assert!(!write(writer, n_ranks, &path, "inr").contains("adios2_inr"), "{what}");
            check(&path, n_ranks, &way, &what);
            assert_eq!(listed(&path, "inr.bp"), listed(&path, "plain.bp"), "{what}");
        }
    }
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn ranks_of_a_cpp_program_keep_bounds_and_metadata() {
    ranks_keep_their_promise(cpp);
}

#[test]
#[cfg_attr(not(all(test_mpi = "python", test_python)), ignore = "run 'make test-mpi' where mpi4py is to be had")]
fn ranks_of_a_python_program_keep_bounds_and_metadata() {
    ranks_keep_their_promise(python);
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn bpls_prints_values_within_the_bound() {
    let (_keep, path) = folder(cpp, 2);
    let wanted = printed(&path, "plain.bp");
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
    let range = largest(&mut wanted.iter().copied()) + largest(&mut wanted.iter().map(|value| -value));
    for way in [ALONE, PREDICTED] {
        set_xml(&path, BP5, &way);
        write(cpp, 2, &path, "inr");
        let got = printed(&path, "inr.bp");
        assert_eq!((got.len(), wanted.len()), (N_STEPS * 2 * 48 * 48, got.len()));
        let error = largest(&mut got.iter().zip(&wanted).map(|(a, b)| (a - b).abs()));
        assert!(error > 0.0 && error <= way.linf * range, "{error} of {range}");
    }
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn every_aggregation_of_ranks_keeps_bounds() {
    let (_keep, path) = folder(cpp, 4);
    for aggregation in ["TwoLevelShm", "EveryoneWrites", "EveryoneWritesSerial", "DataSizeBased"] {
        let of_two = engine("BP5", "AggregationType", aggregation)
            .replace("</engine>", "<parameter key=\"NumAggregators\" value=\"2\"/></engine>");
        set_xml(&path, &of_two, &PREDICTED);
        write(cpp, 4, &path, "inr");
        check(&path, 4, &PREDICTED, aggregation);
    }
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn a_killed_rank_leaves_every_step_that_all_have_finished() {
    for n_ranks in [2, 4] {
        let (_keep, path) = folder(cpp, n_ranks);
        for way in WAYS {
            set_xml(&path, BP5, &way);
            let mut writer = cpp(n_ranks);
            let done = writer.args([&path, "inr.bp", "inr.xml", "14", "1", "12"]).output().unwrap();
            assert!(!done.status.success(), "{}", stderr(&done));
            assert_eq!(stdout(&done).lines().last(), Some("11"), "{}", stderr(&done));
            let found = errors(&path, "inr.bp", "plain.bp", false);
            assert_eq!(found["n_steps"].as_u64(), Some(12), "the step in between is not listed");
            holds(&found, &way, IN_TRAINING, &format!("{n_ranks} ranks"));
        }
    }
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn adios2_reorganize_copies_the_values_that_a_reader_gets() {
    let (_keep, path) = folder(cpp, 4);
    for way in WAYS {
        set_xml(&path, BP5, &way);
        write(cpp, 4, &path, "inr");
        let mut serial = tool("adios2_reorganize");
        serial.current_dir(&path).args(["inr.bp", "one.bp", "BPFile", "", "BP5", ""]);
        let said = stderr(&run(&mut serial, 0));
        // It hands the operator on that it read with.
        assert_eq!(said.matches("stored as it is: the program writes with an operator that").count(), 1, "{said}");
        let mut parallel = mpirun(2);
        parallel.arg(mpi().join("adios2/bin/adios2_reorganize_mpi")).current_dir(&path);
        run(parallel.args(["inr.bp", "two.bp", "BPFile", "", "BP5", "", "1", "2"]), 0);
        for copy in ["one.bp", "two.bp"] {
            let found = errors(&path, copy, "inr.bp", true);
            assert_eq!(
                (found["n_steps"].as_u64(), found["linf"].as_f64()),
                (Some(N_STEPS as u64), Some(0.0)),
                "{found}"
            );
        }
    }
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn a_reader_without_mpi_follows_a_stream_of_two_ranks() {
    let (_keep, path) = folder(cpp, 2);
    set_xml(&path, &engine("SST", "MarshalMethod", "BP5"), &PREDICTED);
    let mut writer = cpp(2);
    let writer = writer.args([&path, "inr.bp", "inr.xml", &N_STEPS.to_string()]);
    let writer = writer.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let done = run(&mut client(&["follow", &path, "inr.bp", "SST", "plain.bp"]), 0);
    let steps: Vec<Value> = stdout(&done).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.len(), N_STEPS);
    steps.iter().for_each(|step| holds(step, &PREDICTED, 1.0, "SST"));
    let said = stderr(&writer.wait_with_output().unwrap());
    assert_eq!(said.matches("'temporal' has no effect").count(), 2, "each rank says it once: {said}");
}

#[test]
#[cfg_attr(not(all(test_mpi = "cxx", test_python)), ignore = "run 'make test-mpi'")]
fn each_rank_knows_its_place_on_the_node_and_its_share_of_the_cores() {
    let doctor = inr();
    let done = mpirun(4).arg(doctor.get_program()).args(["doctor", "--json"]).output().unwrap();
    let text = stdout(&done);
    let cpus: BTreeSet<&str> = text.split("\"found\":\"").filter(|found| found.contains(" thread")).collect();
    let found: Vec<&str> = cpus.iter().map(|found| found.split('"').next().unwrap()).collect();
    let n_cores = std::thread::available_parallelism().unwrap().get();
    for rank in 0..4 {
        let place = format!("local rank {rank} of 4 (told by");
        let of_rank: Vec<_> = found.iter().filter(|text| text.contains(&place)).collect();
        assert_eq!(of_rank.len(), 1, "{text}{}", stderr(&done));
        let n_threads: usize = of_rank[0].split(' ').next().unwrap().parse().unwrap();
        assert!(n_threads >= 1 && n_threads <= (n_cores / 4).max(1), "{}", of_rank[0]);
    }
}
