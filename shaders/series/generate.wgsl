// The SIREN over space at the time of each visit: generator, shared parameters, time folded into the input biases.
// Twin: Generator::network of src/backend/cpu/series/generator.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 stored | parameters as losses see them | [n_params] |
// | 1 tables | where each parameter of a network comes from (src/backend/gpu/series/tables.rs) | [4 * P4 + H] |
// | 2 targets | the windows' times are here | words |
// | 3 visits | shared/series.wgsl | [visit] |
// | 4 networks | in device order | [visit][4 * P4] |
// | 5 activations | of the generator, shared/generator.wgsl | [visit][RECORD] |
// | 6 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: (ceil(4 * P4 / 256), n_visits) workgroups of 256 threads, one per parameter; each runs the small generator.

@group(0) @binding(0) var<storage, read> stored: array<f32>;
@group(0) @binding(1) var<storage, read> tables: array<u32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> visits: array<Visit>;
@group(0) @binding(4) var<storage, read_write> networks: array<f32>;
@group(0) @binding(5) var<storage, read_write> activations: array<f32>;
@group(0) @binding(6) var<uniform> work: SeriesWork;

var<workgroup> times: array<f32, GW>;
var<workgroup> block: array<f32, GW>;             // input and output of residual blocks
var<workgroup> inner: array<f32, GW>;             // between their layers

// Parameter from its table entry: nothing, a shared one, or an output of the generator.
fn made(source: u32) -> f32 {
  if (source == NONE) {
    return 0.0f;
  }
  if (source < GENERATED) {
    return stored[source];
  }
  let row = source - GENERATED;
  var sum = stored[generator_output_bias() + row];
  for (var k = 0u; k < GW; k++) {
    sum = fma(stored[generator_layer(GK + 1u) + row * GW + k], block[k], sum);
  }
  return sum;
}

// Layer `layer` of the generator for neuron i; phases and inputs are written once per visit.
fn sine_of_layer(layer: u32, i: u32, visit: u32, writes: bool) -> f32 {
  let at = generator_layer(layer);
  let n_inputs = select(GW, work.time_span, layer == 0u);
  var z = stored[at + GW * n_inputs + i];
  for (var k = 0u; k < n_inputs; k++) {
    var x = block[k];
    if (layer == 0u) {
      x = times[k];
    } else if (layer % 2u == 0u) {
      x = inner[k];
    }
    z = fma(stored[at + i * n_inputs + k], x, z);
  }
  if (writes) {
    activations[visit * RECORD + PHASES + layer * GW + i] = PHASE * z;
  }
  return sinpi(vec4<f32>(PHASE * z)).x;
}

fn run_generator(visit: u32, i: u32, writes: bool) {
  let inputs = visit * RECORD + INPUTS;
  if (i < GW) {
    times[i] = 0.0f;
    if (i < work.time_span) {
      times[i] = bitcast<f32>(targets[visits[work.first_visit + visit].at_window + i]);
    }
    if (writes) {
      activations[inputs + i] = times[i];
    }
  }
  for (var layer = 0u; layer <= GK; layer++) {
    workgroupBarrier();
    if (i < GW) {
      let s = sine_of_layer(layer, i, visit, writes);
      var next = s;
      if (layer % 2u == 1u) {
        inner[i] = s;
      } else {
        if (layer > 0u) {
          next = 0.5f * (block[i] + s);
        }
        block[i] = next;
      }
      if (writes) {
        activations[inputs + (layer + 1u) * GW + i] = next;
      }
    }
  }
  workgroupBarrier();
}

@compute @workgroup_size(256)
fn series_generate(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  if (work.n_generated > 0u) {
    run_generator(group.y, invocation, group.x == 0u);
  }
  let p = group.x * 256u + invocation;
  if (p < 4u * P4) {
    var value = made(tables[p]);
    let neuron = p - 4u * AT_INPUT_BIAS;
    if (p >= 4u * AT_INPUT_BIAS && neuron < H) {
      value = fma(made(tables[4u * P4 + neuron]), visits[work.first_visit + group.y].t, value);
    }
    networks[group.y * 4u * P4 + p] = value;
  }
}
