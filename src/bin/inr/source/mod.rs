//! Where data come from: `.npy`, raw, netCDF, HDF5 and BP files as variables with steps, for every command that reads several kinds.

mod args;
#[cfg(feature = "adios2")]
mod bp;
mod cf;
mod file;
mod flat;
mod folder;
mod hdf5;
mod hints;
mod netcdf;
mod numbers;
mod open;
#[cfg(test)]
mod tests;
mod variable;

pub use args::DataArgs;
pub use file::{File, Part, Steps, find, list};
pub use hints::{Hints, Place, parse_dtype};
pub use numbers::wide;
pub use open::{open, split};
pub use variable::Variable;
