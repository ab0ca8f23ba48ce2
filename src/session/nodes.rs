//! The nodes of a series: the grid of its blocks, or rows of a file of coordinates, which the model store then carries.

use std::path::Path;
use std::sync::Arc;

use crate::mesh::Mesh;
use crate::{Dtype, Error, Result, field, npy};

/// The nodes of a block of `n` points from row `first` on of the coordinates in the `.npy` file at `path`.
///
/// # Errors
/// [`Error::File`] that says what the file should hold.
pub fn read_points(path: &Path, first: usize, n: usize) -> Result<Arc<Mesh>> {
    let refuse = |reason: String| Error::File { path: path.display().to_string(), reason };
    let array = npy::read(path)?;
    let &[n_rows, n_axes] = array.dims.as_slice() else {
        return Err(refuse(format!(
            "'points' must be an array (nodes, axes), this one has dimensions {:?}",
            array.dims
        )));
    };
    if !matches!(array.dtype, Dtype::F32 | Dtype::F64) {
        return Err(refuse(format!("'points' must be float32 or float64, this is {}", array.dtype.name())));
    }
    // Each process may have a file of its own rows, or all share one.
    let first = if n_rows == n { 0 } else { first };
    if n_axes == 0 || first.checked_add(n).is_none_or(|end| end > n_rows) {
        return Err(refuse(format!("'points' has {n_rows} rows, the block has {n} nodes from {first} on")));
    }
    let coordinates = field::component(array.dtype, 0, &array.bytes)?;
    let rows = &coordinates[first * n_axes..(first + n) * n_axes];
    Mesh::points(rows, n_axes).map(Arc::new).map_err(|e| refuse(e.to_string()))
}

/// Payload of a [`crate::store::Kind::POINTS`] entry: axes, bounds of each, coordinates from -1 to 1 as float32, node by node.
pub fn encode(mesh: &Mesh) -> Vec<u8> {
    let Mesh::Points { coordinates, n_axes, bounds } = mesh else { return Vec::new() };
    let mut bytes = vec![*n_axes as u8];
    bounds.iter().flat_map(|(low, high)| [low, high]).for_each(|v| bytes.extend(v.to_le_bytes()));
    coordinates.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    bytes
}

/// Mirror of [`encode`].
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode(bytes: &[u8]) -> Result<Mesh> {
    let bad = || Error::corrupt("the coordinates of a mesh in the model store are damaged");
    let (&n_axes, rest) = bytes.split_first().ok_or_else(bad)?;
    let n_axes = usize::from(n_axes);
    let (bounds, rest) = rest.split_at_checked(16 * n_axes).ok_or_else(bad)?;
    let bounds: Vec<f64> = bounds.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect();
    let (coordinates, left) = rest.as_chunks::<4>();
    let coordinates: Vec<f32> = coordinates.iter().map(|&b| f32::from_le_bytes(b)).collect();
    let is_finite = bounds.iter().all(|v| v.is_finite()) && coordinates.iter().all(|v| v.is_finite());
    if n_axes == 0
        || !left.is_empty()
        || coordinates.is_empty()
        || !coordinates.len().is_multiple_of(n_axes)
        || !is_finite
    {
        return Err(bad());
    }
    let bounds = bounds.as_chunks::<2>().0.iter().map(|&[low, high]| (low, high)).collect();
    Ok(Mesh::Points { coordinates, n_axes, bounds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_come_back_and_damaged_ones_are_errors() {
        let mesh = Mesh::points(&[0.0, 5.0, 10.0, -5.0, 2.5, 0.0], 2).unwrap();
        let bytes = encode(&mesh);
        let (Mesh::Points { coordinates: a, bounds: x, .. }, Mesh::Points { coordinates: b, bounds: y, .. }) =
            (&mesh, &decode(&bytes).unwrap())
        else {
            panic!("points")
        };
        assert_eq!((a, x), (b, y));
        assert!(decode(&[]).is_err() && decode(&bytes[..bytes.len() - 1]).is_err() && decode(&[0, 1]).is_err());
    }

    #[test]
    fn a_block_takes_its_rows_of_a_shared_file_and_a_wrong_file_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.npy");
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 1), }\n";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        [0.0f64, 1.0, 2.0, 4.0].iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        let mesh = read_points(&path, 1, 3).unwrap();
        let mut x = [0.0; 3];
        mesh.nodes(0, &mut x);
        assert_eq!(x, [-1.0, -1.0 / 3.0, 1.0]);
        let error = read_points(&path, 2, 3).unwrap_err().to_string();
        assert!(error.contains("4 rows") && error.contains("3 nodes from 2 on"), "{error}");
    }
}
