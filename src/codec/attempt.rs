//! One way to predict a step: what each component is predicted with, and the step that comes of it.

use std::time::Instant;

use super::beside::Other;
use super::history::History;
use super::lossy::Component;
use super::predicted::{Choices, Prepared, Step};
use super::report::Report;
use super::slot::{HORIZON, Kind, Numbered};
use crate::backend::stencil::StencilKernels;
use crate::{Block, Result, Settings, transform};

/// A new predictor of a component.
#[derive(Clone)]
pub struct New {
    /// Of the component.
    pub index: usize,
    pub kind: Kind,
    pub numbered: Numbered,
    /// For [`super::predicted::decode_predictor`].
    pub bytes: Vec<u8>,
}

/// One way to predict a step.
#[derive(Default)]
pub struct Attempt {
    pub choices: Choices,
    pub new: Vec<New>,
}

/// A predicted step with the predictors that are new with it.
pub struct Predicted {
    pub step: Step,
    pub new: Vec<New>,
    /// Series and step of the variable that is needed beside it.
    pub beside: Option<(u32, u32)>,
}

impl Predicted {
    /// Notes what is beside it, where a predictor knows that.
    pub fn beside(mut self, other: Option<&Other>) -> Self {
        if let Some(other) = other.filter(|_| self.step.is_cross) {
            self.beside = Some((other.series, other.step));
            self.step.encoded.report.beside = Some(other.name.clone());
        }
        self
    }

    /// Bytes, new weights shared between the steps that they are expected to serve.
    pub fn cost(&self) -> f64 {
        self.step.n_bytes() as f64 + self.step.encoded.report.weights_bytes as f64 / HORIZON
    }
}

/// What attempts at a step have in common.
pub struct Encoder<'a> {
    pub of: (&'a Block<'a>, &'a Settings),
    pub components: &'a [Component<'a>],
    /// The only transforms that are tried, by component; none given: all.
    pub only: Vec<Option<transform::Kind>>,
    pub device: &'a dyn StencilKernels,
    pub report: Report,
}

/// An attempt with its predictions.
pub struct Ready<'a> {
    prepared: Prepared<'a>,
    new: Vec<New>,
    report: Report,
}

impl<'a> Encoder<'a> {
    /// Predicts every component from `history`.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn prepare(&self, Attempt { choices, new }: Attempt, history: &History) -> Result<Ready<'a>> {
        let started = Instant::now();
        let prepared = Prepared::new(self.of, self.components, choices, history, &self.only, self.device)?;
        let mut report = self.report.clone();
        report.weights_bytes = new.iter().map(|new| new.bytes.len()).sum();
        report.seconds.total = report.seconds.train + started.elapsed().as_secs_f64();
        Ok(Ready { prepared, new, report })
    }
}

impl Ready<'_> {
    /// The step with steps of the quantiser that are `step_factor` times the estimated best; `None` where it cannot keep the promise.
    ///
    /// # Errors
    /// As [`Prepared::encode`].
    pub fn encode(&self, step_factor: f64) -> Result<Option<Predicted>> {
        let step = self.prepared.encode(step_factor, self.report.clone())?;
        Ok(step.map(|step| Predicted { step, new: self.new.clone(), beside: None }))
    }
}
