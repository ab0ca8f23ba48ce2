//! Values at all grid points, chunk by chunk.

use crate::Result;
use crate::backend::gpu::GpuBackend;
use crate::backend::gpu::device::Device;
use crate::backend::gpu::layout::Layout;
use crate::backend::gpu::owner;
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::tile::DeviceKind;
use crate::backend::gpu::work::{SLOT_BYTES, Work};
use crate::model::SirenShape;
use wgpu::BufferUsages as Usage;

/// Values per chunk: 4 MiB, a fraction of a second even on a slow integrated GPU.
const CHUNK_VALUES: usize = 1 << 20;
/// Resident workgroups.
const MAX_WORKGROUPS: usize = 2048;

/// Evaluates into `out: [n_points][n_outputs]`, which fits `dims`.
pub fn evaluate(
    backend: &GpuBackend,
    shape: &SirenShape,
    params: &[f32],
    dims: &[usize],
    out: &mut [f32],
) -> Result<()> {
    let (adapter, kind) = (backend.info.index, backend.kind);
    let n_points = out.len() / shape.n_outputs;
    let mut first_point = 0;
    while first_point < n_points {
        let (shape, params, dims) = (*shape, params.to_vec(), dims.to_vec());
        let part = owner::call(move |state| {
            state.device(adapter)?.guarded(|device| chunk(device, kind, &shape, &params, &dims, first_point, n_points))
        })?;
        let start = first_point * shape.n_outputs;
        out[start..start + part.len()].copy_from_slice(&part);
        first_point += part.len() / shape.n_outputs;
    }
    Ok(())
}

fn chunk(
    device: &mut Device,
    kind: DeviceKind,
    shape: &SirenShape,
    params: &[f32],
    dims: &[usize],
    first_point: usize,
    n_points: usize,
) -> Result<Vec<f32>> {
    let tile = device.tile(shape, kind)?;
    let kernel = device.kernel(Kernel::Evaluate, shape, &tile);
    let most = usize::try_from(device.limits().max_compute_workgroups_per_dimension).unwrap_or(usize::MAX);
    let n_samples = (CHUNK_VALUES / shape.n_outputs).min(most * tile.t).min(n_points - first_point);
    let n_tiles = n_samples.div_ceil(tile.t);
    let n_workgroups = n_tiles.min(MAX_WORKGROUPS).max(n_tiles.div_ceil(tile.tiles_per_dispatch(shape)));
    let packed = Layout::new(shape).pack(params);
    let n_values = n_samples * shape.n_outputs;
    let params = device.buffer(4 * packed.len(), Usage::STORAGE | Usage::COPY_DST)?;
    let values = device.buffer(4 * n_values, Usage::STORAGE | Usage::COPY_SRC)?;
    let staging = device.buffer(4 * n_values, Usage::MAP_READ | Usage::COPY_DST)?;
    let uniform = device.buffer(SLOT_BYTES, Usage::UNIFORM | Usage::COPY_DST)?;
    let work = Work {
        n_points: n_points as u32,
        n_samples: n_samples as u32,
        first_point: first_point as u32,
        end_tile: n_tiles as u32,
        n_workgroups: n_workgroups as u32,
        ..Work::default()
    };
    device.write(&params, 0, bytemuck::cast_slice(&packed));
    device.write(&uniform, 0, bytemuck::cast_slice(&work.words(dims)));
    let slot = Some(SLOT_BYTES as u64);
    let group = device.bind(&kernel, &[(&params, None), (&values, None), (&uniform, slot)]);
    device.submit_and_read(&values, &staging, n_values, |encoder| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&kernel);
        pass.set_bind_group(0, &group, &[0]);
        pass.dispatch_workgroups(n_workgroups as u32, 1, 1);
    })
}
