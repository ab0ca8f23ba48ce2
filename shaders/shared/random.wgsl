// Counter-based random numbers: which point of the block a sample visits. Nothing is stored.
// Twin of src/train/sampling.rs, bit for bit.

fn pcg(x: u32) -> u32 {
  let state = x * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

fn random_u32(stream: u32, counter: u32) -> u32 {
  return pcg(pcg(stream) ^ counter);
}

// The upper 32 bits of a * b, from 16-bit halves: WGSL has no 64-bit integers.
fn multiply_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u);
}

fn sample_index(seed_high: u32, seed_low: u32, step: u32, sample: u32, n_points: u32) -> u32 {
  let stream = random_u32(seed_high, seed_low) + step;
  return multiply_high(random_u32(stream, sample), n_points);
}
