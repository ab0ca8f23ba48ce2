//! A training run on the device: buffers, submissions, reading back. Lives on the owner thread.

use crate::Result;
use crate::backend::gpu::device::{Device, UPLOAD_BYTES};
use crate::backend::gpu::layout::Layout;
use crate::backend::gpu::pace::MAX_PIECES;
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::tile::{DeviceKind, Tile};
use crate::backend::gpu::work::{SLOT_BYTES, Work};
use crate::model::SirenShape;
use wgpu::BufferUsages as Usage;

/// Dispatches per submission, at most: slots of the uniform buffer.
const MAX_SLOTS: usize = MAX_PIECES;
/// Device memory of a run beyond three times the block.
const MEMORY_ALLOWANCE: usize = 64 << 20;

/// Buffers of a run, on the owner thread.
pub struct Run {
    train: wgpu::ComputePipeline,
    adam: wgpu::ComputePipeline,
    layout: Layout,
    params: wgpu::Buffer,
    pub values: wgpu::Buffer,
    partials: wgpu::Buffer,
    work: wgpu::Buffer,
    step_losses: wgpu::Buffer,
    staging_losses: wgpu::Buffer,
    staging_params: wgpu::Buffer,
    train_group: wgpu::BindGroup,
    adam_group: wgpu::BindGroup,
}

/// Sizes of a run's buffers in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub n_workgroups: usize,
    params: usize,
    values: usize,
    scratch: usize,
    partials: usize,
}

impl Sizes {
    /// As many workgroups as memory, bindings and device allow, at least one.
    pub fn new(shape: &SirenShape, tile: &Tile, n_values: usize, max_binding: usize, max_workgroups: usize) -> Self {
        let (kept, partial) = tile.bytes_per_workgroup(shape);
        let (params, values) = (partial, 4 * n_values);
        let fixed = 4 * params + values + MAX_SLOTS * (SLOT_BYTES + 8) + UPLOAD_BYTES;
        let spare = (MEMORY_ALLOWANCE + 3 * values).saturating_sub(fixed);
        let n_workgroups = (spare / (kept + partial + 4)).min(max_binding / kept.max(partial)).clamp(1, max_workgroups);
        Sizes { n_workgroups, params, values, scratch: n_workgroups * kept, partials: n_workgroups * partial }
    }

    /// All of a run's buffers: parameters, moments and their way back, block, partials, the small ones.
    pub fn total(&self) -> usize {
        let small = 4 * self.n_workgroups + MAX_SLOTS * (SLOT_BYTES + 8);
        4 * self.params + self.values + self.scratch + self.partials + small
    }
}

impl Run {
    pub fn new(
        device: &mut Device,
        kind: DeviceKind,
        shape: &SirenShape,
        params: &[f32],
        n_values: usize,
    ) -> Result<(Self, (Tile, Sizes))> {
        let tile = device.tile(shape, kind)?;
        let [train, adam] = [Kernel::Train, Kernel::Adam].map(|kernel| device.kernel(kernel, shape, &tile));
        let layout = Layout::new(shape);
        let limit = usize::try_from(device.info.max_binding_bytes).unwrap_or(usize::MAX);
        let sizes = Sizes::new(shape, &tile, n_values, limit, kind.max_workgroups());
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
        let train_group = device.bind(
            &train,
            &[
                (&params_buffer, None),
                (&values, None),
                (&scratch, None),
                (&partials, None),
                (&losses, None),
                (&work, slot),
            ],
        );
        let adam_group = device.bind(
            &adam,
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
        let run = Run {
            train,
            adam,
            layout,
            params: params_buffer,
            values,
            partials,
            work,
            step_losses,
            staging_losses: device.buffer(4 * MAX_SLOTS, staging)?,
            staging_params: device.buffer(sizes.params, staging)?,
            train_group,
            adam_group,
        };
        Ok((run, (tile, sizes)))
    }

    /// Runs `dispatches` in order and returns the losses of the steps that end in them.
    pub fn submit(&self, device: &Device, dispatches: &[Dispatch], words: &[u32]) -> Result<Vec<f32>> {
        device.write(&self.work, 0, bytemuck::cast_slice(words));
        let n_losses = dispatches.iter().filter(|d| d.ends_step).count();
        let n_adam = (self.layout.n_vectors().div_ceil(32) + 1) as u32;
        device.submit_and_read(&self.step_losses, &self.staging_losses, n_losses, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (slot, dispatch) in dispatches.iter().enumerate() {
                let offset = [(slot * SLOT_BYTES) as u32];
                pass.set_pipeline(&self.train);
                pass.set_bind_group(0, &self.train_group, &offset);
                pass.dispatch_workgroups(dispatch.n_groups, 1, 1);
                if dispatch.ends_step {
                    pass.set_pipeline(&self.adam);
                    pass.set_bind_group(0, &self.adam_group, &offset);
                    pass.dispatch_workgroups(n_adam, 1, 1);
                }
            }
        })
    }

    /// Sum of the gradients of the first `n_workgroups` workgroups.
    pub fn read_gradient(&self, device: &Device, n_workgroups: usize) -> Result<Vec<f32>> {
        let n = 4 * self.layout.n_vectors();
        let staging = device.buffer(4 * n * n_workgroups, Usage::MAP_READ | Usage::COPY_DST)?;
        let partials = device.submit_and_read(&self.partials, &staging, n * n_workgroups, |_| ())?;
        let sum = |i: usize| partials.iter().skip(i).step_by(n).map(|g| f64::from(*g)).sum::<f64>() as f32;
        Ok(self.layout.unpack(&(0..n).map(sum).collect::<Vec<f32>>()))
    }

    pub fn read_params(&self, device: &Device) -> Result<Vec<f32>> {
        let n = 4 * self.layout.n_vectors();
        let packed = device.submit_and_read(&self.params, &self.staging_params, n, |_| ())?;
        Ok(self.layout.unpack(&packed))
    }
}

/// One dispatch of the training kernel, followed by Adam where it completes a step.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub work: Work,
    pub n_groups: u32,
    pub ends_step: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::WorkgroupLimits;

    #[test]
    fn memory_stays_under_64_mib_and_three_times_the_block() {
        for width in [8, 64, 128] {
            for n_blocks in [0, 2, 16] {
                for n_values in [2, 1 << 20, 1 << 24] {
                    for kind in [DeviceKind::Hardware, DeviceKind::Software] {
                        let shape = SirenShape { n_inputs: 3, width, n_blocks, n_outputs: 2 };
                        let limits = WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
                        let tile = Tile::choose(&shape, limits, kind).expect("a tile");
                        let sizes = Sizes::new(&shape, &tile, n_values, 1 << 27, kind.max_workgroups());
                        let bytes = sizes.total();
                        assert!(bytes <= (64 << 20) + 3 * 4 * n_values, "{width} {n_blocks} {n_values}: {bytes}");
                    }
                }
            }
        }
    }
}
