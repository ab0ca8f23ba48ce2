//! Neural-field compression for ADIOS2, with error bounds that hold.
//!
//! A simulation switches the operator on in its ADIOS2 XML file; every reader gets arrays back. Data comes in at the
//! plugin, goes down through one codec function and leaves as bytes; the way back is the mirror image:
//!
//! ```text
//! simulation -> ADIOS2 -> plugin/operator.cpp -> ffi -> session -> codec::encode
//!    -> field (mask, statistics) -> model + train (on a backend) -> quantise -> entropy  \
//!    -> transform (competitor, residual layer)                   -> entropy               -> container -> record
//! ```
//!
//! In series mode ([`series`], [`session`]) one network stands for many steps; it is kept in the model store ([`store`]).
//!
//! Read [`codec`] first, then [`transform`] and one CPU kernel of [`backend`] beside its shader in `shaders/`, then
//! [`container`] beside docs/FORMAT.md, then `plugin/`.
//!
//! ```
//! use adios2_inr::{Block, Dtype, Settings, codec};
//!
//! let values: Vec<f32> = (0..4096).map(|i| (i as f32 * 0.01).sin()).collect();
//! let block = Block::new(Dtype::F32, &[64, 64], bytemuck::cast_slice(&values))?;
//! let settings = Settings::from_pairs([("accuracy", "1e-3"), ("norm", "Linf"), ("threshold", "0")])?;
//! let encoded = codec::encode(&block, &settings, &codec::Context::default())?;
//! let decoded = codec::decode(&encoded.record)?;
//! assert_eq!(decoded.dims, [64, 64]);
//! # Ok::<(), adios2_inr::Error>(())
//! ```

#[cfg(feature = "adios2")]
pub mod adios2;
pub mod backend;
pub mod codec;
pub mod container;
pub mod entropy;
mod error;
pub mod ffi;
pub mod field;
pub mod fit;
pub mod lossless;
pub mod mesh;
pub mod metrics;
pub mod model;
pub mod npy;
pub mod predict;
mod process;
#[cfg(target_arch = "x86_64")]
mod processor;
pub mod ranks;
pub mod series;
pub mod session;
pub mod settings;
pub mod sketch;
pub mod store;
mod threads;
pub mod train;
pub mod transform;

pub use error::{Error, Result};
pub use field::{Block, Dtype, Finish};
pub use settings::{
    Backend as BackendChoice, Effort, Mode, ModelChoice, Network as NetworkChoice, Norm, Order, PARAMETERS, Parameter,
    PredictorChoice, Settings, Sketch as SketchChoice, Target, Temporal,
};
pub use threads::set_default as set_default_threads;
