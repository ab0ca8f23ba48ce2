//! What the documents say is what the code has.

#[path = "common/sources.rs"]
mod sources;

use std::path::{Path, PathBuf};

use adios2_inr::settings;
use sources::sources;

#[test]
fn the_parameter_table_in_the_documents_is_the_one_in_the_code() {
    let page = include_str!("../docs/PARAMETERS.md");
    let table = settings::markdown_table();
    assert!(page.contains(&table), "docs/PARAMETERS.md needs this table:\n{table}");
}

#[test]
fn the_recipe_for_conda_has_the_version_of_the_crate() {
    let recipe = include_str!("../packaging/conda/recipe.yaml");
    assert!(recipe.contains(concat!("version: \"", env!("CARGO_PKG_VERSION"), "\"\n")), "packaging/conda/recipe.yaml");
}

/// String literals of code, as they are written, in one line each.
fn literals(code: &str) -> Vec<String> {
    let (mut found, mut chars) = (Vec::new(), code.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            // A character, or a lifetime.
            '\'' => {
                let _ = chars.next().filter(|c| *c == '\\').and_then(|_| chars.next());
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match (c, chars.peek()) {
                        ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                        ('\\', _) => text.extend(chars.next()),
                        _ => text.push(c),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

/// The longest part between placeholders.
fn fixed_part(sentence: &str) -> &str {
    let mut parts: Vec<&str> = sentence.split('}').map(|part| part.split('{').next().unwrap_or_default()).collect();
    parts.sort_by_key(|part| part.len());
    parts.last().map_or("", |part| part.trim())
}

#[test]
fn every_sentence_that_users_see_has_its_cause_and_cure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/TROUBLESHOOTING.md")).unwrap();
    let mut files: Vec<_> = ["error.rs", "backend/choose.rs", "backend/self_test.rs"]
        .iter()
        .map(|name| root.join("src").join(name))
        .collect();
    files.extend(["adapter", "device", "handle", "owner"].map(|n| root.join(format!("src/backend/gpu/{n}.rs"))));
    let is_code = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs" || extension == "cpp");
    let folders = ["src/session", "src/store", "src/adios2", "src/ffi", "plugin"].map(|folder| root.join(folder));
    files.extend(folders.iter().flat_map(|folder| sources(folder)).filter(is_code));
    let (mut n, mut missing) = (0, Vec::new());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        // Comments, reasons for the compiler and what can only fail by a bug are no sentences for users.
        let is_code = |line: &&str| {
            let line = line.trim_start();
            !["//", "#![", "#[expect", "#[cfg", "static_assert"].iter().any(|start| line.starts_with(start))
                && !line.contains(".expect(")
        };
        let code: String = text.lines().filter(is_code).map(|line| format!("{line}\n")).collect();
        for sentence in
            literals(&code).into_iter().filter(|text| text.split_whitespace().count() >= 5 && !text.contains("import "))
        {
            n += 1;
            let part = fixed_part(&sentence).replace('`', "'");
            if !page.contains(&part) {
                missing.push(format!("{}: {part}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(n > 100, "{n} sentences were found");
    assert!(missing.is_empty(), "docs/TROUBLESHOOTING.md lacks:\n{}", missing.join("\n"));
}

#[test]
fn every_test_that_reliability_md_names_is_there() {
    let page = include_str!("../docs/RELIABILITY.md");
    let named: Vec<_> =
        page.split('`').filter_map(|part| part.split_once("::")).filter(|(file, _)| !file.contains(' ')).collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, name) in named.into_iter().filter(|named| *named != ("plugin", "name")) {
        let path = format!("{}/tests/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(text.contains(&format!("fn {name}()")), "tests/{file}.rs has no test '{name}'");
    }
}
