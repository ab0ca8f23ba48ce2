//! Sum of the gradient slots in fixed order, then Adam (Kingma and Ba 2015, algorithm 1), twin of `shaders/adam.wgsl`.

use super::simd::{Kernel, Simd};
use crate::train::Schedule;

/// Parameters updated at a time: the sums stay in the first-level cache.
pub(super) const CHUNK: usize = 1024;

/// One step for a chunk of at most [`CHUNK`] parameters.
pub(super) struct AdamChunk<'a> {
    /// The chunk's part of each slot's gradient, `stride` apart.
    pub slots: &'a [f32],
    pub stride: usize,
    pub n_slots: usize,
    pub params: &'a mut [f32],
    pub first_moment: &'a mut [f32],
    pub second_moment: &'a mut [f32],
    pub rate: f32,
    /// `1 / (1 - beta^t)` for both moments.
    pub correction: (f32, f32),
}

impl Kernel for AdamChunk<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let mut gradient = [0.0; CHUNK];
        let gradient = &mut gradient[..self.params.len()];
        sum_slots(self.slots, self.stride, self.n_slots, gradient);
        let moments = self.first_moment.iter_mut().zip(self.second_moment);
        // Plain operations, one rounding each: the compiler vectorises them with the same bits at any width.
        for ((p, g), (m, v)) in self.params.iter_mut().zip(gradient).zip(moments) {
            *m = Schedule::BETA1 * *m + (1.0 - Schedule::BETA1) * *g;
            *v = Schedule::BETA2 * *v + (1.0 - Schedule::BETA2) * (*g * *g);
            *p -= self.rate * (*m * self.correction.0) / ((*v * self.correction.1).sqrt() + Schedule::EPSILON);
        }
    }
}

/// `sum[j] += slots[s * stride + j]` for `s` ascending.
#[inline(always)]
pub(super) fn sum_slots(slots: &[f32], stride: usize, n_slots: usize, sum: &mut [f32]) {
    for slot in slots.chunks(stride).take(n_slots) {
        for (sum, g) in sum.iter_mut().zip(slot) {
            *sum += g;
        }
    }
}
