// Rows of a projection of the networks' values at all nodes, compared with the rows that were kept: r = S y - k.
// Twin: Projection::apply of src/sketch/projection.rs. series/unproject.wgsl takes the way back.
//
// | binding | content | layout |
// |---|---|---|
// | 0 visits | shared/series.wgsl | [visit] |
// | 1 targets | rows and their values | words |
// | 2 errors | values at first_error are read, rows at first_row written | [..][NO] |
// | 3 sums | loss terms, one per row | [row][NO] |
// | 4 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: (most rows of a visit, n_visits) workgroups of 256 threads; one row each, threads share the nodes. Marks:
// #o 0..NO.

@group(0) @binding(0) var<storage, read> visits: array<Visit>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> errors: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<uniform> work: SeriesWork;

var<workgroup> parts: array<f32, 256 * NO>;       // [channel][thread]

@compute @workgroup_size(256)
fn series_project(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  let row = group.x;
  let end = select(0u, visit.n_nodes, row < visit.n_rows);
  var sum_#o = 0.0f;
  for (var node = invocation; node < end; node += 256u) {
    let entry = projection_entry(visit, row, node);
    sum_#o = fma(entry, errors[visit.first_error + node * NO + #ou], sum_#o);
  }
  parts[#ou * 256u + invocation] = sum_#o;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (invocation < half) {
      parts[#ou * 256u + invocation] += parts[#ou * 256u + invocation + half];
    }
  }
  workgroupBarrier();
  if (row < visit.n_rows && invocation < NO) {
    let value = bitcast<f32>(targets[visit.at_values + row * NO + invocation]);
    let term = loss_term(parts[invocation * 256u] - value, value);
    errors[visit.first_row + row * NO + invocation] = term.x;
    sums[(visit.first_sum + row) * NO + invocation] = term.y;
  }
}
