//! Neural models: shape, parameter layout, initialisation, canonical evaluation, storage. Training and fast evaluation
//! are the backends' work.

pub mod canonical;
pub mod quantise;
pub mod series;
pub mod siren;
pub mod tangent;
mod weight_coder;

pub use series::{NetworkKind, SeriesNetwork, SeriesShape, WeightSteps};
pub use siren::SirenShape;
