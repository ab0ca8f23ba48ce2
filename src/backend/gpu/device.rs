//! An open device on the owner thread: buffers, pipelines, submission, and every way it can fail as an [`Error`].

use super::adapter::AdapterInfo;
use super::layout::Layers;
use super::shader::Kernel;
use super::tile::{DeviceKind, Tile, WorkgroupLimits};

use crate::{Error, Result};
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for one submission before the device counts as hung. The software driver compiles inside the first.
const PATIENCE: Duration = Duration::from_secs(180);
const PATIENCE_SOFTWARE: Duration = Duration::from_secs(900);
/// Bytes uploaded at a time, which bounds the driver's staging memory.
pub(super) const UPLOAD_BYTES: usize = 4 << 20;
/// Compiled kernels that are kept.
const MAX_KERNELS: usize = 256;

/// An open device with what lives on it.
pub(super) struct Device {
    pub info: AdapterInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Why the device is gone, once it is.
    lost: Arc<Mutex<Option<String>>>,
    kernels: HashMap<(Kernel, Layers, Tile), wgpu::ComputePipeline>,
    /// By their whole source.
    programs: HashMap<String, wgpu::ComputePipeline>,
    /// What callers hold a [`super::handle::Handle`] of, by its number.
    pub kept: HashMap<u64, Box<dyn Any>>,
    /// Held because the device needs it.
    _instance: wgpu::Instance,
}

impl Device {
    pub fn open(info: AdapterInfo, instance: wgpu::Instance, adapter: &wgpu::Adapter) -> Result<Self> {
        let descriptor = wgpu::DeviceDescriptor {
            required_limits: adapter.limits(),
            // Small heaps: the simulation on the same device needs the rest.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| Error::Backend {
            backend: info.name.clone(),
            reason: format!(
                "the device could not be opened ({e}): check the driver with `inr doctor` or set backend=cpu"
            ),
        })?;
        let lost = Arc::new(Mutex::new(None));
        let told = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| set_lost(&told, format!("{reason:?} {message}")));
        // Errors outside our scopes cannot be tied to a call; without a handler wgpu would panic.
        let told = Arc::clone(&lost);
        device.on_uncaptured_error(Arc::new(move |error| set_lost(&told, shortened(&error.to_string()))));
        let (kernels, programs, kept) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Device { info, device, queue, lost, kernels, programs, kept, _instance: instance })
    }

    /// Runs `work` with error scopes around it; a panic inside wgpu counts as a lost device.
    pub fn guarded<T>(&mut self, work: impl FnOnce(&mut Device) -> Result<T>) -> Result<T> {
        self.check_alive()?;
        let filters = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal];
        let scopes = filters.map(|filter| self.device.push_error_scope(filter));
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
        let error = errors.last();
        let result = match result {
            Ok(result) => result,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
                set_lost(&self.lost, shortened(text));
                return Err(self.lost_error());
            }
        };
        self.check_alive()?;
        match error {
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(self.error("out of device memory: use smaller blocks or set backend=cpu".into()))
            }
            Some(error) => {
                Err(self
                    .error(format!("the driver refused a call ({}): set backend=cpu", shortened(&error.to_string()))))
            }
            None => result,
        }
    }

    /// An error of this device.
    pub fn error(&self, reason: String) -> Error {
        Error::Backend { backend: self.info.name.clone(), reason }
    }

    pub fn is_lost(&self) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn check_alive(&self) -> Result<()> {
        if self.is_lost() { Err(self.lost_error()) } else { Ok(()) }
    }

    fn lost_error(&self) -> Error {
        let reason = self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        self.error(format!(
            "the device was lost ({}): it is reopened once at the next block, after that set backend=cpu",
            reason.trim()
        ))
    }

    /// Destroys the device as a driver reset would.
    pub fn lose(&self) {
        self.device.destroy();
        let _ = catch_unwind(AssertUnwindSafe(|| self.device.poll(wgpu::PollType::Poll)));
    }

    /// Bytes that wgpu holds for buffers, where its allocator tells.
    pub fn allocated_bytes(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// Waits until everything submitted is done, for at most `timeout`; errors do not matter any more.
    pub fn quiesce(&self, timeout: Duration) {
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(timeout) };
        let _ = catch_unwind(AssertUnwindSafe(|| self.device.poll(wait)));
    }

    pub fn limits(&self) -> wgpu::Limits {
        self.device.limits()
    }

    /// A buffer of `bytes`, zero.
    pub fn buffer(&self, bytes: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let limits = self.limits();
        let most = if usage.contains(wgpu::BufferUsages::STORAGE) {
            limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
        } else {
            limits.max_buffer_size
        };
        if bytes as u64 > most {
            return Err(self.error(format!(
                "{bytes} bytes in one buffer exceed the device's {most}: write smaller blocks or set backend=cpu"
            )));
        }
        let size = (bytes as u64).next_multiple_of(4).max(4);
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false }))
    }

    pub fn write(&self, buffer: &wgpu::Buffer, offset: usize, data: &[u8]) {
        self.queue.write_buffer(buffer, offset as u64, data);
    }

    /// Submits `record`'s commands and waits for them.
    pub fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        let index = self.queue.submit([encoder.finish()]);
        let timeout = Some(if self.info.is_software() { PATIENCE_SOFTWARE } else { PATIENCE });
        let wait = wgpu::PollType::Wait { submission_index: Some(index), timeout };
        if let Err(e) = self.device.poll(wait) {
            set_lost(&self.lost, format!("no answer: {e}"));
        }
        self.check_alive()
    }

    /// Copies the start of `source` to the mappable `staging` after `record`'s commands and reads it.
    pub fn submit_and_read(
        &self,
        source: &wgpu::Buffer,
        staging: &wgpu::Buffer,
        n_values: usize,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<Vec<f32>> {
        if n_values == 0 {
            // A mapping of nothing is refused.
            return self.submit(record).map(|()| Vec::new());
        }
        let bytes = 4 * n_values as u64;
        self.submit(|encoder| {
            record(encoder);
            encoder.copy_buffer_to_buffer(source, 0, staging, 0, bytes);
        })?;
        let slice = staging.slice(..bytes);
        slice.map_async(wgpu::MapMode::Read, |_| ());
        self.device.poll(wgpu::PollType::Poll).map_err(|e| self.error(format!("reading back failed ({e})")))?;
        let view = slice
            .get_mapped_range()
            .map_err(|e| self.error(format!("reading back failed ({e:?}): set backend=cpu")))?;
        let values = bytemuck::cast_slice(&view).to_vec();
        drop(view);
        staging.unmap();
        Ok(values)
    }

    /// One bind group over `buffers` in the order of their bindings; a uniform gets a dynamic offset.
    pub fn bind(&self, pipeline: &wgpu::ComputePipeline, buffers: &[(&wgpu::Buffer, Option<u64>)]) -> wgpu::BindGroup {
        let entries: Vec<_> = buffers
            .iter()
            .enumerate()
            .map(|(binding, (buffer, size))| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 0,
                    size: size.and_then(std::num::NonZeroU64::new),
                }),
            })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries })
    }

    /// How kernels of a shape are cut on this device.
    pub fn tile(&self, shape: impl Into<Layers>, kind: DeviceKind) -> Result<Tile> {
        let limits = WorkgroupLimits { bytes: self.info.workgroup_bytes, invocations: self.info.workgroup_invocations };
        Tile::choose(shape, limits, kind)
    }

    /// A kernel, compiled at first use.
    pub fn kernel(&mut self, kernel: Kernel, shape: impl Into<Layers>, tile: &Tile) -> wgpu::ComputePipeline {
        let layers = shape.into();
        let key = (kernel, layers, *tile);
        if let Some(found) = self.kernels.get(&key) {
            return found.clone();
        }
        let pipeline = self.pipeline(&kernel.source(layers, tile), kernel.entry(), kernel.bindings());
        if self.kernels.len() >= MAX_KERNELS {
            self.kernels.clear();
        }
        self.kernels.insert(key, pipeline.clone());
        pipeline
    }

    /// A kernel of this source, compiled at first use; see [`Self::pipeline`].
    pub fn program(&mut self, source: String, entry: &str, bindings: &str) -> wgpu::ComputePipeline {
        if let Some(found) = self.programs.get(&source) {
            return found.clone();
        }
        let pipeline = self.pipeline(&source, entry, bindings);
        if self.programs.len() >= MAX_KERNELS {
            self.programs.clear();
        }
        self.programs.insert(source, pipeline.clone());
        pipeline
    }

    /// A pipeline; `bindings` names each one: r(ead) and w(rite) storage, u(niform) with dynamic offset.
    pub fn pipeline(&self, source: &str, entry: &str, bindings: &str) -> wgpu::ComputePipeline {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(entry),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let entries: Vec<_> = bindings
            .chars()
            .enumerate()
            .map(|(binding, kind)| wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match kind {
                        'u' => wgpu::BufferBindingType::Uniform,
                        kind => wgpu::BufferBindingType::Storage { read_only: kind == 'r' },
                    },
                    has_dynamic_offset: kind == 'u',
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let group =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry),
            // The kernels write workgroup memory before they read it.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        })
    }
}

fn set_lost(lost: &Mutex<Option<String>>, reason: String) {
    lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
}

/// A message of several lines as one of at most 300 characters.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ").chars().take(300).collect()
}
