//! Neural models: shape, parameter layout, initialisation, canonical evaluation, storage. Training and fast evaluation
//! are the backends' work.

pub mod canonical;
pub mod quantise;
pub mod series;
pub mod series_gradient;
pub mod series_network;
mod series_quantise;
pub mod siren;
pub mod tangent;
mod weight_coder;

pub use series::{NetworkKind, SeriesShape};
pub use series_network::SeriesNetwork;
pub use series_quantise::WeightSteps;
pub use siren::SirenShape;
