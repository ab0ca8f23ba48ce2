//! The update of a series network: one flat vector, Adam or RAdam, two learning rates.

use crate::backend::cpu::simd::{Kernel, Simd};
use crate::train::Schedule;

/// One step for a range of parameters that share a learning rate. Plain operations, one rounding each: the compiler
/// vectorises them with the same bits at any width.
pub struct SeriesAdam<'a> {
    pub params: &'a mut [f32],
    pub gradient: &'a [f32],
    pub first_moment: &'a mut [f32],
    pub second_moment: &'a mut [f32],
    /// Factor that clipping puts on the gradient.
    pub scale: f32,
    pub rate: f32,
    /// `1 / (1 - beta^t)` for both moments.
    pub correction: (f32, f32),
    /// False in the first steps of RAdam: the second moment does not count yet.
    pub is_adaptive: bool,
}

impl Kernel for SeriesAdam<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let moments = self.first_moment.iter_mut().zip(self.second_moment);
        for ((p, g), (m, v)) in self.params.iter_mut().zip(self.gradient).zip(moments) {
            let g = self.scale * *g;
            *m = Schedule::BETA1 * *m + (1.0 - Schedule::BETA1) * g;
            *v = Schedule::BETA2 * *v + (1.0 - Schedule::BETA2) * (g * g);
            let length = if self.is_adaptive { (*v * self.correction.1).sqrt() + Schedule::EPSILON } else { 1.0 };
            *p -= self.rate * (*m * self.correction.0) / length;
        }
    }
}

/// Euclidean norm of a gradient, summed in an order that does not depend on the machine.
pub fn norm(gradient: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (chunks, rest) = gradient.as_chunks::<8>();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, g)| *sum += f64::from(*g) * f64::from(*g));
    }
    (sums.iter().sum::<f64>() + rest.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>()).sqrt()
}
