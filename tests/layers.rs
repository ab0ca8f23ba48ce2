//! The modules of the library stand in an order: the code of each one names only those before it.

#[path = "common/sources.rs"]
mod sources;

use std::fmt::Write as _;
use std::path::Path;

use sources::sources;

/// From the bottom up; ARCHITECTURE.md says what each is for.
const ORDER: [&str; 26] = [
    "error",
    "process",
    "processor",
    "ranks",
    "threads",
    "settings",
    "entropy",
    "lossless",
    "store",
    "field",
    "npy",
    "metrics",
    "container",
    "transform",
    "mesh",
    "model",
    "train",
    "sketch",
    "backend",
    "predict",
    "fit",
    "series",
    "codec",
    "session",
    "adios2",
    "ffi",
];

/// Code without its comments and tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("text");
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |code, line| code + line + "\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The modules that paths from `crate::` lead to; `lib` is lib.rs, whose `pub use` say where types live.
fn used(code: &str, lib: &str) -> Vec<String> {
    let home = |name: &str| {
        let lists = lib.split("pub use ").skip(1).filter_map(|list| list.split(';').next());
        lists.filter(|list| words(list).any(|word| word == name)).find_map(|list| words(list).next())
    };
    let mut names = Vec::new();
    for path in code.split("crate::").skip(1) {
        match path.strip_prefix('{').and_then(|list| list.split('}').next()) {
            Some(list) => names.extend(list.split(',').filter_map(|path| words(path).next())),
            None => names.extend(words(path).next()),
        }
    }
    names.into_iter().map(|name| home(name).unwrap_or(name).to_owned()).collect()
}

fn place(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

#[test]
fn no_module_uses_one_after_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = std::fs::read_to_string(root.join("lib.rs")).expect("text");
    let mut wrong = String::new();
    for path in sources(&root).into_iter().filter(|path| !path.ends_with("src/lib.rs")) {
        let name = path.strip_prefix(&root).expect("under src").with_extension("");
        let module = name.iter().next().expect("a name").to_string_lossy().into_owned();
        let at = place(&module).unwrap_or_else(|| panic!("'{module}' has no place in the order"));
        for used in used(&code(&path), &lib).into_iter().filter(|used| place(used).is_some_and(|place| place > at)) {
            writeln!(wrong, "{} uses {used}", name.display()).expect("a String grows");
        }
    }
    assert!(wrong.is_empty(), "upwards:\n{wrong}");
}

#[test]
fn the_two_devices_never_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend");
    for (folder, other) in [("cpu", "backend::gpu"), ("gpu", "backend::cpu")] {
        for path in sources(&root.join(folder)) {
            assert!(!code(&path).contains(other), "{} imports {other}", path.display());
        }
    }
}
