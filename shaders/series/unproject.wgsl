// Derivatives by the rows of a projection back to derivatives by the values at all nodes: S^T r. Twin:
// Projection::apply_transposed of src/sketch/projection.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 visits | shared/series.wgsl | [visit] |
// | 1 targets | rows | words |
// | 2 errors | rows at first_row are read, nodes at first_error written | [..][NO] |
// | 3 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: (ceil(nodes of the mesh / 256), n_visits) workgroups of 256 threads, one node each. Marks: #o 0..NO.

@group(0) @binding(0) var<storage, read> visits: array<Visit>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> errors: array<f32>;
@group(0) @binding(3) var<uniform> work: SeriesWork;

@compute @workgroup_size(256)
fn series_unproject(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  let node = group.x * 256u + invocation;
  if (visit.n_rows > 0u && node < visit.n_nodes) {
    var sum_#o = 0.0f;
    for (var row = 0u; row < visit.n_rows; row++) {
      let entry = projection_entry(visit, row, node);
      sum_#o = fma(entry, errors[visit.first_row + row * NO + #ou], sum_#o);
    }
    errors[visit.first_error + node * NO + #ou] = sum_#o;
  }
}
