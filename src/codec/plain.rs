//! The transform alone, or over a base that the decoder has.

use std::time::Instant;

use super::candidate::{Candidate, Offer, Rival, Task};
use super::report::Report;
use super::section;
use crate::settings::ModelChoice;
use crate::{Result, transform};

/// Wavelet or DCT of the values, less the base if the task has one.
pub struct Plain;

impl Candidate for Plain {
    fn offer(&self, task: &Task, _: &Rival, report: &mut Report) -> Result<Option<Offer>> {
        if task.settings.model == ModelChoice::Siren && task.input.base.is_none() {
            return Ok(None);
        }
        let started = Instant::now();
        let output = transform::encode(&task.input, task.goal)?;
        report.seconds.transform += started.elapsed().as_secs_f64();
        Ok(output.map(|output| Offer {
            name: output.kind.to_string(),
            model: output.kind.to_string(),
            sections: vec![(section::TRANSFORM, output.payload)],
            values: output.values,
            errors: output.errors,
            why: "keeps the promise".to_owned(),
            ..Offer::default()
        }))
    }
}
