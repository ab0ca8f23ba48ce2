// Gradient of a step by every stored parameter, summed over its visits, and the squares that clipping needs. Twin:
// PullBack of src/backend/cpu/series/generator.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 tables | places of the body's parameters at AT_PLACES | [n_shared + n_generated] |
// | 1 visits | shared/series.wgsl | [visit] |
// | 2 partials | gradients of the visits' networks | [first_slot][4 * P4] |
// | 3 activations | the generator's inputs and derivatives, shared/generator.wgsl | [visit][RECORD] |
// | 4 gradient | the gradient, then a sum of squares per workgroup | [n_params + n_squares] |
// | 5 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: n_squares = ceil(n_params / 256) workgroups of 256 threads, one parameter each.

@group(0) @binding(0) var<storage, read> tables: array<u32>;
@group(0) @binding(1) var<storage, read> visits: array<Visit>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;
@group(0) @binding(3) var<storage, read> activations: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(5) var<uniform> work: SeriesWork;

var<workgroup> squares: array<f32, 256>;

// Weight (column < n_inputs) or bias of row `row` in a layer of the generator.
fn layer_gradient(v: u32, layer: u32, row: u32, column: u32, n_inputs: u32) -> f32 {
  var delta = 0.0f;
  if (layer <= GK) {
    delta = activations[v * RECORD + DELTAS + layer * GW + row];
  } else {
    delta = pulled(visits[work.first_visit + v], tables[AT_PLACES + work.n_shared + row]);
  }
  if (column < n_inputs) {
    return delta * activations[v * RECORD + INPUTS + layer * GW + column];
  }
  return delta;
}

fn generator_gradient(i: u32) -> f32 {
  var layer = 0u;
  if (i >= generator_layer(1u)) {
    layer = 1u + min(GK, (i - generator_layer(1u)) / (GW * GW + GW));
  }
  let n_inputs = select(GW, work.time_span, layer == 0u);
  let n_rows = select(GW, work.n_generated, layer > GK);
  let at = i - generator_layer(layer);
  let is_bias = at >= n_rows * n_inputs;
  let row = select(at / n_inputs, at - n_rows * n_inputs, is_bias);
  let column = select(at % n_inputs, n_inputs, is_bias);
  var sum = 0.0f;
  for (var v = 0u; v < work.n_visits; v++) {
    sum += layer_gradient(v, layer, row, column, n_inputs);
  }
  return sum;
}

fn shared_gradient(i: u32) -> f32 {
  var sum = 0.0f;
  for (var v = 0u; v < work.n_visits; v++) {
    sum += pulled(visits[work.first_visit + v], tables[AT_PLACES + i]);
  }
  return sum;
}

@compute @workgroup_size(256)
fn series_gradient(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let i = group.x * 256u + invocation;
  var g = 0.0f;
  if (i < work.n_shared) {
    g = shared_gradient(i);
  } else if (i < work.n_params) {
    g = generator_gradient(i);
  }
  if (i < work.n_params) {
    gradient[i] = g;
  }
  squares[invocation] = g * g;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (invocation < half) {
      squares[invocation] += squares[invocation + half];
    }
  }
  if (invocation == 0u) {
    gradient[work.n_params + group.x] = squares[0];
  }
}
