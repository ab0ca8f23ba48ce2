// What a workgroup keeps between the passes of a tile, in `scratch`, and its gradient sums, in `partials`, both by the
// slot it works in: [slot][SLOTS][TI * TS][NT] vec4, [slot][4 * P4]. Scratch is read by the thread that wrote it.

var<workgroup> error: array<f32, NO * T>;         // dLoss/doutput, [channel][point]

var<private> own: u32;                            // this thread's invocation index
var<private> own_scratch: u32;
var<private> own_partials: u32;
var<private> fresh: bool;                         // the sums are overwritten, not added to

fn own_slot(invocation: u32, slot: u32, is_fresh: bool) {
  own = invocation;
  own_scratch = slot * SLOTS * TI * TS * NT + invocation;
  own_partials = slot * 4u * P4;
  fresh = is_fresh;
}

fn keep(slot: u32, element: u32, value: vec4<f32>) {
  scratch[own_scratch + (slot * TI * TS + element) * NT] = value;
}

fn kept(slot: u32, element: u32) -> vec4<f32> {
  return scratch[own_scratch + (slot * TI * TS + element) * NT];
}

fn add_gradient(index: u32, value: f32) {
  if (fresh) {
    partials[own_partials + index] = value;
  } else {
    partials[own_partials + index] += value;
  }
}

fn error4(channel: u32, t4: u32) -> vec4<f32> {
  let at = channel * T + 4u * t4;
  return vec4<f32>(error[at], error[at + 1u], error[at + 2u], error[at + 3u]);
}
