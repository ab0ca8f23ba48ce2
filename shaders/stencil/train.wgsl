// One training step of a predictor's network up to the gradient: a run of samples, forward pass, loss, backward
// pass, sum over the samples. Twin: src/backend/cpu/stencil/train.rs. adam.wgsl follows.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order (src/backend/gpu/layout.rs) | P4 vec4 |
// | 1 samples | inputs and target of each sample | [n_points][NI + 1] |
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

var<workgroup> target_value: array<f32, T>;

fn parameter(at: u32) -> vec4<f32> {
  return params[at];
}

fn gather(tile: u32) {
  for (var q = own; q < (NI + 1u) * T; q += NT) {
    let sample = tile * T + q % T;
    var x = 0.0f;
    if (sample < work.n_samples) {
      x = samples[(work.first_point + sample) * (NI + 1u) + q / T];
    }
    if (q < NI * T) {
      coord[q] = x;
    } else {
      target_value[q % T] = x;
    }
  }
}

fn wanted(channel: u32, t: u32) -> f32 {
  return target_value[t];
}

// ln(1 + k e^2) / k; drivers' logarithms lose their digits near 1.
fn penalty(e: f32) -> vec2<f32> {
  let k = work.sharpness;
  let x = k * e * e;
  if (k == 0.0f) {
    return vec2<f32>(e * e, e);
  }
  let small = x * (1.0f - x * (0.5f - x * (0.33333333f - x * (0.25f - 0.2f * x))));
  return vec2<f32>(select(log(1.0f + x), small, x < 0.06f) / k, e / (1.0f + x));
}

@compute @workgroup_size(NT)
fn stencil_train(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  minibatch(invocation, group.x);
}
