//! ADIOS2 for the command line: a safe wrapper over its C API, loaded when it is first needed.
//!
//! Loading at run time keeps `inr` and the plugin free of ADIOS2 symbols: `inr` starts without ADIOS2, and the plugin
//! serves whatever ADIOS2 loaded it. [`Dataset`] reads, [`Writer`] writes, [`Dataset::records`] shows what is stored.

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
