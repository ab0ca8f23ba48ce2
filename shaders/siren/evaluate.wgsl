// Values of a residual SIREN at every grid point of a chunk. Twin: src/backend/cpu/siren/evaluate.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order (src/backend/gpu/layout.rs) | P4 vec4 |
// | 1 out_values | values of the chunk | [n_samples][NO] |
// | 2 work | what to do, shared/work.wgsl | uniform, one slot |
//
// Dispatch: min(tiles, device's share) workgroups of NT threads, tile = T points; workgroup w takes tiles w, w + n, ...
// Workgroup size NT = (H / TI) * (T4 / TS): every thread owns one register tile, as in siren/train.wgsl.

@group(0) @binding(0) var<storage, read> params: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out_values: array<f32>;
@group(0) @binding(2) var<uniform> work: Work;

fn parameter(at: u32) -> vec4<f32> {
  return params[at];
}

// Evaluation has no backward pass: nothing is kept.
fn keep(slot: u32, element: u32, value: vec4<f32>) {}

@compute @workgroup_size(NT)
fn siren_evaluate(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  own_tile(invocation);
  for (var tile = work.first_tile + group.x; tile < work.end_tile; tile += work.n_workgroups) {
    workgroupBarrier();
    for (var t = invocation; t < T; t += NT) {
      place_point(min(work.first_point + tile * T + t, work.n_points - 1u), t);
    }
    workgroupBarrier();
    forward();
    for (var q = invocation; q < NO * T; q += NT) {
      let sample = tile * T + q % T;
      if (sample < work.n_samples) {
        out_values[sample * NO + q / T] = output_value(q / T, q % T);
      }
    }
  }
}
