// What one dispatch has to do; src/backend/gpu/work.rs writes it, one 256-byte slot per dispatch.

struct Work {
  seed_low: u32,
  seed_high: u32,
  step: u32,
  n_points: u32,       // points of the whole block
  n_samples: u32,      // points of this step (training) or of this chunk (evaluation)
  first_point: u32,    // index of the chunk's first point (evaluation)
  first_tile: u32,     // tiles first_tile..end_tile, workgroup w takes every n_workgroups-th
  end_tile: u32,
  n_workgroups: u32,
  fresh: u32,          // 1: the step's first dispatch, gradient partials are overwritten
  loss_slot: u32,
  scale: f32,          // 1 / (samples * channels) of the mean
  rate: f32,           // Adam: learning rate and bias corrections of this step
  correction1: f32,
  correction2: f32,
  averaging: f32,      // part of the new parameters in their average
  n_cell: u32,         // samples in a cell of a predictor's field
  unused0: u32,
  unused1: u32,
  unused2: u32,
  axes: array<vec4<u32>, 5>,  // per coordinate, slowest first: x = grid size n, y = bits of 1 / (n - 1), or 0
}
