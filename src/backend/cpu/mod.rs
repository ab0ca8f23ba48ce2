//! The CPU backend: SIMD kernels, the canonical evaluation. Under construction by the CPU work package.
