//! `make install` as people and CMake use what it leaves, with nothing set but what it prints.
#![cfg(all(feature = "adios2", feature = "cli"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

#[path = "common/artefacts.rs"]
mod artefacts;
mod cli_common;
use artefacts::{artefacts, script};
use cli_common::{BP5, run, series, stderr, stdout, xml};

/// An installation that was moved after it was made, and the two lines for the place it was made for.
struct Installed {
    _keep: TempDir,
    prefix: PathBuf,
    lines: String,
}

fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let [staged, prefix] = ["staged", "prefix"].map(|name| keep.path().join(name));
        let built = artefacts();
        let mut install = script("install.sh");
        let said = run(install.arg(&prefix).env("DESTDIR", &staged).env("INR_ARTEFACTS", built.path()), 0);
        let said = stdout(&said);
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("export ")).collect();
        assert_eq!(lines.len(), 2, "{said}");
        // What a packager does with DESTDIR.
        std::fs::rename(staged.join(prefix.strip_prefix("/").unwrap()), &prefix).unwrap();
        Installed { prefix, lines: lines.join("\n"), _keep: keep }
    })
}

/// A shell that knows nothing but its home and what `lines` set.
fn plain_shell(home: &Path, lines: &str, command: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.env_clear().env("HOME", home).arg("-c").arg(format!("{lines}\n{command}")).current_dir(home);
    shell
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn the_two_lines_are_enough_in_a_plain_shell() {
    let (keep, path) = series::folder(&xml(BP5, &[("accuracy", "1e-3")], &["u"]));
    run(&mut series::client(&["write", &path, "x.bp", "0", "2"]), 0);
    let Installed { lines, .. } = installed();
    let said = stdout(&run(&mut plain_shell(keep.path(), lines, "inr inspect x.bp && command -v inr"), 0));
    let program = installed().prefix.join("bin/inr");
    assert!(said.starts_with("x.bp: 4 blocks") && said.ends_with(&format!("{}\n", program.display())), "{said}");
}

#[test]
fn a_prefix_where_adios2_would_find_no_plugin_is_refused() {
    let keep = tempfile::tempdir().unwrap();
    let prefix = keep.path().join("my software");
    let refused = run(script("install.sh").arg(&prefix), 1);
    assert!(stderr(&refused).contains("choose another PREFIX") && !prefix.exists(), "{}", stderr(&refused));
}

#[test]
fn manual_and_completions_stand_where_shells_look() {
    let share = installed().prefix.join("share");
    for (file, word) in [
        ("man/man1/inr.1", ".TH"),
        ("man/man1/inr-encode.1", "accuracy"),
        ("bash-completion/completions/inr", "encode"),
        ("zsh/site-functions/_inr", "#compdef inr"),
        ("fish/vendor_completions.d/inr.fish", "encode"),
    ] {
        let text = std::fs::read_to_string(share.join(file)).unwrap();
        assert!(text.contains(word), "{file}");
    }
    let home = tempfile::tempdir().unwrap();
    let complete = format!(
        ". '{}'; COMP_WORDS=(inr enc); COMP_CWORD=1; _inr inr enc inr; echo \"${{COMPREPLY[@]}}\"",
        share.join("bash-completion/completions/inr").display()
    );
    assert_eq!(stdout(&run(&mut plain_shell(home.path(), "", &complete), 0)).trim(), "encode");
}

#[test]
fn no_installed_text_names_the_prefix() {
    let Installed { prefix, .. } = installed();
    let place = prefix.to_str().unwrap();
    for file in ["lib/cmake/adios2_inr/adios2_inr-config.cmake", "lib/pkgconfig/adios2_inr.pc", "share/man/man1/inr.1"]
    {
        assert!(!std::fs::read_to_string(prefix.join(file)).unwrap().contains(place), "{file}");
    }
}

/// A program of `.venv`, without the operator in its environment.
fn tool(name: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin").join(name));
    command.env_remove("ADIOS2_PLUGIN_PATH");
    command
}

#[test]
#[cfg_attr(not(test_pkg_config), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn pkg_config_compiles_a_c_program() {
    let library = installed().prefix.join("lib");
    let folder = tempfile::tempdir().unwrap();
    let source = "#include <inr.h>\n#include <stdio.h>\nint main(void) { return puts(inr_version()) < 0; }\n";
    std::fs::write(folder.path().join("version.c"), source).unwrap();
    let mut ask = tool("pkg-config");
    ask.env("PKG_CONFIG_PATH", library.join("pkgconfig"));
    let flags = stdout(&run(ask.args(["--cflags", "--libs", "adios2_inr"]), 0));
    let compile = format!("cc version.c -o version {flags}");
    run(Command::new("sh").args(["-c", &compile]).current_dir(&folder), 0);
    let mut program = Command::new(folder.path().join("version"));
    let said = stdout(&run(program.env("LD_LIBRARY_PATH", &library), 0));
    assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
#[cfg_attr(not(test_cmake), ignore = "scripts/setup.sh installs requirements-wheel.txt; build again")]
fn a_cmake_project_brings_the_operator_along() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let build = tempfile::tempdir().unwrap();
    let adios2 = Path::new(env!("INR_ADIOS2_INCLUDE")).parent().unwrap();
    // An installation, or a wheel in site-packages.
    let prefixes = [adios2, adios2.parent().unwrap(), &installed().prefix].map(|path| path.display().to_string());
    let prefixes = format!("-DCMAKE_PREFIX_PATH={}", prefixes.join(";"));
    // The wheel keeps what its libraries need in a folder of its own.
    let libs = adios2.with_file_name("adios2.libs");
    let linker = format!("-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,{}", libs.display());
    run(
        tool("cmake").arg("-S").arg(root.join("examples/cmake")).arg("-B").arg(build.path()).args([&prefixes, &linker]),
        0,
    );
    run(tool("cmake").arg("--build").arg(build.path()), 0);
    let said = stdout(&run(tool("ctest").arg("--test-dir").arg(build.path()).arg("--output-on-failure"), 0));
    assert!(said.contains("100% tests passed"), "{said}");
}
