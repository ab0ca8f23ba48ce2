//! A training run: draws the samples of a step, spreads them over gradient slots, updates the parameters.

use super::layout::Layout;
use super::train::{TrainBackward, TrainForward, TrainScratch};
use crate::backend::cpu::adam::{self, AdamChunk};
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::{SirenTraining, TrainingSet};
use crate::mesh::Grid;
use crate::model::SirenShape;
use crate::threads::canonical;
use crate::train::{Schedule, sample_index};
use crate::{Error, Result};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Gradient slots of a small model: the most tasks of a step, whatever the number of threads.
const MAX_SLOTS: usize = 32;

/// Larger models get fewer slots so that all together stay near this size.
const SLOT_BYTES: usize = 16 << 20;

/// Points per kernel call: the activations of a tile fit the second-level cache.
fn tile_points(shape: &SirenShape) -> usize {
    if shape.width * (4 * shape.n_blocks + 6) <= 64 * 22 { 96 } else { 48 }
}

/// What a run starts from; lengths were checked.
pub struct Start<'a, 'p> {
    pub pool: Arc<ThreadPool>,
    pub shape: SirenShape,
    pub params: &'p [f32],
    pub set: TrainingSet<'a>,
    pub seed: u64,
}

impl<'a> Kernel for Start<'a, '_> {
    type Output = Box<dyn SirenTraining + 'a>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Box<dyn SirenTraining + 'a> {
        Box::new(Training::new(simd, self))
    }
}

/// State of a run, in the padded layout.
struct Training<'a, S> {
    simd: S,
    pool: Arc<ThreadPool>,
    layout: Layout,
    set: TrainingSet<'a>,
    grid: Grid,
    seed: u64,
    params: Vec<f32>,
    transposed: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    /// `[n_slots][layout.len()]`.
    gradients: Vec<f32>,
    losses: Vec<f64>,
    tile: usize,
    /// One per thread, locked by its own thread only.
    scratch: Vec<Mutex<TrainScratch>>,
}

impl<'a, S: Simd> Training<'a, S> {
    fn new(simd: S, start: Start<'a, '_>) -> Self {
        let layout = Layout::new(&start.shape, S::LANES);
        let n_slots = (SLOT_BYTES / (4 * start.shape.n_params())).clamp(8, MAX_SLOTS);
        let tile = tile_points(&start.shape);
        let scratch = || Mutex::new(TrainScratch::new(&layout, tile));
        let params = layout.pad(start.params);
        let mut transposed = vec![0.0; layout.transposed_len()];
        layout.transpose(&params, &mut transposed);
        Training {
            simd,
            layout,
            set: start.set,
            grid: Grid::new(start.set.dims),
            seed: start.seed,
            params,
            transposed,
            first_moment: vec![0.0; layout.len()],
            second_moment: vec![0.0; layout.len()],
            gradients: vec![0.0; n_slots * layout.len()],
            losses: vec![0.0; n_slots],
            tile,
            scratch: (0..start.pool.current_num_threads()).map(|_| scratch()).collect(),
            pool: start.pool,
        }
    }

    /// Fills the gradient slots for a step; returns its mean loss and the number of slots in use.
    fn slots(&mut self, step: u32, batch: u32) -> (f64, usize) {
        let batch = batch as usize;
        let n_tiles = batch.div_ceil(self.tile);
        let n_slots = self.losses.len().min(n_tiles);
        let n_values = batch as f64 * self.layout.shape.n_outputs as f64;
        let (mut gradients, mut losses) = (std::mem::take(&mut self.gradients), std::mem::take(&mut self.losses));
        let slots = gradients.par_chunks_exact_mut(self.layout.len()).zip(&mut losses).take(n_slots);
        slots.with_max_len(1).enumerate().for_each(|(slot, (gradient, loss))| {
            let first = slot * n_tiles / n_slots * self.tile;
            let end = ((slot + 1) * n_tiles / n_slots * self.tile).min(batch);
            *loss = self.fill_slot(step, first..end, (1.0 / n_values) as f32, gradient);
        });
        let loss = losses[..n_slots].iter().sum::<f64>() / n_values;
        (self.gradients, self.losses) = (gradients, losses);
        (loss, n_slots)
    }

    /// Gradient of the samples `range` of a step into a slot; returns the sum of squared errors.
    fn fill_slot(&self, step: u32, range: std::ops::Range<usize>, scale: f32, gradient: &mut [f32]) -> f64 {
        let _mode = canonical();
        let thread = rayon::current_thread_index().unwrap_or(0);
        let mut scratch = self.scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
        gradient.fill(0.0);
        let mut loss = 0.0;
        for first in range.clone().step_by(self.tile) {
            let n = self.tile.min(range.end - first);
            self.draw(step, first, n, &mut scratch);
            let Training { simd, layout, params, transposed, .. } = self;
            simd.dispatch(TrainForward { layout, params, transposed, scratch: &mut scratch, n });
            loss += squared_error(layout, &mut scratch, n, scale);
            simd.dispatch(TrainBackward { layout, params, scratch: &mut scratch, n, gradient: &mut *gradient });
        }
        loss
    }

    /// Coordinates and values of the samples `first..first + n` of a step.
    fn draw(&self, step: u32, first: usize, n: usize, scratch: &mut TrainScratch) {
        let (n_inputs, n_channels) = (self.layout.shape.n_inputs, self.set.n_channels);
        let points = scratch.x.chunks_exact_mut(n_inputs).zip(scratch.target.chunks_exact_mut(n_channels));
        for (sample, (x, target)) in (first..first + n).zip(points) {
            let index = sample_index(self.seed, step, sample as u32, self.grid.n_points() as u32);
            self.grid.point(index, x);
            let at = index as usize * n_channels;
            target.copy_from_slice(&self.set.values[at..at + n_channels]);
        }
    }

    /// Adam on all parameters from the first `n_slots` slots, then the transposed copy.
    fn update(&mut self, schedule: &Schedule, step: u32, n_slots: usize) {
        let (rate, correction) = (schedule.rate(step), Schedule::bias_correction(step));
        let (simd, stride, gradients) = (self.simd, self.layout.len(), &self.gradients);
        let moments = self.first_moment.par_chunks_mut(adam::CHUNK).zip(self.second_moment.par_chunks_mut(adam::CHUNK));
        let chunks = self.params.par_chunks_mut(adam::CHUNK).zip(moments).enumerate();
        chunks.for_each(|(i, (params, (first_moment, second_moment)))| {
            let _mode = canonical();
            let slots = &gradients[i * adam::CHUNK..];
            simd.dispatch(AdamChunk { slots, stride, n_slots, params, first_moment, second_moment, rate, correction });
        });
        let (layout, params) = (&self.layout, &self.params);
        let (hidden, output) = self.transposed.split_at_mut(layout.transposed(layout.n_hidden()));
        let layers = hidden.par_chunks_exact_mut(layout.transposed(1)).enumerate();
        layers.for_each(|(layer, out)| layout.transpose_layer(params, layer, out));
        layout.transpose_layer(params, layout.n_hidden(), output);
    }

    fn steps(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let mut sum = 0.0;
        for step in first..first + n_steps {
            let (loss, n_slots) = self.slots(step, schedule.batch);
            if !loss.is_finite() {
                let reason = format!("the loss of step {step} is not finite: the learning rate is too high");
                return Err(Error::Backend { backend: "cpu".into(), reason });
            }
            sum += loss;
            self.update(schedule, step, n_slots);
        }
        Ok((sum / f64::from(n_steps.max(1))) as f32)
    }
}

/// Sum of squared errors of the first `n` points; replaces the outputs by the gradient of `scale` times it.
fn squared_error(layout: &Layout, scratch: &mut TrainScratch, n: usize, scale: f32) -> f64 {
    let n_outputs = layout.shape.n_outputs;
    let TrainScratch { out, target, .. } = scratch;
    let points = out.chunks_exact_mut(layout.lead_out).zip(target.chunks_exact(n_outputs));
    let mut loss = 0.0;
    for (out, target) in points.take(n) {
        let (out, padding) = out.split_at_mut(n_outputs);
        for (out, target) in out.iter_mut().zip(target) {
            let error = *out - target;
            loss += f64::from(error) * f64::from(error);
            *out = 2.0 * scale * error;
        }
        padding.fill(0.0);
    }
    loss
}

impl<S: Simd> SirenTraining for Training<'_, S> {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let pool = self.pool.clone();
        pool.install(|| self.steps(schedule, first, n_steps))
    }

    fn gradient(&mut self, step: u32, batch: u32) -> Result<Vec<f32>> {
        let pool = self.pool.clone();
        let (_, n_slots) = pool.install(|| self.slots(step, batch));
        let mut sum = vec![0.0; self.layout.len()];
        adam::sum_slots(&self.gradients, self.layout.len(), n_slots, &mut sum);
        Ok(self.layout.unpad(&sum))
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        Ok(self.layout.unpad(&self.params))
    }

    fn device_bytes(&self) -> usize {
        let state = [&self.params, &self.transposed, &self.first_moment, &self.second_moment, &self.gradients];
        let scratch = |s: &Mutex<TrainScratch>| s.lock().unwrap_or_else(PoisonError::into_inner).bytes();
        4 * state.map(Vec::len).iter().sum::<usize>()
            + self.scratch.iter().map(scratch).sum::<usize>()
            + std::mem::size_of_val(self.set.values)
            + self.grid.bytes()
    }
}
