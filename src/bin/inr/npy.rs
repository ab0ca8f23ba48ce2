//! NumPy's `.npy` files as blocks: little-endian, slowest dimension first, whatever the file says.

use std::io::{BufReader, Read};
use std::path::Path;

use adios2_inr::{Block, Dtype};
use anyhow::{Context, Result, bail, ensure};
use npyz::{NpyHeader, WriterBuilder as _};

/// An array in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, slowest first.
    pub dims: Vec<usize>,
    /// Little-endian elements, last dimension fastest.
    pub bytes: Vec<u8>,
}

impl Array {
    /// The block the codec works on.
    pub fn block(&self) -> adios2_inr::Result<Block<'_>> {
        Block::new(self.dtype, &self.dims, &self.bytes)
    }
}

const TYPES: [(&str, Dtype); 12] = [
    ("f4", Dtype::F32),
    ("f8", Dtype::F64),
    ("c8", Dtype::C32),
    ("c16", Dtype::C64),
    ("i1", Dtype::I8),
    ("i2", Dtype::I16),
    ("i4", Dtype::I32),
    ("i8", Dtype::I64),
    ("u1", Dtype::U8),
    ("u2", Dtype::U16),
    ("u4", Dtype::U32),
    ("u8", Dtype::U64),
];

/// Reads a file of either byte order and either dimension order.
pub fn read(path: &Path) -> Result<Array> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let file_bytes = file.metadata().with_context(|| path.display().to_string())?.len();
    from_reader(BufReader::new(file), file_bytes).with_context(|| path.display().to_string())
}

fn from_reader(mut reader: impl Read, file_bytes: u64) -> Result<Array> {
    let header = NpyHeader::from_reader(&mut reader).context("not a .npy file; save one with numpy.save")?;
    let npyz::DType::Plain(type_str) = header.dtype() else {
        bail!("structured arrays are not supported: save each field as its own array");
    };
    let code = format!("{}{}", type_str.type_char().to_str(), type_str.size_field());
    let Some((_, dtype)) = TYPES.into_iter().find(|(name, _)| *name == code) else {
        bail!("type '{code}' is not supported: convert it to one of float32, float64, complex64, complex128 or an integer");
    };
    let dims = header.shape().iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>()?;
    let n_bytes = dims.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d)).context("dimensions overflow")?;
    ensure!(n_bytes as u64 <= file_bytes, "dimensions {dims:?} need {n_bytes} bytes, the file has {file_bytes}: it was cut off");
    let mut bytes = vec![0; n_bytes];
    reader.read_exact(&mut bytes).context("the file was cut off")?;
    let component = if let Some((real, _)) = dtype.components() { real.size() } else { dtype.size() };
    if type_str.endianness() == npyz::Endianness::Big {
        bytes.chunks_exact_mut(component).for_each(<[u8]>::reverse);
    }
    if header.order() == npyz::Order::Fortran {
        bytes = fortran_to_c(&bytes, &dims, dtype.size());
    }
    Ok(Array { dtype, dims, bytes })
}

/// Reorders elements of `size` bytes from first-dimension-fastest to last-dimension-fastest.
fn fortran_to_c(bytes: &[u8], dims: &[usize], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    // Stride of each dimension in the Fortran-ordered input, in elements.
    let strides: Vec<usize> = dims.iter().scan(1, |stride, &d| Some(std::mem::replace(stride, *stride * d))).collect();
    let mut index = vec![0; dims.len()];
    let mut at = 0;
    for _ in 0..bytes.len() / size {
        out.extend_from_slice(&bytes[at * size..][..size]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            at -= strides[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    out
}

/// Writes a C-ordered file, whole or not at all.
pub fn write(path: &Path, array: &Array) -> Result<()> {
    let code = TYPES.iter().find(|(_, t)| *t == array.dtype).map_or("u1", |(code, _)| code);
    let endian = if array.dtype.size() == 1 { '|' } else { '<' };
    let type_str: npyz::TypeStr = format!("{endian}{code}").parse()?;
    let shape: Vec<u64> = array.dims.iter().map(|&d| d as u64).collect();
    crate::output::write_whole(path, |writer| {
        npyz::WriteOptions::new_header_only()
            .dtype(npyz::DType::Plain(type_str))
            .shape(&shape)
            .writer(&mut *writer)
            .write_header_only()?;
        Ok(writer.write_all(&array.bytes)?)
    })
}
