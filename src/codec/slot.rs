//! The predictors of one component: which kinds there are, what the next step is predicted with, and whether new weights pay.

use std::sync::Arc;

use super::predicted;
use crate::Result;
use crate::predict::fit::{self, Learner, Plan};
use crate::predict::sample::Samples;
use crate::predict::{Predictor, Scaling};

/// Steps that new weights are expected to serve.
pub const HORIZON: f64 = 5.0;

/// Kinds of predictors with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A linear stencil.
    Linear,
    /// That and a network.
    Network,
}

/// A predictor with its number in the chain.
pub type Numbered = (u32, Arc<Predictor>);

/// What a component is predicted with.
pub enum Choice {
    /// The last step.
    Last,
    /// The newest predictor of its kind.
    Current,
    /// A new one.
    New(Arc<Predictor>),
}

/// Steps without a fit, at most, after fits that did not pay.
const LONGEST_REST: u32 = 4;
/// A gain below this part of the last fit's ends a rest.
const LOST: f64 = 0.97;

/// Whether the next step is worth a fit.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    n_left: u32,
    /// After the next fit that does not pay.
    next: u32,
    /// What the last fit took, if that was the last step itself.
    is_last: bool,
    /// Bytes without prediction over those with it, after the last fit.
    gain: Option<f64>,
}

/// The newest predictors of a component.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// By [`Kind`], with the updates since one that stands alone.
    newest: [Option<(Numbered, u32)>; 2],
    learner: Learner,
    rest: Rest,
}

impl Slot {
    /// The newest predictor of a kind.
    pub fn newest(&self, kind: Kind) -> Option<&Numbered> {
        self.newest[kind as usize].as_ref().map(|(numbered, _)| numbered)
    }

    /// How the newest predictor of a kind sees fields, or the network in training.
    pub fn scaling(&self, kind: Kind) -> Option<Scaling> {
        self.newest(kind).map(|(_, predictor)| predictor.scaling).or(self.learner.scaling())
    }

    /// Bytes of a new predictor, as an update of the newest one where that is not the last of a long row.
    pub fn encode(&self, kind: Kind, new: &Predictor) -> Vec<u8> {
        let before = self.updatable(kind).map(|((number, predictor), _)| (*number, predictor.as_ref()));
        predicted::encode_predictor(new, before)
    }

    fn updatable(&self, kind: Kind) -> Option<&(Numbered, u32)> {
        self.newest[kind as usize].as_ref().filter(|(_, n_updates)| n_updates + 1 < predicted::MAX_UPDATES)
    }

    /// Takes over what [`Self::encode`] encoded.
    pub fn put(&mut self, kind: Kind, new: Numbered) {
        let n_updates = self.updatable(kind).map_or(0, |(_, n)| n + 1);
        self.newest[kind as usize] = Some((new, n_updates));
    }

    /// What serves without a fit, where the last fits did not pay and nothing was lost since.
    pub fn rested(&mut self, kind: Kind) -> Option<Choice> {
        let choice = if self.rest.is_last { Choice::Last } else { Choice::Current };
        let is_due = self.rest.n_left == 0 || (!self.rest.is_last && self.newest(kind).is_none());
        self.rest.n_left = self.rest.n_left.saturating_sub(1);
        (!is_due).then_some(choice)
    }

    /// Learns what a step gained by its prediction.
    pub fn learn_gain(&mut self, gain: f64) {
        let before = *self.rest.gain.get_or_insert(gain);
        if gain < LOST * before {
            self.rest.n_left = 0;
        }
    }

    /// Takes over that a fit came to this.
    pub fn plan_rest(&mut self, choice: &Choice) {
        let next = if matches!(choice, Choice::New(_)) { 0 } else { (2 * self.rest.next).clamp(1, LONGEST_REST) };
        let is_last = matches!(choice, Choice::Last);
        self.rest = Rest { n_left: next, next, is_last, gain: None };
    }

    /// Training steps of the network so far.
    pub fn n_steps(&self) -> u32 {
        self.learner.n_steps()
    }

    /// What is learned without being used.
    pub fn take_learner(&mut self, other: Slot) {
        self.learner = other.learner;
    }

    /// What of this kind saves most bytes per step among `n_values`, the bytes of new weights counted.
    ///
    /// # Errors
    /// As [`Learner::network`].
    pub fn fit(&mut self, kind: Kind, samples: &Samples, plan: Plan, n_values: usize) -> Result<Choice> {
        let last_bits = fit::last_bits(samples);
        let saved = |bits: f64| (last_bits - bits) * n_values as f64 / 8.0;
        if last_bits == 0.0 {
            return Ok(Choice::Last);
        }
        let current = self.newest(kind).map(|(_, predictor)| Arc::clone(predictor));
        let current = current.as_deref();
        let (mut most, mut choice) = (0.0, Choice::Last);
        if let Some(now) = current.map(|current| saved(fit::bits(samples, current)))
            && now > most
        {
            (most, choice) = (now, Choice::Current);
        }
        let new = match kind {
            Kind::Linear => fit::linear(samples, current),
            Kind::Network => self.learner.network(samples, current, plan)?,
        };
        Ok(match new {
            Some(new) if saved(new.bits) - self.encode(kind, &new.predictor).len() as f64 / HORIZON > most => {
                Choice::New(Arc::new(new.predictor))
            }
            _ => choice,
        })
    }
}
