//! Which backend a run trains on.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Backend;
use super::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use super::gpu::may_have_gpu;
use super::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use crate::model::stencil::{Dense, Grid, Mlp};
use crate::settings::{Backend as Choice, Settings};
use crate::{Error, Result};

/// The backend that `settings` ask for. `auto` takes a real GPU if there is one, else the CPU; a software driver is
/// taken only when `device` names it. Without a GPU's device file `auto` loads no driver.
///
/// # Errors
/// [`crate::Error::Backend`] when a GPU was asked for and none can be used.
pub fn choose(settings: &Settings) -> Result<Arc<dyn Backend>> {
    match settings.backend {
        Choice::Cpu => Ok(cpu(settings)),
        Choice::Gpu => gpu(settings),
        Choice::Auto if settings.device.is_none() && !may_have_gpu() => Ok(cpu(settings)),
        Choice::Auto => Ok(gpu(settings).unwrap_or_else(|_| cpu(settings))),
    }
}

#[cfg(not(feature = "gpu"))]
fn may_have_gpu() -> bool {
    false
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
    Err(Error::Backend { backend: "gpu".into(), reason })
}

/// For predictors: a GPU if `settings` name it, with the CPU behind it: where a device refuses, the CPU takes over for good. `auto` is
/// the CPU, because the steps are too small for a GPU to be faster (docs/BENCHMARKS.md).
pub struct WithCpu<'a> {
    settings: &'a Settings,
    /// Chosen at the first use: a GPU that is not needed stays closed.
    device: OnceLock<Result<Arc<dyn Backend>>>,
    refusal: Mutex<Option<String>>,
}

impl<'a> WithCpu<'a> {
    /// The CPU alone with `only_cpu`.
    pub fn new(settings: &'a Settings, only_cpu: bool) -> Self {
        let is_cpu = only_cpu || settings.backend != Choice::Gpu;
        let device = if is_cpu { OnceLock::from(Ok(cpu(settings))) } else { OnceLock::new() };
        WithCpu { settings, device, refusal: Mutex::new(None) }
    }

    /// Why the CPU does what a device was asked to do.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn run<T>(&self, mut work: impl FnMut(&dyn Backend) -> Result<T>) -> Result<T> {
        if self.refusal().is_none() {
            let result = match self.device.get_or_init(|| choose(self.settings)) {
                Ok(device) => work(device.as_ref()),
                Err(error) => Err(error.clone()),
            };
            let Err(error @ Error::Backend { .. }) = result else { return result };
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        work(cpu(self.settings).as_ref())
    }
}

impl StencilKernels for WithCpu<'_> {
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
        self.run(|backend| backend.infer_stencil(grid, linear, mlp))
    }

    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>> {
        self.run(|backend| backend.train_stencil(state, samples, steps))
    }

    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
        self.run(|backend| backend.stencil_gradient(state, samples))
    }
}
