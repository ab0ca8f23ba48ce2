// Forward and backward pass of the networks at the nodes of all visits of a step, from the derivatives by their outputs
// to gradient sums per workgroup. Twin: Network::run of src/backend/cpu/series/training.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 networks | from series/generate.wgsl | [visit][P4] vec4 |
// | 1 visits | shared/series.wgsl | [visit] |
// | 2 mesh | tables of a grid's axes, or coordinates | see place_node |
// | 3 targets | listed nodes | words |
// | 4 errors | derivatives up to a factor | [node of all visits][NO] |
// | 5 sums | the factors | [visit][NO + 1] at at_factors |
// | 6 scratch | shared/scratch.wgsl | [slot][SLOTS][TI * TS][NT] vec4 |
// | 7 partials | gradient sums | [slot][4 * P4] |
// | 8 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch and workgroups: as series/compare.wgsl.

@group(0) @binding(0) var<storage, read> networks: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> visits: array<Visit>;
@group(0) @binding(2) var<storage, read> mesh: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> errors: array<f32>;
@group(0) @binding(5) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;
@group(0) @binding(8) var<uniform> work: SeriesWork;

var<private> network: u32;

fn parameter(at: u32) -> vec4<f32> {
  return networks[network + at];
}

@compute @workgroup_size(NT)
fn series_train(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  network = group.y * P4;
  own_tile(invocation);
  own_slot(invocation, visit.first_slot + group.x, work.first_round == 0u);
  let factors = work.at_factors + group.y * (NO + 1u);
  let end = end_tile(visit, group.x);
  for (var tile = first_tile(visit, group.x); tile < end; tile += visit.n_slots) {
    workgroupBarrier();
    for (var t = invocation; t < T; t += NT) {
      place_node(visited_node(visit, min(tile * T + t, visit.n_nodes - 1u)), t);
    }
    for (var q = invocation; q < NO * T; q += NT) {
      let sample = tile * T + q % T;
      var e = 0.0f;
      if (sample < visit.n_nodes) {
        e = sums[factors + q / T] * errors[visit.first_error + sample * NO + q / T];
      }
      error[q] = e;
    }
    workgroupBarrier();
    forward();
    output_gradient();
    backward();
    fresh = false;
  }
}
