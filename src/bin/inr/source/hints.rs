//! What the user says beside the path of a file.

use std::ops::Range;

use adios2_inr::Dtype;
use adios2_inr::npy::TYPES;

/// What a file does not say of itself, or what of it is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// Variables to take; empty: all that look like fields.
    pub variables: Vec<String>,
    /// Dimensions of the array in the file, slowest first, with its steps.
    pub dims: Option<Vec<usize>>,
    /// Element type of a raw file.
    pub dtype: Option<Dtype>,
    /// True for a raw file whose elements have their highest byte first.
    pub big_endian: bool,
    /// The axis that is time.
    pub time_axis: Option<usize>,
    /// Steps to take; an end of `usize::MAX` is the last one.
    pub steps: Option<Range<usize>>,
    /// Where all this was said.
    pub place: Place,
}

/// Where hints come from: errors name the thing to set as it is called there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Flags of a command.
    #[default]
    Flags,
    /// The table `data` of a config of `inr train`.
    Config,
}

impl Hints {
    /// A hint as the user writes it.
    pub fn key(&self, name: &str) -> String {
        match self.place {
            Place::Flags => format!("'--{}'", name.replace('_', "-")),
            Place::Config => format!("'data.{name}'"),
        }
    }

    /// Dimensions as the user writes them.
    pub fn dims_text(&self, dims: &[usize]) -> String {
        match self.place {
            Place::Flags => dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
            Place::Config => format!("{dims:?}"),
        }
    }
}

/// `64x64x64`, slowest first.
pub fn parse_dims(text: &str) -> Result<Vec<usize>, String> {
    let wrong = || "set it to sizes between x, slowest first, such as 64x64x64".to_owned();
    let dims = text.split(['x', ',']).map(|d| d.trim().parse().map_err(|_| wrong())).collect::<Result<Vec<_>, _>>()?;
    if dims.contains(&0) { Err(wrong()) } else { Ok(dims) }
}

/// A type by NumPy's name or code, or Rust's name; true with it for `>`, the highest byte first.
pub fn parse_dtype(text: &str) -> Result<(Dtype, bool), String> {
    let (big_endian, name) = match text.split_at_checked(1) {
        Some((">", name)) => (true, name),
        Some(("<" | "=" | "|", name)) => (false, name),
        _ => (false, text),
    };
    let aliases = [
        ("f32", Dtype::F32),
        ("f64", Dtype::F64),
        ("float", Dtype::F32),
        ("single", Dtype::F32),
        ("double", Dtype::F64),
    ];
    let named = |(code, dtype): &(&str, Dtype)| *code == name || dtype.name() == name;
    let found = TYPES.iter().find(|t| named(t)).or_else(|| aliases.iter().find(|(alias, _)| *alias == name));
    found
        .map(|&(_, dtype)| (dtype, big_endian))
        .ok_or_else(|| "set it to float32 (f32, f4) or float64 (f64, f8), with > before it for big-endian files".into())
}

/// `A:B`, from A on and before B; either may be left out.
pub fn parse_steps(text: &str) -> Result<Range<usize>, String> {
    let wrong = || "set it to A:B, from step A on and before step B".to_owned();
    let (start, end) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, absent| if text.is_empty() { Ok(absent) } else { text.parse().map_err(|_| wrong()) };
    let steps = number(start, 0)?..number(end, usize::MAX)?;
    if steps.is_empty() { Err(wrong()) } else { Ok(steps) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_that_people_know() {
        for name in ["f32", "float32", "f4", "<f4", "float", "single"] {
            assert_eq!(parse_dtype(name), Ok((Dtype::F32, false)), "{name}");
        }
        assert_eq!(parse_dtype(">f8"), Ok((Dtype::F64, true)));
        assert_eq!(parse_dtype("double"), Ok((Dtype::F64, false)));
        assert_eq!(parse_dtype("int16"), Ok((Dtype::I16, false)));
        assert_eq!(parse_dtype("complex64"), Ok((Dtype::C32, false)));
        for wrong in ["", ">", "f16", "real"] {
            assert!(parse_dtype(wrong).unwrap_err().contains("float32"), "{wrong}");
        }
    }

    #[test]
    fn dimensions_and_steps_are_read_or_refused() {
        assert_eq!(parse_dims("64x32"), Ok(vec![64, 32]));
        assert_eq!(parse_dims("7"), Ok(vec![7]));
        for wrong in ["", "64x", "0x3", "-1x3", "3x99999999999999999999"] {
            assert!(parse_dims(wrong).unwrap_err().contains("64x64x64"), "{wrong}");
        }
        assert_eq!(parse_steps("2:5"), Ok(2..5));
        assert_eq!(parse_steps("2:"), Ok(2..usize::MAX));
        assert_eq!(parse_steps(":5"), Ok(0..5));
        for wrong in ["", "2", "5:2", "2:2", "a:b"] {
            assert!(parse_steps(wrong).unwrap_err().contains("A:B"), "{wrong}");
        }
    }
}
