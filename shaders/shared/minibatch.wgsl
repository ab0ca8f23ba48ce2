// The mean loss of a minibatch and its gradient sums, tile by tile. Kernels that use it declare `gather` (puts the
// inputs of a tile's points into `coord`), `wanted` (the target of an output), `weigh` (adds to `loss` what the errors
// of a tile cost and puts half the derivatives in their place) and the bindings `losses` and `work`.

var<private> loss: f32;

// Output layer and errors; points past the end of the minibatch have none.
fn compare(tile: u32) {
  for (var q = own; q < NO * T; q += NT) {
    let t = q % T;
    var e = 0.0f;
    if (tile * T + t < work.n_samples) {
      e = output_value(q / T, t) - wanted(tile, q / T, t);
    }
    error[q] = e;
  }
}

fn minibatch(invocation: u32, workgroup: u32) {
  own_tile(invocation);
  own_slot(invocation, workgroup, work.fresh == 1u);
  loss = 0.0f;
  for (var tile = work.first_tile + workgroup; tile < work.end_tile; tile += work.n_workgroups) {
    workgroupBarrier();
    gather(tile);
    workgroupBarrier();
    forward();
    compare(tile);
    weigh(tile);
    for (var q = own; q < NO * T; q += NT) {
      error[q] *= 2.0f * work.scale;
    }
    workgroupBarrier();
    output_gradient();
    backward();
    fresh = false;
  }
  workgroupBarrier();
  act[invocation].x = loss;
  workgroupBarrier();
  if (invocation == 0u) {
    var sum = 0.0f;
    for (var i = 0u; i < NT; i++) {
      sum += act[i].x;
    }
    losses[workgroup] = sum * work.scale + select(losses[workgroup], 0.0f, work.fresh == 1u);
  }
}
