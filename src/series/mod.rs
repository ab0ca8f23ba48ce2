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
pub mod manifold;
pub mod metrics;
mod offline;
mod schedule;
mod trainer;
mod units;

pub use buffer::Buffer;
pub use certificate::HeldOut;
pub use config::SeriesConfig;
pub use metrics::SeriesMetrics;
pub use offline::{Method, train};
pub use trainer::{Push, Trainer};
