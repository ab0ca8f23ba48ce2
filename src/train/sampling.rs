//! Counter-based random numbers: the same point for (seed, step, sample) on every backend, nothing stored.

/// One 32-bit random number for a (stream, counter) pair: two rounds of the PCG-RXS-M-XS permutation (Jarzynski and
/// Olano, "Hash Functions for GPU Rendering", 2020). `shaders/shared/random.wgsl` is its twin.
pub fn random_u32(stream: u32, counter: u32) -> u32 {
    pcg(pcg(stream) ^ counter)
}

fn pcg(x: u32) -> u32 {
    let state = x.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// Index of the point that sample `sample` of step `step` visits, uniform in `0..n_points`
/// (multiply-shift; the bias is below n_points / 2^32).
pub fn sample_index(seed: u64, step: u32, sample: u32, n_points: u32) -> u32 {
    let stream = random_u32((seed >> 32) as u32, seed as u32).wrapping_add(step);
    ((u64::from(random_u32(stream, sample)) * u64::from(n_points)) >> 32) as u32
}
