//! A run of steps, each predicted from the two before it: which steps stand alone, and which predictor serves.
//!
//! ```text
//! key (stands alone) -> predicted -> predicted -> ... -> key -> ...
//! ```
//! A step stands alone after `key_interval` steps and wherever prediction saves next to nothing, so that fields without memory
//! cost nothing but now and then an attempt.

use std::sync::Arc;
use std::time::Instant;

use super::history::History;
use super::lossy::Component;
use super::predicted::{self, Choices};
use super::report::Report;
use super::{Encoded, ordered_dims};
use crate::predict::Predictor;
use crate::predict::fit::{Effort, Samples, Task, fit};
use crate::settings::PredictorChoice;
use crate::{Block, Result, Settings, threads};

/// A step that stands alone is taken when it is at most this much larger than the predicted one.
const KEY_MARGIN: f64 = 1.02;
/// Below this estimated gain the step is coded alone too, and the smaller one taken.
const DOUBTFUL_GAIN: f64 = 1.15;
/// Steps without an attempt at most, after attempts that did not pay.
const LONGEST_REST: usize = 64;
/// Part of a step's bytes that halving the squared error of the prediction saves.
const SAVED_PER_OCTAVE: f64 = 0.125;
/// Steps that new weights are expected to serve.
const LINEAR_STEPS: f64 = 4.0;
const NETWORK_STEPS: f64 = 16.0;
/// Steps between two trainings at least, and the measured gain they may lose before the next.
const TRAINING_PAUSE: usize = 8;
const GAIN_KEPT: f64 = 0.8;
/// Training samples per point of the field and pause, which takes about as long as the transform of as many steps.
const SAMPLES_PER_POINT: usize = 8;
/// Samples of one training step (`fit`).
const BATCH: usize = 2048;
/// Training steps, at least and at most.
const N_STEPS: (usize, usize) = (150, 1000);
/// Neurons of each hidden layer.
const WIDTH: usize = 16;

/// The predictors of one component: one for steps that know one step before them, one for those that know two.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// With its number in the chain.
    predictor: Option<(u32, Arc<Predictor>)>,
    /// Squared error of the last step over that of the predictor, when it was fitted.
    gain: f64,
    /// When the network was trained last, as a number of attempts.
    trained: Option<usize>,
}

/// A chain of steps in the making.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    history: Option<History>,
    /// Steps since the last key.
    n_since_key: usize,
    /// `[component][depth of the history]`.
    slots: Vec<[Slot; 2]>,
    /// Predictors made so far.
    n_predictors: u32,
    n_attempts: usize,
    /// Steps to go without an attempt, and how many it will be after the next one that does not pay.
    rest: usize,
    next_rest: usize,
    /// Bytes of the last predicted step, or a guess.
    expected_bytes: usize,
}

/// One more step of a chain, which counts when it is [`Chain::accept`]ed.
pub struct Link {
    /// The step. The record of a predicted one is for [`predicted::decode`].
    pub encoded: Encoded,
    /// It stands alone.
    pub is_key: bool,
    /// It stands alone because of `key_interval`, not because prediction does not pay.
    pub is_due: bool,
    /// New predictors and their numbers: encoded, each after the predictor of the number before it.
    pub predictors: Vec<(u32, Vec<u8>)>,
    after: Chain,
}

impl Chain {
    /// Bytes that are kept for the next step.
    pub fn n_bytes(&self) -> usize {
        self.history.as_ref().map_or(0, History::n_bytes)
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
        let Some(history) = history.filter(|_| !is_due && self.rest == 0) else {
            return Ok(self.key(alone()?, (block, &dims), is_due && self.rest == 0));
        };
        let mut draft = self.clone();
        draft.n_attempts += 1;
        let attempt = draft.predict(block, settings, history)?;
        let Some((step, predictors)) = attempt else {
            return Ok(draft.unpaid(alone()?, (block, &dims), "prediction: no attempt keeps the promise"));
        };
        let weights: usize = predictors.iter().map(|(_, bytes)| bytes.len()).sum();
        let n_bytes = step.encoded.record.len();
        let gain = step.unpredicted_bytes as f64 / n_bytes as f64;
        if gain < DOUBTFUL_GAIN {
            let key = alone()?;
            if key.record.len() as f64 <= KEY_MARGIN * (n_bytes + weights / TRAINING_PAUSE) as f64 {
                let why = format!("prediction: {n_bytes} bytes predicted, not worth it");
                return Ok(draft.unpaid(key, (block, &dims), &why));
            }
        }
        draft.history = history.next(&step.encoded.fields);
        draft.n_since_key += 1;
        (draft.rest, draft.next_rest) = (0, 0);
        draft.expected_bytes = n_bytes;
        Ok(Link { encoded: step.encoded, is_key: false, is_due: false, predictors, after: draft })
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

    fn key(&self, encoded: Encoded, (block, dims): (&Block, &[usize]), is_due: bool) -> Link {
        let mut after = self.clone();
        after.history = History::start(block.dtype, dims, &encoded.fields);
        (after.n_since_key, after.rest) = (0, self.rest.saturating_sub(1));
        if self.expected_bytes == 0 {
            after.expected_bytes = encoded.record.len() / 2;
        }
        Link { encoded, is_key: true, is_due, predictors: Vec::new(), after }
    }

    /// A key because prediction did not pay: the next attempt waits longer each time.
    fn unpaid(&self, mut encoded: Encoded, of: (&Block, &[usize]), why: &str) -> Link {
        encoded.report.note("predicted", None, why);
        let mut link = self.key(encoded, of, false);
        link.after.rest = self.next_rest;
        link.after.next_rest = (2 * self.next_rest).clamp(1, LONGEST_REST);
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
        self.slots.resize_with(n_components, Default::default);
        let (mut choices, mut predictors): (Choices, _) = (Vec::new(), Vec::new());
        for index in 0..n_components {
            let component = Component::new(block, real, index, settings)?;
            let before = self.slots[index][history.depth()].predictor.as_ref().map(|(n, _)| *n);
            let choice =
                threads::install(settings.threads, || self.choose(&component, index, settings, history, &mut report))?;
            if let Some((number, predictor)) = choice.as_ref().filter(|(n, _)| Some(*n) != before) {
                predictors.push((*number, predictor.encode(None)));
            }
            choices.push(choice);
        }
        report.seconds.train += started.elapsed().as_secs_f64();
        report.weights_bytes = predictors.iter().map(|(_, bytes)| bytes.len()).sum();
        report.seconds.total = report.seconds.train;
        let step = predicted::encode(block, settings, history, &choices, report)?;
        Ok(step.map(|step| (step, predictors)))
    }

    /// The predictor for a component: the one of the last step, or a new one if that pays for its weights.
    fn choose(
        &mut self,
        component: &Component,
        index: usize,
        settings: &Settings,
        history: &History,
        report: &mut Report,
    ) -> Result<Option<(u32, Arc<Predictor>)>> {
        if settings.predictor == PredictorChoice::Last || component.is_constant() {
            return Ok(None);
        }
        let steps = history.of(index)?;
        let seed = settings.seed.wrapping_add((self.n_attempts * 31 + index) as u64);
        let (values, mask, dims) = (&component.values[..], component.valid(), &component.dims[..]);
        let task = Task { past: steps.past(), values, mask, dims, seed };
        let depth = history.depth();
        let slot = self.slots[index][depth].clone();
        let current = slot.predictor.as_ref().map(|(_, predictor)| Arc::clone(predictor));
        let samples = Samples::of(&task, current.as_deref());
        let last_error = samples.last_error();
        let error = current.as_deref().map_or(f64::INFINITY, |p| samples.error(p));
        let is_worn = last_error / error < GAIN_KEPT * slot.gain || error.is_infinite();
        let is_rested = slot.trained.is_none_or(|at| self.n_attempts - at >= TRAINING_PAUSE);
        let trains = settings.predictor != PredictorChoice::Linear && is_rested && is_worn;
        let mut efforts = vec![Effort::Linear];
        if trains {
            let n_steps = (SAMPLES_PER_POINT * samples.n_points() / BATCH).clamp(N_STEPS.0, N_STEPS.1);
            let n_steps = settings.iterations.unwrap_or(n_steps as u32);
            efforts.push(Effort::Network { width: WIDTH, n_steps });
            report.iterations += n_steps;
            self.slots[index][depth].trained = Some(self.n_attempts);
        }
        // What a squared error saves over the steps it is expected to serve, less the weights it takes.
        let expected = self.expected_bytes as f64 / self.slots.len() as f64;
        let saving = |error: f64, n_steps: f64| {
            let octaves = libm::log2(last_error / error.max(f64::MIN_POSITIVE)).min(8.0);
            SAVED_PER_OCTAVE * octaves * expected * n_steps
        };
        let (mut best, mut best_error) = (current.clone(), error);
        let mut most = if current.is_some() { saving(error, LINEAR_STEPS) / LINEAR_STEPS } else { 0.0 };
        for effort in efforts {
            let Some(new) = fit(&samples, current.as_deref(), effort, seed) else { continue };
            let n_steps = if new.mlp.is_some() { NETWORK_STEPS } else { LINEAR_STEPS };
            let new_error = samples.error(&new);
            let per_step = (saving(new_error, n_steps) - new.encode(None).len() as f64) / n_steps;
            if per_step > most {
                (most, best, best_error) = (per_step, Some(Arc::new(new)), new_error);
            }
        }
        if most <= 0.0 {
            return Ok(None);
        }
        let Some(best) = best else { return Ok(None) };
        let is_new = current.is_none_or(|current| !Arc::ptr_eq(&current, &best));
        let number = if is_new { self.n_predictors } else { slot.predictor.map_or(0, |(n, _)| n) };
        self.n_predictors += u32::from(is_new);
        let slot = &mut self.slots[index][depth];
        if is_new {
            slot.gain = last_error / best_error;
        }
        slot.predictor = Some((number, Arc::clone(&best)));
        Ok(Some((number, best)))
    }
}
