//! Training of one model on one block: schedule, sampling, size and budget. Uses a backend only through its trait.

mod fit;
mod sampling;
mod schedule;
mod size;

pub use fit::{Budget, Fit, fit_siren};
pub use sampling::{random_u32, sample_index};
pub use schedule::Schedule;
pub use size::choose_shape;
