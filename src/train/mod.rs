//! Training of one model on one block: schedule, sampling, size and budget. Uses a backend only through its trait.

mod sampling;
mod schedule;

pub use sampling::{random_u32, sample_index};
pub use schedule::Schedule;
