//! A run of steps, each predicted from the two before it: which steps stand alone, and which predictor serves.
//!
//! ```text
//! key (stands alone) -> predicted -> predicted -> ... -> key -> ...
//! ```
//! A step stands alone after `key_interval` steps and wherever prediction saves next to nothing, so that fields without memory
//! cost nothing but now and then an attempt. After a key of the first kind nothing before it is needed; one of the second kind
//! is still a step to predict from together with the one before it.

use std::sync::Arc;
use std::time::Instant;

use super::history::History;
use super::lossy::Component;
use super::predicted::{self, Choices, Prepared};
use super::report::Report;
use super::step_factor::StepFactor;
use super::{Encoded, ordered_dims};
use crate::backend::choose::WithCpu;
use crate::predict::Predictor;
use crate::predict::fit::{self, Effort, Learner};
use crate::predict::sample::{Samples, Task};
use crate::settings::{Norm, PredictorChoice, Target};
use crate::transform::Goal;
use crate::{Block, Result, Settings, threads};

/// A step that stands alone is taken when it is at most this much larger than the predicted one.
const KEY_MARGIN: f64 = 1.02;
/// Below this estimated gain the step is coded alone too, and the smaller one taken.
const DOUBTFUL_GAIN: f64 = 1.15;
/// So many steps after a key the step is coded alone too, whatever the estimate says.
const CHECKED_STEP: usize = 2;
/// Steps without an attempt at most, after attempts that did not pay.
const LONGEST_REST: usize = 64;
/// Steps that new weights are expected to serve.
const HORIZON: f64 = 5.0;
/// Neurons of each hidden layer.
const WIDTH: usize = 16;
/// Training steps for one step of the chain: at first, until so many are done, and then.
const N_FIRST: u32 = 96;
const N_BOOTSTRAP: u32 = 600;
const N_LATER: u32 = 12;

/// The predictors of one component: one for steps that know one step before them, one for those that know two.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// With its number in the chain.
    predictor: Option<(u32, Arc<Predictor>)>,
    /// Updates since one that stands alone.
    n_updates: u32,
    learner: Learner,
}

/// A chain of steps in the making.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    history: Option<History>,
    /// Steps since the one that reading the newest begins with.
    n_since_key: usize,
    /// The last step stands alone.
    is_alone: bool,
    /// Prediction from two steps paid when it was tried last.
    pays: bool,
    /// `[component][steps of the history - 1]`.
    slots: Vec<[Slot; 2]>,
    /// Predictors made so far.
    n_predictors: u32,
    n_attempts: usize,
    /// Bytes of the last step that was coded alone beside a prediction over those estimated for it.
    calibration: Option<f64>,
    step_factor: StepFactor,
    /// Steps to go without an attempt, and how many it will be after the next one that does not pay.
    rest: usize,
    next_rest: usize,
    /// See [`Self::refusal`].
    refusal: Option<String>,
}

/// One more step of a chain, which counts when it is [`Chain::accept`]ed.
pub struct Link {
    /// The step. The record of a predicted one is for [`predicted::decode`].
    pub encoded: Encoded,
    /// Steps before it that it needs: 0 for one that stands alone, else 1 or 2.
    pub needs: usize,
    /// Steps after it need nothing before it.
    pub is_start: bool,
    /// It stands alone, and the next step is likely to need it.
    pub is_awaited: bool,
    /// New predictors and their numbers, for [`predicted::decode_predictor`].
    pub predictors: Vec<(u32, Vec<u8>)>,
    after: Chain,
}

impl Chain {
    /// Bytes that are kept for the next step.
    pub fn n_bytes(&self) -> usize {
        self.history.as_ref().map_or(0, History::n_bytes)
    }

    /// Why the CPU does what the settings asked a GPU to do.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The next step of the chain; `alone` encodes it without one.
    ///
    /// # Errors
    /// What `alone` reports.
    pub fn encode(
        &self,
        block: &Block,
        settings: &Settings,
        alone: &mut dyn FnMut() -> Result<Encoded>,
    ) -> Result<Link> {
        let dims = ordered_dims(block, settings.order);
        let history = self.history.as_ref().filter(|history| history.suits(block.dtype, &dims));
        let is_due = history.is_some() && self.n_since_key + 1 >= settings.key_interval;
        if is_due || history.is_none() {
            return Ok(self.alone(alone()?, (block, &dims), None));
        }
        let Some(history) = history.filter(|_| self.rest == 0) else {
            return Ok(self.alone(alone()?, (block, &dims), history));
        };
        let mut draft = self.clone();
        draft.n_attempts += 1;
        let attempt = draft.predict(block, settings, history)?;
        let Some((step, predictors)) = attempt else {
            let why = "prediction: no attempt keeps the promise";
            return Ok(self.unpaid(draft, alone()?, (block, &dims), history, why));
        };
        let weights: usize = predictors.iter().map(|(_, bytes)| bytes.len()).sum();
        let n_bytes = step.n_bytes();
        let unpredicted = step.unpredicted_bytes as f64;
        let is_doubtful = draft.calibration.is_none_or(|c| c * unpredicted < DOUBTFUL_GAIN * n_bytes as f64);
        if is_doubtful || self.n_since_key + 1 == CHECKED_STEP {
            let key = alone()?;
            draft.calibration = Some(key.record.len() as f64 / unpredicted);
            if key.record.len() as f64 <= KEY_MARGIN * (n_bytes + weights / HORIZON as usize) as f64 {
                let why = format!("prediction: {n_bytes} bytes predicted, not worth it");
                return Ok(self.unpaid(draft, key, (block, &dims), history, &why));
            }
        }
        draft.history = history.next(&step.encoded.fields);
        (draft.n_since_key, draft.is_alone, draft.pays) = (self.n_since_key + 1, false, true);
        (draft.rest, draft.next_rest) = (0, 0);
        let needs = history.n_steps();
        Ok(Link { encoded: step.encoded, needs, is_start: false, is_awaited: false, predictors, after: draft })
    }

    /// Takes a step over once it is stored.
    pub fn accept(&mut self, link: Link) -> Encoded {
        *self = link.after;
        link.encoded
    }

    /// Forgets the steps so far, so that the next one stands alone.
    pub fn interrupt(&mut self) {
        self.history = None;
    }

    /// A step that stands alone; after `history` if that is still good to predict from.
    fn alone(&self, encoded: Encoded, (block, dims): (&Block, &[usize]), history: Option<&History>) -> Link {
        let mut after = self.clone();
        after.history = match history {
            Some(history) => history.next(&encoded.fields),
            None => History::start(block.dtype, dims, &encoded.fields),
        };
        let before = history.map(|_| if self.is_alone { 0 } else { self.n_since_key });
        (after.n_since_key, after.is_alone) = (before.map_or(0, |n| n + 1), true);
        after.rest = self.rest.saturating_sub(1);
        let is_awaited = self.pays && self.rest == 0;
        Link { encoded, needs: 0, is_start: history.is_none(), is_awaited, predictors: Vec::new(), after }
    }

    /// A step that stands alone because prediction did not pay. From two steps it may pay all the same; after that attempt the
    /// next one waits longer each time.
    fn unpaid(&self, draft: Chain, mut encoded: Encoded, of: (&Block, &[usize]), history: &History, why: &str) -> Link {
        encoded.report.note("predicted", None, why);
        let mut link = self.alone(encoded, of, Some(history));
        // New weights are not published: only what was learned is kept.
        link.after.slots.resize_with(draft.slots.len(), Default::default);
        for (slots, tried) in link.after.slots.iter_mut().zip(draft.slots) {
            slots.iter_mut().zip(tried).for_each(|(slot, tried)| slot.learner = tried.learner);
        }
        (link.after.n_attempts, link.after.calibration) = (draft.n_attempts, draft.calibration);
        link.after.refusal = draft.refusal;
        if history.n_steps() > 1 {
            (link.after.pays, link.is_awaited) = (false, false);
            link.after.rest = self.next_rest;
            link.after.next_rest = (2 * self.next_rest).clamp(1, LONGEST_REST);
        }
        link
    }

    /// The step predicted with the best predictors; `self` learns about them.
    #[expect(clippy::type_complexity, reason = "a step and new predictors")]
    fn predict(
        &mut self,
        block: &Block,
        settings: &Settings,
        history: &History,
    ) -> Result<Option<(predicted::Step, Vec<(u32, Vec<u8>)>)>> {
        let Some((real, n_components)) = block.dtype.components() else { return Ok(None) };
        let mut report = Report::new(block, settings);
        let started = Instant::now();
        let device = WithCpu::new(settings, self.refusal.is_some());
        self.slots.resize_with(n_components, Default::default);
        let component = |index| Component::new(block, real, index, settings);
        let components = (0..n_components).map(component).collect::<Result<Vec<_>>>()?;
        let (mut choices, mut predictors): (Choices, _) = (Vec::new(), Vec::new());
        for (index, component) in components.iter().enumerate() {
            let before = self.slots[index][history.n_steps() - 1].predictor.clone();
            let choice = threads::install(settings.threads, || {
                self.choose(component, index, (settings, &device), history, &mut report)
            })?;
            if let Some((number, predictor)) = choice.as_ref()
                && before.as_ref().is_none_or(|(n, _)| n != number)
            {
                let slot = &mut self.slots[index][history.n_steps() - 1];
                let before = before.as_ref().filter(|_| slot.n_updates + 1 < predicted::MAX_UPDATES);
                let before = before.map(|(n, predictor)| (*n, predictor.as_ref()));
                slot.n_updates = if before.is_some() { slot.n_updates + 1 } else { 0 };
                predictors.push((*number, predicted::encode_predictor(predictor, before)));
            }
            choices.push(choice);
        }
        report.seconds.train += started.elapsed().as_secs_f64();
        report.weights_bytes = predictors.iter().map(|(_, bytes)| bytes.len()).sum();
        let step = threads::install(settings.threads, || {
            let prepared = Prepared::new((block, settings), components, choices, history, &device)?;
            report.seconds.total = started.elapsed().as_secs_f64();
            self.best_step(&prepared, report)
        })?;
        self.refusal = self.refusal.take().or_else(|| device.refusal());
        Ok(step.map(|step| (step, predictors)))
    }

    /// The step with the steps of the quantiser that served before, or with what is tried beside them now.
    fn best_step(&mut self, prepared: &Prepared, report: Report) -> Result<Option<predicted::Step>> {
        let step = prepared.encode(self.step_factor.get(), report.clone())?;
        let has_factor = matches!(prepared.settings.target, Target::Accuracy(_, Norm::Linf, _));
        if has_factor
            && let Some(rival) = self.step_factor.rival()
            && let Some(other) = prepared.encode(rival.get(), report)?
        {
            let is_smaller = step.as_ref().is_none_or(|step| other.n_bytes() < step.n_bytes());
            self.step_factor.learn(rival, is_smaller);
            if is_smaller {
                return Ok(Some(other));
            }
        }
        Ok(step)
    }

    /// The predictor for a component: the one of the last step, or a new one if that pays for its weights.
    fn choose(
        &mut self,
        component: &Component,
        index: usize,
        (settings, device): (&Settings, &WithCpu),
        history: &History,
        report: &mut Report,
    ) -> Result<Option<(u32, Arc<Predictor>)>> {
        if settings.predictor == PredictorChoice::Last || component.is_constant() {
            return Ok(None);
        }
        let steps = history.of(index)?;
        let seed = settings.seed.wrapping_add((self.n_attempts * 31 + index) as u64);
        let (values, mask, dims) = (&component.values[..], component.valid(), &component.dims[..]);
        let slot = &mut self.slots[index][history.n_steps() - 1];
        let current = slot.predictor.clone();
        let n_values = values.len() - component.mask.n_masked;
        let tolerance = match component.goal(settings.target, usize::MAX, 1, 0) {
            Some(Goal::Linf(bound)) => bound,
            // A quantiser with errors of this root mean square errs by so much at most.
            Some(Goal::L2(bound)) => bound * (3.0 / n_values as f64).sqrt(),
            Some(Goal::Bytes(_)) | None => 0.0,
        };
        let task = Task { past: steps.past(), values, mask, dims, tolerance, seed };
        let samples = Samples::of(&task, current.as_ref().map(|(_, p)| &p.scaling));
        let n_before = slot.learner.n_steps();
        let new = slot.fit(&samples, (settings, device), n_values, seed)?;
        report.iterations += slot.learner.n_steps().saturating_sub(n_before);
        match new {
            Choice::Last => Ok(None),
            Choice::Current => Ok(current),
            Choice::New(predictor) => {
                let chosen = (self.n_predictors, Arc::from(predictor));
                self.n_predictors += 1;
                slot.predictor = Some(chosen.clone());
                Ok(Some(chosen))
            }
        }
    }
}

/// What a component is predicted with.
enum Choice {
    Last,
    Current,
    New(Box<Predictor>),
}

impl Slot {
    /// What saves most bytes per step among `n_values`, the bytes of new weights counted.
    fn fit(
        &mut self,
        samples: &Samples,
        (settings, device): (&Settings, &WithCpu),
        n_values: usize,
        seed: u64,
    ) -> Result<Choice> {
        let last_bits = fit::last_bits(samples);
        let saved = |bits: f64| (last_bits - bits) * n_values as f64 / 8.0;
        if last_bits == 0.0 {
            return Ok(Choice::Last);
        }
        let current = self.predictor.as_ref().map(|(_, predictor)| predictor.as_ref());
        let (mut most, mut choice) = (0.0, Choice::Last);
        if let Some(now) = current.map(|current| saved(fit::bits(samples, current)))
            && now > most
        {
            (most, choice) = (now, Choice::Current);
        }
        let n_steps = if self.learner.n_steps() < N_BOOTSTRAP { N_FIRST } else { N_LATER };
        let n_steps = settings.iterations.unwrap_or(n_steps);
        let trains = settings.predictor != PredictorChoice::Linear;
        let effort = Effort { device, n_steps, width: WIDTH, seed };
        let network = if trains { self.learner.network(samples, current, effort)? } else { None };
        let is_network = trains && current.is_some_and(|current| current.mlp.is_some());
        let linear = if is_network { None } else { fit::linear(samples, current) };
        for new in [linear, network].into_iter().flatten() {
            let per_step = saved(new.bits) - new.predictor.encode(current).len() as f64 / HORIZON;
            if per_step > most {
                (most, choice) = (per_step, Choice::New(Box::new(new.predictor)));
            }
        }
        Ok(choice)
    }
}
