//! A run of steps, each predicted from the two before it: which steps stand alone, and which predictor serves.
//!
//! ```text
//! key (stands alone) -> predicted -> predicted -> ... -> key -> ...
//! ```
//! A step stands alone after `key_interval` steps and wherever prediction saves next to nothing, so that fields without memory
//! cost nothing but now and then an attempt. After a key of the first kind nothing before it is needed; one of the second kind
//! is still a step to predict from together with the one before it.

use super::beside::Other;
use super::history::History;
use super::lessons::Lessons;
use super::{Encoded, ordered_dims};
use crate::{Block, Result, Settings};

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
/// After a step that paid, so many attempts in a row have to fail before prediction is held not to pay: one tells too little.
const TRUST: usize = 4;
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
    /// A step since the one that reading the newest begins with needs another variable.
    is_cross: bool,
    /// Attempts from two steps that may fail before prediction is held not to pay, see [`TRUST`].
    trust: usize,
    lessons: Lessons,
    /// Bytes of the last step that was coded alone beside a prediction over those estimated for it.
    calibration: Option<f64>,
    /// Bytes of the last step and the one before that were stored where only readers of these steps find them: a predicted step has
    /// them written once more.
    owed: [usize; 2],
    /// Where nothing is left of the trust, steps to go without an attempt, and how many it will be after the next one that does not pay.
    rest: usize,
    next_rest: usize,
}

/// One more step of a chain, which counts when it is [`Chain::accept`]ed.
pub struct Link {
    /// The step. The record of a predicted one is for [`super::predicted::decode`].
    pub encoded: Encoded,
    /// Steps before it that it needs: 0 for one that stands alone, else 1 or 2.
    pub needs: usize,
    /// Series and step of the other variable that it needs too, see [`History::beside`].
    pub beside: Option<(u32, u32)>,
    /// Steps after it need nothing before it.
    pub is_start: bool,
    /// It stands alone, and the next step is likely to need it.
    pub is_awaited: bool,
    /// New predictors and their numbers, for [`super::predicted::decode_predictor`].
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
        self.lessons.refusal()
    }

    /// The last two steps where another variable may be predicted with them: where their reader finds both, and needs no third variable.
    pub fn offer(&self) -> Option<&History> {
        self.history.as_ref().filter(|history| history.n_steps() > 1 && !self.is_alone && !self.is_cross)
    }

    /// The next step of the chain; `alone` encodes it without one, `others` are variables that it may be predicted with.
    ///
    /// # Errors
    /// What `alone` reports.
    pub fn encode(
        &self,
        block: &Block,
        settings: &Settings,
        others: &[Other],
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
        let tries_all = (self.n_since_key + 1) % TRANSFORMS_EVERY == CHECKED_STEP;
        let attempt = draft.lessons.predict((block, settings), (history, others), tries_all)?;
        let Some(predicted) = attempt else {
            let why = "prediction: no attempt keeps the promise";
            return Ok(self.unpaid(draft, alone()?, (block, &dims), history, why));
        };
        let step = &predicted.step;
        let n_bytes = step.n_bytes();
        let unpredicted = step.unpredicted_bytes as f64;
        let owed: usize = self.owed[..history.n_steps()].iter().sum();
        let own_cost = predicted.cost();
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
                    (link.is_awaited, link.after.trust) = (true, TRUST);
                    (link.after.rest, link.after.next_rest, link.after.owed[0]) = (0, 0, 0);
                }
                return Ok(link);
            }
        }
        draft.history = history.next(&step.encoded.fields);
        (draft.n_since_key, draft.is_alone, draft.trust) = (self.n_since_key + 1, false, TRUST);
        draft.is_cross |= predicted.beside.is_some();
        draft.owed = [0; 2];
        (draft.rest, draft.next_rest) = (0, 0);
        let needs = history.n_steps();
        let predictors = predicted.new.into_iter().map(|new| (new.numbered.0, new.bytes)).collect();
        Ok(Link {
            encoded: predicted.step.encoded,
            needs,
            beside: predicted.beside,
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
        after.is_cross &= history.is_some();
        after.rest = self.rest.saturating_sub(1);
        let is_awaited = self.trust > 0;
        after.owed = [if is_awaited { 0 } else { encoded.record.len() }, self.owed[0]];
        Link { encoded, needs: 0, beside: None, is_start: history.is_none(), is_awaited, predictors: Vec::new(), after }
    }

    /// A step that stands alone because prediction did not pay. From two steps it may pay all the same; after that attempt the
    /// next one waits longer each time.
    fn unpaid(&self, draft: Chain, mut encoded: Encoded, of: (&Block, &[usize]), history: &History, why: &str) -> Link {
        encoded.report.note("predicted", None, why);
        let mut link = self.alone(encoded, of, Some(history));
        link.after.lessons.keep(draft.lessons);
        link.after.calibration = draft.calibration;
        if history.n_steps() == 1 {
            return link;
        }
        link.after.trust = self.trust.saturating_sub(1);
        if link.after.trust == 0 {
            link.is_awaited = false;
            link.after.owed[0] = link.encoded.record.len();
            link.after.rest = self.next_rest;
            link.after.next_rest = (2 * self.next_rest).clamp(1, LONGEST_REST);
        }
        link
    }
}
