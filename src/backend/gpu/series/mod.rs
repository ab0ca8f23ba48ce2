//! Training of series networks on the GPU: the caller's end. At each visited time the generator makes a SIREN over space
//! (its parameters padded, time folded in), the kernels of SIRENs run it, and its gradient is pulled back.
//!
//! `plan` turns steps into dispatches, `target` and `arena` bring targets to the device, `tables` says which parameter
//! goes where, `run` holds the buffers.

mod arena;
mod plan;
mod program;
mod run;
mod tables;
mod target;
mod work;

use super::device::Device;
use super::handle::Handle;
use super::pace::Pace;
use super::{GpuBackend, MAX_POINTS};
use crate::backend::Backend;
use crate::backend::series::{Moment, SeriesProblem, SeriesTraining, Step, StepLoss, Target, TrainingState};
use crate::{Error, Result};
use arena::Arena;
use plan::Planner;
use program::{Program, Purpose};
use run::SeriesRun;
use std::collections::HashMap;
use std::time::Instant;
use target::pack;
use work::Visit;

/// A training run as its caller holds it; the state is on the device.
pub(super) struct Training {
    /// Of the backend, for errors.
    name: String,
    problem: SeriesProblem,
    run: Handle<SeriesRun>,
    planner: Planner,
    arena: Arena,
    /// First word and visit of each target.
    slots: HashMap<usize, (usize, Visit)>,
    rounding: Option<Vec<f32>>,
    /// Steps taken by the optimiser, those too whose gradient was not finite and changed nothing.
    n_steps: u32,
    n_evaluations: u64,
    /// Of steps.
    pace: Pace,
    bytes: usize,
}

impl Training {
    /// Allocates the run and uploads parameters and mesh; `problem` and `params` were checked.
    pub fn new(backend: &GpuBackend, problem: SeriesProblem, params: &[f32]) -> Result<Self> {
        let name = backend.name();
        let refuse = |reason: String| refusal(&name, &reason);
        problem.shape.spatial().check().map_err(|e| refuse(format!("{e}")))?;
        if problem.mesh.n_nodes() > MAX_POINTS {
            return Err(refuse(format!("a mesh of {} nodes is above 2^30", problem.mesh.n_nodes())));
        }
        let (adapter, kind, limit) = (backend.info.index, backend.kind, backend.info.max_binding_bytes);
        let copy = problem.clone();
        let make = move |device: &mut Device| {
            let tile = device.tile(&copy.shape.spatial(), kind)?;
            Ok((SeriesRun::new(device, &copy, tile)?, tile))
        };
        let (run, tile) = Handle::new(adapter, make)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let planner = Planner::new(&problem, tile, kind, limit).map_err(refuse)?;
        let (arena, slots, rounding, n_steps, n_evaluations, bytes) = (Arena::default(), HashMap::new(), None, 0, 0, 0);
        let pace = Pace::new();
        let mut training =
            Training { name, problem, run, planner, arena, slots, rounding, n_steps, n_evaluations, pace, bytes };
        let zeros = vec![0.0; params.len()];
        training.restore(&TrainingState {
            params: params.to_vec(),
            first_moment: zeros.clone(),
            second_moment: zeros,
            n_steps: 0,
            gradient_norm: 0.0,
        })?;
        Ok(training)
    }

    /// Calls the device and takes down how much memory the run has there.
    fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Device, &mut SeriesRun) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (result, bytes) = self.run.call(|device, run| Ok((work(device, run)?, run.bytes())))?;
        self.bytes = bytes;
        Ok(result)
    }

    /// Submits steps as one program; returns their losses and evaluated nodes.
    fn submit(&mut self, steps: &[Step], purpose: Purpose) -> Result<Vec<(StepLoss, u64)>> {
        let mut program = Program::default();
        for (step, n_taken) in steps.iter().zip(self.n_steps..) {
            let target = |slot| match self.slots.get(&slot) {
                Some((_, visit)) => Ok(*visit),
                None => Err(Error::Internal(format!("slot {slot} of a series is empty"))),
            };
            self.planner.add(&mut program, step, n_taken, purpose, target)?;
        }
        let n_evaluations = program.n_evaluations.clone();
        let losses = self.call(move |device, run| run.submit(device, &program))?;
        Ok(losses.into_iter().zip(n_evaluations).collect())
    }

    /// The parameters that losses see.
    fn effective(&self, params: &[f32]) -> Vec<f32> {
        let round = |(p, grid): (&f32, &f32)| if *grid > 0.0 { grid * (p / grid).round_ties_even() } else { *p };
        match &self.rounding {
            None => params.to_vec(),
            Some(rounding) => params.iter().zip(rounding).map(round).collect(),
        }
    }

    fn check_target(&self, moment: &Moment, target: &Target) -> Result<()> {
        let (n_nodes, n_channels) = (self.problem.mesh.n_nodes(), self.problem.shape.n_channels);
        let fits = match target {
            Target::Snapshot { values, norms } => values.len() == n_nodes * n_channels && norms.len() == n_channels,
            Target::Sketch(sketch) => sketch.n_nodes() == n_nodes && sketch.norms().len() == n_channels,
            Target::Frozen => true,
        };
        if fits && moment.window.len() == self.problem.shape.time_span {
            return Ok(());
        }
        let n_times = moment.window.len();
        Err(Error::Internal(format!(
            "a target with a window of {n_times} times for a network over {n_nodes} nodes of {n_channels} channels"
        )))
    }
}

/// The error of what the kernels cannot do.
fn refusal(backend: &str, reason: &str) -> Error {
    Error::Backend { backend: backend.to_owned(), reason: format!("{reason}: set backend=cpu") }
}

impl SeriesTraining for Training {
    fn put(&mut self, slot: usize, moment: Moment, target: Target) -> Result<()> {
        self.check_target(&moment, &target)?;
        let packed = pack(&moment, &target, self.problem.mesh.n_nodes());
        let packed = packed.map_err(|reason| refusal(&self.name, &reason))?;
        self.remove(slot);
        let first = self.arena.take(packed.words.len());
        let n_words = self.arena.n_words();
        let sent = self.call(move |device, run| run.put(device, first, &packed.words, n_words));
        if sent.is_ok() && n_words <= u32::MAX as usize {
            self.slots.insert(slot, (first, packed.visit.moved(first as u32)));
        } else {
            self.arena.give_back(first);
        }
        sent
    }

    fn remove(&mut self, slot: usize) {
        if let Some((first, _)) = self.slots.remove(&slot) {
            self.arena.give_back(first);
        }
    }

    fn run(&mut self, steps: &[Step], threshold: Option<f32>) -> Result<Vec<StepLoss>> {
        let mut losses = Vec::with_capacity(steps.len());
        while losses.len() < steps.len() {
            let n = self.pace.n_pieces().min(steps.len() - losses.len());
            let steps = &steps[losses.len()..][..n];
            let start = Instant::now();
            let found = self.submit(steps, Purpose::Train(threshold))?;
            self.pace.learn(n, start.elapsed());
            for ((loss, n_evaluations), step) in found.into_iter().zip(steps) {
                losses.push(loss);
                self.n_evaluations += n_evaluations;
                let target = if step.now.is_empty() { loss.past } else { loss.now };
                if threshold.is_some_and(|threshold| target <= threshold) {
                    return Ok(losses);
                }
                self.n_steps += 1;
            }
        }
        Ok(losses)
    }

    fn loss(&mut self, slots: &[usize]) -> Result<f64> {
        let steps: Vec<Step> = slots.iter().map(|&slot| Step { past: vec![slot], ..Step::default() }).collect();
        let mut sum = 0.0;
        for steps in steps.chunks(self.pace.n_pieces()) {
            let found = self.submit(steps, Purpose::Loss)?;
            sum += found.iter().map(|(loss, _)| f64::from(loss.past)).sum::<f64>();
        }
        Ok(sum / slots.len().max(1) as f64)
    }

    fn gradient(&mut self, step: &Step) -> Result<Vec<f32>> {
        self.submit(std::slice::from_ref(step), Purpose::Gradient)?;
        self.call(|device, run| run.gradient(device))
    }

    fn freeze(&mut self) -> Result<()> {
        Err(refusal(&self.name, "hypernetwork regularisation has no GPU kernel"))
    }

    fn round_to(&mut self, steps: Option<Vec<f32>>) -> Result<()> {
        let n_params = self.problem.shape.n_params();
        if steps.as_ref().is_some_and(|steps| steps.len() != n_params) {
            return Err(Error::Internal("one rounding step per parameter".into()));
        }
        let params = self.call(|device, run| run.params(device))?;
        self.rounding = steps;
        let rounding = self.rounding.clone().unwrap_or_else(|| vec![0.0; n_params]);
        let stored = self.effective(&params);
        self.call(move |device, run| run.round_to(device, &rounding, &stored))
    }

    fn state(&mut self) -> Result<TrainingState> {
        let n_steps = self.n_steps;
        self.call(move |device, run| {
            let params = run.params(device)?;
            let mut first_moment = run.moments(device)?;
            let second_moment = first_moment.split_off(params.len());
            let gradient_norm = f64::from(run.norm(device, n_steps % 2)?);
            Ok(TrainingState { params, first_moment, second_moment, n_steps, gradient_norm })
        })
    }

    fn restore(&mut self, state: &TrainingState) -> Result<()> {
        let n_params = self.problem.shape.n_params();
        if [&state.params, &state.first_moment, &state.second_moment].iter().any(|part| part.len() != n_params) {
            return Err(Error::Internal("the state of another network".into()));
        }
        let (params, stored) = (state.params.clone(), self.effective(&state.params));
        let moments = [&state.first_moment[..], &state.second_moment].concat();
        let norm = state.gradient_norm as f32;
        self.call(move |device, run| run.set(device, &params, &stored, &moments, norm))?;
        self.n_steps = state.n_steps;
        Ok(())
    }

    fn n_evaluations(&self) -> u64 {
        self.n_evaluations
    }

    fn device_bytes(&self) -> usize {
        self.bytes
    }
}
