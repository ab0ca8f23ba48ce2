// Two hidden layers with the activation of predictors (src/model/stencil/network.rs) on one tile of T points, forward
// and backward; marks and layers as in layers.wgsl. Kept are the sums of both layers (scratch.wgsl).

// 0 below -1, z above 1, (z + 1)^2 / 4 in between.
fn bent(z: vec4<f32>) -> vec4<f32> {
  let t = clamp(z, vec4<f32>(-1.0f), vec4<f32>(1.0f)) + 1.0f;
  return 0.25f * t * t + (max(z, vec4<f32>(1.0f)) - 1.0f);
}

fn slope(z: vec4<f32>) -> vec4<f32> {
  return 0.5f * (clamp(z, vec4<f32>(-1.0f), vec4<f32>(1.0f)) + 1.0f);
}

fn forward() {
  input_layer();
  keep(0u, #au * TS + #bu, z_#a_#b);
  act[(i0 + #au) * ROW + t0 + #bu] = bent(z_#a_#b);
  workgroupBarrier();
  hidden_layer(AT_HIDDEN);
  keep(1u, #au * TS + #bu, z_#a_#b);
  workgroupBarrier();
  act[(i0 + #au) * ROW + t0 + #bu] = bent(z_#a_#b);
  workgroupBarrier();
}

fn backward() {
  workgroupBarrier();
  grad[(i0 + #au) * ROW + t0 + #bu] = d_#a_#b * slope(kept(1u, #au * TS + #bu));
  act[(i0 + #au) * ROW + t0 + #bu] = bent(kept(0u, #au * TS + #bu));
  workgroupBarrier();
  weight_gradient(4u * AT_HIDDEN);
  bias_gradient(4u * (AT_HIDDEN + H * H4));
  propagate(AT_HIDDEN);
  workgroupBarrier();
  grad[(i0 + #au) * ROW + t0 + #bu] = d_#a_#b * slope(kept(0u, #au * TS + #bu));
  workgroupBarrier();
  input_gradient();
}
