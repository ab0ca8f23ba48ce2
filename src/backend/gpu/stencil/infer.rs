//! Integer inference over a grid, chunk by chunk.

use super::network::{Sizes, TILE, pack};
use crate::backend::Backend;
use crate::backend::gpu::GpuBackend;
use crate::backend::gpu::device::{Device, UPLOAD_BYTES};
use crate::backend::gpu::handle::Handle;
use crate::backend::gpu::work::SLOT_BYTES;
use crate::model::stencil::{Dense, Grid, Mlp};
use crate::{Error, Result};
use wgpu::BufferUsages as Usage;

/// Points per submission: 4 MiB, a fraction of a second even on a slow integrated GPU.
const CHUNK: usize = 1 << 20;

/// Buffers of one inference, on the owner thread.
struct Inference {
    kernel: wgpu::ComputePipeline,
    /// All planes of the grid.
    values: wgpu::Buffer,
    out: wgpu::Buffer,
    staging: wgpu::Buffer,
    chunk: wgpu::Buffer,
    group: wgpu::BindGroup,
}

/// As [`crate::backend::stencil::StencilKernels::infer_stencil`].
pub fn infer(backend: &GpuBackend, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
    let span = grid.span();
    if grid.values.len() > i32::MAX as usize {
        let reason = format!("grids of {} points are too large: write smaller blocks or set backend=cpu", span.len());
        return Err(Error::Backend { backend: backend.name(), reason });
    }
    let widths = mlp.map(|mlp| [mlp.layers[0].n_outputs(), mlp.layers[1].n_outputs()]);
    let (sizes, words, n_values) = (Sizes::new(grid.n_inputs(), widths), pack(grid, linear, mlp), grid.values.len());
    let make = move |device: &mut Device| Ok((Inference::new(device, sizes, &words, n_values, span.len())?, ()));
    let (handle, ()) = Handle::new(backend.info.index, make)?;
    for (i, part) in grid.values.chunks(UPLOAD_BYTES / 4).enumerate() {
        let part = part.to_vec();
        handle.call(move |device, inference: &mut Inference| {
            device.write(&inference.values, i * UPLOAD_BYTES, bytemuck::cast_slice(&part));
            device.submit(|_| ())
        })?;
    }
    let mut values = Vec::with_capacity(grid.span().len());
    for first in grid.span().step_by(CHUNK) {
        let n = CHUNK.min(grid.span().end - first);
        values.extend(handle.call(move |device, inference: &mut Inference| inference.chunk(device, first, n))?);
    }
    Ok(values)
}

impl Inference {
    fn new(device: &mut Device, sizes: Sizes, words: &[[i32; 4]], n_values: usize, n_points: usize) -> Result<Self> {
        let (bytes, threads) = (sizes.workgroup_bytes(), sizes.n_threads());
        if bytes > device.info.workgroup_bytes || threads > device.info.workgroup_invocations {
            let reason = format!("{bytes} bytes and {threads} threads per workgroup are too many: set backend=cpu");
            return Err(device.error(reason));
        }
        let kernel = device.program(sizes.source(), "stencil_infer", "rrwu");
        let storage = Usage::STORAGE | Usage::COPY_DST;
        let values = device.buffer(4 * n_values, storage)?;
        let network = device.buffer(16 * words.len(), storage)?;
        let n_out = CHUNK.min(n_points).next_multiple_of(TILE);
        let out = device.buffer(4 * n_out, Usage::STORAGE | Usage::COPY_SRC)?;
        let staging = device.buffer(4 * n_out, Usage::MAP_READ | Usage::COPY_DST)?;
        let chunk = device.buffer(SLOT_BYTES, Usage::UNIFORM | Usage::COPY_DST)?;
        device.write(&network, 0, bytemuck::cast_slice(words));
        let slot = Some(SLOT_BYTES as u64);
        let buffers = [(&values, None), (&network, None), (&out, None), (&chunk, slot)];
        let group = device.bind(&kernel, &buffers);
        Ok(Inference { kernel, values, out, staging, chunk, group })
    }

    /// Outputs for padded indices `first..first + n`.
    fn chunk(&self, device: &Device, first: usize, n: usize) -> Result<Vec<i32>> {
        let mut words = [0u32; SLOT_BYTES / 4];
        words[0] = first as u32;
        device.write(&self.chunk, 0, bytemuck::cast_slice(&words));
        let values = device.submit_and_read(&self.out, &self.staging, n, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.kernel);
            pass.set_bind_group(0, &self.group, &[0]);
            pass.dispatch_workgroups(n.div_ceil(TILE) as u32, 1, 1);
        })?;
        Ok(bytemuck::cast_slice(&values).to_vec())
    }
}
