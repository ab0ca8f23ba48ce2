//! The threads of peers, which use OpenMP.
#![expect(unsafe_code, reason = "OpenMP has a C interface only")]

use std::ffi::c_int;

/// Sets how many threads the peers that this thread calls use; 0: all.
pub fn set_threads(n: usize) {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let n = c_int::try_from(if n == 0 { all() } else { n }).unwrap_or(c_int::MAX);
    // SAFETY: the call takes any positive number.
    unsafe { openmp_sys::ffi::omp_set_num_threads(n) }
}
