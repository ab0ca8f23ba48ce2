//! ADIOS2 for the command line: a safe wrapper over its C API, loaded when it is first needed.
//!
//! Loading at run time keeps `inr` and the plugin free of ADIOS2 symbols: `inr` starts without ADIOS2, and the plugin
//! serves whatever ADIOS2 loaded it. [`Dataset`] reads, [`Writer`] writes, [`Dataset::records`] shows what is stored.

mod bindings;
mod dataset;
mod library;
mod plugin;
mod records;
mod steps;
mod writer;

pub use dataset::{BlockInfo, Dataset, Variable};
pub use library::{Library, candidates};
pub use plugin::{Plugin, plugin_path};
pub use records::BlockRecord;
pub use writer::Writer;
