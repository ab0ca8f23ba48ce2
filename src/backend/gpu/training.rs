//! A training run: what stands on the device ([`Run`]) and the caller's end of it ([`Training`]).

use super::GpuBackend;
use super::device::{Device, Pipelines, UPLOAD_BYTES};
use super::layout::Layout;
use super::owner;
use super::tile::{DeviceKind, Tile};
use super::work::{SLOT_BYTES, Work};
use crate::backend::{SirenTraining, TrainingSet};
use crate::model::SirenShape;
use crate::train::Schedule;
use crate::{Error, Result};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wgpu::BufferUsages as Usage;

/// Dispatches per submission, at most: slots of the uniform buffer.
const MAX_SLOTS: usize = 64;
/// Device time to aim at per submission: long against the 0.1 ms a submission costs, short enough that several
/// threads share the device and drivers' watchdogs stay asleep.
const SUBMISSION_TIME: Duration = Duration::from_millis(60);
/// Device memory of a run beyond three times the block.
const MEMORY_ALLOWANCE: usize = 64 << 20;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Buffers of a run, on the owner thread.
pub(super) struct Run {
    pipelines: Rc<Pipelines>,
    layout: Layout,
    params: wgpu::Buffer,
    values: wgpu::Buffer,
    partials: wgpu::Buffer,
    work: wgpu::Buffer,
    step_losses: wgpu::Buffer,
    staging_losses: wgpu::Buffer,
    staging_params: wgpu::Buffer,
    train: wgpu::BindGroup,
    adam: wgpu::BindGroup,
}

/// Sizes of a run's buffers in bytes.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    n_workgroups: usize,
    params: usize,
    values: usize,
    scratch: usize,
    partials: usize,
}

impl Sizes {
    /// As many workgroups as memory, bindings and device allow, at least one.
    fn new(shape: &SirenShape, tile: &Tile, n_values: usize, max_binding: usize, max_workgroups: usize) -> Self {
        let (kept, partial) = tile.bytes_per_workgroup(shape);
        let (params, values) = (partial, 4 * n_values);
        let fixed = 4 * params + values + MAX_SLOTS * (SLOT_BYTES + 8) + UPLOAD_BYTES;
        let spare = (MEMORY_ALLOWANCE + 3 * values).saturating_sub(fixed);
        let n_workgroups = (spare / (kept + partial + 4)).min(max_binding / kept.max(partial)).clamp(1, max_workgroups);
        Sizes { n_workgroups, params, values, scratch: n_workgroups * kept, partials: n_workgroups * partial }
    }

    /// All of a run's buffers: parameters, moments and their way back, block, partials, the small ones.
    fn total(&self) -> usize {
        let small = 4 * self.n_workgroups + MAX_SLOTS * (SLOT_BYTES + 8);
        4 * self.params + self.values + self.scratch + self.partials + small
    }
}

impl Run {
    fn new(
        device: &mut Device,
        kind: DeviceKind,
        shape: &SirenShape,
        params: &[f32],
        n_values: usize,
    ) -> Result<(Self, Tile, Sizes)> {
        let pipelines = device.pipelines(shape, kind)?;
        let layout = Layout::new(shape);
        let limit = usize::try_from(device.info.max_binding_bytes).unwrap_or(usize::MAX);
        let sizes = Sizes::new(shape, &pipelines.tile, n_values, limit, kind.max_workgroups());
        let storage = Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC;
        let staging = Usage::MAP_READ | Usage::COPY_DST;
        let params_buffer = device.buffer(sizes.params, storage)?;
        let values = device.buffer(sizes.values, storage)?;
        let scratch = device.buffer(sizes.scratch, storage)?;
        let moments = device.buffer(2 * sizes.params, storage)?;
        let partials = device.buffer(sizes.partials, storage)?;
        let losses = device.buffer(4 * sizes.n_workgroups, storage)?;
        let step_losses = device.buffer(4 * MAX_SLOTS, storage)?;
        let work = device.buffer(MAX_SLOTS * SLOT_BYTES, Usage::UNIFORM | Usage::COPY_DST)?;
        let slot = Some(SLOT_BYTES as u64);
        let train = device.bind(
            &pipelines.train,
            &[
                (&params_buffer, None),
                (&values, None),
                (&scratch, None),
                (&partials, None),
                (&losses, None),
                (&work, slot),
            ],
        );
        let adam = device.bind(
            &pipelines.adam,
            &[
                (&params_buffer, None),
                (&moments, None),
                (&partials, None),
                (&losses, None),
                (&step_losses, None),
                (&work, slot),
            ],
        );
        device.write(&params_buffer, 0, bytemuck::cast_slice(&layout.pack(params)));
        let tile = pipelines.tile;
        let run = Run {
            pipelines,
            layout,
            params: params_buffer,
            values,
            partials,
            work,
            step_losses,
            staging_losses: device.buffer(4 * MAX_SLOTS, staging)?,
            staging_params: device.buffer(sizes.params, staging)?,
            train,
            adam,
        };
        Ok((run, tile, sizes))
    }

    /// Runs `dispatches` in order and returns the losses of the steps that end in them.
    fn submit(&self, device: &Device, dispatches: &[Dispatch], words: &[u32]) -> Result<Vec<f32>> {
        device.write(&self.work, 0, bytemuck::cast_slice(words));
        let n_losses = dispatches.iter().filter(|d| d.ends_step).count();
        let n_adam = (self.layout.n_vectors().div_ceil(32) + 1) as u32;
        device.submit_and_read(&self.step_losses, &self.staging_losses, n_losses, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (slot, dispatch) in dispatches.iter().enumerate() {
                let offset = [(slot * SLOT_BYTES) as u32];
                pass.set_pipeline(&self.pipelines.train);
                pass.set_bind_group(0, &self.train, &offset);
                pass.dispatch_workgroups(dispatch.n_groups, 1, 1);
                if dispatch.ends_step {
                    pass.set_pipeline(&self.pipelines.adam);
                    pass.set_bind_group(0, &self.adam, &offset);
                    pass.dispatch_workgroups(n_adam, 1, 1);
                }
            }
        })
    }

    /// Sum of the gradients of the first `n_workgroups` workgroups.
    fn read_gradient(&self, device: &Device, n_workgroups: usize) -> Result<Vec<f32>> {
        let n = 4 * self.layout.n_vectors();
        let staging = device.buffer(4 * n * n_workgroups, Usage::MAP_READ | Usage::COPY_DST)?;
        let partials = device.submit_and_read(&self.partials, &staging, n * n_workgroups, |_| ())?;
        let sum = |i: usize| partials.iter().skip(i).step_by(n).map(|g| f64::from(*g)).sum::<f64>() as f32;
        Ok(self.layout.unpack(&(0..n).map(sum).collect::<Vec<f32>>()))
    }

    fn read_params(&self, device: &Device) -> Result<Vec<f32>> {
        let n = 4 * self.layout.n_vectors();
        let packed = device.submit_and_read(&self.params, &self.staging_params, n, |_| ())?;
        Ok(self.layout.unpack(&packed))
    }
}

/// One dispatch of the training kernel, followed by Adam where it completes a step.
#[derive(Clone, Debug)]
struct Dispatch {
    work: Work,
    n_groups: u32,
    ends_step: bool,
}

/// A training run as its caller holds it; the state is on the device.
pub(super) struct Training {
    adapter: usize,
    id: u64,
    tile: Tile,
    shape: SirenShape,
    sizes: Sizes,
    dims: Vec<usize>,
    n_points: u32,
    seed: u64,
    /// Dispatches per submission, adapted to [`SUBMISSION_TIME`].
    n_slots: usize,
}

impl Training {
    /// Allocates the run on the device and uploads parameters and block. `set` and `params` fit the shape.
    pub fn new(backend: &GpuBackend, shape: &SirenShape, params: &[f32], set: TrainingSet, seed: u64) -> Result<Self> {
        let (adapter, kind) = (backend.info.index, backend.kind);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let (shape, n_values, params) = (*shape, set.values.len(), params.to_vec());
        let (tile, sizes) = owner::call(move |state| {
            state.device(adapter)?.guarded(|device| {
                let (run, tile, sizes) = Run::new(device, kind, &shape, &params, n_values)?;
                device.runs.insert(id, run);
                Ok((tile, sizes))
            })
        })?;
        let n_points = (n_values / set.n_channels) as u32;
        let dims = set.dims.to_vec();
        let training = Training { adapter, id, tile, shape, sizes, dims, n_points, seed, n_slots: 1 };
        for (i, part) in set.values.chunks(UPLOAD_BYTES / 4).enumerate() {
            let part = part.to_vec();
            training.on_device(move |device, run| {
                device.write(&run.values, i * UPLOAD_BYTES, bytemuck::cast_slice(&part));
                device.submit(|_| ())
            })?;
        }
        Ok(training)
    }

    /// Runs `work` on the device this run lives on.
    fn on_device<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Device, &Run) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (adapter, id) = (self.adapter, self.id);
        owner::call(move |state| {
            state.existing(adapter)?.guarded(|device| match device.runs.get(&id) {
                Some(run) => work(device, run),
                None => Err(device.error("the device was lost and this run with it: start the block again".into())),
            })
        })
    }

    /// The dispatches of one step: as many tiles at a time as an invocation may loop over.
    fn plan_step(&self, schedule: &Schedule, step: u32) -> Result<Vec<Dispatch>> {
        if schedule.batch == 0 || schedule.batch > 1 << 30 {
            return Err(failed(format!("a batch of {} points: set it to 1..=2^30", schedule.batch)));
        }
        let n_tiles = schedule.batch.div_ceil(self.tile.t as u32);
        let n_workgroups = n_tiles.min(self.sizes.n_workgroups as u32);
        let per_dispatch = n_workgroups * (self.tile.tiles_per_dispatch(&self.shape) as u32);
        let dispatches = (0..n_tiles)
            .step_by(per_dispatch as usize)
            .map(|first_tile| {
                let end_tile = n_tiles.min(first_tile + per_dispatch);
                let work = Work {
                    seed: self.seed,
                    step,
                    n_points: self.n_points,
                    n_samples: schedule.batch,
                    first_tile,
                    end_tile,
                    n_workgroups,
                    fresh: first_tile == 0,
                    scale: 1.0 / (schedule.batch as f32 * self.shape.n_outputs as f32),
                    rate: schedule.rate(step),
                    corrections: Schedule::bias_correction(step),
                    ..Work::default()
                };
                let n_groups = n_workgroups.min(end_tile - first_tile);
                Dispatch { work, n_groups, ends_step: end_tile == n_tiles }
            })
            .collect();
        Ok(dispatches)
    }

    /// Submits and empties `pending`; returns the sum of the losses of the steps that end in it.
    fn flush(&mut self, pending: &mut Vec<Dispatch>) -> Result<f64> {
        let mut dispatches = std::mem::take(pending);
        let mut n_losses = 0;
        let mut words = Vec::with_capacity(dispatches.len() * SLOT_BYTES / 4);
        for dispatch in &mut dispatches {
            dispatch.work.loss_slot = n_losses;
            n_losses += u32::from(dispatch.ends_step);
            words.extend(dispatch.work.words(&self.dims));
        }
        let n = dispatches.len();
        let start = Instant::now();
        let losses = self.on_device(move |device, run| run.submit(device, &dispatches, &words))?;
        let full = n >= self.n_slots;
        if start.elapsed() > 2 * SUBMISSION_TIME {
            self.n_slots = (n / 2).max(1);
        } else if full && start.elapsed() < SUBMISSION_TIME {
            self.n_slots = (2 * self.n_slots).min(MAX_SLOTS);
        }
        Ok(losses.iter().map(|loss| f64::from(*loss)).sum())
    }
}

impl SirenTraining for Training {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let mut sum = 0.0;
        let mut pending = Vec::with_capacity(MAX_SLOTS);
        for step in first..first.saturating_add(n_steps) {
            for dispatch in self.plan_step(schedule, step)? {
                pending.push(dispatch);
                if pending.len() >= self.n_slots {
                    sum += self.flush(&mut pending)?;
                }
            }
        }
        if !pending.is_empty() {
            sum += self.flush(&mut pending)?;
        }
        let mean = (sum / f64::from(n_steps.max(1))) as f32;
        if mean.is_finite() {
            Ok(mean)
        } else {
            Err(failed(format!("the loss became {mean} by step {}: lower the learning rate", first + n_steps)))
        }
    }

    fn gradient(&mut self, step: u32, batch: u32) -> Result<Vec<f32>> {
        let schedule = Schedule { n_steps: 1, batch, peak_rate: 0.0, n_warmup: 0, final_fraction: 0.0 };
        let dispatches = self.plan_step(&schedule, step)?;
        let n_workgroups = dispatches.first().map_or(0, |dispatch| dispatch.n_groups as usize);
        for mut dispatch in dispatches {
            dispatch.ends_step = false;
            self.flush(&mut vec![dispatch])?;
        }
        self.on_device(move |device, run| run.read_gradient(device, n_workgroups))
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        self.on_device(|device, run| run.read_params(device))
    }

    fn device_bytes(&self) -> usize {
        self.sizes.total()
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        let (adapter, id) = (self.adapter, self.id);
        owner::post(move |state| {
            if let Ok(device) = state.existing(adapter) {
                device.runs.remove(&id);
            }
        });
    }
}

fn failed(reason: String) -> Error {
    Error::Backend { backend: "gpu".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::DeviceKind::{Hardware, Software};
    use super::*;

    fn training(width: usize, n_blocks: usize, n_values: usize, kind: DeviceKind) -> Training {
        let shape = SirenShape { n_inputs: 3, width, n_blocks, n_outputs: 2 };
        let limits = crate::backend::gpu::WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
        let tile = Tile::choose(&shape, limits, kind).expect("a tile");
        let sizes = Sizes::new(&shape, &tile, n_values, 1 << 27, kind.max_workgroups());
        let n_points = (n_values / 2) as u32;
        // The adapter does not exist, so nothing reaches a device.
        Training { adapter: usize::MAX, id: 0, tile, shape, sizes, dims: vec![1; 3], n_points, seed: 1, n_slots: 1 }
    }

    #[test]
    fn memory_stays_under_64_mib_and_three_times_the_block() {
        for width in [8, 64, 128] {
            for n_blocks in [0, 2, 16] {
                for n_values in [2, 1 << 20, 1 << 24] {
                    for kind in [Hardware, Software] {
                        let bytes = training(width, n_blocks, n_values, kind).device_bytes();
                        assert!(bytes <= (64 << 20) + 3 * 4 * n_values, "{width} {n_blocks} {n_values}: {bytes}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_step_visits_every_tile_once_and_no_invocation_loops_too_long() {
        let schedule = Schedule { n_steps: 9, batch: 300_001, peak_rate: 1e-3, n_warmup: 1, final_fraction: 0.1 };
        for (width, n_blocks, kind) in [(8, 0, Hardware), (64, 2, Software), (128, 16, Software), (128, 16, Hardware)] {
            let training = training(width, n_blocks, 1000, kind);
            let plan = training.plan_step(&schedule, 3).expect("a plan");
            let mut next = 0;
            for (i, dispatch) in plan.iter().enumerate() {
                let (work, n) = (&dispatch.work, dispatch.n_groups);
                assert_eq!((work.first_tile, work.fresh, dispatch.ends_step), (next, i == 0, i + 1 == plan.len()));
                assert!(n >= 1 && n <= work.n_workgroups);
                let per_workgroup = (work.end_tile - work.first_tile).div_ceil(work.n_workgroups) as usize;
                assert!(per_workgroup * training.tile.iterations_per_tile(&training.shape) < 65_535);
                next = work.end_tile;
            }
            assert_eq!(next as usize, 300_001_usize.div_ceil(training.tile.t));
            assert_eq!(plan[0].n_groups, plan[0].work.n_workgroups, "every partial is written by the first dispatch");
        }
    }
}
