//! ADIOS2 and the operator plugin as ADIOS2 would load it.

use std::path::Path;

use adios2_inr::adios2::{Library, Plugin, plugin_path};
use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSymbol as _};

use super::Check;

/// The oldest ADIOS2 whose plugin interface the operator serves.
const OLDEST: (u32, u32) = (2, 9);

pub fn checks() -> Vec<Check> {
    vec![library(), plugin()]
}

fn library() -> Check {
    const NAME: &str = "adios2";
    let library = match Library::load() {
        Ok(library) => library,
        Err(e) => return Check::failed(NAME, e.to_string(), "pip install adios2, or set ADIOS2_DIR to its prefix"),
    };
    let path = library.path.display();
    match version(&library.path) {
        Some((text, version)) if version < OLDEST => {
            let fix = "install ADIOS2 2.9 or newer: older ones load plugins in another way";
            Check::failed(NAME, format!("version {text} at {path}"), fix)
        }
        Some((text, _)) => Check::ok(NAME, format!("version {text} at {path}")),
        None => Check::ok(NAME, format!("of unknown version at {path}")),
    }
}

/// The version in the file names beside the library: `libadios2_c.so.2.12.1`.
fn version(library: &Path) -> Option<(String, (u32, u32))> {
    let library = library.canonicalize().ok()?;
    let names = std::fs::read_dir(library.parent()?).ok()?.flatten().map(|entry| entry.file_name());
    let versions = names.filter_map(|n| Some(n.to_str()?.strip_prefix("libadios2_c.so.")?.to_owned()));
    let text = versions.max_by_key(String::len)?;
    let mut parts = text.split('.').map_while(|p| p.parse().ok());
    let version = (parts.next()?, parts.next()?);
    Some((text, version))
}

fn plugin() -> Check {
    const NAME: &str = "plugin";
    let Some(path) = plugin_path() else {
        let fix = "set ADIOS2_PLUGIN_PATH to the folder of libadios2_inr.so ('make' builds it in target/release)";
        return Check::failed(NAME, "libadios2_inr.so was not found", fix);
    };
    let name = path.display();
    // Before it is loaded: such a symbol would end the process at its first call.
    match undefined_adios2_symbols(&path) {
        Err(e) => return Check::failed(NAME, format!("{e:#}"), "install the plugin again"),
        Ok(symbols) if !symbols.is_empty() => {
            let found = format!("{name} needs {} symbols of ADIOS2, such as {}", symbols.len(), symbols[0]);
            return Check::failed(NAME, found, "build the plugin without linking ADIOS2 ('make' does)");
        }
        Ok(_) => {}
    }
    match Plugin::open(&path) {
        Ok(plugin) => Check::ok(NAME, format!("version {} at {name}, loads, needs no ADIOS2 symbol", plugin.version())),
        Err(e) => {
            Check::failed(NAME, e.to_string(), "build plugin and inr from the same sources ('make') and install both")
        }
    }
}

fn undefined_adios2_symbols(path: &Path) -> Result<Vec<String>> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).with_context(name)?;
    let file = object::File::parse(bytes.as_slice()).with_context(name)?;
    let undefined = file.dynamic_symbols().filter(object::ObjectSymbol::is_undefined);
    let names = undefined.filter_map(|s| s.name().ok().map(str::to_owned));
    Ok(names.filter(|n| n.contains("adios2")).collect())
}
