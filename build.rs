//! Finds ADIOS2's headers and compiles the operator plugin's C++ shim; tells the tests which Python may run clients.

#[cfg(feature = "adios2")]
#[path = "build/adios2.rs"]
mod adios2;
#[cfg(feature = "bindings")]
#[path = "build/bindings.rs"]
mod bindings;

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    test_python();
    test_hosts();
    test_wheel();
    test_mpi();
    test_gpu();
    test_chromium();
    #[cfg(feature = "adios2")]
    let include = adios2::include_dir();
    #[cfg(feature = "adios2")]
    adios2::compile_shim(&include);
    #[cfg(feature = "bindings")]
    bindings::generate(&include);
}

/// Client tests run with `INR_TEST_PYTHON` or the project's `.venv`; without it they are shown as ignored.
fn test_python() {
    println!("cargo::rustc-check-cfg=cfg(test_python)");
    println!("cargo::rerun-if-env-changed=INR_TEST_PYTHON");
    let venv = root().join(".venv/bin/python");
    let default = venv.exists().then(|| venv.display().to_string());
    if let Some(python) = std::env::var("INR_TEST_PYTHON").ok().filter(|python| !python.is_empty()).or(default) {
        println!("cargo::rustc-cfg=test_python");
        println!("cargo::rustc-env=INR_TEST_PYTHON={python}");
    }
}

/// Tests of other hosts run with what `scripts/hosts.sh` installed in `INR_TEST_HOSTS` or `.hosts`; those of a host that is not there
/// are shown as ignored.
fn test_hosts() {
    println!("cargo::rustc-check-cfg=cfg(test_host, values(any()))");
    println!("cargo::rerun-if-env-changed=INR_TEST_HOSTS");
    let hosts = std::env::var_os("INR_TEST_HOSTS").map_or_else(|| root().join(".hosts"), PathBuf::from);
    println!("cargo::rustc-env=INR_TEST_HOSTS={}", hosts.display());
    for host in std::fs::read_dir(hosts).into_iter().flatten().flatten() {
        if host.path().join(".installed").exists() {
            println!("cargo::rustc-cfg=test_host=\"{}\"", host.file_name().display());
        }
    }
}

/// The wheel is built and tested, and the packages for CMake and pkg-config are tried, with what `scripts/setup.sh` installed of requirements-wheel.txt.
fn test_wheel() {
    println!("cargo::rerun-if-changed=scripts/requirements-wheel.txt");
    for (cfg, program) in [("test_wheel", "auditwheel"), ("test_cmake", "cmake"), ("test_pkg_config", "pkg-config")] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if root().join(".venv/bin").join(program).exists() {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}

/// Tests of parallel programs run with the ADIOS2 that `scripts/mpi.sh` built in the folder `INR_TEST_MPI`; without it they are shown as
/// ignored.
fn test_mpi() {
    println!("cargo::rustc-check-cfg=cfg(test_mpi, values(\"cxx\", \"python\"))");
    println!("cargo::rerun-if-env-changed=INR_TEST_MPI");
    let Some(folder) = std::env::var_os("INR_TEST_MPI").filter(|folder| !folder.is_empty()).map(PathBuf::from) else {
        return;
    };
    println!("cargo::rustc-env=INR_TEST_MPI={}", folder.display());
    for (part, name) in [("adios2/include", "cxx"), ("adios2/python", "python")] {
        if folder.join(part).exists() {
            println!("cargo::rustc-cfg=test_mpi=\"{name}\"");
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"))
}

/// GPU tests run when `INR_TEST_GPU=1` says that a driver is there; otherwise they are shown as ignored.
fn test_gpu() {
    println!("cargo::rustc-check-cfg=cfg(inr_gpu_tests)");
    println!("cargo::rerun-if-env-changed=INR_TEST_GPU");
    if std::env::var("INR_TEST_GPU").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=inr_gpu_tests");
    }
}

/// Tests of pages run in the browser `INR_TEST_CHROMIUM`, which `scripts/chromium.sh` looks for; otherwise they are shown as ignored.
fn test_chromium() {
    println!("cargo::rustc-check-cfg=cfg(test_chromium)");
    println!("cargo::rerun-if-env-changed=INR_TEST_CHROMIUM");
    if let Some(browser) = std::env::var("INR_TEST_CHROMIUM").ok().filter(|browser| !browser.is_empty()) {
        println!("cargo::rustc-cfg=test_chromium");
        println!("cargo::rustc-env=INR_TEST_CHROMIUM={browser}");
    }
}
