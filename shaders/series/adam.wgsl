// Ends a step: its losses, and unless they end the run, clipping and one update by Adam or RAdam with two rates. Twins:
// src/backend/cpu/series/adam.rs, `clip` of src/backend/cpu/series/training.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | stored parameters | [n_params] |
// | 1 moments | first, then second moments | [2][n_params] |
// | 2 stored | parameters as losses see them: rounded to multiples of `rounding` | [n_params] |
// | 3 rounding | 0: not rounded | [n_params] |
// | 4 gradient | from series/gradient.wgsl | [n_params + n_squares] |
// | 5 sums | losses of the visits | [visit][NO + 1] at at_factors |
// | 6 state | two halves {mean of the gradient's norm, 1: the run has ended}, losses {now, past} | [4 + 2 * steps] |
// | 7 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: n_squares workgroups of 256 threads, one parameter each; one workgroup where only losses are wanted.

@group(0) @binding(0) var<storage, read_write> params: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<storage, read_write> stored: array<f32>;
@group(0) @binding(3) var<storage, read> rounding: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<uniform> work: SeriesWork;

var<workgroup> squares: array<f32, 256>;

fn mean_loss(first: u32, end: u32) -> f32 {
  var sum = 0.0f;
  for (var v = first; v < end; v++) {
    sum += sums[work.at_factors + v * (NO + 1u) + NO];
  }
  return sum / f32(max(end - first, 1u));
}

fn norm(invocation: u32) -> f32 {
  var sum = 0.0f;
  for (var i = invocation; i < work.n_squares; i += 256u) {
    sum += gradient[work.n_params + i];
  }
  squares[invocation] = sum;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (invocation < half) {
      squares[invocation] += squares[invocation + half];
    }
  }
  workgroupBarrier();
  return sqrt(squares[0]);
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn is_slow(i: u32) -> bool {
  return i >= work.n_shared && i < generator_output_bias() && work.n_generated > 0u;
}

fn update(i: u32, g: f32) {
  let n = work.n_params;
  let first = BETA1 * moments[i] + (1.0f - BETA1) * g;
  let second = BETA2 * moments[n + i] + (1.0f - BETA2) * (g * g);
  moments[i] = first;
  moments[n + i] = second;
  let length = select(1.0f, sqrt(second * work.correction2) + EPSILON, work.is_adaptive == 1u);
  let rate = select(work.rate, work.generator_rate, is_slow(i));
  let p = params[i] - rate * (first * work.correction1) / length;
  params[i] = p;
  let grid = rounding[i];
  stored[i] = select(p, grid * round(p / grid), grid > 0.0f);
}

@compute @workgroup_size(256)
fn series_adam(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let now = mean_loss(0u, work.n_now);
  let past = mean_loss(work.n_now, work.n_visits);
  let length = norm(invocation);
  let before = state[2u * work.parity];
  let ended = work.slot > 0u && state[2u * work.parity + 1u] > 0.0f;
  let ends = ended || select(past, now, work.n_now > 0u) <= work.threshold;
  // A gradient that is not finite changes nothing.
  let updates = work.n_squares > 0u && !ends && is_finite(length);
  var mean = before;
  var scale = 1.0f;
  if (updates && work.clip > 0.0f) {
    mean = select(before, length, before == 0.0f);
    let limit = work.clip * mean;
    mean = work.norm_decay * mean + (1.0f - work.norm_decay) * min(length, limit);
    scale = select(1.0f, limit / length, length > limit);
  }
  if (group.x == 0u && invocation == 0u) {
    state[4u + 2u * work.slot] = now;
    state[5u + 2u * work.slot] = past;
    if (work.n_squares > 0u) {
      state[2u * (1u - work.parity)] = mean;
      state[2u * (1u - work.parity) + 1u] = select(0.0f, 1.0f, ends);
    }
  }
  let i = group.x * 256u + invocation;
  if (updates && i < work.n_params) {
    update(i, scale * gradient[i]);
  }
}
