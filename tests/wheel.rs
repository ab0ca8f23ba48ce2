//! The Python wheel: built from the artefacts of this profile by `scripts/wheel.sh`, installed in an environment of its own, and used
//! as people use it, with nothing set.
#![cfg(all(feature = "adios2", feature = "cli"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

#[path = "common/artefacts.rs"]
mod artefacts;
mod cli_common;
#[path = "common/networks.rs"]
mod networks;
use artefacts::{artefacts, script};
use cli_common::{inr, run, stdout};
use networks::{SIDE, complex_dataset, dataset};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A wheel and an environment that has it beside the packages of `.venv`.
struct Installed {
    _keep: TempDir,
    wheel: PathBuf,
    environment: PathBuf,
}

fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let [dist, environment] = ["dist", "environment"].map(|name| keep.path().join(name));
        let built = artefacts();
        run(script("wheel.sh").arg(&dist).env("INR_ARTEFACTS", built.path()), 0);
        let wheel = std::fs::read_dir(&dist).unwrap().next().expect("a wheel").unwrap().path();
        let venv = python(&venv());
        run(Command::new(&venv).args(["-m", "venv", "--without-pip"]).arg(&environment), 0);
        let own = python(&environment);
        // Whichever pip works on the project's .venv works on this environment too.
        let pip =
            format!(". {ROOT}/scripts/common.sh; PYTHON=$1; find_pip || {{ pip=(\"$2\" -m pip --python \"$1\"); }}");
        let install = format!("{pip}; pip_install --no-index --no-deps \"$3\"");
        run(Command::new("bash").args(["-c", &install, "bash"]).args([&own, &venv, &wheel]), 0);
        let packages = |python: &Path| {
            let folder = "import sysconfig; print(sysconfig.get_path('purelib'))";
            stdout(&run(Command::new(python).args(["-c", folder]), 0))
        };
        std::fs::write(Path::new(packages(&own).trim()).join("beside.pth"), packages(&venv)).unwrap();
        Installed { wheel, environment, _keep: keep }
    })
}

fn venv() -> PathBuf {
    Path::new(ROOT).join(".venv")
}

fn python(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// `tests/clients/wheel.py` in the environment with the wheel; nothing tells it where the operator is.
fn client(mode: &str, folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(python(&installed().environment));
    command.arg(Path::new(ROOT).join("tests/clients/wheel.py")).arg(mode).arg(folder).args(arguments);
    command.env_remove("ADIOS2_PLUGIN_PATH").env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut command, 0);
}

fn in_a_folder(mode: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    client(mode, folder.path(), arguments);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn one_wheel_for_every_python_carries_the_library_and_the_program() {
    let Installed { wheel, environment, .. } = installed();
    let name = wheel.file_name().unwrap().to_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(name.starts_with(&format!("adios2_inr-{version}-py3-none-manylinux_")), "{name}");
    let program = environment.join("bin/inr");
    assert_eq!(stdout(&run(Command::new(&program).arg("--version"), 0)).trim(), format!("inr {version}"));
    // With nothing set, the program finds the library of its own wheel.
    let mut doctor = Command::new(&program);
    let checks = doctor.args(["doctor", "--json"]).env_remove("ADIOS2_PLUGIN_PATH").output().unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_str(&stdout(&checks)).unwrap();
    let plugin = checks.iter().find(|check| check["name"] == "plugin").unwrap();
    assert_eq!(plugin["status"], "ok", "{plugin}");
    assert!(plugin["found"].as_str().unwrap().contains("site-packages/adios2_inr/libadios2_inr.so"), "{plugin}");
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn importing_it_before_or_after_adios2_is_all_that_adios2_needs() {
    in_a_folder("operations", &["adios2", "adios2_inr"]);
    in_a_folder("operations", &["adios2_inr", "adios2"]);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn its_xml_alone_switches_the_operator_on() {
    in_a_folder("xml", &[]);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn arrays_of_every_type_and_layout_come_back_within_the_bound() {
    in_a_folder("arrays", &[]);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn what_is_wrong_is_a_value_error_with_a_full_sentence() {
    in_a_folder("errors", &[]);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn a_series_says_what_inr_query_says() {
    let real = dataset(&[(&[0, 0], &[SIDE, SIDE], 1, 1), (&[0, SIDE], &[SIDE, SIDE], 1, 2)]);
    compared("series", &real, &["1.5,7,2.25", "0,0", "3,3,3", "3,3,4", "5,5.4,8.5"]);
    compared("complex_series", &complex_dataset(), &["1.5,2,2.25", "0,0", "3,3,4"]);
}

/// The wheel's answers at these places, beside those of `inr query`.
fn compared(mode: &str, folder: &TempDir, places: &[&str]) {
    let places = places.iter().flat_map(|place| ["--at", place]);
    let mut query = inr();
    query.arg("query").arg(folder.path()).arg("u").args(places).args(["--gradient", "--json"]);
    client(mode, folder.path(), &[&stdout(&run(&mut query, 0))]);
}

#[test]
#[cfg_attr(not(test_wheel), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn a_shell_gets_the_operator_and_inr_by_one_line() {
    in_a_folder("env", &[]);
}
