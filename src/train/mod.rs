//! What every training run is about, whatever runs it: losses, optimiser, schedule, sampling, size of a network.

mod objective;
mod sampling;
mod schedule;
mod size;

pub use objective::{Loss, Objective, Optimiser};
pub use sampling::{random_u32, sample_index};
pub use schedule::Schedule;
pub use size::choose_shape;
