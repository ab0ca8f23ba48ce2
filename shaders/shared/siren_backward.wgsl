// Backward pass of the residual SIREN on one tile, from dLoss/dactivation of the last layer on (gradients.wgsl).
// `kept` is scratch.wgsl's.

var<private> skip_#a_#b: vec4<f32>;               // dLoss/dactivation along the residual connection

fn backward() {
  for (var l = K; l > 0u; l--) {
    let weights = AT_HIDDEN + (l - 1u) * LAYER4;
    if (l % 2u == 0u) {
      d_#a_#b = 0.5f * d_#a_#b;
      skip_#a_#b = d_#a_#b;
    }
    workgroupBarrier();
    grad[(i0 + #au) * ROW + t0 + #bu] = d_#a_#b * (OMEGA * cospi(kept(l, #au * TS + #bu)));
    if (l % 2u == 0u || l == 1u) {
      act[(i0 + #au) * ROW + t0 + #bu] = sinpi(kept(l - 1u, #au * TS + #bu));
    } else {
      act[(i0 + #au) * ROW + t0 + #bu] = kept(K + l / 2u, #au * TS + #bu);
    }
    workgroupBarrier();
    weight_gradient(4u * weights);
    bias_gradient(4u * (weights + H * H4));
    propagate(weights);
    if (l % 2u == 1u) {
      d_#a_#b = d_#a_#b + skip_#a_#b;
    }
  }
  workgroupBarrier();
  grad[(i0 + #au) * ROW + t0 + #bu] = d_#a_#b * (OMEGA * cospi(kept(0u, #au * TS + #bu)));
  workgroupBarrier();
  input_gradient();
}
