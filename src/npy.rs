//! NumPy's `.npy` files as blocks: little-endian, slowest dimension first, whatever the file says.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::{Block, Dtype, Error};

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
    ///
    /// # Errors
    /// As [`Block::new`].
    pub fn block(&self) -> crate::Result<Block<'_>> {
        Block::new(self.dtype, &self.dims, &self.bytes)
    }
}

/// Codes of the types in a header.
pub const TYPES: [(&str, Dtype); 12] = [
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

/// A reading that can fail with a sentence for the user.
type Result<T> = std::result::Result<T, String>;

/// Reads a file of either byte order and either dimension order.
///
/// # Errors
/// [`Error::File`].
pub fn read(path: &Path) -> crate::Result<Array> {
    let file = File::open(path).map_err(|e| e.to_string());
    file.and_then(|file| from_reader(BufReader::new(file)))
        .map_err(|reason| Error::File { path: path.display().to_string(), reason })
}

/// The parts of an array along its first dimension, read one by one where the order in the file allows.
#[derive(Debug)]
pub struct Steps {
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions of the array, slowest first.
    pub dims: Vec<usize>,
    path: PathBuf,
    source: Source,
    step_bytes: usize,
}

#[derive(Debug)]
enum Source {
    File(BufReader<File>, Header),
    /// Read as a whole, and what is left of it.
    Memory(std::io::Cursor<Vec<u8>>),
}

impl Steps {
    /// Opens a file with at least one dimension.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> crate::Result<Steps> {
        let named = |reason: String| Error::File { path: path.display().to_string(), reason };
        let mut reader = BufReader::new(File::open(path).map_err(|e| named(e.to_string()))?);
        let header = Header::read(&mut reader).map_err(named)?;
        let (dtype, dims) = (header.dtype, header.dims.clone());
        let too_large = || named(format!("dimensions {dims:?} overflow"));
        let step_bytes = dims.iter().skip(1).try_fold(dtype.size(), |n, &d| n.checked_mul(d)).ok_or_else(too_large)?;
        let source = match header.fortran {
            true => Source::Memory(std::io::Cursor::new(elements(header, reader).map_err(named)?.bytes)),
            false => Source::File(reader, header),
        };
        Ok(Steps { dtype, dims, path: path.to_owned(), source, step_bytes })
    }

    /// The next part: little-endian elements, last dimension fastest.
    ///
    /// # Errors
    /// [`Error::File`] when the file was cut off.
    pub fn read_next(&mut self) -> crate::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let n = self.step_bytes as u64;
        let read = match &mut self.source {
            Source::File(reader, header) => {
                let read = reader.take(n).read_to_end(&mut bytes);
                header.to_little_endian(&mut bytes);
                read
            }
            Source::Memory(reader) => reader.take(n).read_to_end(&mut bytes),
        };
        let reason = match read {
            Ok(found) if found == self.step_bytes => return Ok(bytes),
            Ok(_) => format!("dimensions {:?} need more bytes than are there: it was cut off", self.dims),
            Err(error) => error.to_string(),
        };
        Err(Error::File { path: self.path.display().to_string(), reason })
    }
}

fn from_reader(mut reader: impl Read) -> Result<Array> {
    let header = Header::read(&mut reader)?;
    elements(header, reader)
}

/// What stands behind the header.
fn elements(header: Header, reader: impl Read) -> Result<Array> {
    let n_bytes = header.n_bytes().ok_or_else(|| format!("dimensions {:?} overflow", header.dims))?;
    // Grows with what is really there, so that a wrong header cannot ask for memory.
    let mut bytes = Vec::new();
    reader.take(n_bytes as u64).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let found = bytes.len();
    if found != n_bytes {
        let dims = header.dims;
        return Err(format!("dimensions {dims:?} need {n_bytes} bytes, {found} are there: it was cut off"));
    }
    header.to_little_endian(&mut bytes);
    if header.fortran {
        bytes = fortran_to_c(&bytes, &header.dims, header.dtype.size());
    }
    Ok(Array { dtype: header.dtype, dims: header.dims, bytes })
}

/// What stands before the elements, and how they stand behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Element type.
    pub dtype: Dtype,
    /// True where elements have their highest byte first.
    pub big_endian: bool,
    /// True where the first dimension varies fastest.
    pub fortran: bool,
    /// Dimensions, as NumPy counts them.
    pub dims: Vec<usize>,
    /// Where the first element is.
    pub offset: u64,
}

impl Header {
    /// The header of a file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: &Path) -> crate::Result<Header> {
        let file = File::open(path).map_err(|e| e.to_string());
        file.and_then(|file| Header::read(&mut BufReader::new(file)))
            .map_err(|reason| Error::File { path: path.display().to_string(), reason })
    }

    /// Bytes of all elements; `None` where no machine has so many.
    pub fn n_bytes(&self) -> Option<usize> {
        self.dims.iter().try_fold(self.dtype.size(), |n, &d| n.checked_mul(d))
    }

    fn read(reader: &mut impl Read) -> Result<Header> {
        let not_npy = || "not a .npy file: save one with numpy.save".to_owned();
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|_| not_npy())?;
        let [magic @ .., major, _] = start;
        if magic != *b"\x93NUMPY" || !(1..=3).contains(&major) {
            return Err(not_npy());
        }
        // The length has 2 bytes in version 1 and 4 later.
        let mut length = [0; 4];
        reader.read_exact(&mut length[..if major == 1 { 2 } else { 4 }]).map_err(|_| not_npy())?;
        let mut text = Vec::new();
        let n_text = u64::from(u32::from_le_bytes(length));
        reader.take(n_text).read_to_end(&mut text).map_err(|e| e.to_string())?;
        let header = Header::parse(std::str::from_utf8(&text).map_err(|_| not_npy())?)?;
        Ok(Header { offset: n_text + if major == 1 { 10 } else { 12 }, ..header })
    }

    /// Turns elements of the file's byte order around.
    pub fn to_little_endian(&self, bytes: &mut [u8]) {
        if self.big_endian {
            let component = self.dtype.components().map_or(self.dtype.size(), |(real, _)| real.size());
            bytes.chunks_exact_mut(component).for_each(<[u8]>::reverse);
        }
    }

    /// `text`: a Python dictionary with the keys descr, fortran_order and shape.
    fn parse(text: &str) -> Result<Header> {
        let damaged = || "the header is damaged".to_owned();
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}'")).ok_or_else(|| format!("the header lacks '{key}'"))?;
            rest.trim_start().strip_prefix(':').map(str::trim_start).ok_or_else(damaged)
        };
        let Some((descr, _)) = value("descr")?.strip_prefix('\'').and_then(|d| d.split_once('\'')) else {
            return Err("structured arrays are not supported: save each field as its own array".to_owned());
        };
        let (endian, code) = descr.split_at_checked(1).ok_or_else(damaged)?;
        let Some((_, dtype)) = TYPES.into_iter().find(|(name, _)| *name == code) else {
            return Err(format!(
                "type '{descr}' is not supported: convert it to float32, float64, complex64, complex128 or an integer type"
            ));
        };
        let shape = value("shape")?.strip_prefix('(').and_then(|s| s.split_once(')')).ok_or_else(damaged)?.0;
        let numbers = shape.split(',').map(str::trim).filter(|d| !d.is_empty());
        let dims = numbers
            .map(|d| d.parse().map_err(|_| "the header's shape is damaged".to_owned()))
            .collect::<Result<_>>()?;
        let fortran = value("fortran_order")?.starts_with("True");
        Ok(Header { dtype, big_endian: endian == ">", fortran, dims, offset: 0 })
    }
}

/// Reorders elements of `size` bytes from first-dimension-fastest to last-dimension-fastest.
pub fn fortran_to_c(bytes: &[u8], dims: &[usize], size: usize) -> Vec<u8> {
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
