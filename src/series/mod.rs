//! Series mode: one small network for all steps of a variable, trained in one pass while the simulation runs, with small
//! sketches of past snapshots against forgetting (Simpson, Becker, Doostan).
//!
//! ```text
//! snapshot -> scale -> Trainer::push: steps on (this snapshot, sketches of past ones) -> sketch kept, snapshot dropped
//! end of a segment -> Trainer::finish: consolidation on the sketches with rounded weights -> Network + certificate
//! ```

mod buffer;
mod certificate;
mod checkpoint;
mod collapse;
mod config;
mod importance;
pub mod manifold;
pub mod metrics;
mod objective;
mod offline;
mod packed;
mod projection;
mod schedule;
mod sketch;
mod trainer;
mod units;

pub use buffer::Buffer;
pub use certificate::HeldOut;
pub use config::SeriesConfig;
pub use importance::Importance;
pub use metrics::SeriesMetrics;
pub use objective::{Loss, Objective, Optimiser};
pub use offline::{Method, train};
pub use projection::{Mixing, Projection};
pub use sketch::{R3_FLOOR, Sketch, SketchKind, SketchRule, norms};
pub use trainer::{Push, Trainer};
