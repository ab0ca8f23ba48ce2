//! A training run at the caller's end: steps as dispatches, several of them to a submission.

use super::GpuBackend;
use super::device::UPLOAD_BYTES;
use super::handle::Handle;
use super::layout::Layers;
use super::pace::Pace;
use super::run::{Dispatch, Run, Sizes};
use super::shader::Kernel;
use super::tile::Tile;
use super::work::{SLOT_BYTES, Work};
use crate::Result;
use std::time::Instant;

/// What a run is made for.
pub(super) struct Start {
    /// Computes the gradient.
    pub kernel: Kernel,
    pub layers: Layers,
    /// Parameters in device order.
    pub packed: Vec<f32>,
    /// The kernel that averages them, and their average so far.
    pub average: Option<(Kernel, Vec<f32>)>,
    /// Floats of the block, or of all samples.
    pub n_values: usize,
    /// Points of the largest step.
    pub most_samples: u32,
    /// Of the grid, for kernels that know one.
    pub dims: Vec<usize>,
}

/// A training run as its caller holds it; the state is on the device.
pub(super) struct Minibatches {
    run: Handle<Run>,
    tile: Tile,
    layers: Layers,
    sizes: Sizes,
    dims: Vec<usize>,
    /// Of dispatches.
    pace: Pace,
}

impl Minibatches {
    /// Allocates the run on the device; [`Self::upload`] fills it.
    pub fn new(backend: &GpuBackend, start: Start) -> Result<Self> {
        let (adapter, kind) = (backend.info.index, backend.kind);
        let Start { kernel, layers, packed, average, n_values, most_samples, dims } = start;
        let (run, (tile, sizes)) = Handle::new(adapter, move |device| {
            let tile = device.tile(layers, kind)?;
            let limit = usize::try_from(device.info.max_binding_bytes).unwrap_or(usize::MAX);
            let most_workgroups =
                kind.max_workgroups(layers.width).min((most_samples as usize).div_ceil(tile.t).max(1));
            let sizes = Sizes::new(layers, &tile, n_values, limit, most_workgroups);
            let mut run = Run::new(device, kernel, (layers, &tile), &sizes, &packed)?;
            if let Some((kernel, packed)) = average {
                run.keep_average(device, kernel, (layers, &tile), &packed)?;
            }
            Ok((run, (tile, sizes)))
        })?;
        Ok(Minibatches { run, tile, layers, sizes, dims, pace: Pace::new() })
    }

    /// Points that a workgroup takes at a time.
    pub fn n_points(&self) -> usize {
        self.tile.t
    }

    /// Writes the block, or the samples.
    pub fn upload(&self, values: &[f32]) -> Result<()> {
        for (i, part) in values.chunks(UPLOAD_BYTES / 4).enumerate() {
            let part = part.to_vec();
            self.run.call(move |device, run| {
                device.write(&run.values, i * UPLOAD_BYTES, bytemuck::cast_slice(&part));
                device.submit(|_| ())
            })?;
        }
        Ok(())
    }

    /// The dispatches of the step that `work` describes but for its tiles: as many at a time as an invocation may loop over.
    fn plan(&self, work: &Work) -> Vec<Dispatch> {
        let n_tiles = work.n_samples.div_ceil(self.tile.t as u32);
        let n_workgroups = n_tiles.min(self.sizes.n_workgroups as u32);
        let per_dispatch = n_workgroups * (self.tile.tiles_per_dispatch(self.layers) as u32);
        let dispatch = |first_tile| {
            let end_tile = n_tiles.min(first_tile + per_dispatch);
            let scale = 1.0 / (work.n_samples as f32 * self.layers.n_outputs as f32);
            let work = Work { first_tile, end_tile, n_workgroups, fresh: first_tile == 0, scale, ..work.clone() };
            let n_groups = n_workgroups.min(end_tile - first_tile);
            Dispatch { work, n_groups, ends_step: end_tile == n_tiles }
        };
        (0..n_tiles).step_by(per_dispatch.max(1) as usize).map(dispatch).collect()
    }

    /// Submits and empties `pending`; appends the losses of the steps that end in it.
    fn flush(&mut self, pending: &mut Vec<Dispatch>, losses: &mut Vec<f32>) -> Result<()> {
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
        losses.extend(self.run.call(move |device, run| run.submit(device, &dispatches, &words))?);
        self.pace.learn(n, start.elapsed());
        Ok(())
    }

    /// Takes steps of at least one sample each and returns their losses.
    pub fn run(&mut self, steps: impl IntoIterator<Item = Work>) -> Result<Vec<f32>> {
        let mut losses = Vec::new();
        let mut pending = Vec::with_capacity(self.pace.n_pieces());
        for work in steps {
            for dispatch in self.plan(&work) {
                pending.push(dispatch);
                if pending.len() >= self.pace.n_pieces() {
                    self.flush(&mut pending, &mut losses)?;
                }
            }
        }
        if !pending.is_empty() {
            self.flush(&mut pending, &mut losses)?;
        }
        Ok(losses)
    }

    /// Loss of a step and its gradient in device order; changes nothing.
    pub fn gradient(&mut self, work: &Work) -> Result<(f32, Vec<f32>)> {
        let dispatches = self.plan(work);
        let n_workgroups = dispatches.first().map_or(0, |dispatch| dispatch.n_groups as usize);
        for mut dispatch in dispatches {
            dispatch.ends_step = false;
            self.flush(&mut vec![dispatch], &mut Vec::new())?;
        }
        self.run.call(move |device, run| run.read_gradient(device, n_workgroups))
    }

    /// In device order.
    pub fn params(&self) -> Result<Vec<f32>> {
        self.run.call(|device, run| run.read_params(device))
    }

    /// The average of the parameters in device order.
    pub fn average(&self) -> Result<Vec<f32>> {
        self.run.call(|device, run| run.read_average(device))
    }

    /// Adam's first, then second moments, in device order.
    pub fn moments(&self) -> Result<Vec<f32>> {
        self.run.call(|device, run| run.read_moments(device))
    }

    /// As [`Self::moments`] returns them; zero at first.
    pub fn set_moments(&self, moments: Vec<f32>) -> Result<()> {
        self.run.call(move |device, run| {
            run.write_moments(device, &moments);
            Ok(())
        })
    }

    /// Bytes held on the device for this run.
    pub fn device_bytes(&self) -> usize {
        self.sizes.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::DeviceKind::{self, Hardware, Software};
    use crate::backend::gpu::WorkgroupLimits;
    use crate::backend::stencil::StencilShape;
    use crate::model::SirenShape;

    fn minibatches(layers: Layers, kind: DeviceKind) -> Minibatches {
        let limits = WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
        let tile = Tile::choose(layers, limits, kind).expect("a tile");
        let sizes = Sizes::new(layers, &tile, 1000, 1 << 27, kind.max_workgroups(layers.width));
        Minibatches { run: Handle::nowhere(), tile, layers, sizes, dims: vec![1; 3], pace: Pace::new() }
    }

    #[test]
    fn a_step_visits_every_tile_once_and_no_invocation_loops_too_long() {
        let siren = |width, n_blocks| Layers::from(&SirenShape { n_inputs: 3, width, n_blocks, n_outputs: 2 });
        let stencil = Layers::from(&StencilShape { n_inputs: 54, width: 32 });
        let cases =
            [(siren(8, 0), Hardware), (siren(64, 2), Software), (siren(128, 16), Software), (siren(128, 16), Hardware)];
        for (layers, kind) in cases.into_iter().chain([(stencil, Software), (stencil, Hardware)]) {
            let minibatches = minibatches(layers, kind);
            let plan = minibatches.plan(&Work { n_samples: 300_001, ..Work::default() });
            let mut next = 0;
            for (i, dispatch) in plan.iter().enumerate() {
                let (work, n) = (&dispatch.work, dispatch.n_groups);
                assert_eq!((work.first_tile, work.fresh, dispatch.ends_step), (next, i == 0, i + 1 == plan.len()));
                assert!(n >= 1 && n <= work.n_workgroups);
                let per_workgroup = (work.end_tile - work.first_tile).div_ceil(work.n_workgroups) as usize;
                assert!(per_workgroup * minibatches.tile.iterations_per_tile(layers) < 65_535);
                next = work.end_tile;
            }
            assert_eq!(next as usize, 300_001_usize.div_ceil(minibatches.tile.t));
            assert_eq!(plan[0].n_groups, plan[0].work.n_workgroups, "every partial is written by the first dispatch");
        }
    }
}
