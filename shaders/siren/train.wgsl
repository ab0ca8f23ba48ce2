// One training step of a residual SIREN up to the gradient: draws the minibatch, forward pass, mean squared error,
// backward pass, sum over the points. Twin: src/backend/cpu/siren/train.rs. adam.wgsl follows.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order (src/backend/gpu/layout.rs) | P4 vec4 |
// | 1 values | the block | [n_points][NO] |
// | 2 scratch | phases and block inputs of the tile at hand | [workgroup][SLOTS][TI * TS][NT] vec4 |
// | 3 partials | gradient sums per workgroup | [workgroup][4 * P4] |
// | 4 losses | loss sums per workgroup | [workgroup] |
// | 5 work | what to do, shared/work.wgsl | uniform, one slot per dispatch |
//
// Dispatch: n_workgroups = min(tiles, device's share) workgroups of NT threads; each stays and takes every
// n_workgroups-th tile of T points, so that its partial sums need no atomics and repeat bit for bit.
// Workgroup size NT = (H / TI) * (T4 / TS): every thread owns one register tile of the [H][T] activations, and
// scratch is read by the thread that wrote it, without barriers.

@group(0) @binding(0) var<storage, read> params: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> scratch: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<uniform> work: Work;

var<workgroup> point: array<u32, T>;              // grid index of each point

fn parameter(at: u32) -> vec4<f32> {
  return params[at];
}

fn gather(tile: u32) {
  for (var t = own; t < T; t += NT) {
    point[t] = sample_index(work.seed_high, work.seed_low, work.step, tile * T + t, work.n_points);
    place_point(point[t], t);
  }
}

fn wanted(tile: u32, channel: u32, t: u32) -> f32 {
  return values[point[t] * NO + channel];
}

// Squares.
fn weigh(tile: u32) {
  for (var q = own; q < NO * T; q += NT) {
    loss += error[q] * error[q];
  }
}

@compute @workgroup_size(NT)
fn siren_train(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  minibatch(invocation, group.x);
}
