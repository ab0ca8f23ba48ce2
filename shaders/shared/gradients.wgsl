// Gradients of the layers on one tile: from dLoss/doutput in `error` to sums in `partials`. Marks as in layers.wgsl,
// and #i 0..WI, #j 0..WJ: the register tile of a thread in a weight gradient. `own`, `add_gradient` and `error4` are
// scratch.wgsl's.

var<workgroup> grad: array<vec4<f32>, H * ROW>;   // dLoss/dsum of the layer at hand, [neuron][point]

var<private> d_#a_#b: vec4<f32>;                  // dLoss/dactivation of the layer at hand

// Weights and bias (k = H) of the output layer.
fn output_gradient() {
  for (var q = own; q < NO * (H + 1u); q += NT) {
    let channel = q / (H + 1u);
    let k = q % (H + 1u);
    var sum = vec4<f32>(0.0f);
    for (var t4 = 0u; t4 < T4; t4++) {
      var x = vec4<f32>(1.0f);
      if (k < H) {
        x = act[k * ROW + t4];
      }
      sum = fma(error4(channel, t4), x, sum);
    }
    let index = select(4u * AT_OUTPUT_BIAS + channel, 4u * AT_OUTPUT + channel * H + k, k < H);
    add_gradient(index, sum.x + sum.y + sum.z + sum.w);
  }
  d_#a_#b = vec4<f32>(0.0f);
  for (var channel = 0u; channel < NO; channel++) {
    let e_#b = error4(channel, t0 + #bu);
    let w_#h = parameter(AT_OUTPUT + channel * H4 + i0 / 4u + #hu);
    d_#a_#b = fma(vec4<f32>(w_#h.#c), e_#b, d_#a_#b);
  }
}

// Sum over the points of grad * act^T: a thread takes rows r + #i * H / WI and columns s + #j * H / WJ, so that
// neighbouring threads read neighbouring rows (no bank conflicts) and write neighbouring addresses.
fn weight_gradient(at: u32) {
  for (var q = own; q < (H / WI) * (H / WJ); q += NT) {
    let r = q / (H / WJ);
    let s = q % (H / WJ);
    var g_#i_#j = 0.0f;
    for (var t4 = 0u; t4 < T4; t4++) {
      let x_#j = act[(s + #ju * (H / WJ)) * ROW + t4];
      let e_#i = grad[(r + #iu * (H / WI)) * ROW + t4];
      g_#i_#j = fma(e_#i.x, x_#j.x, fma(e_#i.y, x_#j.y, fma(e_#i.z, x_#j.z, fma(e_#i.w, x_#j.w, g_#i_#j))));
    }
    add_gradient(at + (r + #iu * (H / WI)) * H + s + #ju * (H / WJ), g_#i_#j);
  }
}

fn bias_gradient(at: u32) {
  for (var i = own; i < H; i += NT) {
    var sum = vec4<f32>(0.0f);
    for (var t4 = 0u; t4 < T4; t4++) {
      sum += grad[i * ROW + t4];
    }
    add_gradient(at + i, sum.x + sum.y + sum.z + sum.w);
  }
}

fn input_gradient() {
  for (var q = own; q < NI * H; q += NT) {
    var sum = vec4<f32>(0.0f);
    for (var t4 = 0u; t4 < T4; t4++) {
      let c = (q / H) * T + 4u * t4;
      let x = vec4<f32>(coord[c], coord[c + 1u], coord[c + 2u], coord[c + 3u]);
      sum = fma(grad[(q % H) * ROW + t4], x, sum);
    }
    add_gradient(4u * AT_INPUT + q, sum.x + sum.y + sum.z + sum.w);
  }
  bias_gradient(4u * AT_INPUT_BIAS);
}

// d = W^T grad.
fn propagate(weights: u32) {
  d_#a_#b = vec4<f32>(0.0f);
  for (var i = 0u; i < H; i++) {
    let e_#b = grad[i * ROW + t0 + #bu];
    let w_#h = parameter(weights + i * H4 + i0 / 4u + #hu);
    d_#a_#b = fma(vec4<f32>(w_#h.#c), e_#b, d_#a_#b);
  }
}
