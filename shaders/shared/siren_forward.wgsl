// The residual SIREN (src/model/siren.rs) on one tile of T points; marks and layers as in layers.wgsl. Kernels that
// use it declare `keep`.

var<private> y_#a_#b: vec4<f32>;                  // input of the residual block

fn sine_layer(layer: u32) {
  z_#a_#b = PHASE * z_#a_#b;
  keep(layer, #au * TS + #bu, z_#a_#b);
  z_#a_#b = sinpi(z_#a_#b);
}

// Layers 0..=K; kept are the phases of layer l in slot l and the input of block j > 0 in slot K + j.
fn forward() {
  input_layer();
  sine_layer(0u);
  y_#a_#b = z_#a_#b;
  act[(i0 + #au) * ROW + t0 + #bu] = z_#a_#b;
  for (var l = 1u; l <= K; l++) {
    workgroupBarrier();
    hidden_layer(AT_HIDDEN + (l - 1u) * LAYER4);
    sine_layer(l);
    if (l % 2u == 0u) {
      y_#a_#b = 0.5f * (y_#a_#b + z_#a_#b);
      z_#a_#b = y_#a_#b;
      if (l < K) {
        keep(K + l / 2u, #au * TS + #bu, y_#a_#b);
      }
    }
    workgroupBarrier();
    act[(i0 + #au) * ROW + t0 + #bu] = z_#a_#b;
  }
  workgroupBarrier();
}
