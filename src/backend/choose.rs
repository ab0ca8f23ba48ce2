//! Which backend a run trains on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cpu::CpuBackend;
use super::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use super::{Backend, self_test};
use crate::model::stencil::{Dense, Grid, Mlp};
use crate::process::PerProcess;
use crate::settings::{Backend as Choice, Settings};
use crate::{Error, Result};

/// What a run trains on.
pub struct Chosen {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// Why it is the CPU, where there is a GPU that cannot be used.
    pub refusal: Option<Error>,
}

/// The backend that `settings` ask for. `auto` takes a real GPU if there is one, else the CPU; a software driver is
/// taken only when `device` names it. Without a GPU's device file `auto` loads no driver. A GPU is tested before its first use.
///
/// # Errors
/// [`crate::Error::Backend`] when a GPU was asked for and none can be used.
pub fn choose(settings: &Settings) -> Result<Chosen> {
    let on_cpu = |refusal| Chosen { backend: cpu(settings), refusal };
    let on_gpu = || gpu(settings).map(|backend| Chosen { backend, refusal: None });
    match settings.backend {
        Choice::Cpu => Ok(on_cpu(None)),
        Choice::Gpu => on_gpu(),
        Choice::Auto if settings.device.is_none() && !may_have_gpu() => Ok(on_cpu(None)),
        Choice::Auto => Ok(on_gpu().unwrap_or_else(|error| on_cpu(Some(error)))),
    }
}

/// Opens a GPU.
pub type Opener = Arc<dyn Fn() -> Result<Arc<dyn Backend>> + Send + Sync>;

static STAND_IN: Mutex<Option<Opener>> = Mutex::new(None);

/// From now on this is opened where a GPU would be: for tests of what happens when one fails.
#[doc(hidden)]
pub fn stand_in(gpu: Option<Opener>) {
    *STAND_IN.lock().unwrap_or_else(PoisonError::into_inner) = gpu;
}

fn standing_in() -> Option<Opener> {
    STAND_IN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn may_have_gpu() -> bool {
    #[cfg(feature = "gpu")]
    let has_file = super::gpu::may_have_gpu();
    #[cfg(not(feature = "gpu"))]
    let has_file = false;
    has_file || standing_in().is_some()
}

/// What the self-test said of each device that this process has opened, by its name.
static TESTED: PerProcess<Mutex<HashMap<String, Option<Error>>>> = PerProcess::new(Mutex::default);

/// A GPU that computes what it should.
fn gpu(settings: &Settings) -> Result<Arc<dyn Backend>> {
    let backend = standing_in().map_or_else(|| open(settings), |open| open())?;
    let tested = || TESTED.get().lock().unwrap_or_else(PoisonError::into_inner);
    let known = tested().get(&backend.name()).cloned();
    // Not under the lock: other threads may have other devices.
    let verdict = known.unwrap_or_else(|| self_test(backend.as_ref()).err());
    tested().insert(backend.name(), verdict.clone());
    verdict.map_or(Ok(backend), Err)
}

/// The CPU with the threads that `settings` allow.
pub fn cpu(settings: &Settings) -> Arc<dyn Backend> {
    Arc::new(CpuBackend::new(settings.threads))
}

#[cfg(feature = "gpu")]
fn open(settings: &Settings) -> Result<Arc<dyn Backend>> {
    let backend = super::gpu::GpuBackend::open(settings.device.as_deref(), false)?;
    Ok(Arc::new(backend))
}

#[cfg(not(feature = "gpu"))]
fn open(_: &Settings) -> Result<Arc<dyn Backend>> {
    let reason = "this build has no GPU support: build with the feature 'gpu' or set backend=cpu".to_owned();
    Err(Error::Backend { backend: "gpu".into(), reason })
}

/// For predictors: a GPU if `settings` name it, with the CPU behind it: where a device refuses, the CPU takes over for good. `auto` is
/// the CPU, because the steps are too small for a GPU to be faster (docs/BENCHMARKS.md).
pub struct WithCpu<'a> {
    settings: &'a Settings,
    /// Chosen at the first use: a GPU that is not needed stays closed.
    device: OnceLock<Result<Arc<dyn Backend>>>,
    is_cpu: bool,
    refusal: Mutex<Option<String>>,
}

impl<'a> WithCpu<'a> {
    /// The CPU alone with `only_cpu`.
    pub fn new(settings: &'a Settings, only_cpu: bool) -> Self {
        let is_cpu = only_cpu || settings.backend != Choice::Gpu;
        let device = if is_cpu { OnceLock::from(Ok(cpu(settings))) } else { OnceLock::new() };
        WithCpu { settings, device, is_cpu, refusal: Mutex::new(None) }
    }

    /// Why the CPU does what a device was asked to do.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn run<T>(&self, mut work: impl FnMut(&dyn Backend) -> Result<T>) -> Result<T> {
        if self.refusal().is_none() {
            let result = match self.device.get_or_init(|| choose(self.settings).map(|chosen| chosen.backend)) {
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
    /// A step is stored as what is to be added to its prediction, which readers compute on their CPU: a device that says anything else
    /// would break what is promised.
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
        let expected = cpu(self.settings).infer_stencil(grid, linear, mlp)?;
        if self.is_cpu || self.refusal().is_some() {
            return Ok(expected);
        }
        self.run(|backend| {
            let n = n_different(grid, &backend.infer_stencil(grid, linear, mlp)?, &expected);
            let reason =
                || format!("it predicts {n} values otherwise than the CPU: update the driver or set backend=cpu");
            (n == 0).then_some(()).ok_or_else(|| Error::Backend { backend: backend.name(), reason: reason() })
        })?;
        Ok(expected)
    }

    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>> {
        self.run(|backend| backend.train_stencil(state, samples, steps))
    }

    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
        self.run(|backend| backend.stencil_gradient(state, samples))
    }
}

/// Points of a grid where outputs differ; what stands for padding means nothing.
fn n_different(grid: &Grid, found: &[i32], expected: &[i32]) -> usize {
    let (mut n, start) = (0, grid.span().start);
    grid.for_rows(|at, _, length| {
        let row = at - start..at - start + length;
        n += expected[row.clone()]
            .iter()
            .enumerate()
            .filter(|(i, value)| found.get(row.start + i) != Some(*value))
            .count();
    });
    n
}
