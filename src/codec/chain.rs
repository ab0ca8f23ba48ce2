//! A run of steps, each predicted from the two before it: which steps stand alone, and which predictor serves.
//!
//! ```text
//! key (stands alone) -> predicted -> predicted -> ... -> key -> ...
//! ```
//! A step stands alone after `key_interval` steps and wherever prediction saves next to nothing, so that fields without memory
//! cost nothing but now and then an attempt. After a key of the first kind nothing before it is needed; one of the second kind
//! is still a step to predict from together with the one before it.

use std::time::Instant;

use super::history::History;
use super::kind_choice::KindChoice;
use super::lossy::Component;
use super::predicted::{self, Choices, Prepared};
use super::report::Report;
use super::slot::{Budget, Choice, HORIZON, Kind, Numbered, Slot};
use super::step_factor::StepFactor;
use super::{Encoded, ordered_dims};
use crate::backend::choose::WithCpu;
use crate::predict::Scaling;
use crate::predict::sample::{Samples, Task};
use crate::settings::{Norm, Target};
use crate::transform::Goal;
use crate::{Block, Result, Settings, threads, transform};

/// A step that stands alone is taken when it is at most this much larger than the predicted one.
const KEY_MARGIN: f64 = 1.02;
/// Below this estimated gain the step is coded alone too, and the smaller one taken.
const DOUBTFUL_GAIN: f64 = 1.15;
/// So many steps after a key the step is coded alone too, whatever the estimate says.
const CHECKED_STEP: usize = 2;
/// Steps that earn back what is written once more for them.
const OWED_HORIZON: f64 = 8.0;
/// All transforms are tried for one step in so many.
const TRANSFORMS_EVERY: usize = 8;
/// Steps without an attempt at most, after attempts that did not pay.
const LONGEST_REST: usize = 64;

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
    /// `[component][steps of the history - 1]`: those for steps that know one step before them, and two.
    slots: Vec<[Slot; 2]>,
    /// Predictors made so far.
    n_predictors: u32,
    n_attempts: usize,
    /// Bytes of the last step that was coded alone beside a prediction over those estimated for it.
    calibration: Option<f64>,
    step_factor: StepFactor,
    kind: KindChoice,
    /// Of each component, when all were tried last.
    transforms: Vec<Option<transform::Kind>>,
    /// Bytes of the last step and the one before that were stored where only readers of these steps find them: a predicted step has
    /// them written once more.
    owed: [usize; 2],
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
        let Some(predicted) = attempt else {
            let why = "prediction: no attempt keeps the promise";
            return Ok(self.unpaid(draft, alone()?, (block, &dims), history, why));
        };
        let (weights, step) = (predicted.weights_bytes(), &predicted.step);
        let n_bytes = step.n_bytes();
        let unpredicted = step.unpredicted_bytes as f64;
        let owed: usize = self.owed[..history.n_steps()].iter().sum();
        let own_cost = n_bytes as f64 + weights as f64 / HORIZON;
        let cost = own_cost + owed as f64 / OWED_HORIZON;
        let is_doubtful = draft.calibration.is_none_or(|c| c * unpredicted < DOUBTFUL_GAIN * cost);
        if is_doubtful || self.n_since_key + 1 == CHECKED_STEP {
            let key = alone()?;
            draft.calibration = Some(key.record.len() as f64 / unpredicted);
            if key.record.len() as f64 <= KEY_MARGIN * cost {
                let why = format!("prediction: {n_bytes} bytes predicted, not worth it");
                let is_promising = DOUBTFUL_GAIN * own_cost < key.record.len() as f64;
                let mut link = self.unpaid(draft, key, (block, &dims), history, &why);
                if is_promising {
                    // Without what is owed it would have paid: from now on steps are stored where they can be predicted from.
                    (link.is_awaited, link.after.pays) = (true, true);
                    (link.after.rest, link.after.next_rest, link.after.owed[0]) = (0, 0, 0);
                }
                return Ok(link);
            }
        }
        draft.history = history.next(&step.encoded.fields);
        (draft.n_since_key, draft.is_alone, draft.pays) = (self.n_since_key + 1, false, true);
        draft.owed = [0; 2];
        (draft.rest, draft.next_rest) = (0, 0);
        let needs = history.n_steps();
        let predictors = predicted.new.into_iter().map(|new| (new.numbered.0, new.bytes)).collect();
        Ok(Link {
            encoded: predicted.step.encoded,
            needs,
            is_start: false,
            is_awaited: false,
            predictors,
            after: draft,
        })
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
        after.owed = [if is_awaited { 0 } else { encoded.record.len() }, self.owed[0]];
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
            slots.iter_mut().zip(tried).for_each(|(slot, tried)| slot.take_learner(tried));
        }
        (link.after.n_attempts, link.after.calibration) = (draft.n_attempts, draft.calibration);
        link.after.refusal = draft.refusal;
        if history.n_steps() > 1 {
            (link.after.pays, link.is_awaited) = (false, false);
            link.after.owed[0] = link.encoded.record.len();
            link.after.rest = self.next_rest;
            link.after.next_rest = (2 * self.next_rest).clamp(1, LONGEST_REST);
        }
        link
    }

    /// The step predicted with the best predictors; `self` learns about them.
    fn predict(&mut self, block: &Block, settings: &Settings, history: &History) -> Result<Option<Predicted>> {
        let Some((real, n_components)) = block.dtype.components() else { return Ok(None) };
        let (mut report, started) = (Report::new(block, settings), Instant::now());
        let device = WithCpu::new(settings, self.refusal.is_some());
        self.slots.resize_with(n_components, Default::default);
        let component = |index| Component::new(block, real, index, settings);
        let components = (0..n_components).map(component).collect::<Result<Vec<_>>>()?;
        let tries_all = (self.n_since_key + 1) % TRANSFORMS_EVERY == CHECKED_STEP;
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

/// A new predictor of a component.
#[derive(Clone)]
struct New {
    index: usize,
    kind: Kind,
    numbered: Numbered,
    bytes: Vec<u8>,
}

/// One way to predict a step.
#[derive(Default)]
struct Attempt {
    choices: Choices,
    new: Vec<New>,
}

/// A predicted step with the predictors that are new with it.
struct Predicted {
    step: predicted::Step,
    new: Vec<New>,
}

impl Predicted {
    fn weights_bytes(&self) -> usize {
        self.new.iter().map(|new| new.bytes.len()).sum()
    }

    /// Bytes, new weights shared between the steps that they are expected to serve.
    fn cost(&self) -> f64 {
        self.step.n_bytes() as f64 + self.weights_bytes() as f64 / HORIZON
    }
}

/// What attempts at a step have in common.
struct Encoder<'a> {
    of: (&'a Block<'a>, &'a Settings),
    components: &'a [Component],
    history: &'a History,
    only: Vec<Option<transform::Kind>>,
    device: &'a WithCpu<'a>,
    report: Report,
}

/// An attempt with its predictions.
struct Ready<'a> {
    prepared: Prepared<'a>,
    new: Vec<New>,
    report: Report,
}

impl<'a> Encoder<'a> {
    fn prepare(&self, Attempt { choices, new }: Attempt) -> Result<Ready<'a>> {
        let started = Instant::now();
        let prepared = Prepared::new(self.of, self.components, choices, self.history, &self.only, self.device)?;
        let mut report = self.report.clone();
        report.weights_bytes = new.iter().map(|new| new.bytes.len()).sum();
        report.seconds.total = report.seconds.train + started.elapsed().as_secs_f64();
        Ok(Ready { prepared, new, report })
    }
}

impl Ready<'_> {
    fn encode(&self, step_factor: f64) -> Result<Option<Predicted>> {
        let step = self.prepared.encode(step_factor, self.report.clone())?;
        Ok(step.map(|step| Predicted { step, new: self.new.clone() }))
    }
}
