// Gradient of a visit by the body parameter at table entry `place`: a position in its network, or (above TIME) the
// input bias into which it is folded, as its neuron's weight of time.

const TIME: u32 = 0x80000000u;

fn pulled(visit: Visit, place: u32) -> f32 {
  let gradient = partials[visit.first_slot * 4u * P4 + (place & ~TIME)];
  return select(gradient, visit.t * gradient, place >= TIME);
}
