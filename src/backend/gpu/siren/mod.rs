//! SIRENs on a device: training runs ([`training`] at the caller's end, [`run`] on the owner thread) and evaluation.

mod evaluation;
mod run;
mod training;

pub(super) use evaluation::evaluate;
pub(super) use training::Training;
