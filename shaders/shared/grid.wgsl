// Coordinates of a grid point, one per axis in [-1, 1]: writes coord[axis * T + t].
fn place_point(index: u32, t: u32) {
  var rest = index;
  for (var axis = NI; axis > 0u; axis--) {
    let size = work.axes[axis - 1u].x;
    let i = rest % size;
    rest = rest / size;
    let offset = f32(i32(2u * i) - i32(size - 1u));
    coord[(axis - 1u) * T + t] = offset * bitcast<f32>(work.axes[axis - 1u].y);
  }
}
