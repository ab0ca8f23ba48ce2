//! What a chain learns from step to step: predictors of each component, which kind of them, which transform and which steps of the
//! quantiser take the fewest bytes.

use std::borrow::Cow;
use std::time::Instant;

use super::attempt::{Attempt, Encoder, New, Predicted};
use super::beside::{BesideChoice, Other};
use super::history::History;
use super::kind_choice::KindChoice;
use super::lossy::Component;
use super::report::Report;
use super::sampled::Sampled;
use super::slot::{Choice, Kind, Slot};
use super::step_factor::StepFactor;
use crate::backend::choose::WithCpu;
use crate::predict::fit::Plan;
use crate::settings::{Effort, Norm, PredictorChoice, Target};
use crate::{Block, Result, Settings, threads, transform};

/// All of it so far.
#[derive(Clone, Debug, Default)]
pub struct Lessons {
    /// `[component]`, by [`Way::place`].
    slots: Vec<[Slot; 4]>,
    /// Predictors made so far.
    n_predictors: u32,
    n_attempts: usize,
    step_factor: StepFactor,
    kind: KindChoice,
    beside: BesideChoice,
    /// Of each component, the last that took the fewest bytes.
    transforms: Vec<Option<transform::Kind>>,
    /// See [`Self::refusal`].
    refusal: Option<String>,
}

/// One way to predict a step.
struct Way<'a> {
    /// Of predictors; none: the last step itself.
    kind: Option<Kind>,
    /// With what is beside it.
    history: Cow<'a, History>,
    other: Option<&'a Other>,
    /// With a rival or as one: both learn from this step.
    is_compared: bool,
}

impl<'a> Way<'a> {
    fn new(kind: Option<Kind>, history: &'a History, other: Option<&'a Other>) -> Self {
        let beside = other.and_then(|other| history.beside(&other.history));
        let other = other.filter(|_| beside.is_some());
        Way { kind, history: beside.map_or(Cow::Borrowed(history), Cow::Owned), other, is_compared: false }
    }

    /// Where the predictors are that know as much: one step or two, without or with another variable.
    fn place(&self) -> usize {
        self.history.n_steps() - 1 + 2 * usize::from(self.other.is_some())
    }
}

/// What is tried instead of what serves.
#[derive(Clone, Copy)]
enum Rival {
    Kind(Kind),
    Beside(Option<u32>),
}

/// Networks take longer than all the rest, which is too long for little effort.
fn wanted(settings: &Settings) -> PredictorChoice {
    match (settings.predictor, settings.effort) {
        (PredictorChoice::Auto, Effort::Fast) => PredictorChoice::Linear,
        (wanted, _) => wanted,
    }
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
    /// those that were best last; `others` may be beside it.
    ///
    /// # Errors
    /// As [`super::encode`].
    pub fn predict(
        &mut self,
        (block, settings): (&Block, &Settings),
        (history, others): (&History, &[Other]),
        tries_all: bool,
    ) -> Result<Option<Predicted>> {
        self.n_attempts += 1;
        let Some((real, n_components)) = block.dtype.components() else { return Ok(None) };
        let (mut report, started) = (Report::new(block, settings), Instant::now());
        let device = WithCpu::new(settings, self.refusal.is_some());
        self.slots.resize_with(n_components, Default::default);
        let component = |index| Component::new(block, real, index, settings);
        let components = (0..n_components).map(component).collect::<Result<Vec<_>>>()?;
        let seed = settings.seed.wrapping_add(31 * self.n_attempts as u64);
        let plan = (settings, &device, seed);
        let mut usual = Way::new(self.kind.get(wanted(settings)), history, Other::of(others, self.beside.get()));
        let (attempt, rival) = threads::install(settings.threads, || {
            let rival = self.rival(&components, (history, others), (settings, seed))?;
            usual.is_compared = rival.is_some();
            let way = rival.map(|rival| self.rival_way(rival, &usual, (history, others)));
            let mut samples = vec![None; n_components];
            let attempt = self.attempt(&usual, &components, &mut samples, plan, &mut report)?;
            if matches!(rival, Some(Rival::Beside(_))) {
                samples.fill(None);
            }
            let Some((rival, way)) = rival.zip(way) else { return Ok((attempt, None)) };
            let tried = self.attempt(&way, &components, &mut samples, plan, &mut report)?;
            Ok((attempt, Some((rival, way, tried))))
        })?;
        report.seconds.train += started.elapsed().as_secs_f64();
        let (step, way) = threads::install(settings.threads, || {
            let only = if tries_all { &[] } else { &self.transforms[..] }.to_vec();
            let encoder = Encoder { of: (block, settings), components: &components, only, device: &device, report };
            self.better(&encoder, (usual, attempt), rival)
        })?;
        self.learn(step.as_ref(), way.place());
        self.refusal = self.refusal.take().or_else(|| device.refusal());
        Ok(step.map(|step| step.beside(way.other)))
    }

    /// The way of a rival; predictors that knew a variable which does not serve are of no use to it.
    fn rival_way<'a>(
        &mut self,
        rival: Rival,
        usual: &Way<'a>,
        (history, others): (&'a History, &'a [Other]),
    ) -> Way<'a> {
        let way = match rival {
            Rival::Kind(kind) => Way::new(Some(kind), history, usual.other),
            Rival::Beside(series) => {
                if series.is_some_and(|series| !self.beside.meets_again(series)) {
                    self.slots.iter_mut().for_each(|slots| slots[2..].fill_with(Slot::default));
                }
                Way::new(usual.kind, history, Other::of(others, series))
            }
        };
        Way { is_compared: true, ..way }
    }

    /// The usual attempt coded, or the rival's if that takes fewer bytes; with the way that it was made.
    fn better<'a>(
        &mut self,
        encoder: &Encoder,
        (usual, attempt): (Way<'a>, Attempt),
        rival: Option<(Rival, Way<'a>, Attempt)>,
    ) -> Result<(Option<Predicted>, Way<'a>)> {
        let Some((rival, way, tried)) = rival else {
            return Ok((self.best_step(encoder, &usual.history, attempt)?, usual));
        };
        let factor = self.step_factor.get();
        let step = encoder.prepare(attempt, &usual.history)?.encode(factor)?;
        let tried = encoder.prepare(tried, &way.history)?.encode(factor)?;
        let cost = |step: &Option<Predicted>| step.as_ref().map_or(f64::INFINITY, Predicted::cost);
        let is_smaller = cost(&tried) < cost(&step);
        match rival {
            Rival::Kind(kind) => self.kind.learn(kind, is_smaller),
            Rival::Beside(series) => self.beside.learn(series, is_smaller),
        }
        Ok(if is_smaller { (tried, way) } else { (step, usual) })
    }

    /// Takes over what a step was coded with.
    fn learn(&mut self, step: Option<&Predicted>, place: usize) {
        let Some(Predicted { step, new, .. }) = step else { return };
        for new in new {
            self.slots[new.index][place].put(new.kind, new.numbered.clone());
            self.n_predictors = new.numbered.0 + 1;
        }
        self.transforms = step.transforms.clone();
        let gain = step.unpredicted_bytes as f64 / step.n_bytes() as f64;
        self.slots.iter_mut().for_each(|slots| slots[place].learn_gain(gain));
    }

    /// What is tried at this step instead of what serves; one step tells too little.
    fn rival(
        &mut self,
        components: &[Component],
        (history, others): (&History, &[Other]),
        (settings, seed): (&Settings, u64),
    ) -> Result<Option<Rival>> {
        if history.n_steps() == 1 {
            return Ok(None);
        }
        if let Some(kind) = self.kind.rival(wanted(settings)) {
            return Ok(Some(Rival::Kind(kind)));
        }
        if self.kind.get(wanted(settings)).is_none() || others.is_empty() {
            return Ok(None);
        }
        Ok(self.beside.rival(components, (history, others), (settings, seed))?.map(Rival::Beside))
    }

    /// Chooses predictors for all components.
    fn attempt(
        &mut self,
        way: &Way,
        components: &[Component],
        samples: &mut [Option<Sampled>],
        plan: (&Settings, &WithCpu, u64),
        report: &mut Report,
    ) -> Result<Attempt> {
        let mut attempt = Attempt::default();
        let Some(kind) = way.kind else { return Ok(Attempt { choices: vec![None; components.len()], ..attempt }) };
        for ((index, component), samples) in components.iter().enumerate().zip(samples) {
            let choice = self.choose((way, kind), (component, index, samples), plan, report)?;
            self.add(choice, (kind, index, way.place()), &mut attempt);
        }
        Ok(attempt)
    }

    /// The step with the steps of the quantiser that served before, or with what is tried beside them now.
    fn best_step(&mut self, encoder: &Encoder, history: &History, attempt: Attempt) -> Result<Option<Predicted>> {
        let ready = encoder.prepare(attempt, history)?;
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
        (way, kind): (&Way, Kind),
        (component, index, samples): (&Component, usize, &mut Option<Sampled>),
        (settings, device, seed): (&Settings, &WithCpu, u64),
        report: &mut Report,
    ) -> Result<Choice> {
        let slot = &mut self.slots[index][way.place()];
        if component.is_constant() {
            return Ok(Choice::Last);
        }
        if !way.is_compared
            && let Some(choice) = slot.rested(kind)
        {
            return Ok(choice);
        }
        let seed = seed.wrapping_add(index as u64);
        let Sampled { samples, n_values } = match samples {
            Some(known) => known,
            None => {
                let scaling = slot.scaling(kind);
                let of = (component, index, &*way.history);
                samples.insert(Sampled::of(of, (settings, seed), usize::MAX, scaling.as_ref())?)
            }
        };
        let n_before = slot.n_steps();
        let (n_steps, width) = (settings.iterations, settings.predictor_width);
        let choice = slot.fit(kind, samples, Plan { device, n_steps, width, seed }, *n_values)?;
        if !way.is_compared {
            slot.plan_rest(&choice);
        }
        report.iterations += slot.n_steps().saturating_sub(n_before);
        Ok(choice)
    }

    /// Numbers the predictor of a choice and adds it to an attempt.
    fn add(&self, choice: Choice, (kind, index, place): (Kind, usize, usize), attempt: &mut Attempt) {
        let slot = &self.slots[index][place];
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
