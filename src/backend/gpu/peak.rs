//! How fast can this device be: for the benchmarks.

use super::GpuBackend;
use super::owner;
use super::shader::{FMA_PEAK_FLOPS, fma_peak_source};
use crate::Result;
use std::time::Instant;
use wgpu::BufferUsages as Usage;

impl GpuBackend {
    /// Measured f32 peak in operations per second: multiply-adds in registers, best of several runs of 50 ms or more.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when the device fails.
    pub fn measure_peak(&self) -> Result<f64> {
        let adapter = self.info().index;
        owner::call(move |state| {
            state.device(adapter)?.guarded(|device| {
                let most = device.limits().max_compute_workgroups_per_dimension as usize;
                let pipeline = device.pipeline(&fma_peak_source(), "fma_peak", "w");
                let (mut n_groups, mut best, mut n_long) = (4, 0.0_f64, 0);
                while n_long < 5 {
                    let sink = device.buffer(4 * 256 * n_groups, Usage::STORAGE)?;
                    let group = device.bind(&pipeline, &[(&sink, None)]);
                    let start = Instant::now();
                    device.submit(|encoder| {
                        let mut pass = encoder.begin_compute_pass(&Default::default());
                        pass.set_pipeline(&pipeline);
                        pass.set_bind_group(0, &group, &[]);
                        pass.dispatch_workgroups(n_groups as u32, 1, 1);
                    })?;
                    let seconds = start.elapsed().as_secs_f64();
                    best = best.max(FMA_PEAK_FLOPS * (256 * n_groups) as f64 / seconds);
                    if seconds < 0.05 && 2 * n_groups <= most {
                        n_groups *= 2;
                    } else {
                        n_long += 1;
                    }
                }
                Ok(best)
            })
        })
    }
}
