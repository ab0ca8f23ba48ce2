//! A series network in training on the device: buffers, submissions, reading back. Lives on the owner thread.

use super::program::{Needs, Program};
use super::tables::tables;
use super::work::Visit;
use crate::Result;
use crate::backend::gpu::device::{Device, UPLOAD_BYTES};
use crate::backend::gpu::layout::Layout;
use crate::backend::gpu::pace::MAX_PIECES;
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::tile::Tile;
use crate::backend::gpu::work::SLOT_BYTES;
use crate::backend::series::{SeriesProblem, StepLoss};
use crate::mesh::Mesh;
use crate::model::SirenShape;
use crate::model::series::{GENERATOR_BLOCKS, GENERATOR_WIDTH};
use std::collections::HashMap;
use wgpu::{Buffer, BufferUsages as Usage};

/// Floats of the state in front of the losses: the running norm and the end of the run, twice.
const STATE_HEAD: usize = 4;
/// Floats that one visit keeps of the generator (shaders/shared/generator.wgsl).
const GENERATOR_RECORD: usize = (3 * (2 * GENERATOR_BLOCKS + 1) + 1) * GENERATOR_WIDTH;

/// Buffers and kernels of a run.
pub struct SeriesRun {
    kernels: Vec<(Kernel, wgpu::ComputePipeline)>,
    groups: HashMap<Kernel, wgpu::BindGroup>,
    tile: Tile,
    spatial: SirenShape,
    n_params: usize,
    params: Buffer,
    moments: Buffer,
    stored: Buffer,
    rounding: Buffer,
    gradient: Buffer,
    state: Buffer,
    tables: Buffer,
    mesh: Buffer,
    targets: Buffer,
    workspace: Workspace,
    staging: Buffer,
}

/// Buffers that hold nothing from one submission to the next.
struct Workspace {
    needs: Needs,
    networks: Buffer,
    activations: Buffer,
    errors: Buffer,
    sums: Buffer,
    scratch: Buffer,
    partials: Buffer,
    visits: Buffer,
    works: Buffer,
}

impl Workspace {
    fn new(device: &Device, needs: Needs, spatial: &SirenShape, tile: &Tile) -> Result<Self> {
        let network = 16 * Layout::new(spatial).n_vectors();
        let (kept, partial) = tile.bytes_per_workgroup(spatial);
        let buffer = |bytes| device.buffer(bytes, Usage::STORAGE | Usage::COPY_DST);
        Ok(Workspace {
            needs,
            networks: buffer(needs.n_visits * network)?,
            activations: buffer(needs.n_visits * 4 * GENERATOR_RECORD)?,
            errors: buffer(4 * needs.n_errors)?,
            sums: buffer(4 * needs.n_sums)?,
            scratch: buffer(needs.n_slots * kept)?,
            partials: buffer(needs.n_slots * partial)?,
            visits: buffer(needs.n_descriptions * 4 * Visit::N_WORDS)?,
            works: device.buffer(needs.n_works * SLOT_BYTES, Usage::UNIFORM | Usage::COPY_DST)?,
        })
    }
}

impl SeriesRun {
    /// Allocates what does not depend on the steps; `set` fills parameters and state.
    pub fn new(device: &mut Device, problem: &SeriesProblem, tile: Tile) -> Result<Self> {
        let (spatial, n_params) = (problem.shape.spatial(), problem.shape.n_params());
        let kernels = Kernel::SERIES.map(|kernel| (kernel, device.kernel(kernel, &spatial, &tile))).to_vec();
        let buffer = |n: usize| device.buffer(4 * n, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC);
        let tables = tables(&problem.shape);
        let coordinates = match &*problem.mesh {
            Mesh::Grid { grid, .. } => &grid.axes().concat(),
            Mesh::Points { coordinates, .. } => coordinates,
        };
        let mut run = SeriesRun {
            kernels,
            groups: HashMap::new(),
            tile,
            spatial,
            n_params,
            params: buffer(n_params)?,
            moments: buffer(2 * n_params)?,
            stored: buffer(n_params)?,
            rounding: buffer(n_params)?,
            gradient: buffer(n_params + n_params.div_ceil(256))?,
            state: buffer(STATE_HEAD + 2 * MAX_PIECES)?,
            tables: buffer(tables.len())?,
            mesh: buffer(coordinates.len())?,
            targets: buffer(1)?,
            workspace: Workspace::new(device, Needs::LEAST, &spatial, &tile)?,
            staging: device.buffer(4 * (STATE_HEAD + 2 * MAX_PIECES), Usage::MAP_READ | Usage::COPY_DST)?,
        };
        device.write(&run.tables, 0, bytemuck::cast_slice(&tables));
        upload(device, &run.mesh, 0, bytemuck::cast_slice(coordinates))?;
        run.bind(device);
        Ok(run)
    }

    /// The buffers of a kernel in the order of its bindings, but for the last one.
    fn buffers(&self, kernel: Kernel) -> Vec<&Buffer> {
        let Workspace { networks, activations, errors, sums, scratch, partials, visits, .. } = &self.workspace;
        let SeriesRun { params, moments, stored, rounding, gradient, state, tables, mesh, targets, .. } = self;
        match kernel {
            Kernel::SeriesGenerate => vec![stored, tables, targets, visits, networks, activations],
            Kernel::SeriesCompare => vec![networks, visits, mesh, targets, errors, sums],
            Kernel::SeriesProject => vec![visits, targets, errors, sums],
            Kernel::SeriesUnproject => vec![visits, targets, errors],
            Kernel::SeriesLoss => vec![visits, targets, sums],
            Kernel::SeriesTrain => vec![networks, visits, mesh, targets, errors, sums, scratch, partials],
            Kernel::SeriesReduce => vec![visits, partials],
            Kernel::SeriesGenerator => vec![stored, tables, visits, partials, activations],
            Kernel::SeriesGradient => vec![tables, visits, partials, activations, gradient],
            Kernel::SeriesAdam => vec![params, moments, stored, rounding, gradient, sums, state],
            Kernel::Train | Kernel::Evaluate | Kernel::Adam | Kernel::StencilTrain | Kernel::StencilAverage => {
                Vec::new()
            }
        }
    }

    fn bind(&mut self, device: &Device) {
        let group = |(kernel, pipeline): &(Kernel, wgpu::ComputePipeline)| {
            let buffers = self.buffers(*kernel).into_iter().map(|buffer| (buffer, None));
            let buffers: Vec<_> = buffers.chain([(&self.workspace.works, Some(SLOT_BYTES as u64))]).collect();
            (*kernel, device.bind(pipeline, &buffers))
        };
        self.groups = self.kernels.iter().map(group).collect();
    }

    /// Writes the words of a target from word `first` on; the buffer grows to `n_words`.
    pub fn put(&mut self, device: &Device, first: usize, words: &[u32], n_words: usize) -> Result<()> {
        let held = self.targets.size() as usize / 4;
        if n_words > held {
            let limit = usize::try_from(device.info.max_binding_bytes).unwrap_or(usize::MAX) / 4;
            let n = n_words.max((held * 3 / 2).min(limit));
            let larger = device.buffer(4 * n, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)?;
            device.submit(|encoder| {
                encoder.copy_buffer_to_buffer(&self.targets, 0, &larger, 0, self.targets.size());
            })?;
            self.targets = larger;
            self.bind(device);
        }
        upload(device, &self.targets, 4 * first, bytemuck::cast_slice(words))
    }

    /// Runs dispatches and returns the losses of their steps, in order (zeros where none ends in a loss).
    pub(super) fn submit(&mut self, device: &Device, program: &Program) -> Result<Vec<StepLoss>> {
        let needs = self.workspace.needs.max(program.needs);
        if needs != self.workspace.needs {
            // The old buffers would stand beside the new ones.
            self.groups.clear();
            self.workspace = Workspace::new(device, Needs::LEAST, &self.spatial, &self.tile)?;
            self.workspace = Workspace::new(device, needs, &self.spatial, &self.tile)?;
            self.bind(device);
        }
        let works: Vec<u32> = program.works.iter().flat_map(|work| work.words()).collect();
        let visits: Vec<u32> = program.visits.iter().flat_map(|visit| visit.words()).collect();
        device.write(&self.workspace.works, 0, bytemuck::cast_slice(&works));
        device.write(&self.workspace.visits, 0, bytemuck::cast_slice(&visits));
        let n_values = STATE_HEAD + 2 * program.n_evaluations.len();
        let state = device.submit_and_read(&self.state, &self.staging, n_values, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for dispatch in &program.dispatches {
                let pipeline = self.kernels.iter().find(|(kernel, _)| *kernel == dispatch.kernel);
                if let (Some((kernel, pipeline)), (x, y)) = (pipeline, dispatch.groups) {
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, &self.groups[kernel], &[dispatch.work * SLOT_BYTES as u32]);
                    pass.dispatch_workgroups(x, y, 1);
                }
            }
        })?;
        Ok(state[STATE_HEAD..].chunks_exact(2).map(|loss| StepLoss { now: loss[0], past: loss[1] }).collect())
    }

    /// Writes parameters, what losses see of them, and Adam's moments with the running norm of the gradient.
    pub fn set(&self, device: &Device, params: &[f32], stored: &[f32], moments: &[f32], norm: f32) -> Result<()> {
        device.write(&self.state, 0, bytemuck::cast_slice(&[norm, 0.0, norm, 0.0]));
        upload(device, &self.params, 0, bytemuck::cast_slice(params))?;
        upload(device, &self.stored, 0, bytemuck::cast_slice(stored))?;
        upload(device, &self.moments, 0, bytemuck::cast_slice(moments))
    }

    /// Writes what parameters are rounded to, and what losses see of them from now on.
    pub fn round_to(&self, device: &Device, rounding: &[f32], stored: &[f32]) -> Result<()> {
        upload(device, &self.rounding, 0, bytemuck::cast_slice(rounding))?;
        upload(device, &self.stored, 0, bytemuck::cast_slice(stored))
    }

    /// The gradient of the last step.
    pub fn gradient(&self, device: &Device) -> Result<Vec<f32>> {
        read(device, &self.gradient, self.n_params)
    }

    pub fn params(&self, device: &Device) -> Result<Vec<f32>> {
        read(device, &self.params, self.n_params)
    }

    /// Adam's first, then second moments.
    pub fn moments(&self, device: &Device) -> Result<Vec<f32>> {
        read(device, &self.moments, 2 * self.n_params)
    }

    /// The running norm of the gradient after an even or odd number of steps.
    pub fn norm(&self, device: &Device, parity: u32) -> Result<f32> {
        Ok(read(device, &self.state, STATE_HEAD)?[2 * parity as usize])
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        let SeriesRun { params, moments, stored, rounding, gradient, state, tables, mesh, targets, staging, .. } = self;
        let Workspace { networks, activations, errors, sums, scratch, partials, visits, works, .. } = &self.workspace;
        let lasting = [params, moments, stored, rounding, gradient, state, tables, mesh, targets, staging];
        let transient = [networks, activations, errors, sums, scratch, partials, visits, works];
        lasting.into_iter().chain(transient).map(|buffer| buffer.size() as usize).sum()
    }
}

/// Writes `data` from `offset` on, a bounded piece at a time.
fn upload(device: &Device, buffer: &Buffer, offset: usize, data: &[u8]) -> Result<()> {
    for (i, part) in data.chunks(UPLOAD_BYTES).enumerate() {
        device.write(buffer, offset + i * UPLOAD_BYTES, part);
        device.submit(|_| ())?;
    }
    Ok(())
}

fn read(device: &Device, buffer: &Buffer, n_values: usize) -> Result<Vec<f32>> {
    let staging = device.buffer(4 * n_values, Usage::MAP_READ | Usage::COPY_DST)?;
    device.submit_and_read(buffer, &staging, n_values, |_| ())
}
