// The running average of a predictor's parameters after a step of Adam. Follows adam.wgsl; twin:
// src/backend/cpu/stencil/train.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order | P4 vec4 |
// | 1 average | their average | P4 vec4 |
// | 2 work | averaging | uniform, one slot |
//
// Dispatch: ceil(P4 / 64) workgroups.

@group(0) @binding(0) var<storage, read> params: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> work: Work;

@compute @workgroup_size(64)
fn stencil_average(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = id.x;
  if (p < P4) {
    average[p] = average[p] + work.averaging * (params[p] - average[p]);
  }
}
