//! A training run of a series network: at each visited time the generator makes a SIREN over space, the kernels of
//! [`crate::backend::cpu::siren`] run it, and its gradient is pulled back to the stored parameters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::adam::{SeriesAdam, norm};
use super::generator::Generator;
use super::visit::{Draw, Visit};
use crate::backend::cpu::simd::{Kernel, Simd};
use crate::backend::cpu::siren::{EvaluateScratch, EvaluateTile, TrainBackward, TrainForward, TrainScratch};
use crate::backend::series::{Moment, SeriesProblem, SeriesTraining, Step, StepLoss, Target, TrainingState};
use crate::threads::canonical;
use crate::train::Objective;
use crate::train::Schedule;
use crate::{Error, Result};

/// Nodes per kernel call: a visit of the usual size is one call.
const TILE: usize = 256;
/// Gradient slots of a visit with more nodes than a tile, whatever the number of threads.
const MAX_SLOTS: usize = 8;

/// What a run starts from; lengths were checked.
pub struct Start<'a> {
    pub pool: Arc<ThreadPool>,
    pub problem: SeriesProblem,
    pub params: &'a [f32],
}

impl Kernel for Start<'_> {
    type Output = Box<dyn SeriesTraining>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Box<dyn SeriesTraining> {
        Box::new(Training::new(simd, self))
    }
}

struct Training<S> {
    simd: S,
    pool: Arc<ThreadPool>,
    problem: SeriesProblem,
    generator: Generator,
    slots: HashMap<usize, (Moment, Target)>,
    state: TrainingState,
    rounding: Option<Vec<f32>>,
    frozen: Vec<f32>,
    n_evaluations: u64,
    /// One per thread, locked by its own thread only.
    scratch: Vec<Mutex<(TrainScratch, EvaluateScratch)>>,
    buffers: Buffers,
}

/// Memory of a step, kept from one to the next.
#[derive(Default)]
struct Buffers {
    /// Padded parameters of each visit, their transposed copies, and gradients `[slot][layout.len()]`.
    params: Vec<f32>,
    transposed: Vec<f32>,
    gradients: Vec<f32>,
}

/// A visit with its place in the step.
struct Task {
    visit: Visit,
    moment: usize,
    /// First of its gradient slots and their number.
    slots: (usize, usize),
}

/// Losses of a step and its gradient in stored order.
struct Pass {
    loss: StepLoss,
    gradient: Vec<f32>,
    n_evaluations: u64,
}

impl<S: Simd> Training<S> {
    fn new(simd: S, start: Start) -> Self {
        let generator = Generator::new(&start.problem.shape, S::LANES);
        let layout = &generator.layout;
        let scratch = || Mutex::new((TrainScratch::new(layout, TILE), EvaluateScratch::new(layout, TILE)));
        let n = start.params.len();
        Training {
            simd,
            scratch: (0..start.pool.current_num_threads()).map(|_| scratch()).collect(),
            pool: start.pool,
            generator,
            problem: start.problem,
            slots: HashMap::new(),
            state: TrainingState {
                params: start.params.to_vec(),
                first_moment: vec![0.0; n],
                second_moment: vec![0.0; n],
                n_steps: 0,
                gradient_norm: 0.0,
            },
            rounding: None,
            frozen: Vec::new(),
            n_evaluations: 0,
            buffers: Buffers::default(),
        }
    }

    fn slot(&self, slot: usize) -> Result<&(Moment, Target)> {
        self.slots.get(&slot).ok_or_else(|| Error::Internal(format!("slot {slot} of a series is empty")))
    }

    /// The parameters that losses see.
    fn effective(&self) -> Vec<f32> {
        match &self.rounding {
            None => self.state.params.clone(),
            Some(steps) => {
                let round =
                    |(p, step): (&f32, &f32)| if *step > 0.0 { step * (p / step).round_ties_even() } else { *p };
                self.state.params.iter().zip(steps).map(round).collect()
            }
        }
    }

    /// Losses and gradient of the objective of a step.
    fn pass(&mut self, step: &Step) -> Result<Pass> {
        let params = self.effective();
        let n_now = step.now.len();
        let mut moments = Vec::with_capacity(n_now + step.past.len());
        let mut tasks = Vec::with_capacity(moments.capacity());
        let mut frozen = Vec::new();
        let mut n_slots = 0;
        for (index, &slot) in step.now.iter().chain(&step.past).enumerate() {
            let (moment, target) = self.slot(slot)?;
            let weight =
                if index < n_now { 1.0 / n_now as f32 } else { self.problem.objective.weight / step.past.len() as f32 };
            let draw = Draw {
                mesh: &self.problem.mesh,
                n_channels: self.problem.shape.n_channels,
                loss: self.problem.objective.loss,
                weight,
                n_nodes: if index < n_now { step.n_nodes } else { 0 },
                seed: self.problem.seed,
                step: self.state.n_steps,
                index: index as u32,
            };
            match draw.visit(target) {
                Some(visit) => {
                    let n = visit.nodes.len().div_ceil(TILE).min(MAX_SLOTS);
                    tasks.push(Task { visit, moment: index, slots: (n_slots, n) });
                    n_slots += n;
                }
                // Frozen targets are summed over the batch, as in the paper's baseline.
                None => frozen.push((index, self.problem.objective.weight)),
            }
            moments.push(moment.clone());
        }
        let mut losses = vec![0.0; moments.len()];
        let generated = self.generator.forward(self.simd, &params, &moments);
        let (gradients, n_evaluations) = self.run_tasks(&tasks, &params, &moments, &generated, n_slots, &mut losses);
        let mut pull = self.generator.pull_back(&params, moments.len());
        let length = self.generator.layout.len();
        for task in &tasks {
            let (first, n) = task.slots;
            for gradient in gradients[first * length..(first + n) * length].chunks_exact(length) {
                pull.add(&self.generator, task.moment, &moments[task.moment], gradient);
            }
        }
        for (index, weight) in frozen {
            losses[index] =
                pull.add_frozen(&self.generator, index, &moments[index], &generated, &self.frozen, weight)?;
        }
        let gradient = pull.finish(self.simd, &mut self.generator, moments.len());
        self.buffers.gradients = gradients;
        let mean = |losses: &[f64]| (losses.iter().sum::<f64>() / losses.len().max(1) as f64) as f32;
        let loss = StepLoss { now: mean(&losses[..n_now]), past: mean(&losses[n_now..]) };
        Ok(Pass { loss, gradient, n_evaluations })
    }

    /// Forward and backward of all visits; fills their gradient slots and losses.
    fn run_tasks(
        &mut self,
        tasks: &[Task],
        params: &[f32],
        moments: &[Moment],
        generated: &[f32],
        n_slots: usize,
        losses: &mut [f64],
    ) -> (Vec<f32>, u64) {
        let Buffers { params: mut padded, mut transposed, mut gradients } = std::mem::take(&mut self.buffers);
        let layout = &self.generator.layout;
        padded.resize(moments.len() * layout.len(), 0.0);
        transposed.resize(moments.len() * layout.transposed_len(), 0.0);
        gradients.resize((n_slots * layout.len()).max(gradients.len()), 0.0);
        let base = self.generator.base(params);
        let networks =
            padded.par_chunks_exact_mut(layout.len()).zip(transposed.par_chunks_exact_mut(layout.transposed_len()));
        networks.zip(moments).enumerate().for_each(|(i, ((padded, transposed), moment))| {
            let _mode = canonical();
            self.generator.network(&base, self.generator.row(generated, i), moment, padded);
            layout.transpose(padded, transposed);
        });
        let network = |i: usize| Network {
            simd: self.simd,
            training: self,
            params: &padded[i * layout.len()..][..layout.len()],
            transposed: &transposed[i * layout.transposed_len()..][..layout.transposed_len()],
        };
        let mut slots: Vec<&mut [f32]> = gradients.chunks_exact_mut(layout.len()).take(n_slots).collect();
        let mut work = Vec::with_capacity(tasks.len());
        for task in tasks {
            let rest = slots.split_off(task.slots.1);
            work.push((task, slots, 0.0));
            slots = rest;
        }
        work.par_iter_mut()
            .with_max_len(1)
            .for_each(|(task, slots, loss)| *loss = network(task.moment).run(&task.visit, slots));
        for (task, _, loss) in &work {
            losses[task.moment] = *loss;
        }
        drop(work);
        let n_evaluations = tasks.iter().map(|t| t.visit.nodes.len() as u64).sum();
        self.buffers = Buffers { params: padded, transposed, gradients: Vec::new() };
        (gradients, n_evaluations)
    }

    /// One update of the parameters.
    fn update(&mut self, gradient: &[f32], rate: f32) {
        let _mode = canonical();
        let objective = self.problem.objective;
        let length = norm(gradient);
        if !length.is_finite() {
            return;
        }
        let state = &mut self.state;
        let scale = clip(&objective, &mut state.gradient_norm, length);
        let step = state.n_steps;
        let (factor, is_adaptive) = objective.rectification(step + 1);
        let slow = self.problem.shape.generator_params().start..self.problem.shape.generator_weights().end;
        let n = gradient.len();
        for (range, factor) in
            [(0..slow.start, factor), (slow.clone(), factor * objective.generator_rate), (slow.end..n, factor)]
        {
            self.simd.dispatch(SeriesAdam {
                params: &mut state.params[range.clone()],
                gradient: &gradient[range.clone()],
                first_moment: &mut state.first_moment[range.clone()],
                second_moment: &mut state.second_moment[range],
                scale,
                rate: rate * factor,
                correction: Schedule::bias_correction(step),
                is_adaptive,
            });
        }
        state.n_steps += 1;
    }

    fn steps(&mut self, steps: &[Step], threshold: Option<f32>) -> Result<Vec<StepLoss>> {
        let mut losses = Vec::with_capacity(steps.len());
        for step in steps {
            let pass = self.pass(step)?;
            self.n_evaluations += pass.n_evaluations;
            losses.push(pass.loss);
            let target = if step.now.is_empty() { pass.loss.past } else { pass.loss.now };
            if threshold.is_some_and(|threshold| target <= threshold) {
                break;
            }
            self.update(&pass.gradient, step.rate);
        }
        Ok(losses)
    }
}

/// Factor that brings a gradient back to `objective.clip` times the running mean of its norm, which takes the norm in.
pub(crate) fn clip(objective: &Objective, mean: &mut f64, length: f64) -> f32 {
    if objective.clip <= 0.0 {
        return 1.0;
    }
    if *mean == 0.0 {
        *mean = length;
    }
    let limit = f64::from(objective.clip) * *mean;
    *mean = Objective::NORM_DECAY * *mean + (1.0 - Objective::NORM_DECAY) * length.min(limit);
    if length > limit { (limit / length) as f32 } else { 1.0 }
}

/// The network of one moment.
struct Network<'a, S> {
    simd: S,
    training: &'a Training<S>,
    params: &'a [f32],
    transposed: &'a [f32],
}

impl<S: Simd> Network<'_, S> {
    /// Fills the gradient slots of a visit; returns its loss.
    fn run(&self, visit: &Visit, slots: &mut [&mut [f32]]) -> f64 {
        let n = visit.nodes.len();
        if n <= TILE {
            let mut loss = 0.0;
            slots[0].fill(0.0);
            self.tile(visit, 0, n, slots[0], |outputs| loss = visit.gradient(outputs));
            return loss;
        }
        let n_channels = self.training.problem.shape.n_channels;
        let mut outputs = vec![0.0; n * n_channels];
        outputs.par_chunks_mut(TILE * n_channels).enumerate().for_each(|(i, out)| self.evaluate(visit, i * TILE, out));
        let loss = visit.gradient(&mut outputs);
        let n_tiles = n.div_ceil(TILE);
        let n_slots = slots.len();
        slots.par_iter_mut().with_max_len(1).enumerate().for_each(|(slot, gradient)| {
            gradient.fill(0.0);
            for tile in slot * n_tiles / n_slots..(slot + 1) * n_tiles / n_slots {
                let first = tile * TILE;
                let n = TILE.min(n - first);
                let given = &outputs[first * n_channels..][..n * n_channels];
                self.tile(visit, first, n, gradient, |outputs| outputs.copy_from_slice(given));
            }
        });
        loss
    }

    /// Forward, loss, backward of the nodes `first..first + n`; `loss` turns outputs `[n][n_channels]` into gradients.
    fn tile(&self, visit: &Visit, first: usize, n: usize, gradient: &mut [f32], loss: impl FnOnce(&mut [f32])) {
        let _mode = canonical();
        let layout = &self.training.generator.layout;
        self.training.with_scratch(|(scratch, _)| {
            visit.nodes.coordinates(&self.training.problem.mesh, first, &mut scratch.x[..n * layout.shape.n_inputs]);
            let (params, transposed) = (self.params, self.transposed);
            self.simd.dispatch(TrainForward { layout, params, transposed, scratch: &mut *scratch, n });
            let n_outputs = layout.shape.n_outputs;
            let mut outputs: Vec<f32> =
                scratch.out.chunks_exact(layout.lead_out).take(n).flat_map(|row| &row[..n_outputs]).copied().collect();
            loss(&mut outputs);
            for (row, given) in scratch.out.chunks_exact_mut(layout.lead_out).zip(outputs.chunks_exact(n_outputs)) {
                row[..n_outputs].copy_from_slice(given);
                row[n_outputs..].fill(0.0);
            }
            self.simd.dispatch(TrainBackward { layout, params, scratch, n, gradient });
        });
    }

    /// Outputs at the nodes from `first` on, `out: [n][n_channels]`.
    fn evaluate(&self, visit: &Visit, first: usize, out: &mut [f32]) {
        let _mode = canonical();
        let layout = &self.training.generator.layout;
        let n = out.len() / layout.shape.n_outputs;
        self.training.with_scratch(|(_, scratch)| {
            visit.nodes.coordinates(&self.training.problem.mesh, first, &mut scratch.x[..n * layout.shape.n_inputs]);
            let (params, transposed) = (self.params, self.transposed);
            self.simd.dispatch(EvaluateTile { layout, params, transposed, scratch: &mut *scratch, n });
            for (out, row) in
                out.chunks_exact_mut(layout.shape.n_outputs).zip(scratch.out.chunks_exact(layout.lead_out))
            {
                out.copy_from_slice(&row[..layout.shape.n_outputs]);
            }
        });
    }
}

impl<S> Training<S> {
    fn with_scratch(&self, work: impl FnOnce(&mut (TrainScratch, EvaluateScratch))) {
        let thread = rayon::current_thread_index().unwrap_or(0);
        work(&mut self.scratch[thread].lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<S: Simd> SeriesTraining for Training<S> {
    fn put(&mut self, slot: usize, moment: Moment, target: Target) -> Result<()> {
        if moment.window.len() != self.problem.shape.time_span {
            return Err(Error::Internal(format!("a window of {} times", moment.window.len())));
        }
        self.slots.insert(slot, (moment, target));
        Ok(())
    }

    fn remove(&mut self, slot: usize) {
        self.slots.remove(&slot);
    }

    fn run(&mut self, steps: &[Step], threshold: Option<f32>) -> Result<Vec<StepLoss>> {
        let pool = Arc::clone(&self.pool);
        pool.install(|| self.steps(steps, threshold))
    }

    fn loss(&mut self, slots: &[usize]) -> Result<f64> {
        let pool = Arc::clone(&self.pool);
        let mut sum = 0.0;
        for &slot in slots {
            let step = Step { past: vec![slot], ..Step::default() };
            sum += f64::from(pool.install(|| self.pass(&step))?.loss.past);
        }
        Ok(sum / slots.len().max(1) as f64)
    }

    fn gradient(&mut self, step: &Step) -> Result<Vec<f32>> {
        let pool = Arc::clone(&self.pool);
        Ok(pool.install(|| self.pass(step))?.gradient)
    }

    fn freeze(&mut self) -> Result<()> {
        self.frozen = self.effective();
        Ok(())
    }

    fn round_to(&mut self, steps: Option<Vec<f32>>) -> Result<()> {
        if steps.as_ref().is_some_and(|steps| steps.len() != self.state.params.len()) {
            return Err(Error::Internal("one rounding step per parameter".into()));
        }
        self.rounding = steps;
        Ok(())
    }

    fn state(&mut self) -> Result<TrainingState> {
        Ok(self.state.clone())
    }

    fn restore(&mut self, state: &TrainingState) -> Result<()> {
        if state.params.len() != self.state.params.len() {
            return Err(Error::Internal("the state of another network".into()));
        }
        self.state = state.clone();
        Ok(())
    }

    fn n_evaluations(&self) -> u64 {
        self.n_evaluations
    }

    fn device_bytes(&self) -> usize {
        let Buffers { params, transposed, gradients } = &self.buffers;
        let scratch = |s: &Mutex<(TrainScratch, _)>| s.lock().unwrap_or_else(PoisonError::into_inner).0.bytes();
        let floats = params.len() + transposed.len() + gradients.len() + 3 * self.state.params.len();
        4 * floats + self.scratch.iter().map(scratch).sum::<usize>() + self.problem.mesh.bytes()
    }
}
