// Backward pass of the generator for each visit, from the gradient by the generated parameters to the derivatives by
// the sums of its hidden layers. Twin: PullBack of src/backend/cpu/series/generator.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 stored | parameters as losses see them | [n_params] |
// | 1 tables | places of the body's parameters at AT_PLACES | [n_shared + n_generated] |
// | 2 visits | shared/series.wgsl | [visit] |
// | 3 partials | gradients of the visits' networks | [first_slot][4 * P4] |
// | 4 activations | phases are read, derivatives written, shared/generator.wgsl | [visit][RECORD] |
// | 5 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: n_visits workgroups in y of GW * SLICES = 256 threads; slices split the sum over generated parameters.

@group(0) @binding(0) var<storage, read> stored: array<f32>;
@group(0) @binding(1) var<storage, read> tables: array<u32>;
@group(0) @binding(2) var<storage, read> visits: array<Visit>;
@group(0) @binding(3) var<storage, read> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> activations: array<f32>;
@group(0) @binding(5) var<uniform> work: SeriesWork;

const SLICES: u32 = 256u / GW;

var<workgroup> parts: array<f32, 256>;            // [slice][neuron]; then dLoss/dsum in the first GW

// dLoss/dactivation of the output layer's input k, this slice's share.
fn output_layer(visit: Visit, k: u32, slice: u32) -> f32 {
  var sum = 0.0f;
  for (var row = slice; row < work.n_generated; row += SLICES) {
    let gradient = pulled(visit, tables[AT_PLACES + work.n_shared + row]);
    sum = fma(gradient, stored[generator_layer(GK + 1u) + row * GW + k], sum);
  }
  return sum;
}

@compute @workgroup_size(256)
fn series_generator(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let k = invocation % GW;
  let record = group.y * RECORD;
  parts[invocation] = output_layer(visits[work.first_visit + group.y], k, invocation / GW);
  workgroupBarrier();
  var d = 0.0f;
  for (var slice = 0u; slice < SLICES; slice++) {
    d += parts[slice * GW + k];
  }
  var skip = 0.0f;
  for (var layer = GK; layer > 0u; layer--) {
    if (layer % 2u == 0u) {
      d = 0.5f * d;
      skip = d;
    }
    let delta = d * OMEGA * cospi(vec4<f32>(activations[record + PHASES + layer * GW + k])).x;
    workgroupBarrier();
    if (invocation < GW) {
      parts[k] = delta;
      activations[record + DELTAS + layer * GW + k] = delta;
    }
    workgroupBarrier();
    d = 0.0f;
    for (var i = 0u; i < GW; i++) {
      d = fma(parts[i], stored[generator_layer(layer) + i * GW + k], d);
    }
    if (layer % 2u == 1u) {
      d += skip;
    }
  }
  if (invocation < GW) {
    activations[record + DELTAS + k] = d * OMEGA * cospi(vec4<f32>(activations[record + PHASES + k])).x;
  }
}
