// A predictor at a run of padded grid points, in integers: 8-bit weights, 16-bit activations, 32-bit sums that wrap.
// The bits of src/model/stencil/network.rs. Twin: src/backend/cpu/stencil/infer.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 values | steps and their changes, see src/model/stencil/mod.rs | [plane][padded grid] |
// | 1 network | where the inputs are, weights, biases (src/backend/gpu/stencil/network.rs) | vec4 |
// | 2 out | outputs | [point], in vec4 |
// | 3 chunk | the first point | uniform |
//
// Dispatch: one workgroup for T points. Workgroup size NT = GROUPS * T4: a thread serves four neighbouring points
// and, in each layer, neurons 4 * own .. + 3.

struct Chunk {
  first: u32,          // padded index of the first point
}

@group(0) @binding(0) var<storage, read> values: array<i32>;
@group(0) @binding(1) var<storage, read> network: array<vec4<i32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<i32>>;
@group(0) @binding(3) var<uniform> chunk: Chunk;

var<workgroup> inputs: array<vec4<i32>, ROWS * T4>;         // [pair][point] of 16-bit numbers; then partial sums
var<workgroup> hidden: array<vec4<i32>, HIDDEN_ROWS * T4>;  // [pair][point] of the first layer

fn pack(first: vec4<i32>, second: vec4<i32>) -> vec4<i32> {
  return (first & vec4<i32>(0xffff)) | (second << vec4<u32>(16u));
}

fn first_of(pair: vec4<i32>) -> vec4<i32> {
  return (pair << vec4<u32>(16u)) >> vec4<u32>(16u);
}

fn second_of(pair: vec4<i32>) -> vec4<i32> {
  return pair >> vec4<u32>(16u);
}

// v / 2^shift, rounded up from halves and limited.
fn shifted(v: vec4<i32>, shift: i32) -> vec4<i32> {
  if (shift > 0) {
    let bits = u32(min(shift, 30));
    let rounded = (v + vec4<i32>(1i << (bits - 1u))) >> vec4<u32>(bits);
    return clamp(rounded, vec4<i32>(-LARGEST), vec4<i32>(LARGEST));
  }
  let bits = u32(min(-shift, 15));
  let limit = LARGEST >> bits;
  return clamp(v, vec4<i32>(-limit), vec4<i32>(limit)) << vec4<u32>(bits);
}

fn round_shift(sum: vec4<i32>, bits: i32) -> vec4<i32> {
  return (sum + vec4<i32>((1i << u32(bits)) >> 1u)) >> vec4<u32>(u32(bits));
}

// 0 below -1, z above 1, a parabola in between. The sum cannot overflow: at most 2^31 - 1 - ONE is above.
fn activation(z: vec4<i32>) -> vec4<i32> {
  let t = clamp(z, vec4<i32>(-ONE), vec4<i32>(ONE)) + vec4<i32>(ONE);
  let above = max(z, vec4<i32>(ONE)) - vec4<i32>(ONE);
  return min(((t * t) >> vec4<u32>(u32(PARABOLA_BITS))) + above, vec4<i32>(LARGEST));
}

fn four(at: u32) -> vec4<i32> {
  return vec4<i32>(values[at], values[at + 1u], values[at + 2u], values[at + 3u]);
}

// Input i of the points at, at + 1, at + 2, at + 3: a value, or that less the one at the point itself.
fn input(i: u32, at: u32) -> vec4<i32> {
  let place = network[2u + i];
  var v = four(u32(i32(at) + place.x));
  if (place.y >= 0) {
    v -= four(at + u32(place.y));
  }
  return shifted(v, place.z);
}

@compute @workgroup_size(NT)
fn stencil_infer(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let own = invocation / T4;
  let t4 = invocation % T4;
  for (var p = own; p < PAIRS; p += GROUPS) {
    let at = chunk.first + group.x * T + 4u * t4;
    inputs[p * T4 + t4] = pack(input(2u * p, at), input(2u * p + 1u, at));
  }
  workgroupBarrier();
  var linear = vec4<i32>(0);
  for (var p = own; p < PAIRS; p += GROUPS) {
    let x = inputs[p * T4 + t4];
    let w = network[AT_LINEAR + p];
    linear += w.x * first_of(x) + w.y * second_of(x);
  }
  let rounding = network[0];
  if (own < A4) {
    var z0 = vec4<i32>(0);
    var z1 = vec4<i32>(0);
    var z2 = vec4<i32>(0);
    var z3 = vec4<i32>(0);
    for (var p = 0u; p < PAIRS; p++) {
      let x = first_of(inputs[p * T4 + t4]);
      let y = second_of(inputs[p * T4 + t4]);
      let w = network[AT_FIRST + 2u * p * A4 + own];
      let v = network[AT_FIRST + (2u * p + 1u) * A4 + own];
      z0 += w.x * x + v.x * y;
      z1 += w.y * x + v.y * y;
      z2 += w.z * x + v.z * y;
      z3 += w.w * x + v.w * y;
    }
    let b = network[AT_FIRST_BIASES + own];
    z0 = activation(round_shift(z0 + vec4<i32>(b.x), rounding.x));
    z1 = activation(round_shift(z1 + vec4<i32>(b.y), rounding.x));
    z2 = activation(round_shift(z2 + vec4<i32>(b.z), rounding.x));
    z3 = activation(round_shift(z3 + vec4<i32>(b.w), rounding.x));
    hidden[2u * own * T4 + t4] = pack(z0, z1);
    hidden[(2u * own + 1u) * T4 + t4] = pack(z2, z3);
  }
  workgroupBarrier();
  var sum = vec4<i32>(0);
  if (own < B4) {
    var z0 = vec4<i32>(0);
    var z1 = vec4<i32>(0);
    var z2 = vec4<i32>(0);
    var z3 = vec4<i32>(0);
    for (var p = 0u; p < 2u * A4; p++) {
      let x = first_of(hidden[p * T4 + t4]);
      let y = second_of(hidden[p * T4 + t4]);
      let w = network[AT_SECOND + 2u * p * B4 + own];
      let v = network[AT_SECOND + (2u * p + 1u) * B4 + own];
      z0 += w.x * x + v.x * y;
      z1 += w.y * x + v.y * y;
      z2 += w.z * x + v.z * y;
      z3 += w.w * x + v.w * y;
    }
    let b = network[AT_SECOND_BIASES + own];
    let w = network[AT_LAST + own];
    sum += w.x * activation(round_shift(z0 + vec4<i32>(b.x), rounding.y));
    sum += w.y * activation(round_shift(z1 + vec4<i32>(b.y), rounding.y));
    sum += w.z * activation(round_shift(z2 + vec4<i32>(b.z), rounding.y));
    sum += w.w * activation(round_shift(z3 + vec4<i32>(b.w), rounding.y));
  }
  inputs[2u * own * T4 + t4] = linear;
  inputs[(2u * own + 1u) * T4 + t4] = sum;
  workgroupBarrier();
  if (own == 0u) {
    linear = vec4<i32>(network[1].y);
    sum = vec4<i32>(network[1].x);
    for (var g = 0u; g < GROUPS; g++) {
      linear += inputs[2u * g * T4 + t4];
      sum += inputs[(2u * g + 1u) * T4 + t4];
    }
    out[group.x * T4 + t4] = round_shift(linear, rounding.w) + round_shift(sum, rounding.z);
  }
}
