//! HDF5 files that are no netCDF: the datasets of all groups, by their paths.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use adios2_inr::Dtype;
use adios2_inr::npy::Array;
use anyhow::{Context as _, Result, anyhow};
use hdf5_reader::group::Group;
use hdf5_reader::{Attribute, Dataset, Datatype, H5Type, Hdf5File, SliceInfo, SliceInfoElem, VarLenKind};
use netcdf_reader::{NcAttrValue, NcAttribute, NcType, NcVariable};

use super::cf::{Decoder, OTHER_TYPE};
use super::file::{Entry, File, Part, Steps, without};
use super::numbers;

/// The file.
pub struct Hdf5 {
    path: PathBuf,
    datasets: Vec<Option<Dataset>>,
    entries: Vec<Entry>,
    decoders: Vec<Option<Decoder>>,
}

const REPAIR: &str = "if the file itself is fine, rewrite it with 'h5repack -f GZIP=4 IN.h5 OUT.h5'";

impl Hdf5 {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<Hdf5> {
        let refused = || format!("{}: cannot be read; {REPAIR}", path.display());
        let root = Hdf5File::open(path).and_then(|file| file.root_group()).with_context(refused)?;
        let mut file = Hdf5 { path: path.to_owned(), datasets: Vec::new(), entries: Vec::new(), decoders: Vec::new() };
        file.collect(&root, "", &mut HashSet::new()).with_context(refused)?;
        Ok(file)
    }

    /// Links may lead back to a group above.
    fn collect(&mut self, group: &Group, prefix: &str, seen: &mut HashSet<u64>) -> Result<()> {
        if !seen.insert(group.address()) {
            return Ok(());
        }
        let (groups, datasets) = group.member_names()?;
        for name in datasets {
            self.add(format!("{prefix}{name}"), group.dataset(&name).ok())?;
        }
        groups.iter().try_for_each(|name| self.collect(&group.group(name)?, &format!("{prefix}{name}/"), seen))
    }

    /// What cannot be opened stays in the list, to be named.
    fn add(&mut self, name: String, dataset: Option<Dataset>) -> Result<()> {
        let variable = dataset.as_ref().and_then(|d| stored(d.dtype()).ok()).zip(dataset.as_ref());
        let decoder = variable.map(|((nc_type, _), dataset)| Decoder::of(&described(nc_type, dataset)));
        let shape = dataset.as_ref().map_or(&[][..], Dataset::shape);
        let is_scale =
            |d: &Dataset| d.attribute("CLASS").and_then(|a| a.read_string()).is_ok_and(|c| c == "DIMENSION_SCALE");
        self.entries.push(Entry {
            name,
            dims: shape.iter().map(|&d| usize::try_from(d)).collect::<Result<_, _>>()?,
            dtype: match (&decoder, &dataset) {
                (Some(decoder), _) => decoder.dtype(),
                (None, Some(dataset)) => Err(stored(dataset.dtype()).err().unwrap_or(OTHER_TYPE)),
                (None, None) => Err("cannot be opened"),
            },
            steps: Steps::One,
            is_coordinate: dataset.as_ref().is_some_and(is_scale),
        });
        self.decoders.push(decoder);
        self.datasets.push(dataset);
        Ok(())
    }
}

impl File for Hdf5 {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, entry: usize, part: Part) -> Result<Array> {
        let Entry { name, dims, dtype, .. } = &self.entries[entry];
        let named = || format!("{}: variable '{name}'", self.path.display());
        let (Some(dataset), Some(decoder)) = (&self.datasets[entry], &self.decoders[entry]) else {
            return Err(anyhow!("{} {}", named(), dtype.err().unwrap_or(OTHER_TYPE)));
        };
        let mut slice = SliceInfo::all(dims.len());
        let mut left = dims.clone();
        if let Part::Cut { axis, index } = part {
            slice.selections[axis] = SliceInfoElem::Index(index as u64);
            left = without(dims, axis);
        }
        let (_, dtype) = stored(dataset.dtype()).map_err(|why| anyhow!("{} {why}", named()))?;
        let bytes =
            elements(dataset, dtype, &slice).with_context(|| format!("{} cannot be read; {REPAIR}", named()))?;
        let array = Array { dtype, dims: left, bytes };
        if decoder.is_plain() {
            return Ok(array);
        }
        let mut values = numbers::wide(&array)?;
        decoder.decode(&mut values);
        Ok(numbers::array(decoder.read_as().map_err(|why| anyhow!("{} {why}", named()))?, array.dims, &values))
    }
}

/// Little-endian elements.
fn elements(dataset: &Dataset, dtype: Dtype, slice: &SliceInfo) -> hdf5_reader::error::Result<Vec<u8>> {
    fn typed<T: H5Type, const N: usize>(
        dataset: &Dataset,
        slice: &SliceInfo,
        to_bytes: impl Fn(T) -> [u8; N],
    ) -> hdf5_reader::error::Result<Vec<u8>> {
        let values = if dataset.ndim() == 0 { dataset.read_array() } else { dataset.read_slice(slice) };
        Ok(values?.into_iter().flat_map(to_bytes).collect())
    }
    match dtype {
        Dtype::F32 => typed(dataset, slice, f32::to_le_bytes),
        Dtype::I8 => typed(dataset, slice, i8::to_le_bytes),
        Dtype::I16 => typed(dataset, slice, i16::to_le_bytes),
        Dtype::I32 => typed(dataset, slice, i32::to_le_bytes),
        Dtype::I64 => typed(dataset, slice, i64::to_le_bytes),
        Dtype::U8 => typed(dataset, slice, u8::to_le_bytes),
        Dtype::U16 => typed(dataset, slice, u16::to_le_bytes),
        Dtype::U32 => typed(dataset, slice, u32::to_le_bytes),
        Dtype::U64 => typed(dataset, slice, u64::to_le_bytes),
        Dtype::F64 | Dtype::C32 | Dtype::C64 => typed(dataset, slice, f64::to_le_bytes),
    }
}

fn stored(datatype: &Datatype) -> Result<(NcType, Dtype), &'static str> {
    Ok(match datatype {
        Datatype::FloatingPoint { size: 4, .. } => (NcType::Float, Dtype::F32),
        Datatype::FloatingPoint { size: 8, .. } => (NcType::Double, Dtype::F64),
        Datatype::FixedPoint { size: 1, signed: true, .. } => (NcType::Byte, Dtype::I8),
        Datatype::FixedPoint { size: 2, signed: true, .. } => (NcType::Short, Dtype::I16),
        Datatype::FixedPoint { size: 4, signed: true, .. } => (NcType::Int, Dtype::I32),
        Datatype::FixedPoint { size: 8, signed: true, .. } => (NcType::Int64, Dtype::I64),
        Datatype::FixedPoint { size: 1, signed: false, .. } => (NcType::UByte, Dtype::U8),
        Datatype::FixedPoint { size: 2, signed: false, .. } => (NcType::UShort, Dtype::U16),
        Datatype::FixedPoint { size: 4, signed: false, .. } => (NcType::UInt, Dtype::U32),
        Datatype::FixedPoint { size: 8, signed: false, .. } => (NcType::UInt64, Dtype::U64),
        Datatype::String { .. } | Datatype::VarLen { kind: VarLenKind::String, .. } => return Err("is text"),
        Datatype::Compound { .. } => {
            return Err("has compound elements, such as complex numbers: save each part as its own array");
        }
        _ => return Err(OTHER_TYPE),
    })
}

/// The dataset as a netCDF variable, for the attributes that both kinds of files have.
fn described(dtype: NcType, dataset: &Dataset) -> NcVariable {
    let attributes = dataset.attributes().iter().filter_map(attribute).collect();
    NcVariable {
        name: dataset.name().to_owned(),
        dimensions: Vec::new(),
        dtype,
        attributes,
        data_offset: 0,
        _data_size: 0,
        is_record_var: false,
        record_size: 0,
    }
}

fn attribute(attribute: &Attribute) -> Option<NcAttribute> {
    let text = || attribute.read_string().map(NcAttrValue::Chars);
    let value = match stored(&attribute.datatype) {
        Ok((_, Dtype::F32)) => attribute.read_1d().map(NcAttrValue::Floats),
        Ok((_, Dtype::F64)) => attribute.read_1d().map(NcAttrValue::Doubles),
        Ok((_, Dtype::I8)) => attribute.read_1d().map(NcAttrValue::Bytes),
        Ok((_, Dtype::I16)) => attribute.read_1d().map(NcAttrValue::Shorts),
        Ok((_, Dtype::I32)) => attribute.read_1d().map(NcAttrValue::Ints),
        Ok((_, Dtype::I64)) => attribute.read_1d().map(NcAttrValue::Int64s),
        Ok((_, Dtype::U8)) => attribute.read_1d().map(NcAttrValue::UBytes),
        Ok((_, Dtype::U16)) => attribute.read_1d().map(NcAttrValue::UShorts),
        Ok((_, Dtype::U32)) => attribute.read_1d().map(NcAttrValue::UInts),
        Ok((_, Dtype::U64)) => attribute.read_1d().map(NcAttrValue::UInt64s),
        _ => text(),
    };
    Some(NcAttribute { name: attribute.name.clone(), value: value.ok()? })
}
