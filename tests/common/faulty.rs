//! A double of a GPU: computes on the CPU until a chosen call, and fails in one way from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::backend::series::{Moment, SeriesProblem, SeriesTraining, Step, StepLoss, Target, TrainingState};
use adios2_inr::backend::stencil::{Batch, StencilKernels, StencilState, StencilStep};
use adios2_inr::backend::{Backend, SirenTraining, TrainingSet};
use adios2_inr::model::SirenShape;
use adios2_inr::predict::stencil::{Dense, Grid, Mlp};
use adios2_inr::train::Schedule;
use adios2_inr::{Error, Result};

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Lost,
    OutOfMemory,
    Validation,
    Hang,
    /// Every call succeeds and says something that is not true.
    WrongValues,
    /// The same, with what is no number at all.
    NoNumbers,
}

impl Fault {
    /// The sentence of the GPU backend, which the run log has to tell; none where no call fails.
    pub fn sentence(self) -> Option<&'static str> {
        match self {
            Fault::Lost => Some("the device was lost"),
            Fault::OutOfMemory => Some("out of device memory"),
            Fault::Validation => Some("the driver refused a call"),
            Fault::Hang => Some("the driver does not answer"),
            Fault::WrongValues | Fault::NoNumbers => None,
        }
    }
}

/// Calls of all doubles that share it.
#[derive(Debug, Default)]
pub struct Calls(AtomicUsize);

impl Calls {
    pub fn n(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub fn reset(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug)]
pub struct Faulty {
    cpu: CpuBackend,
    pub name: String,
    fault: Fault,
    /// Calls that succeed.
    n_good: usize,
    calls: Arc<Calls>,
}

impl Faulty {
    pub fn new(name: &str, fault: Fault, n_good: usize, calls: &Arc<Calls>) -> Self {
        Faulty { cpu: CpuBackend::new(2), name: name.to_owned(), fault, n_good, calls: Arc::clone(calls) }
    }

    /// One call: fails, or says whether what comes of it is true.
    fn call(&self) -> Result<bool> {
        if self.calls.0.fetch_add(1, Ordering::SeqCst) < self.n_good {
            return Ok(true);
        }
        let Some(sentence) = self.fault.sentence() else { return Ok(false) };
        if self.fault == Fault::Hang {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(Error::Backend { backend: self.name.clone(), reason: sentence.to_owned() })
    }

    /// `values`, or something else.
    fn spoil(&self, is_true: bool, values: &mut [f32]) {
        if !is_true {
            let spoilt = |v: f32| if self.fault == Fault::NoNumbers { f32::NAN } else { 3.0 - 2.0 * v };
            values.iter_mut().for_each(|v| *v = spoilt(*v));
        }
    }
}

impl Backend for Faulty {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn training_flops(&self) -> f64 {
        2e12
    }

    fn train_siren<'a>(
        &'a self,
        shape: &SirenShape,
        params: &[f32],
        set: TrainingSet<'a>,
        seed: u64,
    ) -> Result<Box<dyn SirenTraining + 'a>> {
        self.call()?;
        let training = self.cpu.train_siren(shape, params, set, seed)?;
        Ok(Box::new(FaultySiren { device: self.clone(), training }))
    }

    fn evaluate_siren(&self, shape: &SirenShape, params: &[f32], dims: &[usize], out: &mut [f32]) -> Result<()> {
        let is_true = self.call()?;
        self.cpu.evaluate_siren(shape, params, dims, out)?;
        self.spoil(is_true, out);
        Ok(())
    }

    fn train_series(&self, problem: SeriesProblem, params: &[f32]) -> Result<Box<dyn SeriesTraining>> {
        self.call()?;
        Ok(Box::new(FaultySeries { device: self.clone(), training: self.cpu.train_series(problem, params)? }))
    }
}

impl StencilKernels for Faulty {
    fn infer_stencil(&self, grid: &Grid, linear: &Dense, mlp: Option<&Mlp>) -> Result<Vec<i32>> {
        let is_true = self.call()?;
        let mut values = self.cpu.infer_stencil(grid, linear, mlp)?;
        if !is_true {
            // A single value, which no sample of them would find.
            let at = grid.at(5) - grid.span().start;
            values[at] = values[at].wrapping_add(1 << 20);
        }
        Ok(values)
    }

    fn train_stencil(&self, state: &mut StencilState, samples: Batch, steps: &[StencilStep]) -> Result<Vec<f32>> {
        let is_true = self.call()?;
        let losses = self.cpu.train_stencil(state, samples, steps)?;
        let StencilState { params, average, .. } = state;
        [params, average].into_iter().for_each(|values| self.spoil(is_true, values));
        Ok(losses)
    }

    fn stencil_gradient(&self, state: &StencilState, samples: Batch) -> Result<(f32, Vec<f32>)> {
        self.cpu.stencil_gradient(state, samples)
    }
}

struct FaultySiren<'a> {
    device: Faulty,
    training: Box<dyn SirenTraining + 'a>,
}

impl SirenTraining for FaultySiren<'_> {
    fn run(&mut self, schedule: &Schedule, first: u32, n_steps: u32) -> Result<f32> {
        let is_true = self.device.call()?;
        let mut loss = [self.training.run(schedule, first, n_steps)?];
        self.device.spoil(is_true, &mut loss);
        Ok(loss[0].abs())
    }

    fn gradient(&mut self, step: u32, batch: u32) -> Result<Vec<f32>> {
        self.training.gradient(step, batch)
    }

    fn params(&mut self) -> Result<Vec<f32>> {
        let is_true = self.device.call()?;
        let mut params = self.training.params()?;
        self.device.spoil(is_true, &mut params);
        Ok(params)
    }

    fn device_bytes(&self) -> usize {
        self.training.device_bytes()
    }
}

struct FaultySeries {
    device: Faulty,
    training: Box<dyn SeriesTraining>,
}

impl SeriesTraining for FaultySeries {
    fn put(&mut self, slot: usize, moment: Moment, target: Target) -> Result<()> {
        self.device.call()?;
        self.training.put(slot, moment, target)
    }

    fn remove(&mut self, slot: usize) {
        self.training.remove(slot);
    }

    fn run(&mut self, steps: &[Step], threshold: Option<f32>) -> Result<Vec<StepLoss>> {
        let is_true = self.device.call()?;
        let mut losses = self.training.run(steps, threshold)?;
        for StepLoss { now, past } in &mut losses {
            let mut both = [*now, *past];
            self.device.spoil(is_true, &mut both);
            [*now, *past] = both;
        }
        Ok(losses)
    }

    fn loss(&mut self, slots: &[usize]) -> Result<f64> {
        let is_true = self.device.call()?;
        let mut loss = [self.training.loss(slots)? as f32];
        self.device.spoil(is_true, &mut loss);
        Ok(f64::from(loss[0]))
    }

    fn gradient(&mut self, step: &Step) -> Result<Vec<f32>> {
        self.training.gradient(step)
    }

    fn freeze(&mut self) -> Result<()> {
        self.device.call()?;
        self.training.freeze()
    }

    fn round_to(&mut self, steps: Option<Vec<f32>>) -> Result<()> {
        self.device.call()?;
        self.training.round_to(steps)
    }

    fn state(&mut self) -> Result<TrainingState> {
        let is_true = self.device.call()?;
        let mut state = self.training.state()?;
        self.device.spoil(is_true, &mut state.params);
        Ok(state)
    }

    fn restore(&mut self, state: &TrainingState) -> Result<()> {
        self.device.call()?;
        self.training.restore(state)
    }

    fn n_evaluations(&self) -> u64 {
        self.training.n_evaluations()
    }

    fn device_bytes(&self) -> usize {
        self.training.device_bytes()
    }
}
