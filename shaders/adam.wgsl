// Sums the workgroups' gradients in a fixed order and takes one Adam step (Kingma and Ba 2015). Follows
// siren/train.wgsl; twin: src/backend/cpu/adam.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 params | parameters in device order | P4 vec4 |
// | 1 moments | first, then second moments | [2][P4] vec4 |
// | 2 partials | gradient sums per workgroup | [n_workgroups][P4] vec4 |
// | 3 losses | loss sums per workgroup | [n_workgroups] |
// | 4 step_losses | one mean loss per step of this submission | [64] |
// | 5 work | rate, bias corrections, n_workgroups, loss_slot | uniform, one slot |
//
// Dispatch: ceil(P4 / COLUMNS) + 1 workgroups; the last one sums the loss.
// Workgroup size COLUMNS * SLICES = 256: COLUMNS neighbours read whole cache lines, SLICES split the long sum.

@group(0) @binding(0) var<storage, read_write> params: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> step_losses: array<f32>;
@group(0) @binding(5) var<uniform> work: Work;

const COLUMNS: u32 = 32u;
const SLICES: u32 = 8u;

var<workgroup> sums: array<vec4<f32>, COLUMNS * SLICES>;

fn total(column: u32) -> vec4<f32> {
  var sum = sums[column];
  for (var slice = 1u; slice < SLICES; slice++) {
    sum += sums[slice * COLUMNS + column];
  }
  return sum;
}

fn update(p: u32, gradient: vec4<f32>) {
  let first = BETA1 * moments[p] + (1.0f - BETA1) * gradient;
  let second = BETA2 * moments[P4 + p] + (1.0f - BETA2) * gradient * gradient;
  moments[p] = first;
  moments[P4 + p] = second;
  let step = (first * work.correction1) / (sqrt(second * work.correction2) + EPSILON);
  params[p] = params[p] - work.rate * step;
}

@compute @workgroup_size(COLUMNS * SLICES)
fn adam(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let n_groups = (P4 + COLUMNS - 1u) / COLUMNS;
  let column = invocation % COLUMNS;
  let p = group.x * COLUMNS + column;
  var sum = vec4<f32>(0.0f);
  if (group.x == n_groups) {
    for (var w = invocation; w < work.n_workgroups; w += COLUMNS * SLICES) {
      sum.x += losses[w];
    }
  } else if (p < P4) {
    for (var w = invocation / COLUMNS; w < work.n_workgroups; w += SLICES) {
      sum += partials[w * P4 + p];
    }
  }
  sums[invocation] = sum;
  workgroupBarrier();
  if (group.x == n_groups && invocation == 0u) {
    var loss = 0.0f;
    for (var c = 0u; c < COLUMNS; c++) {
      loss += total(c).x;
    }
    step_losses[work.loss_slot] = loss;
  } else if (invocation < COLUMNS && p < P4) {
    update(p, total(column));
  }
}
