// The nodes that a visit looks at, as in src/backend/cpu/series/visit.rs, and their coordinates.

// Node of the mesh.
fn visited_node(visit: Visit, sample: u32) -> u32 {
  if (visit.kind == DRAWN) {
    return sample_index(work.seed_high, work.seed_low, work.step, visit.first_draw + sample, work.n_mesh);
  }
  if (visit.kind == LISTED) {
    return targets[visit.at_list + sample];
  }
  return sample;
}

// Writes coord[axis * T + t]: from one table per axis of a grid, or from all nodes' coordinates [n_mesh][NI].
fn place_node(node: u32, t: u32) {
  var rest = node;
  for (var axis = NI; axis > 0u; axis--) {
    let size = work.axes[axis - 1u].x;
    if (size == 0u) {
      coord[(axis - 1u) * T + t] = mesh[node * NI + axis - 1u];
    } else {
      coord[(axis - 1u) * T + t] = mesh[work.axes[axis - 1u].y + rest % size];
      rest = rest / size;
    }
  }
}

// One past the last tile that workgroup `slot` of a visit takes, from first_tile in steps of n_slots.
fn end_tile(visit: Visit, slot: u32) -> u32 {
  let n_tiles = (visit.n_nodes + T - 1u) / T;
  return select(0u, min(n_tiles, work.end_round * visit.n_slots), slot < visit.n_slots);
}

fn first_tile(visit: Visit, slot: u32) -> u32 {
  return slot + work.first_round * visit.n_slots;
}
