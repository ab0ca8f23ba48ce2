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

var<private> loss: f32;

fn parameter(at: u32) -> vec4<f32> {
  return params[at];
}

fn draw_points(tile: u32) {
  for (var t = own; t < T; t += NT) {
    point[t] = sample_index(work.seed_high, work.seed_low, work.step, tile * T + t, work.n_points);
    place_point(point[t], t);
  }
}

// Output layer and loss; points past the end of the minibatch count nothing.
fn compare(tile: u32) {
  for (var q = own; q < NO * T; q += NT) {
    let t = q % T;
    var e = 0.0f;
    if (tile * T + t < work.n_samples) {
      e = output_value(q / T, t) - values[point[t] * NO + q / T];
    }
    loss = fma(e, e, loss);
    error[q] = 2.0f * work.scale * e;
  }
}

@compute @workgroup_size(NT)
fn siren_train(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  own_tile(invocation);
  own_slot(invocation, group.x, work.fresh == 1u);
  loss = 0.0f;
  for (var tile = work.first_tile + group.x; tile < work.end_tile; tile += work.n_workgroups) {
    workgroupBarrier();
    draw_points(tile);
    workgroupBarrier();
    forward();
    compare(tile);
    workgroupBarrier();
    output_gradient();
    backward();
    fresh = false;
  }
  workgroupBarrier();
  act[invocation].x = loss;
  workgroupBarrier();
  if (invocation == 0u) {
    var sum = 0.0f;
    for (var i = 0u; i < NT; i++) {
      sum += act[i].x;
    }
    losses[group.x] = sum * work.scale + select(losses[group.x], 0.0f, work.fresh == 1u);
  }
}
