//! netCDF files, classic and netCDF-4, with the variables of all groups.

use std::path::{Path, PathBuf};

use adios2_inr::npy::Array;
use anyhow::{Context as _, Result, anyhow};
use netcdf_reader::{NcFile, NcGroup, NcSliceInfo, NcSliceInfoElem, NcVariable};

use super::cf::Decoder;
use super::file::{Entry, File, Part, Steps, without};
use super::numbers;

/// The file.
pub struct NetCdf {
    path: PathBuf,
    file: NcFile,
    entries: Vec<Entry>,
    decoders: Vec<Decoder>,
}

const REPAIR: &str = "if the file itself is fine, convert it with 'nccopy -k classic IN.nc OUT.nc'";

impl NetCdf {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<NetCdf> {
        let refused = || format!("{}: cannot be read; {REPAIR}", path.display());
        let file = NcFile::open(path).with_context(refused)?;
        let (mut entries, mut decoders) = (Vec::new(), Vec::new());
        collect(file.root_group().with_context(refused)?, "", &mut |entry, decoder| {
            entries.push(entry);
            decoders.push(decoder);
        })?;
        Ok(NetCdf { path: path.to_owned(), file, entries, decoders })
    }
}

fn collect(group: &NcGroup, prefix: &str, add: &mut impl FnMut(Entry, Decoder)) -> Result<()> {
    let coordinates = named_coordinates(group);
    for variable in &group.variables {
        let dims = variable.shape().iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>()?;
        let decoder = Decoder::of(variable);
        let entry = Entry {
            name: format!("{prefix}{}", variable.name()),
            steps: if is_series(variable) { Steps::FirstAxis } else { Steps::One },
            dims,
            dtype: decoder.dtype(),
            is_coordinate: variable.is_coordinate_variable() || coordinates.contains(&variable.name),
        };
        add(entry, decoder);
    }
    group.groups.iter().try_for_each(|child| collect(child, &format!("{prefix}{}/", child.name), add))
}

/// Variables that others name as their places.
fn named_coordinates(group: &NcGroup) -> Vec<String> {
    let attributes = ["coordinates", "bounds", "climatology", "grid_mapping"];
    let values = group.variables.iter().flat_map(|v| attributes.iter().filter_map(|name| v.attribute(name)));
    values
        .filter_map(|a| a.value.as_string())
        .flat_map(|t| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// True where the first of several axes is time.
fn is_series(variable: &NcVariable) -> bool {
    let is_time = |name: &str| name.to_ascii_lowercase().contains("time");
    variable.ndim() > 1 && variable.dimensions().first().is_some_and(|d| d.is_unlimited || is_time(&d.name))
}

impl File for NetCdf {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize, part: Part) -> Result<Array> {
        let (decoder, Entry { name, dims, .. }) = (&self.decoders[entry], &self.entries[entry]);
        let named = || format!("{}: variable '{name}'", self.path.display());
        let dtype = decoder.read_as().map_err(|why| anyhow!("{} {why}", named()))?;
        let mut slice = NcSliceInfo::all(dims.len());
        let mut left = dims.clone();
        if let Part::Cut { axis, index } = part {
            slice.selections[axis] = NcSliceInfoElem::Index(index as u64);
            left = without(dims, axis);
        }
        let values = match dims.len() {
            0 => self.file.read_variable_unpacked_masked(name),
            _ => self.file.read_variable_slice_unpacked_masked(name, &slice),
        };
        let values: Vec<f64> =
            values.with_context(|| format!("{} cannot be read; {REPAIR}", named()))?.into_iter().collect();
        Ok(numbers::array(dtype, left, &values))
    }
}
