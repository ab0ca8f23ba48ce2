//! Where ADIOS2's headers are, and the compilation of `plugin/*.cpp` against them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The header that says which plugin interface an installation has.
const INTERFACE: &str = "adios2/plugin/PluginOperatorInterface.h";

/// The include folder of the first ADIOS2 >= 2.12 found; ends the build with one sentence when there is none.
pub fn include_dir() -> PathBuf {
    println!("cargo::rerun-if-env-changed=ADIOS2_DIR");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let venv = root.join(".venv/pyvenv.cfg");
    if venv.exists() {
        // Cargo takes a path that is missing for changed, every time.
        println!("cargo::rerun-if-changed={}", venv.display());
    }
    let mut too_old = None;
    let searches: [&dyn Fn() -> Vec<PathBuf>; 4] =
        [&from_environment, &from_adios2_config, &|| wheels(&root.join(".venv")), &from_python];
    for search in searches {
        for include in search() {
            match std::fs::read_to_string(include.join(INTERFACE)) {
                Ok(header) if header.contains("ADIOS2_PLUGIN_OPERATOR_INTERFACE 2") => return include,
                _ if include.join("adios2.h").exists() => too_old = Some(include),
                _ => {}
            }
        }
    }
    let found = too_old.map_or("no ADIOS2 headers were found".into(), |path| {
        format!("the ADIOS2 headers in {} are older than 2.12", path.display())
    });
    println!(
        "cargo::error={found}: install ADIOS2 2.12 or newer (`pip install adios2` has it), or set ADIOS2_DIR to its prefix, \
         or build without the plugin with --no-default-features --features cli,gpu"
    );
    std::process::exit(1);
}

/// `ADIOS2_DIR`: a prefix, the wheel's package folder, or CMake's `lib/cmake/adios2`.
fn from_environment() -> Vec<PathBuf> {
    let Some(dir) = std::env::var_os("ADIOS2_DIR").map(PathBuf::from) else { return Vec::new() };
    vec![dir.join("include"), dir.join("../../../include")]
}

fn from_adios2_config() -> Vec<PathBuf> {
    let flags = output(Command::new("adios2-config").arg("--cxx-flags"));
    let paths = flags.split_whitespace().map(|flag| flag.trim_start_matches("-isystem").trim_start_matches("-I"));
    paths.filter(|path| path.starts_with('/')).map(Into::into).collect()
}

/// Folders `lib/python3.*/site-packages/adios2/include` of a virtual environment.
fn wheels(venv: &Path) -> Vec<PathBuf> {
    let Ok(pythons) = std::fs::read_dir(venv.join("lib")) else { return Vec::new() };
    pythons.flatten().map(|entry| entry.path().join("site-packages/adios2/include")).collect()
}

fn from_python() -> Vec<PathBuf> {
    let script = "import adios2, os; print(os.path.dirname(adios2.__file__))";
    let package = output(Command::new("python3").args(["-c", script]));
    if package.trim().is_empty() { Vec::new() } else { vec![Path::new(package.trim()).join("include")] }
}

/// Standard output of a command, empty when it is not there or fails.
fn output(command: &mut Command) -> String {
    let run = command.output().ok().filter(|run| run.status.success());
    run.map(|run| String::from_utf8_lossy(&run.stdout).into_owned()).unwrap_or_default()
}

/// Compiles the shim into the library; the plugin must stay mapped until the process ends, because ADIOS2 unloads
/// plugins at exit while threads and destructors of theirs still run.
pub fn compile_shim(include: &Path) {
    println!("cargo::rerun-if-changed=plugin");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        println!(
            "cargo::error=the ADIOS2 plugin is for Linux: build library and `inr` with --no-default-features --features cli,gpu"
        );
        std::process::exit(1);
    }
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flag("-fvisibility=hidden")
        .warnings(true)
        .extra_warnings(true)
        .flag("-isystem")
        .flag(include)
        .files(["plugin/operator.cpp", "plugin/host.cpp"])
        .compile("inr_plugin");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // A process may hold two versions of the library: each calls its own functions.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
    // With a soname, a process that has loaded the plugin from anywhere satisfies ADIOS2's search for the bare name.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libadios2_inr.so");
    println!("cargo::rustc-env=INR_ADIOS2_INCLUDE={}", include.display());
}
