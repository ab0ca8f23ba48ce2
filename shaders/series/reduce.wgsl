// Sums the gradients of a visit's workgroups in a fixed order, into the first of them.
//
// | binding | content | layout |
// |---|---|---|
// | 0 visits | shared/series.wgsl | [visit] |
// | 1 partials | gradient sums | [slot][P4] vec4 |
// | 2 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: (ceil(P4 / COLUMNS), n_visits) workgroups.
// Workgroup size COLUMNS * SLICES = 256: COLUMNS neighbours read whole cache lines, SLICES split the long sum.

@group(0) @binding(0) var<storage, read> visits: array<Visit>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> work: SeriesWork;

const COLUMNS: u32 = 32u;
const SLICES: u32 = 8u;

var<workgroup> parts: array<vec4<f32>, COLUMNS * SLICES>;

@compute @workgroup_size(COLUMNS * SLICES)
fn series_reduce(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  let column = invocation % COLUMNS;
  let p = group.x * COLUMNS + column;
  var sum = vec4<f32>(0.0f);
  if (p < P4) {
    for (var slot = invocation / COLUMNS; slot < visit.n_slots; slot += SLICES) {
      sum += partials[(visit.first_slot + slot) * P4 + p];
    }
  }
  parts[invocation] = sum;
  workgroupBarrier();
  if (invocation < COLUMNS && p < P4) {
    for (var slice = 1u; slice < SLICES; slice++) {
      sum += parts[slice * COLUMNS + column];
    }
    partials[visit.first_slot * P4 + p] = sum;
  }
}
