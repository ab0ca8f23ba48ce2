// Nothing but multiply-adds in registers: the f32 peak that the benchmarks compare with.
//
// | binding | content | layout |
// |---|---|---|
// | 0 sink | one value per thread, so that the work cannot be left out | [threads] |
//
// Dispatch: any number of workgroups; a thread does ROUNDS * 16 vec4 multiply-adds (#e 0..16).
// Workgroup size 256: eight warps of independent chains fill the pipelines of every GPU we know.

@group(0) @binding(0) var<storage, read_write> sink: array<f32>;

const ROUNDS: u32 = 4096u;

@compute @workgroup_size(256)
fn fma_peak(@builtin(global_invocation_id) id: vec3<u32>) {
  let scale = vec4<f32>(0.999f + f32(id.x) * 1e-12f);
  let shift = vec4<f32>(1e-3f);
  var s_#e = vec4<f32>(f32(id.x + #eu));
  for (var round = 0u; round < ROUNDS; round++) {
    s_#e = fma(s_#e, scale, shift);
  }
  var sum = vec4<f32>(0.0f);
  sum += s_#e;
  sink[id.x] = sum.x + sum.y + sum.z + sum.w;
}
