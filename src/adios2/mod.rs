//! ADIOS2 for the command line: a safe wrapper over its C API, loaded when it is first needed.
//!
//! Loading at run time keeps `inr` and the plugin free of ADIOS2 symbols: `inr` starts without ADIOS2, and the plugin
//! serves whatever ADIOS2 loaded it. [`Dataset`] reads, [`Writer`] writes, [`Dataset::records`] shows what is stored.

use std::path::{Path, PathBuf};

mod attributes;
mod bindings;
mod blocks;
mod dataset;
mod library;
mod plugin;
mod records;
mod steps;
mod writer;

pub use attributes::Attribute;
pub use blocks::{BlockInfo, Layout};
pub use dataset::{Dataset, Variable};
pub use library::{Library, candidates};
pub use plugin::{Plugin, plugin_path};
pub use records::{BlockRecord, Stored};
pub use writer::{Target, Writer};

/// Where wheels are installed under the prefix of a Python.
fn site_packages(prefix: &Path) -> impl Iterator<Item = PathBuf> {
    let pythons = ["lib", "lib64"].into_iter().filter_map(|sub| std::fs::read_dir(prefix.join(sub)).ok());
    pythons.flatten().flatten().map(|entry| entry.path().join("site-packages"))
}
