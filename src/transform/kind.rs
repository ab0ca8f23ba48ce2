//! The transforms a payload can name, and one interface to all of them.

use super::dct::{self, Plan};
use super::pyramid::Pyramid;
use super::wavelet;
use crate::field::Real;

/// Points per axis and block of the block transform.
const BLOCK: usize = 32;

/// Which transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None: nothing is coded.
    None = 0,
    /// CDF 9/7.
    Wavelet = 1,
    /// The DCT of the whole field.
    Dct = 2,
    /// That of blocks of 32 points along each axis.
    BlockDct = 3,
}

impl Kind {
    /// From the two lowest bits.
    pub(super) fn from_bits(bits: u8) -> Kind {
        [Kind::None, Kind::Wavelet, Kind::Dct, Kind::BlockDct][usize::from(bits & 3)]
    }
}

impl std::fmt::Display for Kind {
    /// As reports say it.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Kind::None => "none",
            Kind::Wavelet => "wavelet",
            Kind::Dct => "dct",
            Kind::BlockDct => "block-dct",
        })
    }
}

/// Whether this kind is quick enough for these dimensions.
pub(super) fn is_affordable(kind: Kind, dims: &[usize]) -> bool {
    kind != Kind::Dct || dct::is_affordable(dims)
}

/// The kinds that are quick enough for these dimensions.
pub(super) fn affordable(dims: &[usize]) -> Vec<Kind> {
    let all = [Kind::Wavelet, Kind::Dct, Kind::BlockDct];
    all.into_iter().filter(|&kind| is_affordable(kind, dims)).collect()
}

/// A transform made ready for certain dimensions.
pub(super) enum Transform<T> {
    None(Pyramid),
    Wavelet(Pyramid),
    Dct(Kind, Plan<T>),
}

impl<T: Real> Transform<T> {
    /// Any dimensions are possible; see [`affordable`].
    pub fn new(kind: Kind, dims: &[usize]) -> Self {
        match kind {
            Kind::None => Transform::None(Pyramid::new(dims, |_, n, _| n)),
            Kind::Wavelet => Transform::Wavelet(wavelet::pyramid(dims)),
            Kind::Dct => Transform::Dct(kind, Plan::new(dims, 0)),
            Kind::BlockDct => Transform::Dct(kind, Plan::new(dims, BLOCK)),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Transform::None(_) => Kind::None,
            Transform::Wavelet(_) => Kind::Wavelet,
            Transform::Dct(kind, _) => *kind,
        }
    }

    /// Geometry of the coefficients.
    pub fn pyramid(&self) -> &Pyramid {
        match self {
            Transform::None(pyramid) | Transform::Wavelet(pyramid) => pyramid,
            Transform::Dct(_, plan) => &plan.pyramid,
        }
    }

    /// Turns values into coefficients, in place.
    pub fn forward(&self, array: &mut [T]) {
        match self {
            Transform::None(_) => {}
            Transform::Wavelet(pyramid) => wavelet::forward(array, pyramid),
            Transform::Dct(_, plan) => plan.forward(array),
        }
    }

    /// Turns coefficients into values, in place.
    pub fn inverse(&self, array: &mut [T]) {
        match self {
            Transform::None(_) => {}
            Transform::Wavelet(pyramid) => wavelet::inverse(array, pyramid),
            Transform::Dct(_, plan) => plan.inverse(array),
        }
    }
}
