//! SIRENs: passes over a tile of points ([`train`], [`evaluate`]), and what runs them over batches and meshes.

mod evaluate;
mod evaluation;
mod layout;
mod sine;
mod train;
mod training;

pub(super) use evaluate::{EvaluateScratch, EvaluateTile};
pub(super) use evaluation::Evaluation;
pub(super) use layout::Layout;
pub(super) use train::{TrainBackward, TrainForward, TrainScratch};
pub(super) use training::Start;
