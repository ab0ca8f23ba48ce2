//! One body per check, run by every backend.

use adios2_inr::backend::Backend;
use adios2_inr::backend::cpu::CpuBackend;
pub use adios2_inr::backend::cpu::Instructions;

/// A backend, or why it is not here.
pub type Made = Result<Box<dyn Backend>, String>;

/// The CPU with one instruction set.
pub fn cpu(n_threads: usize, instructions: Instructions) -> Made {
    CpuBackend::with_instructions(n_threads, instructions).map(|b| Box::new(b) as _).map_err(|e| e.to_string())
}

/// The software Vulkan driver.
#[cfg(feature = "gpu")]
pub fn gpu() -> Made {
    let backend = adios2_inr::backend::gpu::GpuBackend::open(None, true);
    Ok(Box::new(backend.expect("INR_TEST_GPU=1 says that there is a driver")))
}

/// `every_backend!(first_check, second_check);`: one module of tests per backend for functions of `&dyn Backend`; a missing
/// backend is named on stderr.
macro_rules! every_backend {
    ($($check:ident),* $(,)?) => {
        every_backend! { @modules ($($check)*)
            #[cfg(target_arch = "x86_64")]
            cpu_avx512: cpu(2, Instructions::Avx512);
            #[cfg(target_arch = "x86_64")]
            cpu_avx2: cpu(2, Instructions::Avx2);
            #[cfg(target_arch = "aarch64")]
            cpu_neon: cpu(2, Instructions::Neon);
            cpu_scalar: cpu(2, Instructions::Scalar);
            cpu_one_thread: cpu(1, Instructions::best());
            #[cfg(feature = "gpu")]
            gpu [cfg_attr(not(inr_gpu_tests), ignore = "no Vulkan driver: set INR_TEST_GPU=1 where there is one")]: gpu();
        }
    };
    (@modules $checks:tt $($(#[$condition:meta])? $name:ident $([$attribute:meta])?: $make:expr;)*) => { $(
        $(#[$condition])?
        mod $name {
            #[allow(unused_imports, reason = "each backend needs a part")]
            use crate::backends::{cpu, Instructions};
            #[cfg(feature = "gpu")]
            #[allow(unused_imports, reason = "each backend needs a part")]
            use crate::backends::gpu;
            every_backend!(@tests $make; ($($attribute)?) $checks);
        }
    )* };
    (@tests $make:expr; $attributes:tt ($($check:ident)*)) => { $(
        every_backend!(@test $make; $attributes $check);
    )* };
    (@test $make:expr; ($($attribute:meta)?) $check:ident) => {
        #[test]
        $(#[$attribute])?
        fn $check() {
            match $make {
                Ok(backend) => crate::$check(&*backend),
                Err(reason) => eprintln!("skipped {}: {reason}", module_path!()),
            }
        }
    };
}
