//! SIRENs on a device: training and evaluation.

mod evaluation;
mod training;

pub(super) use evaluation::evaluate;
pub(super) use training::Training;
