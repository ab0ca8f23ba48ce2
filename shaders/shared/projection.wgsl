// Entries of the matrices that mix all nodes. Twin: src/sketch/projection.rs; nothing but two words per row is stored:
// DCT: row / (4 n) as a binary fraction of 64 bits, upper word first; Hadamard: the row; Gaussian: its random stream.

// ln(x) of a normal number x > 0: 2 atanh((m - 1) / (m + 1)) of the mantissa. Drivers' own are good to 2^-21.
fn ln(x: f32) -> f32 {
  let bits = bitcast<u32>(x) - 0x3f3504f3u;
  let exponent = bitcast<i32>(bits) >> 23u;
  let m = bitcast<f32>((bits & 0x007fffffu) + 0x3f3504f3u);
  let s = (m - 1.0f) / (m + 1.0f);
  let q = s * s;
  let series = fma(fma(fma(fma(q, 1.0f / 9.0f, 1.0f / 7.0f), q, 1.0f / 5.0f), q, 1.0f / 3.0f), q, 1.0f);
  return fma(f32(exponent), 0.6931472f, 2.0f * s * series);
}

fn unit(x: u32) -> f32 {
  return (f32(x >> 8u) + 0.5f) * 5.9604645e-8f;
}

fn normal(stream: u32, counter: u32) -> f32 {
  let radius = sqrt(-2.0f * ln(unit(random_u32(stream, counter))));
  return radius * cospi(vec4<f32>(2.0f * unit(random_u32(~stream, counter)))).x;
}

// cos(pi (2 node + 1) row / (2 n)): the fraction of a turn wraps around by itself.
fn dct_entry(row: vec2<u32>, node: u32) -> f32 {
  let odd = 2u * node + 1u;
  let turns = odd * row.x + multiply_high(odd, row.y);
  let cosine = cospi(vec4<f32>(f32(bitcast<i32>(turns)) * 4.656613e-10f)).x;
  return select(cosine, 0.70710678f, row.x == 0u && row.y == 0u);
}

fn projection_entry(visit: Visit, row: u32, node: u32) -> f32 {
  let words = vec2<u32>(targets[visit.at_list + 2u * row], targets[visit.at_list + 2u * row + 1u]);
  if (visit.kind == GAUSSIAN) {
    return visit.row_scale * normal(words.x, node);
  }
  let minus = random_u32(visit.stream, node) & 1u;
  if (visit.kind == HADAMARD) {
    return visit.row_scale * (1.0f - 2.0f * f32((countOneBits(words.x & node) + minus) & 1u));
  }
  return visit.row_scale * (1.0f - 2.0f * f32(minus)) * dct_entry(words, node);
}
