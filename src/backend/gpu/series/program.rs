//! The dispatches of some steps, and how much memory they use.

use super::work::{SeriesWork, Visit};
use crate::backend::gpu::shader::Kernel;

/// What steps are run for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// To change the parameters, until the loss is at or below a threshold.
    Train(Option<f32>),
    /// Losses alone.
    Loss,
    /// The gradient alone.
    Gradient,
}

/// Sizes of the buffers that the dispatches of some steps use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Needs {
    /// Visits of one step.
    pub n_visits: usize,
    /// Workgroups with scratch and gradient sums of one step.
    pub n_slots: usize,
    /// Floats.
    pub n_errors: usize,
    /// Floats.
    pub n_sums: usize,
    /// Visits of all steps.
    pub n_descriptions: usize,
    /// Slots of the uniform buffer.
    pub n_works: usize,
}

impl Needs {
    /// Something in every buffer.
    pub const LEAST: Needs = Needs { n_visits: 1, n_slots: 1, n_errors: 1, n_sums: 1, n_descriptions: 1, n_works: 1 };

    /// Enough for both.
    pub fn max(self, other: Needs) -> Needs {
        Needs {
            n_visits: self.n_visits.max(other.n_visits),
            n_slots: self.n_slots.max(other.n_slots),
            n_errors: self.n_errors.max(other.n_errors),
            n_sums: self.n_sums.max(other.n_sums),
            n_descriptions: self.n_descriptions.max(other.n_descriptions),
            n_works: self.n_works.max(other.n_works),
        }
    }
}

/// One dispatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dispatch {
    pub kernel: Kernel,
    /// Slot of the uniform buffer.
    pub work: u32,
    /// Workgroups in x and y.
    pub groups: (u32, u32),
}

/// The dispatches of some steps, for one submission.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub dispatches: Vec<Dispatch>,
    pub works: Vec<SeriesWork>,
    pub visits: Vec<Visit>,
    pub needs: Needs,
    /// Nodes that each step evaluates.
    pub n_evaluations: Vec<u64>,
}

impl Program {
    /// Appends a dispatch of the last work.
    pub fn dispatch(&mut self, kernel: Kernel, groups: (u32, u32)) {
        self.dispatches.push(Dispatch { kernel, work: self.works.len() as u32 - 1, groups });
    }

    /// One dispatch for each range of rounds.
    pub fn over_tiles(&mut self, kernel: Kernel, work: SeriesWork, rounds: &[(u32, u32)], groups: (u32, u32)) {
        for &(first_round, end_round) in rounds {
            self.works.push(SeriesWork { first_round, end_round, ..work });
            self.dispatch(kernel, groups);
        }
    }
}
