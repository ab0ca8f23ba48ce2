// The loss of each visit from its sums, and the factor per channel that its derivatives still lack. Twin:
// Visit::loss_of_residuals of src/backend/cpu/series/visit.rs.
//
// | binding | content | layout |
// |---|---|---|
// | 0 visits | shared/series.wgsl | [visit] |
// | 1 targets | the norms are here | words |
// | 2 sums | read at first_sum, factors and loss written at at_factors | [..][NO], [visit][NO + 1] |
// | 3 work | shared/series.wgsl | uniform, one slot |
//
// Dispatch: n_visits workgroups in y of 256 threads: 16 channels, 16 slices of the sum.

@group(0) @binding(0) var<storage, read> visits: array<Visit>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<uniform> work: SeriesWork;

var<workgroup> parts: array<f32, 256>;            // [slice][channel]
var<workgroup> losses: array<f32, 16>;            // share of each channel

@compute @workgroup_size(256)
fn series_loss(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
) {
  let visit = visits[work.first_visit + group.y];
  let factors = work.at_factors + group.y * (NO + 1u);
  let channel = invocation % 16u;
  var sum = 0.0f;
  if (channel < NO) {
    for (var i = invocation / 16u; i < visit.n_sums; i += 16u) {
      sum += sums[(visit.first_sum + i) * NO + channel];
    }
  }
  parts[invocation] = sum;
  workgroupBarrier();
  if (invocation < NO) {
    for (var slice = 1u; slice < 16u; slice++) {
      sum += parts[slice * 16u + channel];
    }
    if (work.loss == LOSS_R3) {
      let norm = bitcast<f32>(targets[visit.at_norms + channel]);
      let root = sqrt(sum * visit.energy_scale + ROOT_FLOOR);
      losses[channel] = root / (norm * f32(NO));
      sums[factors + channel] = visit.weight * visit.energy_scale / (f32(NO) * root * norm);
    } else {
      let n_values = f32(select(visit.n_nodes, visit.n_rows, visit.n_rows > 0u) * NO);
      losses[channel] = sum / n_values;
      sums[factors + channel] = select(2.0f, 1.0f, work.loss == LOSS_L1) * visit.weight / n_values;
    }
  }
  workgroupBarrier();
  if (invocation == 0u) {
    var loss = 0.0f;
    for (var c = 0u; c < NO; c++) {
      loss += losses[c];
    }
    sums[factors + NO] = loss;
  }
}
