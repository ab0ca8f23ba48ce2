//! The GPU backend: WGSL kernels on any GPU that Vulkan, Metal, DirectX 12 or OpenGL show.
//!
//! One thread per process owns all devices ([`shutdown`] ends it); kernels are written for each network size
//! ([`Kernel::source`]) and cut for each device ([`Tile::choose`]). Nothing happens before the first call.

mod adapter;
mod device;
mod device_files;
mod handle;
mod layout;
mod minibatches;
mod owner;
mod pace;
mod peak;
mod run;
mod series;
mod shader;
mod siren;
mod stencil;
mod tile;
mod work;

pub use adapter::AdapterInfo;
pub use device_files::may_have_gpu;
pub use layout::Layers;
pub use owner::shutdown;
pub use shader::{Kernel, fma_peak_source};
pub use stencil::infer_source;
pub use tile::{DeviceKind, Tile, WorkgroupLimits};

use super::series::{SeriesProblem, SeriesTraining};
use super::{Backend, SirenTraining, TrainingSet};
use crate::model::SirenShape;
use crate::{Error, Result, ranks};
use std::time::Duration;

/// Points of a block, at most: doubled indices are signed 32-bit numbers in the kernels.
const MAX_POINTS: usize = 1 << 30;

/// All graphics devices that the drivers of this machine show, in the order that the parameter `device` counts.
///
/// # Errors
/// [`Error::Backend`] when a driver fails while it is loaded.
pub fn adapters() -> Result<Vec<AdapterInfo>> {
    owner::call(|state| Ok(state.infos()))
}

/// Index among `adapters` of the real GPU that this process takes when `device` is not set; `None` where there is none.
pub fn taken(adapters: &[AdapterInfo]) -> Option<usize> {
    adapter::choose(adapters, None, false, local_rank()).ok()
}

fn local_rank() -> usize {
    ranks::rank().map_or(0, |rank| rank.local)
}

/// A GPU to train and evaluate on. Cheap to make: the device itself belongs to the process and stays open.
#[derive(Clone, Debug)]
pub struct GpuBackend {
    info: AdapterInfo,
    /// How kernels are cut.
    kind: DeviceKind,
}

impl GpuBackend {
    /// Opens `device`: an index of [`adapters`], part of a name (any case), or `None` for the real GPU of this
    /// process's local MPI rank. Software Vulkan is taken only when `device` asks for it, or with `allow_software`
    /// where there is no real GPU (tests).
    ///
    /// # Errors
    /// [`Error::Backend`] when no device fits or the driver refuses.
    pub fn open(device: Option<&str>, allow_software: bool) -> Result<Self> {
        let device = device.map(str::to_string);
        let info = owner::call(move |state| {
            let infos = state.infos();
            let index = adapter::choose(&infos, device.as_deref(), allow_software, local_rank())?;
            state.device(index)?;
            infos.into_iter().nth(index).ok_or_else(|| Error::Internal("adapter index".into()))
        })?;
        let kind = if info.is_software() { DeviceKind::Software } else { DeviceKind::Hardware };
        Ok(GpuBackend { info, kind })
    }

    /// The device's description.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// The same device with kernels cut for `kind`: lets tests run the tiles of real GPUs on software Vulkan.
    #[doc(hidden)]
    #[must_use]
    pub fn with_tiles_for(self, kind: DeviceKind) -> Self {
        GpuBackend { kind, ..self }
    }

    /// Bytes that the device holds for buffers of all users, where the driver's allocator tells.
    ///
    /// # Errors
    /// [`Error::Backend`] when the device is gone.
    #[doc(hidden)]
    pub fn allocated_bytes(&self) -> Result<Option<u64>> {
        let index = self.info.index;
        owner::call(move |state| Ok(state.device(index)?.allocated_bytes()))
    }

    /// Destroys the device under all users, as a driver reset does: for tests of what happens then.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no device to lose.
    #[doc(hidden)]
    pub fn lose_device(&self) -> Result<()> {
        let index = self.info.index;
        owner::call(move |state| {
            state.existing(index)?.lose();
            Ok(())
        })
    }

    /// Keeps the thread that owns the device busy for `time`, as a driver that hangs does, where nobody waits longer than `patience` from now
    /// on: for tests of what happens then.
    #[doc(hidden)]
    pub fn hang(&self, time: Duration, patience: Duration) {
        owner::set_patience(patience);
        owner::post(move |_| std::thread::sleep(time));
    }

    fn check_points(&self, dims: &[usize]) -> Result<()> {
        match dims.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)) {
            Some(1..=MAX_POINTS) => Ok(()),
            _ => Err(Error::Backend {
                backend: self.name(),
                reason: format!(
                    "a grid of {dims:?} is outside 1..=2^30 points: write smaller blocks or set backend=cpu"
                ),
            }),
        }
    }
}

impl Backend for GpuBackend {
    fn name(&self) -> String {
        let software = if self.info.is_software() { ", software" } else { "" };
        format!("{} ({}{software}, device {})", self.info.name, self.info.api, self.info.index)
    }

    fn training_flops(&self) -> f64 {
        // A mid-range card at a quarter of its peak, and a software driver on a few cores.
        if self.info.is_software() { 2e9 } else { 2e12 }
    }

    fn train_siren<'a>(
        &'a self,
        shape: &SirenShape,
        params: &[f32],
        set: TrainingSet<'a>,
        seed: u64,
    ) -> Result<Box<dyn SirenTraining + 'a>> {
        super::check(shape, params, set.dims)?;
        set.check(shape)?;
        self.check_points(set.dims)?;
        Ok(Box::new(siren::Training::new(self, shape, params, set, seed)?))
    }

    fn evaluate_siren(&self, shape: &SirenShape, params: &[f32], dims: &[usize], out: &mut [f32]) -> Result<()> {
        super::check(shape, params, dims)?;
        super::check_values("out", out.len(), dims, shape.n_outputs)?;
        self.check_points(dims)?;
        siren::evaluate(self, shape, params, dims, out)
    }

    fn train_series(&self, problem: SeriesProblem, params: &[f32]) -> Result<Box<dyn SeriesTraining>> {
        problem.check(params)?;
        Ok(Box::new(series::Training::new(self, problem, params)?))
    }
}
