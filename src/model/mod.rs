//! Neural models: shape, parameter layout, initialisation, canonical evaluation, storage; of predictors what a point sees
//! and what is computed from it. Training and fast evaluation are the backends' work.

pub mod canonical;
pub mod quantise;
pub mod series;
pub mod siren;
pub mod stencil;
pub mod tangent;
mod weight_coder;

pub use series::{NetworkKind, SeriesNetwork, SeriesShape, WeightSteps};
pub use siren::SirenShape;
