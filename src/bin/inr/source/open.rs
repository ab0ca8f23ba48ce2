//! Which kind of file a path is.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Result, bail};

use super::file::File;
use super::flat::{Flat, RAW};
use super::folder::Folder;
use super::hdf5::Hdf5;
use super::hints::Hints;
use super::netcdf::NetCdf;

/// Opens a file by its extension; one without a known extension as a raw file where its dimensions are given, else by its first bytes.
pub fn open(path: &Path, hints: &Hints) -> Result<Rc<dyn File>> {
    let extension = extension(path);
    Ok(match extension.as_str() {
        _ if !path.exists() => bail!("{}: there is no such file", path.display()),
        "npy" => Rc::new(Flat::npy(path)?),
        "nc" | "nc4" | "cdf" | "netcdf" => return open_netcdf(path),
        "h5" | "hdf5" | "he5" | "hdf" => Rc::new(Hdf5::open(path)?),
        "bp" | "bp4" | "bp5" => open_bp(path)?,
        _ if path.is_dir() && (path.join("md.0").exists() || path.join("md.idx").exists()) => open_bp(path)?,
        _ if path.is_dir() => Rc::new(Folder::open(path)?),
        _ if hints.dims.is_some() => Rc::new(Flat::raw(path, hints)?),
        extension => match first_bytes(path)? {
            [0x93, b'N', b'U', b'M', ..] => Rc::new(Flat::npy(path)?),
            [b'C', b'D', b'F', 1 | 2 | 5, ..] | HDF5 => return open_netcdf(path),
            _ if RAW.contains(&extension) => Rc::new(Flat::raw(path, hints)?),
            _ => bail!(
                "{}: not a .npy file, a folder of them, a .nc or .h5 file or a .bp dataset: set {} where it is a raw file",
                path.display(),
                hints.key("dims")
            ),
        },
    })
}

const HDF5: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// HDF5 files that miss what netCDF asks for are read as what they are.
fn open_netcdf(path: &Path) -> Result<Rc<dyn File>> {
    match NetCdf::open(path) {
        Ok(file) => Ok(Rc::new(file)),
        Err(refused) if first_bytes(path)? == HDF5 => match Hdf5::open(path) {
            Ok(file) => Ok(Rc::new(file)),
            Err(_) => Err(refused),
        },
        Err(refused) => Err(refused),
    }
}

#[cfg(feature = "adios2")]
fn open_bp(path: &Path) -> Result<Rc<dyn File>> {
    Ok(Rc::new(super::bp::Bp::open(path)?))
}

#[cfg(not(feature = "adios2"))]
fn open_bp(path: &Path) -> Result<Rc<dyn File>> {
    bail!("{}: this inr was built without ADIOS2: build it with the feature 'adios2'", path.display())
}

/// The path's extension in lower case.
pub fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// The first bytes of a file, zeros where it has fewer.
fn first_bytes(path: &Path) -> Result<[u8; 8]> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(8).read_to_end(&mut bytes)?;
    let mut first = [0; 8];
    first[..bytes.len()].copy_from_slice(&bytes);
    Ok(first)
}

/// The file and the variable of `FILE:VARIABLE`, where no file has that whole name.
pub fn split(path: &Path) -> (PathBuf, Option<String>) {
    let whole = || (path.to_owned(), None);
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return whole() };
    let colons = text.rmatch_indices(':').map(|(at, _)| (Path::new(&text[..at]), &text[at + 1..]));
    let found = colons.into_iter().find(|(file, variable)| !variable.is_empty() && file.exists());
    found.map_or_else(whole, |(file, variable)| (file.to_owned(), Some(variable.to_owned())))
}
