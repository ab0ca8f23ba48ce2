//! How far two numbers may be apart, by why they differ. Relative to the larger one, in units of 1 near 0.
#![allow(dead_code, reason = "each test program uses a part")]

/// The same f64 arithmetic in another order.
pub const F64: f64 = 1e-9;
/// The same f32 arithmetic in another order or on another device.
pub const F32: f64 = 1e-5;
/// Written with the digits of an f32 and read back.
pub const PRINTED: f64 = 1e-6;
/// Losses after a few steps in arithmetic of another order.
pub const STEPS: f64 = 1e-3;
/// A gradient and a difference quotient of f32 values.
pub const SLOPE: f64 = 2e-3;
/// A directional derivative and a difference quotient of f32 losses.
pub const LOSS_SLOPE: f64 = 0.02;
/// Whole runs that took other ways to the same end.
pub const RUNS: f64 = 0.02;
