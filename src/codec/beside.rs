//! Which other variable a chain's steps are predicted with: candidates by the bits that a linear stencil leaves, the choice by bytes.

use super::history::History;
use super::lossy::Component;
use super::sampled::Sampled;
use super::trials::Trials;
use crate::predict::fit;
use crate::{Result, Settings};

/// Another variable of the same shape, whose step at the same time is stored already.
#[derive(Clone, Debug)]
pub struct Other {
    /// What it is called in reports.
    pub name: String,
    /// Number of its chain in the model store.
    pub series: u32,
    /// Number of the step in its chain.
    pub step: u32,
    /// That step and the one before.
    pub history: History,
}

impl Other {
    /// The one of this series.
    pub fn of(others: &[Other], series: Option<u32>) -> Option<&Other> {
        others.iter().find(|other| Some(other.series) == series)
    }
}

/// Bits that are left with another variable, over those without, below which it is tried.
const WORTH: f64 = 0.97;
/// Points that are enough to compare.
const N_COMPARED: usize = 1 << 12;

/// The variable that serves.
#[derive(Clone, Debug, Default)]
pub struct BesideChoice {
    series: Option<u32>,
    /// The last one that was tried: what predictors learned of it stays of use.
    known: Option<u32>,
    trials: Trials,
}

impl BesideChoice {
    /// The series that serves.
    pub fn get(&self) -> Option<u32> {
        self.series
    }

    /// Counts a step that has others beside it, and says which one, or none, is to be tried instead of what serves, if anything.
    ///
    /// # Errors
    /// As [`Sampled::of`].
    pub fn rival(
        &mut self,
        components: &[Component],
        of: (&History, &[Other]),
        plan: (&Settings, u64),
    ) -> Result<Option<Option<u32>>> {
        self.trials.count();
        if !self.trials.is_due() {
            return Ok(None);
        }
        if self.series.is_some() {
            return Ok(Some(None));
        }
        let best = best(components, of, plan)?;
        if best.is_none() {
            self.trials.learn(false);
        }
        Ok(best.map(Some))
    }

    /// Whether the predictors so far know this series, which is tried now.
    pub fn meets_again(&mut self, series: u32) -> bool {
        self.known.replace(series) == Some(series)
    }

    /// Takes over what was tried where it took fewer bytes.
    pub fn learn(&mut self, rival: Option<u32>, is_smaller: bool) {
        if is_smaller {
            self.series = rival;
        }
        self.trials.learn(is_smaller);
    }
}

/// The one of `others` beside which linear stencils leave the fewest bits, if those are few enough.
fn best(
    components: &[Component],
    (history, others): (&History, &[Other]),
    plan: (&Settings, u64),
) -> Result<Option<u32>> {
    let bits = |history: &History| {
        let mut sum = 0.0;
        for (index, component) in components.iter().enumerate().filter(|(_, c)| !c.is_constant()) {
            let Sampled { samples, n_values } = Sampled::of((component, index, history), plan, N_COMPARED, None)?;
            let fitted = fit::linear(&samples, None).map_or(f64::INFINITY, |fitted| fitted.bits);
            sum += fitted.min(fit::last_bits(&samples)) * n_values as f64;
        }
        Ok(sum)
    };
    let (mut least, mut best) = (WORTH * bits(history)?, None);
    for other in others {
        let Some(history) = history.beside(&other.history) else { continue };
        let left = bits(&history)?;
        if left < least {
            (least, best) = (left, Some(other.series));
        }
    }
    Ok(best)
}
