//! A whole fit of a SIREN to a block: learning rate, evaluation at intervals, and when to stop.

use crate::backend::{Backend, SirenTraining, TrainingSet};
use crate::model::SirenShape;
use crate::train::Schedule;
use crate::{Error, Result};
use std::time::Instant;

/// Steps of linear warm-up; the first of them also measure the speed.
const N_WARMUP: u32 = 50;

/// Intervals of a run, each ending with a look at the loss and the clock.
const N_INTERVALS: u32 = 20;

/// Share of the time that evaluations of the whole block may take.
const EVALUATION_SHARE: f64 = 0.1;

/// How much the end of the cosine decay still lowers the error beyond the power law seen so far; giving up needs a
/// target further away than this.
const DECAY_GAIN: f64 = 3.0;

/// An interval this many times worse than the best one means that the rate is too fast.
const COLLAPSE: f64 = 1.4;

/// Rate of a restart over the rate before.
const SLOWER: f32 = 0.4;

/// When a fit ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Seconds of training, evaluations included; None: as many steps as the block's size suggests.
    pub seconds: Option<f64>,
    /// Exactly this many steps at most; repeats bit for bit where `seconds` cannot.
    pub n_steps: Option<u32>,
    /// Stop at this root mean square error in the units of the training set; 0 never stops early.
    pub target_rms: f64,
    /// Whether to stop when the target is out of reach, too.
    pub may_give_up: bool,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The best parameters seen.
    pub params: Vec<f32>,
    /// Their root mean square error over all points and channels.
    pub rms: f64,
    /// Training steps run.
    pub n_iterations: u32,
    /// Seconds spent.
    pub seconds: f64,
    /// Bytes held on the device.
    pub device_bytes: usize,
    /// Why it stopped, one phrase for the run log.
    pub why: String,
    /// What the device failed with on the way.
    pub failure: Option<Error>,
}

/// Trains a SIREN on a block, from `start` or from random parameters drawn with `seed`.
///
/// A run that fails after an evaluation (device lost, loss no longer finite) ends with the best parameters so far.
///
/// # Errors
/// As [`Backend::train_siren`] and [`SirenTraining::run`].
pub fn fit_siren(
    backend: &dyn Backend,
    shape: SirenShape,
    set: TrainingSet,
    start: Option<&[f32]>,
    budget: Budget,
    seed: u64,
) -> Result<Fit> {
    let clock = Instant::now();
    shape.check()?;
    let params = start.map_or_else(|| shape.initial_params(seed), <[f32]>::to_vec);
    let training = backend.train_siren(&shape, &params, set, seed)?;
    let schedule = schedule(&shape, set.values.len() / shape.n_outputs, start.is_some(), &budget);
    let mut run = Run {
        backend,
        shape,
        set,
        training,
        budget,
        clock,
        schedule,
        step: 0,
        best: params,
        best_rms: f64::INFINITY,
        out: vec![0.0; set.values.len()],
        history: Vec::new(),
        timed: (0.0, 0),
        lowest: (Vec::new(), f64::INFINITY),
        seed,
        n_abandoned: 0,
    };
    let (why, failure) = match run.go() {
        Err(e) if run.best_rms.is_finite() => (format!("stopped early: {e}"), Some(e)),
        why => (why?, None),
    };
    let device_bytes = run.training.device_bytes();
    let seconds = clock.elapsed().as_secs_f64();
    Ok(Fit {
        params: run.best,
        rms: run.best_rms,
        n_iterations: run.n_abandoned + run.step,
        seconds,
        device_bytes,
        why,
        failure,
    })
}

/// Batch: below 8192 points the gradient is too noisy for fast rates. Rate: measured on turbulence and shocks at width 16
/// to 128; wide and deep networks bear less, and a warm start has less to learn. Without a budget: some visits per point.
fn schedule(shape: &SirenShape, n_points: usize, is_warm: bool, budget: &Budget) -> Schedule {
    let batch = (n_points / 128).clamp(8192, 16384) as u32;
    let n_visits = (16.0 * n_points as f64 / f64::from(batch)).clamp(400.0, 4000.0) as u32;
    let n_steps = budget.n_steps.unwrap_or(n_visits).max(1);
    let cold = 4e-3 * libm::powf(64.0 / shape.width as f32, 0.6) / shape.n_blocks.max(1) as f32;
    let peak_rate = if is_warm { 0.3 * cold } else { cold };
    Schedule { n_steps, batch, peak_rate, n_warmup: n_warmup(n_steps), final_fraction: 0.01 }
}

fn n_warmup(n_steps: u32) -> u32 {
    N_WARMUP.min(n_steps / 4 + 1)
}

struct Run<'a> {
    backend: &'a dyn Backend,
    shape: SirenShape,
    set: TrainingSet<'a>,
    training: Box<dyn SirenTraining + 'a>,
    budget: Budget,
    clock: Instant,
    schedule: Schedule,
    /// Steps done.
    step: u32,
    best: Vec<f32>,
    best_rms: f64,
    /// All outputs, for evaluations.
    out: Vec<f32>,
    /// `(steps done, rms of the minibatches before)` at the end of each interval.
    history: Vec<(u32, f64)>,
    /// Seconds and number of steps, without the first one, which also compiles shaders.
    timed: (f64, u32),
    /// Parameters after the interval with the lowest error, and that error.
    lowest: (Vec<f32>, f64),
    seed: u64,
    /// Steps before the last restart.
    n_abandoned: u32,
}

impl Run<'_> {
    /// Trains to the end; returns why it ended.
    fn go(&mut self) -> Result<String> {
        self.first_steps()?;
        let mut n_unevaluated = 0;
        while self.step < self.schedule.n_steps {
            let n_steps = (self.schedule.n_steps / N_INTERVALS).clamp(1, self.schedule.n_steps - self.step);
            let rms = self.train(n_steps)?;
            if rms > COLLAPSE * self.lowest.1 && self.schedule.n_steps - self.step > N_INTERVALS {
                self.restart()?;
                continue;
            }
            n_unevaluated += 1;
            if n_unevaluated >= self.evaluation_interval() || rms <= self.budget.target_rms {
                self.evaluate()?;
                n_unevaluated = 0;
            }
            if self.best_rms <= self.budget.target_rms {
                break;
            }
            if let Some(expected) = self.hopeless() {
                self.evaluate()?;
                let (step, n_steps, target) = (self.step, self.schedule.n_steps, self.budget.target_rms);
                let why = format!("rms {expected:.2e} expected, {target:.2e} asked");
                return Ok(format!("gave up after {step} of {n_steps} steps: {why}"));
            }
            self.fit_to_time();
        }
        if n_unevaluated > 0 || self.best_rms.is_infinite() {
            self.evaluate()?;
        }
        let end = if self.best_rms <= self.budget.target_rms { "reached the target" } else { "used its budget" };
        Ok(format!("{end} after {} steps", self.n_abandoned + self.step))
    }

    /// The beginning of the warm-up, whose rates do not depend on the length of the run: shows the speed.
    fn first_steps(&mut self) -> Result<()> {
        if self.budget.seconds.is_some() {
            self.train(1)?;
            let n_more = 5.min(self.schedule.n_warmup - 1);
            if n_more > 0 {
                self.train(n_more)?;
            }
            self.schedule.n_steps = self.budget.n_steps.unwrap_or(u32::MAX);
            self.fit_to_time();
            self.schedule.n_warmup = n_warmup(self.schedule.n_steps);
            self.history.clear();
        }
        Ok(())
    }

    /// Runs steps and returns the root mean square error of their minibatches.
    fn train(&mut self, n_steps: u32) -> Result<f64> {
        let begin = Instant::now();
        let loss = self.training.run(&self.schedule, self.step, n_steps)?;
        if self.step > 0 {
            self.timed.0 += begin.elapsed().as_secs_f64();
            self.timed.1 += n_steps;
        }
        self.step += n_steps;
        let rms = f64::from(loss).sqrt();
        if rms < self.lowest.1 {
            self.lowest = (self.training.params()?, rms);
        }
        self.history.push((self.step, rms));
        Ok(rms)
    }

    /// Goes on from the lowest error with a slower rate: a rate that is too fast can silence a sine network for good.
    fn restart(&mut self) -> Result<()> {
        self.n_abandoned += self.step;
        let n_steps = self.schedule.n_steps - self.step;
        let (peak_rate, n_warmup) = (SLOWER * self.schedule.peak_rate, n_warmup(n_steps));
        self.schedule = Schedule { n_steps, peak_rate, n_warmup, ..self.schedule };
        self.seed = self.seed.wrapping_add(1);
        self.training = self.backend.train_siren(&self.shape, &self.lowest.0, self.set, self.seed)?;
        self.step = 0;
        self.history.clear();
        Ok(())
    }

    /// Shortens the schedule so that its decay ends with the time.
    fn fit_to_time(&mut self) {
        let Some(seconds) = self.budget.seconds else { return };
        let left = seconds - self.clock.elapsed().as_secs_f64();
        let step_seconds = (self.timed.0 / f64::from(self.timed.1.max(1))).max(1e-7);
        // The evaluations still to come, at least the last one.
        let share_left = f64::from(self.schedule.n_steps - self.step) / f64::from(self.schedule.n_steps);
        let n_evaluations = (share_left * f64::from(N_INTERVALS / self.evaluation_interval())).max(1.0);
        let n_left = left / step_seconds - n_evaluations * self.evaluation_steps();
        let n_steps = f64::from(self.step) + n_left.max(1.0);
        self.schedule.n_steps = self.schedule.n_steps.min(n_steps as u32);
    }

    /// Cost of an evaluation of the whole block in training steps, by arithmetic.
    fn evaluation_steps(&self) -> f64 {
        let n_points = (self.set.values.len() / self.shape.n_outputs) as f64;
        n_points / f64::from(self.schedule.batch) * self.shape.flops_forward() / self.shape.flops_train()
    }

    /// Intervals between evaluations, so that these take at most [`EVALUATION_SHARE`].
    fn evaluation_interval(&self) -> u32 {
        let affordable = EVALUATION_SHARE * f64::from(self.schedule.n_steps) / self.evaluation_steps();
        N_INTERVALS / (affordable as u32).clamp(1, N_INTERVALS)
    }

    /// Compares the current parameters with the best ones on all points.
    fn evaluate(&mut self) -> Result<()> {
        let params = self.training.params()?;
        self.backend.evaluate_siren(&self.shape, &params, self.set.dims, &mut self.out)?;
        let square = |(y, t): (&f32, &f32)| (f64::from(*y) - f64::from(*t)).powi(2);
        let rms = (self.out.iter().zip(self.set.values).map(square).sum::<f64>() / self.out.len() as f64).sqrt();
        if rms < self.best_rms {
            (self.best, self.best_rms) = (params, rms);
        }
        Ok(())
    }

    /// The error to expect at the end if the target is out of reach: errors fall about as a power of the step.
    fn hopeless(&self) -> Option<f64> {
        let (target, n_steps) = (self.budget.target_rms, self.schedule.n_steps);
        if !self.budget.may_give_up || target <= 0.0 || self.step < n_steps / 3 || self.step == n_steps {
            return None;
        }
        let (now, rms_now) = *self.history.last()?;
        let (then, rms_then) = *self.history.iter().find(|(step, _)| *step >= now / 2)?;
        if then == now {
            return None;
        }
        let slope = (rms_now / rms_then).ln() / (f64::from(now) / f64::from(then)).ln();
        let expected = rms_now * (f64::from(n_steps) / f64::from(now)).powf(slope.min(0.0)) / DECAY_GAIN;
        (expected > target).then_some(expected)
    }
}
