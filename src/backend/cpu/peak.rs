//! The CPU's speed limit: multiply-adds per second with nothing else in the way.

use super::CpuBackend;
use super::simd::{Kernel, Simd};
use crate::Result;
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Independent sums: more than latency times units of any CPU here, fewer than its registers.
const N_SUMS: usize = 12;

/// Multiply-adds in each sum of one measurement: well under a millisecond, which seldom is interrupted.
const LENGTH: usize = 1 << 17;

impl CpuBackend {
    /// Measured f32 peak of this backend's threads and instructions in FLOP/s (2 per multiply-add): a plain loop of
    /// multiply-adds in registers on every thread at once, best of `n_tries` (below a millisecond each).
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when threads cannot be started.
    pub fn measure_peak(&self, n_tries: usize) -> Result<f64> {
        let pool = self.pool()?;
        let thread = |_| {
            let begin = Instant::now();
            let n_flops = self.instructions.dispatch(MultiplyAdds);
            n_flops as f64 / begin.elapsed().as_secs_f64()
        };
        let tasks = || (0..pool.current_num_threads()).into_par_iter().with_max_len(1);
        let one = || pool.install(|| tasks().map(thread).sum::<f64>());
        Ok((0..n_tries.max(1)).map(|_| one()).fold(0.0, f64::max))
    }
}

/// Returns the number of floating-point operations it did.
struct MultiplyAdds;

impl Kernel for MultiplyAdds {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let (a, b) = (simd.splat(black_box(0.999_999)), simd.splat(black_box(1e-6)));
        let mut sums = [simd.splat(1.0); N_SUMS];
        for _ in 0..LENGTH {
            for sum in &mut sums {
                *sum = simd.fma(*sum, a, b);
            }
        }
        let mut lanes = [0.0; 64];
        for sum in sums {
            simd.store(&mut lanes, sum);
            black_box(&mut lanes);
        }
        2 * S::LANES * N_SUMS * LENGTH
    }
}
