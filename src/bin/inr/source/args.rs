//! The files of a command, and the flags that say what of them is meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

use adios2_inr::Dtype;
use anyhow::Result;

use super::hints::{self, Hints, Place};
use super::variable::{Variable, variables};

/// Which arrays of the files are taken, and what raw files do not say of themselves
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Files: .npy, raw, netCDF, HDF5 or BP, also FILE:VARIABLE
    #[arg(value_name = "DATA", required = true, help_heading = None::<&str>)]
    files: Vec<PathBuf>,
    /// Variables of netCDF, HDF5 and BP files, for one of them also FILE:VARIABLE (default: all fields of floating-point numbers)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    variables: Vec<String>,
    /// Size of a raw file's array, slowest dimension first and with its steps, such as 100x64x64
    #[arg(long, value_name = "SIZES", value_parser = |text: &str| hints::parse_dims(text).map(Dims))]
    dims: Option<Dims>,
    /// Type of a raw file's elements: f32, f64 or another name of NumPy's, such as >f4 for big-endian ones
    #[arg(long, value_name = "TYPE", value_parser = hints::parse_dtype)]
    dtype: Option<(Dtype, bool)>,
    /// The axis that is time, from 0 (default: netCDF's first where it is unlimited or called time, a BP file's steps)
    #[arg(long, value_name = "AXIS")]
    time_axis: Option<usize>,
    /// Steps to take, from A on and before B
    #[arg(long, value_name = "A:B", value_parser = hints::parse_steps)]
    steps: Option<Range<usize>>,
}

/// One value of a flag.
#[derive(Clone, Debug)]
struct Dims(Vec<usize>);

impl DataArgs {
    /// The variables of all files, each with its file.
    ///
    /// # Errors
    /// As [`variables`].
    pub fn variables(&self) -> Result<Vec<(&Path, Variable)>> {
        let mut all = Vec::new();
        for file in &self.files {
            all.extend(variables(file, &self.hints())?.into_iter().map(|variable| (file.as_path(), variable)));
        }
        Ok(all)
    }

    /// What the flags say.
    pub fn hints(&self) -> Hints {
        Hints {
            variables: self.variables.clone(),
            dims: self.dims.as_ref().map(|dims| dims.0.clone()),
            dtype: self.dtype.map(|(dtype, _)| dtype),
            big_endian: self.dtype.is_some_and(|(_, big_endian)| big_endian),
            time_axis: self.time_axis,
            steps: self.steps.clone(),
            place: Place::Flags,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        data: DataArgs,
    }

    #[test]
    fn flags_become_hints() {
        let line = "inr run.bp --variables U,V --dims 10x4x6 --dtype >f4 --time-axis 0 --steps 2:5";
        let hints = Cli::try_parse_from(line.split(' ')).unwrap().data.hints();
        let wanted = Hints {
            variables: vec!["U".into(), "V".into()],
            dims: Some(vec![10, 4, 6]),
            dtype: Some(Dtype::F32),
            big_endian: true,
            time_axis: Some(0),
            steps: Some(2..5),
            place: Place::Flags,
        };
        assert_eq!(hints, wanted);
        assert_eq!(Cli::try_parse_from(["inr", "u.npy"]).unwrap().data.hints(), Hints::default());
    }

    #[test]
    fn a_wrong_flag_is_named_with_what_to_set() {
        for (flag, value, words) in
            [("--dims", "64by64", "64x64x64"), ("--dtype", "real", "float32"), ("--steps", "7", "A:B")]
        {
            let error = Cli::try_parse_from(["inr", "u.npy", flag, value]).err().unwrap().to_string();
            assert!(error.contains(flag) && error.contains(words), "{error}");
        }
    }
}
