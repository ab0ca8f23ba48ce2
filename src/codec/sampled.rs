//! Points of a component to fit predictors to.

use super::history::History;
use super::lossy::Component;
use crate::predict::Scaling;
use crate::predict::sample::{Samples, Task};
use crate::transform::Goal;
use crate::{Result, Settings};

/// See the module.
#[derive(Clone)]
pub struct Sampled {
    pub samples: Samples,
    /// Values of the component.
    pub n_values: usize,
}

impl Sampled {
    /// At most so many points of a component after a history, scaled as `previous` while that suits it.
    ///
    /// # Errors
    /// As [`History::of`].
    pub fn of(
        (component, index, history): (&Component, usize, &History),
        (settings, seed): (&Settings, u64),
        most: usize,
        previous: Option<&Scaling>,
    ) -> Result<Sampled> {
        let n_values = component.values().len() - component.mask.n_masked;
        let tolerance = match component.goal(settings.target, 0) {
            Some(Goal::Linf(bound)) => bound,
            // A quantiser with errors of this root mean square errs by so much at most.
            Some(Goal::L2(bound)) => bound * (3.0 / n_values as f64).sqrt(),
            Some(Goal::Bytes(_)) | None => 0.0,
        };
        let steps = history.of(index, true)?;
        let (values, mask, dims) = (&component.values().wide()[..], component.valid(), &component.dims[..]);
        let task = Task { past: steps.past(), values, mask, dims, tolerance, seed, most };
        Ok(Sampled { samples: Samples::of(&task, previous), n_values })
    }
}
