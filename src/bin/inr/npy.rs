//! Writing NumPy's `.npy` files.

use std::path::Path;

use adios2_inr::Dtype;
use adios2_inr::npy::TYPES;
pub use adios2_inr::npy::{Array, read};
use anyhow::Result;

/// Writes a C-ordered file, whole or not at all.
pub fn write(path: &Path, array: &Array) -> Result<()> {
    write_parts(path, array.dtype, &array.dims, std::iter::once(Ok(&array.bytes)))
}

/// Writes a C-ordered file of little-endian elements that come in parts, whole or not at all.
pub fn write_parts<P: AsRef<[u8]>>(
    path: &Path,
    dtype: Dtype,
    dims: &[usize],
    parts: impl Iterator<Item = Result<P>>,
) -> Result<()> {
    let header = header(dtype, dims);
    crate::output::write_whole(path, |writer| {
        writer.write_all(&header)?;
        for part in parts {
            writer.write_all(part?.as_ref())?;
        }
        Ok(())
    })
}

/// A header of version 1.0, padded so that the elements start at a multiple of 64 bytes.
fn header(dtype: Dtype, dims: &[usize]) -> Vec<u8> {
    let code = TYPES.iter().find(|(_, t)| *t == dtype).map_or("u1", |(code, _)| code);
    let endian = if dtype.size() == 1 { '|' } else { '<' };
    let shape: String = dims.iter().map(|d| format!("{d}, ")).collect();
    // A tuple of one keeps its comma, a longer one needs none at its end.
    let shape = if dims.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
    let mut text = format!("{{'descr': '{endian}{code}', 'fortran_order': False, 'shape': ({shape}), }}");
    text += &" ".repeat(63 - (10 + text.len()) % 64);
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(text.len() as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}
