// What a dispatch of a step of a series network has to do, and the targets that the step visits.
// src/backend/gpu/series/work.rs writes both.

struct SeriesWork {
  seed_low: u32,
  seed_high: u32,
  step: u32,
  n_mesh: u32,           // nodes of the mesh
  first_visit: u32,      // of the step, in `visits`
  n_visits: u32,
  n_now: u32,            // the first visits, whose losses are averaged apart
  first_round: u32,      // a workgroup takes the tiles slot + round * n_slots of its visit
  end_round: u32,
  loss: u32,             // LOSS_*
  at_factors: u32,       // in `sums`, behind all sums of the step: [visit][NO factors, 1 loss]
  n_params: u32,         // stored parameters: shared ones, then the generator's
  n_shared: u32,
  n_generated: u32,
  time_span: u32,        // inputs of the generator
  n_squares: u32,        // workgroups of series/gradient.wgsl; 0: losses are wanted, nothing is updated
  parity: u32,           // half of the state to read; the other one is written
  slot: u32,             // number of the step in its submission
  is_adaptive: u32,
  rate: f32,
  generator_rate: f32,   // of the generator's hidden layers and output weights
  correction1: f32,
  correction2: f32,
  clip: f32,             // 0: never
  norm_decay: f32,
  threshold: f32,        // a loss at or below it ends the run; negative: none
  axes: array<vec4<u32>, 4>,  // per coordinate, slowest first: x = nodes along it (0: points), y = table
}

// Positions count 32-bit words in `targets`.
struct Visit {
  kind: u32,             // ALL, DRAWN, ...
  n_nodes: u32,          // visited
  first_error: u32,      // in `errors`, [n_nodes][NO]
  first_slot: u32,       // of the tiles' workgroups
  n_slots: u32,
  first_sum: u32,        // in `sums`, rows of NO
  n_sums: u32,
  first_draw: u32,       // number of the first random node in the step
  at_window: u32,        // times the generator sees, [time_span]
  at_norms: u32,         // [NO]
  at_values: u32,        // [nodes of the mesh, listed nodes or rows][NO]
  at_list: u32,          // listed nodes; two words per row of a projection
  at_weights: u32,       // of listed nodes; NONE: 1
  n_rows: u32,           // of a projection, else 0
  first_row: u32,        // in `errors`, [n_rows][NO]
  stream: u32,           // random numbers of a projection
  t: f32,
  row_scale: f32,        // what entries of a projection are multiplied with
  energy_scale: f32,
  weight: f32,           // what its loss counts in the objective
}

const ALL: u32 = 0u;      // every node of a snapshot
const DRAWN: u32 = 1u;    // random nodes of a snapshot
const LISTED: u32 = 2u;   // the nodes of a sketch
const DCT: u32 = 3u;      // projections, and above
const HADAMARD: u32 = 4u;
const GAUSSIAN: u32 = 5u;

const NONE: u32 = 0xffffffffu;

const LOSS_R3: u32 = 0u;
const LOSS_RPW: u32 = 1u;
const LOSS_L1: u32 = 2u;
const LOSS_L2: u32 = 3u;

// A residual's derivative of the loss, up to a factor per channel (series/loss.wgsl), and its term of the loss's sum.
fn loss_term(residual: f32, value: f32) -> vec2<f32> {
  if (work.loss == LOSS_RPW) {
    let scaled = residual / (value * value + RPW_FLOOR);
    return vec2<f32>(scaled, residual * scaled);
  }
  if (work.loss == LOSS_L1) {
    return vec2<f32>(sign(residual), abs(residual));
  }
  return vec2<f32>(residual, residual * residual);
}
