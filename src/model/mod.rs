//! Neural models: shape, parameter layout, initialisation, storage. Training and evaluation are the backends' work.

pub mod siren;

pub use siren::SirenShape;
