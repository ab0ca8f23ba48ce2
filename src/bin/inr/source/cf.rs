//! What netCDF's attributes say of stored numbers: packed, missing, unsigned.

use adios2_inr::Dtype;
use netcdf_reader::masked::MaskParams;
use netcdf_reader::unpack::{SignParams, UnpackParams};
use netcdf_reader::{NcAttrValue, NcType, NcVariable};

/// Types that this program has no numbers for.
pub const OTHER_TYPE: &str = "has a type that is not read here";

/// From stored numbers to what they mean.
#[derive(Clone, Debug)]
pub struct Decoder {
    sign: Option<SignParams>,
    mask: Option<MaskParams>,
    unpack: Option<UnpackParams>,
    dtype: Result<Dtype, &'static str>,
}

impl Decoder {
    /// Of a variable with its attributes.
    pub fn of(variable: &NcVariable) -> Decoder {
        let unpack = UnpackParams::from_variable(variable).filter(|u| u.scale_factor != 1.0 || u.add_offset != 0.0);
        let stored = stored(&variable.dtype);
        Decoder {
            sign: SignParams::from_variable(variable),
            mask: MaskParams::from_variable(variable),
            dtype: if unpack.is_some() { stored.map(|stored| unpacked(variable, stored)) } else { stored },
            unpack,
        }
    }

    /// Type of the values that are meant. Integers with missing ones count as integers, but are read as float64.
    pub fn dtype(&self) -> Result<Dtype, &'static str> {
        self.dtype
    }

    /// Type that values are handed on with.
    pub fn read_as(&self) -> Result<Dtype, &'static str> {
        self.dtype.map(|dtype| if dtype == Dtype::F32 { dtype } else { Dtype::F64 })
    }

    /// True where stored numbers are what is meant.
    pub fn is_plain(&self) -> bool {
        self.sign.is_none() && self.mask.is_none() && self.unpack.is_none()
    }

    /// Stored numbers as what they mean: missing ones NaN, packed ones unpacked; netCDF's reader does the same itself.
    pub fn decode(&self, values: &mut [f64]) {
        for value in values {
            let stored = self.sign.map_or(*value, |sign| sign.reinterpret(*value));
            let is_missing = self.mask.as_ref().is_some_and(|mask| is_missing(mask, stored));
            let unpacked = self.unpack.map_or(stored, |u| stored * u.scale_factor + u.add_offset);
            *value = if is_missing { f64::NAN } else { unpacked };
        }
    }
}

fn is_missing(mask: &MaskParams, value: f64) -> bool {
    mask.fill_value == Some(value)
        || mask.missing_values.contains(&value)
        || mask.valid_min.is_some_and(|min| value < min)
        || mask.valid_max.is_some_and(|max| value > max)
}

fn stored(dtype: &NcType) -> Result<Dtype, &'static str> {
    Ok(match dtype {
        NcType::Float => Dtype::F32,
        NcType::Double => Dtype::F64,
        NcType::Byte => Dtype::I8,
        NcType::Short => Dtype::I16,
        NcType::Int => Dtype::I32,
        NcType::Int64 => Dtype::I64,
        NcType::UByte => Dtype::U8,
        NcType::UShort => Dtype::U16,
        NcType::UInt => Dtype::U32,
        NcType::UInt64 => Dtype::U64,
        NcType::Char | NcType::String => return Err("is text"),
        _ => return Err(OTHER_TYPE),
    })
}

/// The type of scale and offset, as the convention has it, but wide enough for what is stored.
fn unpacked(variable: &NcVariable, stored: Dtype) -> Dtype {
    let fits = matches!(stored, Dtype::F32 | Dtype::I8 | Dtype::U8 | Dtype::I16 | Dtype::U16);
    let is_single = |name: &str| variable.attribute(name).is_none_or(|a| matches!(a.value, NcAttrValue::Floats(_)));
    if fits && ["scale_factor", "add_offset"].into_iter().all(is_single) { Dtype::F32 } else { Dtype::F64 }
}
