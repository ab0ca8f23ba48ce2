//! What competes for a component of a block: one small trait, and the one place that compares bytes at an equal promise.

use super::report::Report;
use super::{WarmStart, section};
use crate::field::Array;
use crate::metrics::Errors;
use crate::transform::{Goal, Input, Kind};
use crate::{Result, Settings};

/// What is to be coded.
pub struct Task<'a> {
    pub input: Input<'a>,
    pub goal: Goal,
    pub settings: &'a Settings,
    /// The last step's network.
    pub warm: Option<&'a WarmStart>,
    /// Leave `auto`'s neural candidate out.
    pub skip_neural: bool,
    /// See [`super::Context::refusal`].
    pub refusal: Option<&'a str>,
}

/// The best offer so far: what is worth beating, and how long it took.
#[derive(Default)]
pub struct Rival {
    /// Its bytes, if there is one.
    pub bytes: Option<usize>,
    /// What it took.
    pub seconds: f64,
}

/// A way to store a component that keeps the promise.
#[derive(Default)]
pub struct Offer {
    /// As `tried` says it.
    pub name: String,
    /// As the record is called.
    pub model: String,
    /// Kind and payload.
    pub sections: Vec<(u8, Vec<u8>)>,
    /// What the decoder returns.
    pub values: Array,
    /// Its errors, if they are known.
    pub errors: Option<Errors>,
    /// For `tried`.
    pub why: String,
    /// Where a model was trained.
    pub backend: String,
    pub warm_start: Option<WarmStart>,
    /// What a prediction saved, if one was used.
    pub saved: Option<Saved>,
}

/// What a prediction saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Estimated bytes of the component without it.
    pub unpredicted_bytes: usize,
    /// Its gain in each band, coarse to fine.
    pub gains: Vec<f32>,
    /// What was predicted are its coefficients.
    pub transform: Kind,
}

/// One way to store components.
pub trait Candidate {
    /// An offer that keeps the promise; `None`, with a note in the report if there is something to say, when there is none.
    ///
    /// # Errors
    /// Only what a setting makes impossible.
    fn offer(&self, task: &Task, rival: &Rival, report: &mut Report) -> Result<Option<Offer>>;
}

impl Offer {
    /// Bytes of all sections.
    pub fn n_bytes(&self) -> usize {
        self.sections.iter().map(|(_, payload)| payload.len()).sum()
    }

    /// The sections of component `index`.
    pub fn tagged(self, index: usize) -> impl Iterator<Item = (u8, Vec<u8>)> {
        self.sections.into_iter().map(move |(kind, payload)| (section::of(kind, index), payload))
    }
}

/// The best offer: the smallest, or at a fixed ratio the most accurate; the first of equals. Writes `tried`.
///
/// # Errors
/// As [`Candidate::offer`].
pub fn best(candidates: &[&dyn Candidate], task: &Task, report: &mut Report) -> Result<Option<Offer>> {
    let cost = |offer: &Offer| match task.goal {
        Goal::Bytes(_) => Errors::between(task.input.values, offer.values.as_slice(), task.input.mask).l2,
        _ => offer.n_bytes() as f64,
    };
    let (mut best, mut rival): (Option<(f64, Offer)>, Rival) = (None, Rival::default());
    for candidate in candidates {
        let started = std::time::Instant::now();
        let Some(offer) = candidate.offer(task, &rival, report)? else { continue };
        report.note(&offer.name, Some(offer.n_bytes()), offer.why.clone());
        let cost = cost(&offer);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            rival = Rival { bytes: Some(offer.n_bytes()), seconds: started.elapsed().as_secs_f64() };
            best = Some((cost, offer));
        }
    }
    Ok(best.map(|(_, offer)| offer))
}
