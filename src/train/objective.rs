//! What a series network is trained for: losses, optimiser, clipping.

/// How far predictions `y'` are from values `y`, per channel over the nodes of a target, then averaged over channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// `sqrt(sum (y' - y)^2) / norm`, the paper's; the norm is the target's.
    R3,
    /// Mean of `(y' - y)^2 / (y^2 + 1e-8)`.
    Rpw,
    /// Mean of `|y' - y|`.
    L1,
    /// Mean of `(y' - y)^2`.
    L2,
    /// Sobolev: mean of squared differences of values and of their difference quotients to the next node along each axis
    /// of the grid. Sketches of past snapshots, which have no neighbours, count with their values alone.
    W2,
}

impl Loss {
    /// Stabiliser under the root of R3.
    pub(crate) const ROOT_FLOOR: f32 = 1e-12;
    /// Stabiliser of RPW.
    pub(crate) const RPW_FLOOR: f32 = 1e-8;
}

/// Which update rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Kingma and Ba 2015.
    Adam,
    /// Liu et al. 2020: Adam with a rectified start.
    Radam,
}

/// Loss and optimiser of a run.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Of snapshots and sketches.
    pub loss: Loss,
    /// The objective is `loss(now) + weight * mean loss(past)`.
    pub weight: f32,
    /// Update rule; beta 0.9 and 0.999, epsilon 1e-8.
    pub optimiser: Optimiser,
    /// The generator's hidden layers and output weights learn this much slower: one step moves every generated parameter
    /// by the sum over its 16 inputs.
    pub generator_rate: f32,
    /// A gradient longer than this many times its running mean is cut to that length; 0: never.
    pub clip: f32,
}

impl Objective {
    /// Share of the past in the running mean of the gradient's norm.
    pub const NORM_DECAY: f64 = 0.98;

    /// Factor of the moments' ratio and whether it is divided by the second moment, in step `t` (from 1): RAdam's
    /// rectification, equations 4 to 7 of Liu et al. 2020; `(1, true)` for Adam.
    pub fn rectification(&self, t: u32) -> (f32, bool) {
        if self.optimiser == Optimiser::Adam {
            return (1.0, true);
        }
        let beta = 0.999f64;
        let limit = 2.0 / (1.0 - beta) - 1.0;
        let power = libm::pow(beta, f64::from(t));
        let length = limit - 2.0 * f64::from(t) * power / (1.0 - power);
        if length <= 5.0 {
            return (1.0, false);
        }
        let ratio = (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
        (ratio.sqrt() as f32, true)
    }
}

impl Default for Objective {
    fn default() -> Self {
        Objective { loss: Loss::R3, weight: 5.0, optimiser: Optimiser::Adam, generator_rate: 0.3, clip: 1.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radam_starts_without_the_second_moment_and_becomes_adam() {
        let radam = Objective { optimiser: Optimiser::Radam, ..Objective::default() };
        assert_eq!(radam.rectification(1), (1.0, false));
        assert!(!radam.rectification(5).1 && radam.rectification(6).1);
        let (early, late) = (radam.rectification(10).0, radam.rectification(20_000).0);
        assert!(early < 0.1 && late > 0.99 && late <= 1.0, "{early} {late}");
        assert_eq!(Objective::default().rectification(1), (1.0, true));
    }
}
