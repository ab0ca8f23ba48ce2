//! Arithmetic in single or double precision.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub};

use super::array::Array;

/// Arithmetic that [`f32`] and [`f64`] share. No operation is fused, so results are the same on every machine.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Mul<Output = Self>
    + MulAssign
    + Neg<Output = Self>
    + Sub<Output = Self>
    + 'static
{
    /// True for [`f32`].
    const IS_SINGLE: bool;
    /// The nearest number.
    fn of(x: f64) -> Self;
    /// The nearest number.
    fn from_integer(q: i32) -> Self;
    /// The same number.
    fn wide(self) -> f64;
    /// Magnitude.
    fn abs(self) -> Self;
    /// As values of this type.
    fn into_array(values: Vec<Self>) -> Array;
    /// The largest integer that is not above a number from 0 to 2^30.
    fn floor(self) -> i32;
}

/// Adding this rounds to the nearest integer: the sum has no room for fractions, and its low bits are the integer.
pub(crate) const ROUNDER: f64 = 6_755_399_441_055_744.0;

impl Real for f64 {
    fn into_array(values: Vec<Self>) -> Array {
        Array::F64(values)
    }

    #[inline(always)]
    fn from_integer(q: i32) -> Self {
        f64::from(q)
    }

    const IS_SINGLE: bool = false;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn floor(self) -> i32 {
        ((self - 0.5) + ROUNDER).to_bits() as i32
    }
}

impl Real for f32 {
    fn into_array(values: Vec<Self>) -> Array {
        Array::F32(values)
    }

    #[inline(always)]
    fn from_integer(q: i32) -> Self {
        q as f32
    }

    const IS_SINGLE: bool = true;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn floor(self) -> i32 {
        self as i32
    }
}
