//! What a chain learns from step to step: predictors of each component, which kind of them, which transform and which steps of the
//! quantiser take the fewest bytes.

use std::time::Instant;

use super::attempt::{Attempt, Encoder, New, Predicted};
use super::history::History;
use super::kind_choice::KindChoice;
use super::lossy::Component;
use super::report::Report;
use super::slot::{Budget, Choice, Kind, Slot};
use super::step_factor::StepFactor;
use crate::backend::choose::WithCpu;
use crate::predict::Scaling;
use crate::predict::sample::{Samples, Task};
use crate::settings::{Norm, Target};
use crate::transform::Goal;
use crate::{Block, Result, Settings, threads, transform};

/// All of it so far.
#[derive(Clone, Debug, Default)]
pub struct Lessons {
    /// `[component][steps of the history - 1]`: those for steps that know one step before them, and two.
    slots: Vec<[Slot; 2]>,
    /// Predictors made so far.
    n_predictors: u32,
    n_attempts: usize,
    step_factor: StepFactor,
    kind: KindChoice,
    /// Of each component, the last that took the fewest bytes.
    transforms: Vec<Option<transform::Kind>>,
    /// See [`Self::refusal`].
    refusal: Option<String>,
}

impl Lessons {
    /// What is learned without new predictors being used: they are not published.
    pub fn keep(&mut self, tried: Lessons) {
        self.slots.resize_with(tried.slots.len(), Default::default);
        for (slots, tried) in self.slots.iter_mut().zip(tried.slots) {
            slots.iter_mut().zip(tried).for_each(|(slot, tried)| slot.take_learner(tried));
        }
        (self.n_attempts, self.refusal) = (tried.n_attempts, tried.refusal);
    }

    /// Why the CPU does what the settings asked a GPU to do.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The step after `history` predicted with the best predictors, which `self` learns about, and coded with all transforms or with
    /// those that were best last.
    ///
    /// # Errors
    /// As [`super::encode`].
    pub fn predict(
        &mut self,
        (block, settings): (&Block, &Settings),
        history: &History,
        tries_all: bool,
    ) -> Result<Option<Predicted>> {
        self.n_attempts += 1;
        let Some((real, n_components)) = block.dtype.components() else { return Ok(None) };
        let (mut report, started) = (Report::new(block, settings), Instant::now());
        let device = WithCpu::new(settings, self.refusal.is_some());
        self.slots.resize_with(n_components, Default::default);
        let component = |index| Component::new(block, real, index, settings);
        let components = (0..n_components).map(component).collect::<Result<Vec<_>>>()?;
        let kind = self.kind.get(settings.predictor);
        // One step tells little about kinds.
        let rival = if history.n_steps() > 1 { self.kind.rival(settings.predictor) } else { None };
        let (attempt, other) = threads::install(settings.threads, || {
            let mut samples = vec![None; n_components];
            let mut attempt = |kind: Option<Kind>, is_rival| {
                let mut attempt = Attempt::default();
                let Some(kind) = kind else { return Ok(Attempt { choices: vec![None; n_components], ..attempt }) };
                for ((index, component), samples) in components.iter().enumerate().zip(&mut samples) {
                    let of = (component, index, history, samples);
                    let choice = self.choose((kind, is_rival), of, (settings, &device), &mut report)?;
                    self.add(choice, (kind, index, history.n_steps()), &mut attempt);
                }
                Ok(attempt)
            };
            Ok((attempt(kind, false)?, rival.map(|rival| attempt(Some(rival), true)).transpose()?))
        })?;
        report.seconds.train += started.elapsed().as_secs_f64();
        let step = threads::install(settings.threads, || {
            let only = if tries_all { &[] } else { &self.transforms[..] }.to_vec();
            let of = (block, settings);
            let encoder = Encoder { of, components: &components, history, only, device: &device, report };
            let Some((rival, other)) = rival.zip(other) else { return self.best_step(&encoder, attempt) };
            let factor = self.step_factor.get();
            let [step, tried] = [attempt, other].map(|attempt| encoder.prepare(attempt)?.encode(factor));
            let (step, tried) = (step?, tried?);
            let cost = |step: &Option<Predicted>| step.as_ref().map_or(f64::INFINITY, Predicted::cost);
            let is_smaller = cost(&tried) < cost(&step);
            self.kind.learn(rival, is_smaller);
            Ok(if is_smaller { tried } else { step })
        })?;
        for new in step.iter().flat_map(|step| &step.new) {
            self.slots[new.index][history.n_steps() - 1].put(new.kind, new.numbered.clone());
            self.n_predictors = new.numbered.0 + 1;
        }
        if let Some(Predicted { step, .. }) = &step {
            self.transforms = step.transforms.clone();
            let gain = step.unpredicted_bytes as f64 / step.n_bytes() as f64;
            self.slots.iter_mut().for_each(|slots| slots[history.n_steps() - 1].learn_gain(gain));
        }
        self.refusal = self.refusal.take().or_else(|| device.refusal());
        Ok(step)
    }

    /// The step with the steps of the quantiser that served before, or with what is tried beside them now.
    fn best_step(&mut self, encoder: &Encoder, attempt: Attempt) -> Result<Option<Predicted>> {
        let ready = encoder.prepare(attempt)?;
        let step = ready.encode(self.step_factor.get())?;
        let has_factor = matches!(encoder.of.1.target, Target::Accuracy(_, Norm::Linf, _));
        if has_factor
            && let Some(rival) = self.step_factor.rival()
            && let Some(other) = ready.encode(rival.get())?
        {
            let is_smaller = step.as_ref().is_none_or(|step| other.step.n_bytes() < step.step.n_bytes());
            self.step_factor.learn(rival, is_smaller);
            if is_smaller {
                return Ok(Some(other));
            }
        }
        Ok(step)
    }

    /// What a component is predicted with by a kind of predictors: the newest one, or a new one if it pays for its weights.
    fn choose(
        &mut self,
        (kind, is_rival): (Kind, bool),
        (component, index, history, samples): (&Component, usize, &History, &mut Option<Sampled>),
        (settings, device): (&Settings, &WithCpu),
        report: &mut Report,
    ) -> Result<Choice> {
        let slot = &mut self.slots[index][history.n_steps() - 1];
        if component.is_constant() {
            return Ok(Choice::Last);
        }
        if !is_rival && let Some(choice) = slot.rested(kind) {
            return Ok(choice);
        }
        let seed = settings.seed.wrapping_add((self.n_attempts * 31 + index) as u64);
        let Sampled { samples, n_values } = match samples {
            Some(known) => known,
            None => {
                let scaling = slot.newest(kind).map(|(_, predictor)| predictor.scaling);
                samples.insert(Sampled::of(component, index, history, (settings, seed), scaling.as_ref())?)
            }
        };
        let n_before = slot.n_steps();
        let (n_steps, width) = (settings.iterations, settings.predictor_width);
        let choice = slot.fit(kind, samples, Budget { device, n_steps, width, seed }, *n_values)?;
        if !is_rival {
            slot.plan_rest(&choice);
        }
        report.iterations += slot.n_steps().saturating_sub(n_before);
        Ok(choice)
    }

    /// Numbers the predictor of a choice and adds it to an attempt.
    fn add(&self, choice: Choice, (kind, index, n_history): (Kind, usize, usize), attempt: &mut Attempt) {
        let slot = &self.slots[index][n_history - 1];
        attempt.choices.push(match choice {
            Choice::Last => None,
            Choice::Current => slot.newest(kind).cloned(),
            Choice::New(predictor) => {
                let bytes = slot.encode(kind, &predictor);
                let numbered = (self.n_predictors + attempt.new.len() as u32, predictor);
                attempt.new.push(New { index, kind, numbered: numbered.clone(), bytes });
                Some(numbered)
            }
        });
    }
}

/// Points of a component to fit predictors to.
#[derive(Clone)]
struct Sampled {
    samples: Samples,
    /// Values of the component.
    n_values: usize,
}

impl Sampled {
    fn of(
        component: &Component,
        index: usize,
        history: &History,
        (settings, seed): (&Settings, u64),
        previous: Option<&Scaling>,
    ) -> Result<Sampled> {
        let n_values = component.values.len() - component.mask.n_masked;
        let tolerance = match component.goal(settings.target, usize::MAX, 1, 0) {
            Some(Goal::Linf(bound)) => bound,
            // A quantiser with errors of this root mean square errs by so much at most.
            Some(Goal::L2(bound)) => bound * (3.0 / n_values as f64).sqrt(),
            Some(Goal::Bytes(_)) | None => 0.0,
        };
        let steps = history.of(index)?;
        let (values, mask, dims) = (&component.values[..], component.valid(), &component.dims[..]);
        let task = Task { past: steps.past(), values, mask, dims, tolerance, seed };
        Ok(Sampled { samples: Samples::of(&task, previous), n_values })
    }
}
