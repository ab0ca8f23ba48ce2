//! Neural models: shape, parameter layout, initialisation, canonical evaluation, storage. Training and fast evaluation
//! are the backends' work.

pub mod canonical;
pub mod siren;

pub use siren::SirenShape;
