// One training step of a predictor's network up to the gradient: a run of samples, forward pass, weighted
// squares of transformed errors, backward pass, sum over the samples. Twin: src/backend/cpu/stencil/train.rs.
// adam.wgsl follows.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order (src/backend/gpu/layout.rs) | P4 vec4 |
// | 1 samples | transform of a cell; inputs, target, weight of samples | [n_cell][n_cell], [n_points][NI + 2] |
// | 2 scratch | sums of the tile at hand | [workgroup][SLOTS][TI * TS][NT] vec4 |
// | 3 partials | gradient sums per workgroup | [workgroup][4 * P4] |
// | 4 losses | loss sums per workgroup | [workgroup] |
// | 5 work | what to do, shared/work.wgsl | uniform, one slot per dispatch |
//
// Dispatch and workgroups: as siren/train.wgsl.

@group(0) @binding(0) var<storage, read> params: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read_write> scratch: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<uniform> work: Work;

var<workgroup> weighted: array<f32, T>;           // coefficients of the errors times their weights

fn parameter(at: u32) -> vec4<f32> {
  return params[at];
}

// Inputs, target and weight of a sample.
fn sample_value(tile: u32, t: u32, i: u32) -> f32 {
  return samples[work.n_cell * work.n_cell + (work.first_point + tile * T + t) * (NI + 2u) + i];
}

fn gather(tile: u32) {
  for (var q = own; q < NI * T; q += NT) {
    let t = q % T;
    var x = 0.0f;
    if (tile * T + t < work.n_samples) {
      x = sample_value(tile, t, q / T);
    }
    coord[q] = x;
  }
}

fn wanted(tile: u32, channel: u32, t: u32) -> f32 {
  return sample_value(tile, t, NI);
}

// Cells of work.n_cell samples do not reach over the end of a tile.
fn weigh(tile: u32) {
  workgroupBarrier();
  let n = work.n_cell;
  for (var q = own; q < T; q += NT) {
    let k = q % n;
    var coefficient = 0.0f;
    var weight = 0.0f;
    if (tile * T + q < work.n_samples) {
      weight = sample_value(tile, q, NI + 1u);
      for (var i = 0u; i < n; i++) {
        coefficient = fma(samples[k * n + i], error[q - k + i], coefficient);
      }
    }
    weighted[q] = weight * coefficient;
    loss += weighted[q] * coefficient;
  }
  workgroupBarrier();
  for (var q = own; q < T; q += NT) {
    let i = q % n;
    var e = 0.0f;
    for (var k = 0u; k < n; k++) {
      e = fma(samples[k * n + i], weighted[q - i + k], e);
    }
    error[q] = e;
  }
}

@compute @workgroup_size(NT)
fn stencil_train(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  minibatch(invocation, group.x);
}
