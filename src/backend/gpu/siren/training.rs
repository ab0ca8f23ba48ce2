//! Training of a SIREN: its steps, and its parameters in the order of the model.

use crate::backend::gpu::GpuBackend;
use crate::backend::gpu::layout::{Layers, Layout};
use crate::backend::gpu::minibatches::{Minibatches, Start};
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::work::Work;
use crate::backend::{SirenTraining, TrainingSet};
use crate::model::SirenShape;
use crate::train::Schedule;
use crate::{Error, Result};

/// A training run.
pub struct Training {
    minibatches: Minibatches,
    layout: Layout,
    n_points: u32,
    seed: u64,
}

impl Training {
    /// Allocates the run on the device and uploads parameters and block. `set` and `params` fit the shape.
    pub fn new(backend: &GpuBackend, shape: &SirenShape, params: &[f32], set: TrainingSet, seed: u64) -> Result<Self> {
        let layout = Layout::new(shape);
        let start = Start {
            kernel: Kernel::Train,
            layers: Layers::from(shape),
            packed: layout.pack(params),
            average: None,
            n_values: set.values.len(),
            most_samples: u32::MAX,
            dims: set.dims.to_vec(),
        };
        let minibatches = Minibatches::new(backend, start)?;
        minibatches.upload(set.values)?;
        let n_points = (set.values.len() / set.n_channels) as u32;
        Ok(Training { minibatches, layout, n_points, seed })
    }

    fn work(&self, schedule: &Schedule, step: u32) -> Work {
        Work {
            seed: self.seed,
            step,
            n_points: self.n_points,
            n_samples: schedule.batch,
            rate: schedule.rate(step),
            corrections: Schedule::bias_correction(step),
            ..Work::default()
        }
    }
}

/// # Errors
/// [`Error::Backend`] for a batch that cannot be numbered.
fn check_batch(batch: u32) -> Result<()> {
    match batch {
        1..=0x4000_0000 => Ok(()),
        _ => Err(failed(format!("a batch of {batch} points: set it to 1..=2^30"))),
    }
}

impl SirenTraining for Training {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        check_batch(schedule.batch)?;
        let steps: Vec<Work> = (first..first.saturating_add(n_steps)).map(|step| self.work(schedule, step)).collect();
        let losses = self.minibatches.run(steps)?;
        let mean = (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / f64::from(n_steps.max(1))) as f32;
        if mean.is_finite() {
            Ok(mean)
        } else {
            Err(failed(format!("the loss became {mean} by step {}: lower the learning rate", first + n_steps)))
        }
    }

    fn gradient(&mut self, step: u32, batch: u32) -> Result<Vec<f32>> {
        check_batch(batch)?;
        let schedule = Schedule { n_steps: 1, batch, peak_rate: 0.0, n_warmup: 0, final_fraction: 0.0 };
        let work = self.work(&schedule, step);
        Ok(self.layout.unpack(&self.minibatches.gradient(&work)?.1))
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        Ok(self.layout.unpack(&self.minibatches.params()?))
    }

    fn device_bytes(&self) -> usize {
        self.minibatches.device_bytes()
    }
}

fn failed(reason: String) -> Error {
    Error::Backend { backend: "gpu".into(), reason }
}
