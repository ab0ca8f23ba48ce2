//! How a kernel is cut: register tile per thread, points per workgroup, workgroups per device.

use super::layout::{Layers, Layout};
use crate::backend::stencil::MAX_CELL;
use crate::{Error, Result};

/// Loop iterations that one invocation may run per dispatch. Mesa 22.3's software driver silently stops an invocation
/// after 65,535; staying below also keeps each dispatch short enough for the watchdogs of desktop drivers.
const MAX_ITERATIONS: usize = 60_000;

/// What a device offers to one workgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkgroupLimits {
    /// Bytes of workgroup memory. wgpu does not check shaders against it, so [`Tile::choose`] does.
    pub bytes: usize,
    /// Invocations per workgroup.
    pub invocations: usize,
}

/// Sizes of the register and workgroup tiles of one shape on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Neurons of a thread's register tile, 4 or 8.
    pub ti: usize,
    /// Points of a thread's register tile, a multiple of 4.
    pub tt: usize,
    /// Points per workgroup.
    pub t: usize,
    /// Rows of a thread's tile in a weight gradient.
    pub wi: usize,
    /// Columns of a thread's tile in a weight gradient.
    pub wj: usize,
}

/// Whether a device is a chip or a program on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A GPU.
    Hardware,
    /// Software Vulkan: for tests, where compiling time counts and speed does not.
    Software,
}

impl DeviceKind {
    /// Workgroups of networks of this width that stay on the device at most: several per multiprocessor of the largest GPUs (132),
    /// one where the gradient partials that each leaves are large; a few per core of a CPU.
    pub fn max_workgroups(self, width: usize) -> usize {
        match self {
            DeviceKind::Hardware if width > 64 => 132,
            DeviceKind::Hardware => 1024,
            DeviceKind::Software => 8,
        }
    }
}

/// How networks up to a padded width are cut on one kind of device.
struct Cut {
    kind: DeviceKind,
    max_width: usize,
    /// Register tile of the matrix products over neurons: neurons, points.
    register: (usize, usize),
    /// Register tile of the weight gradients: rows, columns.
    gradient: (usize, usize),
    /// Threads per workgroup to aim at; points per workgroup follow.
    threads: usize,
}

/// The first row that fits is taken. Hardware: the fastest of 15 cuts on an NVIDIA H200.
const CUTS: [Cut; 3] = [
    // Compiles in seconds instead of half a minute.
    Cut { kind: DeviceKind::Software, max_width: 128, register: (4, 4), gradient: (4, 4), threads: 128 },
    // Larger register tiles load less per multiply-add and are slower all the same: fewer threads stay on a multiprocessor.
    Cut { kind: DeviceKind::Hardware, max_width: 32, register: (4, 4), gradient: (8, 4), threads: 128 },
    Cut { kind: DeviceKind::Hardware, max_width: 128, register: (4, 4), gradient: (8, 4), threads: 256 },
];

impl Tile {
    /// The tile for a shape on a device.
    ///
    /// # Errors
    /// [`Error::Backend`] when not even the smallest tile fits.
    pub fn choose(shape: impl Into<Layers>, limits: WorkgroupLimits, kind: DeviceKind) -> Result<Tile> {
        let layers = shape.into();
        let h = Layout::new(layers).h;
        for cut in CUTS.iter().filter(|cut| cut.kind == kind && h <= cut.max_width) {
            let ((ti, tt), (wi, wj)) = (cut.register, cut.gradient);
            for t in [256, 128, 64, 32, 16, 8, 4] {
                let tile = Tile { ti, tt, t, wi, wj }.with_gradient_tile(layers);
                let fits = tile.workgroup_bytes(layers) <= limits.bytes;
                if fits && tile.threads(layers) <= cut.threads.min(limits.invocations) {
                    return Ok(tile);
                }
            }
        }
        Err(Error::Backend {
            backend: "gpu".into(),
            reason: format!(
                "a network of width {} needs more workgroup memory than the device's {} bytes: set backend=cpu",
                layers.width, limits.bytes
            ),
        })
    }

    /// Halves the gradient tile until every thread has one, so that narrow networks keep all threads busy.
    fn with_gradient_tile(mut self, shape: Layers) -> Tile {
        while self.n_gradient_tiles(shape) < self.threads(shape) && self.wi * self.wj > 1 {
            if self.wi >= self.wj {
                self.wi /= 2;
            } else {
                self.wj /= 2;
            }
        }
        self
    }

    fn n_gradient_tiles(&self, shape: Layers) -> usize {
        let h = Layout::new(shape).h;
        (h / self.wi) * (h / self.wj)
    }

    /// Invocations per workgroup.
    pub fn threads(&self, shape: impl Into<Layers>) -> usize {
        (Layout::new(shape).h / self.ti) * (self.t / self.tt)
    }

    /// Vectors per row of the activations in workgroup memory: one more than needed, so that threads on neighbouring
    /// rows hit different banks.
    pub fn row4(&self) -> usize {
        self.t / 4 + 1
    }

    /// Bytes of workgroup memory of the training kernel, the larger of the two.
    pub fn workgroup_bytes(&self, shape: impl Into<Layers>) -> usize {
        let layers = shape.into();
        let activations_and_gradients = 2 * Layout::new(layers).h * self.row4() * 16;
        activations_and_gradients + 4 * self.t * (layers.n_inputs + layers.n_outputs + 1)
    }

    /// Bytes of device memory per workgroup of the training kernel: kept values and gradient partial.
    pub fn bytes_per_workgroup(&self, shape: impl Into<Layers>) -> (usize, usize) {
        let layers = shape.into();
        let kept = layers.n_kept * self.ti * (self.tt / 4) * self.threads(layers) * 16;
        (kept, Layout::new(layers).n_vectors() * 16)
    }

    /// Tiles that one workgroup may train in one dispatch.
    pub fn tiles_per_dispatch(&self, shape: impl Into<Layers>) -> usize {
        (MAX_ITERATIONS / self.iterations_per_tile(shape)).max(1)
    }

    /// Upper bound of the loop iterations of one invocation per tile of the training kernel (which contains the
    /// evaluation), loop by loop in the order of the shader.
    pub fn iterations_per_tile(&self, shape: impl Into<Layers>) -> usize {
        let layers = shape.into();
        let Layers { n_inputs, n_outputs, .. } = layers;
        let layout = Layout::new(layers);
        let (h, h4, t4, threads) = (layout.h, layout.h / 4, self.t / 4, self.threads(layers));
        let loops = |tasks: usize, inner: usize| tasks.div_ceil(threads) * (1 + inner);
        let draw = loops(self.t, n_inputs).max(loops((n_inputs + 1) * self.t, 0));
        let forward = n_inputs + layout.n_hidden() * (1 + h4);
        // Predictors transform the errors of cells there and back.
        let compare = loops(n_outputs * self.t, h4) + loops(n_outputs * self.t, 0) + 2 * loops(self.t, MAX_CELL);
        let output = loops(n_outputs * (h + 1), t4) + n_outputs;
        let weights = loops(self.n_gradient_tiles(layers), t4);
        let bias = loops(h, t4);
        let backward = layout.n_hidden() * (1 + weights + bias + h);
        let input = loops(n_inputs * h, t4) + bias;
        1 + draw + forward + compare + output + backward + input
    }
}

#[cfg(test)]
mod tests {
    use super::DeviceKind::{Hardware, Software};
    use super::*;
    use crate::model::SirenShape;

    #[test]
    fn a_tile_is_found_for_every_shape_down_to_the_smallest_device() {
        for width in (8..=128).step_by(4) {
            for n_outputs in [1, 16] {
                let shape = SirenShape { n_inputs: 5, width, n_blocks: 16, n_outputs };
                for (bytes, kind) in [(16 << 10, Hardware), (32 << 10, Software), (48 << 10, Hardware)] {
                    let limits = WorkgroupLimits { bytes, invocations: 256 };
                    let tile = Tile::choose(&shape, limits, kind).expect("a tile");
                    assert!(tile.workgroup_bytes(&shape) <= bytes);
                    assert!(tile.threads(&shape) <= 256);
                    assert!(tile.iterations_per_tile(&shape) < MAX_ITERATIONS);
                    let h = Layout::new(&shape).h;
                    assert!([tile.ti, tile.wi, tile.wj].iter().all(|n| h.is_multiple_of(*n)));
                    assert!(tile.t.is_multiple_of(tile.tt));
                }
            }
        }
    }

    #[test]
    fn a_device_without_workgroup_memory_is_refused_with_a_remedy() {
        let shape = SirenShape { n_inputs: 3, width: 128, n_blocks: 2, n_outputs: 1 };
        let error = Tile::choose(&shape, WorkgroupLimits { bytes: 4096, invocations: 256 }, Hardware).unwrap_err();
        assert!(error.to_string().contains("backend=cpu"), "{error}");
    }
}
