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
    test_gpu();
    #[cfg(feature = "adios2")]
    let include = adios2::include_dir();
    #[cfg(feature = "adios2")]
    adios2::compile_shim(&include);
    #[cfg(feature = "bindings")]
    bindings::generate(&include);
}

/// Client tests run with `INR_TEST_PYTHON` or the project's `.venv`; without either they are shown as ignored.
fn test_python() {
    println!("cargo::rustc-check-cfg=cfg(test_python)");
    println!("cargo::rerun-if-env-changed=INR_TEST_PYTHON");
    let venv = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join(".venv/bin/python");
    println!("cargo::rerun-if-changed={}", venv.display());
    let python = std::env::var("INR_TEST_PYTHON").ok().filter(|p| !p.is_empty());
    let python = python.or_else(|| venv.exists().then(|| venv.display().to_string()));
    if let Some(python) = python {
        println!("cargo::rustc-cfg=test_python");
        println!("cargo::rustc-env=INR_TEST_PYTHON={python}");
    }
}

/// GPU tests run when `INR_TEST_GPU=1` says that a driver is there; otherwise they are shown as ignored.
fn test_gpu() {
    println!("cargo::rustc-check-cfg=cfg(inr_gpu_tests)");
    println!("cargo::rerun-if-env-changed=INR_TEST_GPU");
    if std::env::var("INR_TEST_GPU").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=inr_gpu_tests");
    }
}
