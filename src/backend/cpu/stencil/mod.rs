//! The predictor's kernels on the CPU: integers for inference, floating point for training.

mod gram;
mod infer;
mod simd_integer;
mod train;

pub use gram::gram;
pub use infer::infer;
pub use simd_integer::IntegerSet;
pub use train::{Batch, Training};
