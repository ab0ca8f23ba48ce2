//! Programs beside the tests: Python and compiled ones, each in a process of its own.
#![allow(dead_code, reason = "shared by several test programs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The library under test: cargo links it for the tests into `deps`, for builds beside the executables.
pub fn plugin_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|f| f.join("libadios2_inr.so").exists());
    folder.expect("libadios2_inr.so is built with the tests").to_owned()
}

/// Where the client programs stand.
pub fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A Python client; the operator is known to it by `ADIOS2_PLUGIN_PATH` alone.
pub fn python(script: &str, arguments: &[&str]) -> Command {
    let interpreter = option_env!("INR_TEST_PYTHON");
    let mut command = Command::new(interpreter.expect("the test is ignored without it"));
    command.arg(clients().join(script)).args(arguments);
    command.env("ADIOS2_PLUGIN_PATH", plugin_folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    // Clients that end by `os._exit` would lose what ADIOS2 itself printed.
    command.env("PYTHONUNBUFFERED", "1");
    command
}

/// Runs a client to its end, which must be a good one; returns what it wrote to stdout and to stderr.
pub fn succeed(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    (stdout, stderr)
}

/// A folder and its path; it goes with the first.
pub fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

/// Compiles a client that needs no ADIOS2.
pub fn compile(compiler: &str, arguments: &[&str], source: &str, folder: &Path) -> Command {
    let program = folder.join("program");
    let mut compile = Command::new(compiler);
    compile.args(arguments).arg("-Wall").arg("-Werror").arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin"));
    compile.arg(clients().join(source)).arg("-o").arg(&program);
    compile.arg("-L").arg(plugin_folder()).arg(format!("-Wl,-rpath,{}", plugin_folder().display()));
    compile.args(["-ladios2_inr", "-ldl", "-lm"]);
    succeed(&mut compile);
    Command::new(program)
}
