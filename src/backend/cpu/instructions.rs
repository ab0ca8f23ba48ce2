//! Which instruction set runs the kernels.

use super::simd::{Kernel, Scalar, Simd};
#[cfg(target_arch = "aarch64")]
use super::simd_neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::simd_x86::{Avx2, Avx512};

/// An instruction set; all give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// x86-64 with AVX-512F.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// AArch64.
    Neon,
    /// Any CPU, one value at a time.
    Scalar,
}

impl Instructions {
    /// From widest to plainest.
    pub const ALL: [Instructions; 4] =
        [Instructions::Avx512, Instructions::Avx2, Instructions::Neon, Instructions::Scalar];

    /// The widest set of this CPU.
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|i| i.is_available()).unwrap_or(Instructions::Scalar)
    }

    /// True when this CPU has it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => Avx2::detect().is_some(),
            Instructions::Neon => cfg!(target_arch = "aarch64"),
            Instructions::Scalar => true,
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx512 | Instructions::Avx2 => false,
        }
    }

    /// Runs a kernel with these instructions, or the plain ones where they are missing.
    pub(super) fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        match self {
            Instructions::Avx512 => {
                if let Some(simd) = Avx512::detect() {
                    return simd.dispatch(kernel);
                }
            }
            Instructions::Avx2 => {
                if let Some(simd) = Avx2::detect() {
                    return simd.dispatch(kernel);
                }
            }
            Instructions::Neon | Instructions::Scalar => {}
        }
        #[cfg(target_arch = "aarch64")]
        if self == Instructions::Neon {
            return Neon.dispatch(kernel);
        }
        Scalar.dispatch(kernel)
    }
}

impl std::fmt::Display for Instructions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Instructions::Avx512 => "AVX-512",
            Instructions::Avx2 => "AVX2",
            Instructions::Neon => "NEON",
            Instructions::Scalar => "scalar",
        })
    }
}
