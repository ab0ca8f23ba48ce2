//! What is asked of a codec.

use adios2_inr::Norm;
use adios2_inr::metrics::Errors;

/// This relative error in this norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    pub norm: Norm,
    pub error: f64,
}

impl Default for Goal {
    fn default() -> Self {
        Goal { norm: Norm::L2, error: 1e-2 }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} REL {:e}", self.norm, self.error)
    }
}

impl Goal {
    /// The measured error this goal is about.
    pub fn reached(&self, errors: &Errors) -> f64 {
        if self.norm == Norm::L2 { errors.rel_l2 } else { errors.max_over_range }
    }

    /// Whether it holds.
    pub fn holds(&self, errors: &Errors) -> bool {
        self.reached(errors) <= self.error
    }
}
