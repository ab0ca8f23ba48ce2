// sin(pi p) and cos(pi p). The range reduction p - round(p) is exact in f32, so no driver's own sine is involved
// (Vulkan promises no more than 2^-11). Twin of src/backend/cpu/sine.rs: the polynomial of src/model/canonical.rs;
// fma may be unfused here, so bits may differ.

fn sinpi_reduced(r: vec4<f32>) -> vec4<f32> {
  let q = r * r;
  var s = fma(q, vec4<f32>(SINE4), vec4<f32>(SINE3));
  s = fma(s, q, vec4<f32>(SINE2));
  s = fma(s, q, vec4<f32>(SINE1));
  s = fma(s, q, vec4<f32>(SINE0));
  return s * r;
}

// Flips the sign where n, a whole number, is odd.
fn sign_of_half_turns(value: vec4<f32>, n: vec4<f32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(bitcast<vec4<u32>>(value) ^ (vec4<u32>(vec4<i32>(n)) << vec4<u32>(31u)));
}

fn sinpi(p: vec4<f32>) -> vec4<f32> {
  let n = round(p);
  return sign_of_half_turns(sinpi_reduced(p - n), n);
}

// cos(pi p) = sin(pi (p + 1/2)), reduced without rounding p + 1/2.
fn cospi(p: vec4<f32>) -> vec4<f32> {
  let n = round(p + 0.5f);
  return sign_of_half_turns(sinpi_reduced(p - (n - 0.5f)), n);
}
