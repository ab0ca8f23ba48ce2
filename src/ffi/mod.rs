//! The border to C and C++: `plugin/inr.h` in Rust, and the two functions ADIOS2 looks for in a plugin library.
//!
//! [`Operator`] is safe code: what an operator does with settings, names and blocks. [`c_api`] turns pointers into
//! slices, panics into status codes and errors into sentences by means of [`call`]; [`c_series`] does it for networks. `plugin` forwards ADIOS2's calls to the C++ shim.

pub mod c_api;
pub mod c_series;
pub mod call;
mod dataset;
mod guard;
pub mod hooks;
mod operator;
#[cfg(feature = "adios2")]
mod plugin;

pub use dataset::generation;
pub use operator::Operator;
