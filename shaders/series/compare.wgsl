// Values of the networks at the nodes of all visits of a step, compared with the targets: residuals and their sums.
// Projections get the bare values (series/project.wgsl follows). Twin: Visit::gradient of
// src/backend/cpu/series/visit.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 networks | from series/generate.wgsl | [visit][P4] vec4 |
// | 1 visits | shared/series.wgsl | [visit] |
// | 2 mesh | tables of a grid's axes, or coordinates | see place_node |
// | 3 targets | values, nodes, weights | words |
// | 4 errors | derivatives by the outputs, up to series/loss.wgsl's factor | [node of all visits][NO] |
// | 5 sums | sums of loss terms per workgroup | [slot][NO] |
// | 6 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: (most slots of a visit, n_visits) workgroups of NT threads; slot s takes tiles s, s + n_slots, ...
// Workgroup size NT = (H / TI) * (T4 / TS): every thread owns one register tile, as in siren/train.wgsl.

@group(0) @binding(0) var<storage, read> networks: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> visits: array<Visit>;
@group(0) @binding(2) var<storage, read> mesh: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> errors: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<uniform> work: SeriesWork;

var<workgroup> terms: array<f32, NO * T>;         // of the loss, summed over tiles, [channel][point]
var<workgroup> nodes: array<u32, T>;

var<private> network: u32;

fn parameter(at: u32) -> vec4<f32> {
  return networks[network + at];
}

// The backward pass runs on its own: nothing is kept.
fn keep(slot: u32, element: u32, value: vec4<f32>) {}

// Stores the derivative by an output and returns its term of the loss.
fn compare(visit: Visit, channel: u32, sample: u32, node: u32, output: f32) -> f32 {
  let at = visit.first_error + sample * NO + channel;
  if (visit.kind >= DCT) {
    errors[at] = output;
    return 0.0f;
  }
  let row = select(node, sample, visit.kind == LISTED);
  let value = bitcast<f32>(targets[visit.at_values + row * NO + channel]);
  var weight = 1.0f;
  if (visit.at_weights != NONE) {
    weight = bitcast<f32>(targets[visit.at_weights + sample]);
  }
  let term = loss_term(weight * (output - value), value);
  errors[at] = weight * term.x;
  return term.y;
}

@compute @workgroup_size(NT)
fn series_compare(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  network = group.y * P4;
  own_tile(invocation);
  for (var q = invocation; q < NO * T; q += NT) {
    terms[q] = 0.0f;
  }
  let end = end_tile(visit, group.x);
  for (var tile = first_tile(visit, group.x); tile < end; tile += visit.n_slots) {
    workgroupBarrier();
    for (var t = invocation; t < T; t += NT) {
      nodes[t] = visited_node(visit, min(tile * T + t, visit.n_nodes - 1u));
      place_node(nodes[t], t);
    }
    workgroupBarrier();
    forward();
    for (var q = invocation; q < NO * T; q += NT) {
      let sample = tile * T + q % T;
      if (sample < visit.n_nodes) {
        terms[q] += compare(visit, q / T, sample, nodes[q % T], output_value(q / T, q % T));
      }
    }
  }
  workgroupBarrier();
  if (visit.kind < DCT && group.x < visit.n_slots) {
    for (var channel = invocation; channel < NO; channel += NT) {
      var sum = 0.0f;
      for (var t = 0u; t < T; t++) {
        sum += terms[channel * T + t];
      }
      let at = (visit.first_sum + group.x) * NO + channel;
      sums[at] = sum + select(sums[at], 0.0f, work.first_round == 0u);
    }
  }
}
