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

/// Client tests run with `INR_TEST_PYTHON` or the project's `.venv`, those of ADIOS2 2.11 with `INR_TEST_PYTHON_V1`; without
/// them they are shown as ignored.
fn test_python() {
    let venv = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join(".venv/bin/python");
    let default = venv.exists().then(|| venv.display().to_string());
    for (variable, cfg, default) in
        [("INR_TEST_PYTHON", "test_python", default), ("INR_TEST_PYTHON_V1", "test_python_v1", None)]
    {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        println!("cargo::rerun-if-env-changed={variable}");
        if let Some(python) = std::env::var(variable).ok().filter(|python| !python.is_empty()).or(default) {
            println!("cargo::rustc-cfg={cfg}");
            println!("cargo::rustc-env={variable}={python}");
        }
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
