//! The plugin's C++ part with gcc's sanitizers, over the Rust library as it is: `scripts/sanitize.sh` does more of the same.
#![cfg(feature = "adios2")]

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

#[path = "common/clients.rs"]
mod clients;
use clients::{folder, succeed};

/// `scripts/checked.sh` builds what this returns: a plugin and a host of an interface, both with these sanitizers.
fn checked(interface: &str, sanitizers: &str, n_operators: &str) -> (String, String) {
    let ((_keep, build), (_data, path)) = (folder(), folder());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/checked.sh");
    let arguments = [&build[..], interface, sanitizers, env!("INR_ADIOS2_INCLUDE")];
    succeed(Command::new("bash").arg(script).args(arguments).arg(clients::plugin_folder()));
    succeed(Command::new(format!("{build}/host")).args([&format!("{build}/libchecked.so"), &path, n_operators]))
}

/// Whether this machine's compiler has the sanitizers' libraries; says so when it does not.
fn has_sanitizers() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let (keep, _) = folder();
        let program = keep.path().join("program");
        let source = clients::clients().join("empty.cpp");
        let compiled =
            Command::new("c++").arg("-fsanitize=address,undefined").arg(source).arg("-o").arg(&program).output();
        let is_there = compiled.is_ok_and(|output| output.status.success());
        if !is_there {
            eprintln!("skipped: c++ has no sanitizers (Debian: libasan and libubsan come with g++)");
        }
        is_there
    })
}

#[test]
fn hosts_find_no_fault_in_the_cxx_part() {
    if !has_sanitizers() {
        return;
    }
    // The other interfaces: `make test-sanitizers`.
    for interface in ["11", "12"] {
        let (said, warned) = checked(interface, "address,undefined", "20");
        assert_eq!(said, "done\n", "{interface}: {warned}");
    }
}

#[test]
fn ten_thousand_operators_leave_nothing_behind() {
    if !has_sanitizers() {
        return;
    }
    // The second run measures memory, of which the first takes some for itself.
    for sanitizers in ["leak", ""] {
        let (said, warned) = checked("12", sanitizers, "10000");
        assert_eq!(said, "done\n", "{sanitizers}: {warned}");
    }
}
