//! Arrays as f64, and back.

use adios2_inr::Dtype;
use adios2_inr::npy::Array;
use anyhow::{Result, bail};

/// An array of values as `dtype`, which is F32 or F64.
pub fn array(dtype: Dtype, dims: Vec<usize>, values: &[f64]) -> Array {
    let bytes = match dtype {
        Dtype::F32 => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    Array { dtype: if dtype == Dtype::F32 { dtype } else { Dtype::F64 }, dims, bytes }
}

/// Real numbers of any type as f64.
pub fn wide(array: &Array) -> Result<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|&b| of(b)).collect()
    }
    let bytes = &array.bytes;
    Ok(match array.dtype {
        Dtype::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
        Dtype::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
        Dtype::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
        Dtype::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        Dtype::U8 => each(bytes, |b| u8::from_le_bytes(b).into()),
        Dtype::U16 => each(bytes, |b| u16::from_le_bytes(b).into()),
        Dtype::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
        Dtype::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64),
        Dtype::C32 | Dtype::C64 => {
            bail!("complex numbers are not read: save real and imaginary part as two arrays")
        }
    })
}
