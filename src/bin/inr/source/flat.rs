//! Files that are one array: `.npy` and raw ones, of which only the part is read that is asked for.

use std::fs;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use adios2_inr::Dtype;
use adios2_inr::npy::{Array, Header, fortran_to_c};
use anyhow::{Context as _, Result, bail, ensure};

use super::file::{Entry, File, Part, Steps, without};
use super::hints::{Hints, Place};
use crate::Usage;

/// What raw files are called.
pub const RAW: [&str; 6] = ["raw", "bin", "dat", "f32", "f64", "d64"];

/// One array.
pub struct Flat {
    path: PathBuf,
    header: Header,
    entries: [Entry; 1],
}

impl Flat {
    /// Opens a `.npy` file.
    pub fn npy(path: &Path) -> Result<Flat> {
        let header = Header::open(path)?;
        let (dims, name) = (&header.dims, path.display());
        let n_bytes = header.n_bytes().with_context(|| format!("{name}: dimensions {dims:?} overflow"))? as u64;
        let found = n_file_bytes(path)?.saturating_sub(header.offset);
        ensure!(
            found >= n_bytes,
            "{name}: dimensions {dims:?} need {n_bytes} bytes, {found} are there: it was cut off"
        );
        Ok(Flat::new(path, header))
    }

    /// Opens a file of elements alone, whose size has to be that of the hints.
    pub fn raw(path: &Path, hints: &Hints) -> Result<Flat> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let named = match extension.as_str() {
            "f32" => Some(Dtype::F32),
            "f64" | "d64" => Some(Dtype::F64),
            _ => None,
        };
        let Some(dims) = hints.dims.clone() else {
            return Err(wrong(
                path,
                format!("a raw file says nothing of its size: set {}, slowest first", hints.key("dims")),
            ));
        };
        let Some(dtype) = hints.dtype.or(named) else {
            return Err(wrong(
                path,
                format!("a raw file says nothing of its type: set {} to f32 or f64", hints.key("dtype")),
            ));
        };
        let header = Header { dtype, big_endian: hints.big_endian, fortran: false, dims, offset: 0 };
        check_size(&header, n_file_bytes(path)?, hints).map_err(|what| wrong(path, what))?;
        Ok(Flat::new(path, header))
    }

    fn new(path: &Path, header: Header) -> Flat {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let dims = header.dims.clone();
        let entries = [Entry { name, dims, dtype: Ok(header.dtype), steps: Steps::One, is_coordinate: false }];
        Flat { path: path.to_owned(), header, entries }
    }

    /// Elements in the file's orders: of each `stride` bytes the `run` that stand at `skip`.
    fn runs(&self, n_runs: usize, stride: usize, skip: usize, run: usize) -> Result<Vec<u8>> {
        let mut reader = BufReader::with_capacity(1 << 18, fs::File::open(&self.path)?);
        reader.seek(SeekFrom::Start(self.header.offset + skip as u64))?;
        let mut bytes = vec![0; n_runs * run];
        for (i, out) in bytes.chunks_exact_mut(run.max(1)).enumerate() {
            // Small gaps are passed over within the buffer.
            reader.seek_relative(if i == 0 { 0 } else { (stride - run) as i64 })?;
            reader.read_exact(out)?;
        }
        Ok(bytes)
    }
}

impl File for Flat {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, _: usize, part: Part) -> Result<Array> {
        let Header { dtype, dims, fortran, .. } = &self.header;
        let size = dtype.size();
        let product = |dims: &[usize]| dims.iter().product::<usize>();
        let (dims, bytes) = match part {
            Part::Step(_) => (dims.clone(), self.runs(1, 0, 0, product(dims) * size)),
            Part::Cut { axis, index } => {
                let (slower, faster) = match fortran {
                    true => (product(&dims[axis + 1..]), product(&dims[..axis])),
                    false => (product(&dims[..axis]), product(&dims[axis + 1..])),
                };
                let run = faster * size;
                (without(dims, axis), self.runs(slower, run * dims[axis], run * index, run))
            }
        };
        let mut bytes = bytes.with_context(|| format!("{}: cannot be read", self.path.display()))?;
        self.header.to_little_endian(&mut bytes);
        if *fortran {
            bytes = fortran_to_c(&bytes, &dims, size);
        }
        Ok(Array { dtype: *dtype, dims, bytes })
    }

    fn has_names(&self) -> bool {
        false
    }
}

fn n_file_bytes(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
    if metadata.is_dir() {
        bail!("{}: is a folder: name a file in it", path.display());
    }
    Ok(metadata.len())
}

fn wrong(path: &Path, what: String) -> anyhow::Error {
    Usage(format!("{}: {what}", path.display())).into()
}

/// Both sizes, where the file has another one than the hints say.
fn check_size(header: &Header, found: u64, hints: &Hints) -> Result<(), String> {
    let (dims, key) = (hints.dims_text(&header.dims), hints.key("dims"));
    let n_bytes =
        header.n_bytes().ok_or_else(|| format!("{key} cannot be {dims}: no machine has so many bytes"))? as u64;
    if found == n_bytes {
        return Ok(());
    }
    let what = format!("{dims} values of {} are {n_bytes} bytes, the file has {found}", header.dtype.name());
    let times = found.checked_div(n_bytes).filter(|n| *n > 1 && n * n_bytes == found);
    let Some(n) = times.and_then(|n| usize::try_from(n).ok()) else {
        return Err(format!("{what}: set {key} and {} to what is in it", hints.key("dtype")));
    };
    let longer = hints.dims_text(&[&[n], header.dims.as_slice()].concat());
    let axis = match hints.place {
        Place::Flags => " and --time-axis to 0",
        Place::Config => "",
    };
    let other = match (n, header.dtype) {
        (2, Dtype::F32) => format!(", where they are float64 {} to f64", hints.key("dtype")),
        _ => String::new(),
    };
    Err(format!("{what}, {n} times as many: where these are steps set {key} to {longer}{axis}{other}"))
}
