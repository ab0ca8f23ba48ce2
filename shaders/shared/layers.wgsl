// The layers of a network on one tile of T points, activations in workgroup memory; the activation function is
// that of the file beside it. Kernels that use it declare `parameter` (a vector of the network's parameters).
//
// A thread owns a register tile: neurons i0 + #a and points 4 * (t0 + #b) .. + 3, named registers z_#a_#b.
// A line with a mark stands for one line per value (src/backend/gpu/shader.rs):
//   #a 0..TI (with #h = a / 4, #c = component a % 4)   #b 0..TS   #q 0..4 (with #k = component q)

var<workgroup> act: array<vec4<f32>, H * ROW>;   // activations [neuron][point], rows padded against bank conflicts
var<workgroup> coord: array<f32, NI * T>;        // [axis][point]

var<private> i0: u32;
var<private> t0: u32;
var<private> z_#a_#b: vec4<f32>;                  // sums, then values, of the layer at hand

fn own_tile(invocation: u32) {
  t0 = (invocation % (T4 / TS)) * TS;
  i0 = (invocation / (T4 / TS)) * TI;
}

fn input_layer() {
  z_#a_#b = vec4<f32>(parameter(AT_INPUT_BIAS + i0 / 4u + #hu).#c);
  for (var axis = 0u; axis < NI; axis++) {
    let at_#b = axis * T + 4u * (t0 + #bu);
    let x_#b = vec4<f32>(coord[at_#b], coord[at_#b + 1u], coord[at_#b + 2u], coord[at_#b + 3u]);
    let w_#h = parameter(AT_INPUT + axis * H4 + i0 / 4u + #hu);
    z_#a_#b = fma(vec4<f32>(w_#h.#c), x_#b, z_#a_#b);
  }
}

// z = b + W act, weights as vec4 along the inputs.
fn hidden_layer(weights: u32) {
  z_#a_#b = vec4<f32>(parameter(weights + H * H4 + i0 / 4u + #hu).#c);
  for (var k4 = 0u; k4 < H4; k4++) {
    let x_#q_#b = act[(4u * k4 + #qu) * ROW + t0 + #bu];
    let w_#a = parameter(weights + (i0 + #au) * H4 + k4);
    z_#a_#b = fma(vec4<f32>(w_#a.#k), x_#q_#b, z_#a_#b);
  }
}

// Output `channel` of point t of the tile, after the last hidden layer.
fn output_value(channel: u32, t: u32) -> f32 {
  var value = parameter(AT_OUTPUT_BIAS + channel / 4u)[channel % 4u];
  for (var k4 = 0u; k4 < H4; k4++) {
    let w = parameter(AT_OUTPUT + channel * H4 + k4);
    let row = 4u * k4 * ROW + t / 4u;
    value = fma(w.x, act[row][t % 4u], value);
    value = fma(w.y, act[row + ROW][t % 4u], value);
    value = fma(w.z, act[row + 2u * ROW][t % 4u], value);
    value = fma(w.w, act[row + 3u * ROW][t % 4u], value);
  }
  return value;
}
