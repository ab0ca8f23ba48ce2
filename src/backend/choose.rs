//! Which backend a run trains on.

use std::sync::Arc;

use super::Backend;
use super::cpu::CpuBackend;
use crate::Result;
use crate::settings::{Backend as Choice, Settings};

/// The backend that `settings` ask for. `auto` takes a real GPU if there is one, else the CPU; a software driver is
/// taken only when `device` names it.
///
/// # Errors
/// [`crate::Error::Backend`] when a GPU was asked for and none can be used.
pub fn choose(settings: &Settings) -> Result<Arc<dyn Backend>> {
    match settings.backend {
        Choice::Cpu => Ok(cpu(settings)),
        Choice::Gpu => gpu(settings),
        Choice::Auto => Ok(gpu(settings).unwrap_or_else(|_| cpu(settings))),
    }
}

/// The CPU with the threads that `settings` allow.
pub fn cpu(settings: &Settings) -> Arc<dyn Backend> {
    Arc::new(CpuBackend::new(settings.threads))
}

#[cfg(feature = "gpu")]
fn gpu(settings: &Settings) -> Result<Arc<dyn Backend>> {
    let backend = super::gpu::GpuBackend::open(settings.device.as_deref(), false)?;
    Ok(Arc::new(backend))
}

#[cfg(not(feature = "gpu"))]
fn gpu(_: &Settings) -> Result<Arc<dyn Backend>> {
    let reason = "this build has no GPU support: build with the feature 'gpu' or set backend=cpu".to_owned();
    Err(crate::Error::Backend { backend: "gpu".into(), reason })
}
