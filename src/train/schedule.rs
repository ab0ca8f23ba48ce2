//! Learning rate over a run: linear warm-up, then cosine decay. `libm` gives the same bits on every machine.

/// Adam with warm-up and cosine decay over a fixed number of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Steps of the whole run.
    pub n_steps: u32,
    /// Points per step.
    pub batch: u32,
    /// Learning rate at the end of the warm-up.
    pub peak_rate: f32,
    /// Steps of linear warm-up.
    pub n_warmup: u32,
    /// Final rate as a fraction of the peak.
    pub final_fraction: f32,
}

impl Schedule {
    /// Adam's moment decays and stabiliser (Kingma and Ba 2015).
    pub const BETA1: f32 = 0.9;
    /// See [`Self::BETA1`].
    pub const BETA2: f32 = 0.999;
    /// See [`Self::BETA1`].
    pub const EPSILON: f32 = 1e-8;

    /// Learning rate of step `step`.
    pub fn rate(&self, step: u32) -> f32 {
        if step < self.n_warmup {
            return self.peak_rate * (step + 1) as f32 / self.n_warmup as f32;
        }
        let span = self.n_steps.saturating_sub(self.n_warmup).max(1) as f32;
        let x = ((step - self.n_warmup) as f32 / span).min(1.0);
        let cosine = 0.5 * (1.0 + libm::cosf(std::f32::consts::PI * x));
        self.peak_rate * (self.final_fraction + (1.0 - self.final_fraction) * cosine)
    }

    /// The factors `1/(1 - beta1^t)` and `1/(1 - beta2^t)` of Adam's bias correction at step `step` (from 0).
    pub fn bias_correction(step: u32) -> (f32, f32) {
        let t = f64::from(step) + 1.0;
        let c = |beta: f32| (1.0 / (1.0 - libm::pow(f64::from(beta), t))) as f32;
        (c(Self::BETA1), c(Self::BETA2))
    }
}
