//! The caller's end of a training run: plans steps, sends them to the device, adds up losses.

use super::run::{Dispatch, Run, Sizes};
use crate::backend::gpu::GpuBackend;
use crate::backend::gpu::device::{Device, UPLOAD_BYTES};
use crate::backend::gpu::handle::Handle;
use crate::backend::gpu::pace::Pace;
use crate::backend::gpu::tile::Tile;
use crate::backend::gpu::work::{SLOT_BYTES, Work};
use crate::backend::{SirenTraining, TrainingSet};
use crate::model::SirenShape;
use crate::train::Schedule;
use crate::{Error, Result};
use std::time::Instant;

/// A training run as its caller holds it; the state is on the device.
pub struct Training {
    run: Handle<Run>,
    tile: Tile,
    shape: SirenShape,
    sizes: Sizes,
    dims: Vec<usize>,
    n_points: u32,
    seed: u64,
    /// Of dispatches.
    pace: Pace,
}

impl Training {
    /// Allocates the run on the device and uploads parameters and block. `set` and `params` fit the shape.
    pub fn new(backend: &GpuBackend, shape: &SirenShape, params: &[f32], set: TrainingSet, seed: u64) -> Result<Self> {
        let (adapter, kind) = (backend.info.index, backend.kind);
        let (shape, n_values, params) = (*shape, set.values.len(), params.to_vec());
        let make = move |device: &mut Device| Run::new(device, kind, &shape, &params, n_values);
        let (run, (tile, sizes)) = Handle::new(adapter, make)?;
        let n_points = (n_values / set.n_channels) as u32;
        let dims = set.dims.to_vec();
        let training = Training { run, tile, shape, sizes, dims, n_points, seed, pace: Pace::new() };
        for (i, part) in set.values.chunks(UPLOAD_BYTES / 4).enumerate() {
            let part = part.to_vec();
            training.run.call(move |device, run| {
                device.write(&run.values, i * UPLOAD_BYTES, bytemuck::cast_slice(&part));
                device.submit(|_| ())
            })?;
        }
        Ok(training)
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
        let losses = self.run.call(move |device, run| run.submit(device, &dispatches, &words))?;
        self.pace.learn(n, start.elapsed());
        Ok(losses.iter().map(|loss| f64::from(*loss)).sum())
    }
}

impl SirenTraining for Training {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let mut sum = 0.0;
        let mut pending = Vec::with_capacity(self.pace.n_pieces());
        for step in first..first.saturating_add(n_steps) {
            for dispatch in self.plan_step(schedule, step)? {
                pending.push(dispatch);
                if pending.len() >= self.pace.n_pieces() {
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
        self.run.call(move |device, run| run.read_gradient(device, n_workgroups))
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        self.run.call(|device, run| run.read_params(device))
    }

    fn device_bytes(&self) -> usize {
        self.sizes.total()
    }
}

fn failed(reason: String) -> Error {
    Error::Backend { backend: "gpu".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::DeviceKind::{self, Hardware, Software};

    fn training(width: usize, n_blocks: usize, n_values: usize, kind: DeviceKind) -> Training {
        let shape = SirenShape { n_inputs: 3, width, n_blocks, n_outputs: 2 };
        let limits = crate::backend::gpu::WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
        let tile = Tile::choose(&shape, limits, kind).expect("a tile");
        let sizes = Sizes::new(&shape, &tile, n_values, 1 << 27, kind.max_workgroups());
        let n_points = (n_values / 2) as u32;
        let run = Handle::nowhere();
        Training { run, tile, shape, sizes, dims: vec![1; 3], n_points, seed: 1, pace: Pace::new() }
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
