//! A training run on the device: buffers, submissions, reading back. Lives on the owner thread.

use super::device::Device;
use super::device::UPLOAD_BYTES;
use super::layout::{Layers, Layout};
use super::pace::MAX_PIECES;
use super::shader::Kernel;
use super::tile::Tile;
use super::work::{SLOT_BYTES, Work};
use crate::Result;
use wgpu::BufferUsages as Usage;

/// Dispatches per submission, at most: slots of the uniform buffer.
const MAX_SLOTS: usize = MAX_PIECES;
/// Device memory of a run beyond three times the block.
const MEMORY_ALLOWANCE: usize = 64 << 20;

/// Buffers of a run, on the owner thread.
pub struct Run {
    train: wgpu::ComputePipeline,
    adam: wgpu::ComputePipeline,
    /// Floats of a parameter vector in device order.
    n_floats: usize,
    params: wgpu::Buffer,
    moments: wgpu::Buffer,
    pub values: wgpu::Buffer,
    partials: wgpu::Buffer,
    losses: wgpu::Buffer,
    work: wgpu::Buffer,
    step_losses: wgpu::Buffer,
    staging_losses: wgpu::Buffer,
    staging_params: wgpu::Buffer,
    train_group: wgpu::BindGroup,
    adam_group: wgpu::BindGroup,
    average: Option<Average>,
}

/// A running average of the parameters.
struct Average {
    kernel: wgpu::ComputePipeline,
    values: wgpu::Buffer,
    group: wgpu::BindGroup,
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
    pub fn new(
        shape: impl Into<Layers>,
        tile: &Tile,
        n_values: usize,
        max_binding: usize,
        max_workgroups: usize,
    ) -> Self {
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
    /// `train` computes the gradient for Adam; `packed` are the parameters in device order.
    pub fn new(
        device: &mut Device,
        train: Kernel,
        (layers, tile): (Layers, &Tile),
        sizes: &Sizes,
        packed: &[f32],
    ) -> Result<Self> {
        let [train, adam] = [train, Kernel::Adam].map(|kernel| device.kernel(kernel, layers, tile));
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
        device.write(&params_buffer, 0, bytemuck::cast_slice(packed));
        Ok(Run {
            train,
            adam,
            n_floats: 4 * Layout::new(layers).n_vectors(),
            params: params_buffer,
            moments,
            values,
            partials,
            losses,
            work,
            step_losses,
            staging_losses: device.buffer(4 * MAX_SLOTS, staging)?,
            staging_params: device.buffer(sizes.params, staging)?,
            train_group,
            adam_group,
            average: None,
        })
    }

    /// From now on `kernel` follows each step with an average of the parameters, which starts from `packed`.
    pub fn keep_average(
        &mut self,
        device: &mut Device,
        kernel: Kernel,
        (layers, tile): (Layers, &Tile),
        packed: &[f32],
    ) -> Result<()> {
        let kernel = device.kernel(kernel, layers, tile);
        let values = device.buffer(4 * self.n_floats, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)?;
        device.write(&values, 0, bytemuck::cast_slice(packed));
        let slot = Some(SLOT_BYTES as u64);
        let group = device.bind(&kernel, &[(&self.params, None), (&values, None), (&self.work, slot)]);
        self.average = Some(Average { kernel, values, group });
        Ok(())
    }

    /// Runs `dispatches` in order and returns the losses of the steps that end in them.
    pub fn submit(&self, device: &Device, dispatches: &[Dispatch], words: &[u32]) -> Result<Vec<f32>> {
        device.write(&self.work, 0, bytemuck::cast_slice(words));
        let n_losses = dispatches.iter().filter(|d| d.ends_step).count();
        let n_adam = (self.n_floats.div_ceil(128) + 1) as u32;
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
                if let Some(average) = self.average.as_ref().filter(|_| dispatch.ends_step) {
                    pass.set_pipeline(&average.kernel);
                    pass.set_bind_group(0, &average.group, &offset);
                    pass.dispatch_workgroups(self.n_floats.div_ceil(256) as u32, 1, 1);
                }
            }
        })
    }

    /// Loss and gradient, in device order, of the first `n_workgroups` workgroups.
    pub fn read_gradient(&self, device: &Device, n_workgroups: usize) -> Result<(f32, Vec<f32>)> {
        let n = self.n_floats;
        let staging = device.buffer(4 * n_workgroups, Usage::MAP_READ | Usage::COPY_DST)?;
        let losses = device.submit_and_read(&self.losses, &staging, n_workgroups, |_| ())?;
        let staging = device.buffer(4 * n * n_workgroups, Usage::MAP_READ | Usage::COPY_DST)?;
        let partials = device.submit_and_read(&self.partials, &staging, n * n_workgroups, |_| ())?;
        let sum = |i: usize| partials.iter().skip(i).step_by(n).map(|g| f64::from(*g)).sum::<f64>() as f32;
        Ok((losses.iter().sum(), (0..n).map(sum).collect()))
    }

    /// In device order.
    pub fn read_params(&self, device: &Device) -> Result<Vec<f32>> {
        device.submit_and_read(&self.params, &self.staging_params, self.n_floats, |_| ())
    }

    /// The average of the parameters in device order; the parameters themselves where none is kept.
    pub fn read_average(&self, device: &Device) -> Result<Vec<f32>> {
        let source = self.average.as_ref().map_or(&self.params, |average| &average.values);
        device.submit_and_read(source, &self.staging_params, self.n_floats, |_| ())
    }

    /// Adam's first, then second moments, in device order.
    pub fn read_moments(&self, device: &Device) -> Result<Vec<f32>> {
        let n = 2 * self.n_floats;
        let staging = device.buffer(4 * n, Usage::MAP_READ | Usage::COPY_DST)?;
        device.submit_and_read(&self.moments, &staging, n, |_| ())
    }

    /// As [`Self::read_moments`] returns them.
    pub fn write_moments(&self, device: &Device, moments: &[f32]) {
        device.write(&self.moments, 0, bytemuck::cast_slice(moments));
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
    use crate::backend::gpu::{DeviceKind, WorkgroupLimits};
    use crate::model::SirenShape;

    #[test]
    fn memory_stays_under_64_mib_and_three_times_the_block() {
        for width in [8, 64, 128] {
            for n_blocks in [0, 2, 16] {
                for n_values in [2, 1 << 20, 1 << 24] {
                    for kind in [DeviceKind::Hardware, DeviceKind::Software] {
                        let shape = SirenShape { n_inputs: 3, width, n_blocks, n_outputs: 2 };
                        let limits = WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
                        let tile = Tile::choose(&shape, limits, kind).expect("a tile");
                        let sizes = Sizes::new(&shape, &tile, n_values, 1 << 27, kind.max_workgroups(width));
                        let bytes = sizes.total();
                        assert!(bytes <= (64 << 20) + 3 * 4 * n_values, "{width} {n_blocks} {n_values}: {bytes}");
                    }
                }
            }
        }
    }
}
