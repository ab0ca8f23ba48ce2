//! netCDF files, classic and netCDF-4: time is the first dimension of each variable.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use netcdf_reader::{NcFile, NcSliceInfo, NcSliceInfoElem};

use super::source::{Source, grid_axes, join_axes};

/// Variables of one shape.
pub struct NetCdf {
    file: NcFile,
    names: Vec<String>,
    dims: Vec<usize>,
    n_steps: usize,
}

const REPAIR: &str = "if the file itself is fine, convert it with 'nccopy -k classic IN.nc OUT.nc'";

impl NetCdf {
    /// Opens the file.
    pub fn open(path: &Path, names: &[String]) -> Result<NetCdf> {
        let file = NcFile::open(path).with_context(|| format!("{}: cannot be read; {REPAIR}", path.display()))?;
        let found = file.variables().map(|all| all.iter().map(|v| v.name()).collect::<Vec<_>>().join(", "))?;
        ensure!(!names.is_empty(), "'data.variables' is missing: set it to some of {found}");
        let mut shapes = Vec::new();
        for name in names {
            let variable = file.variable(name);
            let variable = variable.with_context(|| format!("there is no variable '{name}': choose from {found}"))?;
            shapes.push(variable.shape().iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>()?);
            let (shape, first) = (&shapes[shapes.len() - 1], &shapes[0]);
            ensure!(shape == first, "variable '{name}' is {shape:?}, '{}' is {first:?}: use one shape", names[0]);
        }
        let shape = shapes.swap_remove(0);
        let (&n_steps, dims) = shape.split_first().with_context(|| format!("variable '{}' has no axes", names[0]))?;
        ensure!(!dims.is_empty(), "variable '{}' has one axis: time and nodes need two", names[0]);
        Ok(NetCdf { names: names.to_vec(), dims: dims.to_vec(), n_steps, file })
    }
}

impl Source for NetCdf {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn n_steps(&self) -> usize {
        self.n_steps
    }

    fn dims(&self) -> &[usize] {
        &self.dims
    }

    fn default_axes(&self) -> Option<&str> {
        grid_axes(self.dims.len())
    }

    /// Packed values (scale_factor, add_offset) are unpacked, missing ones become NaN.
    fn read(&self, step: usize, array: usize) -> Result<Vec<f64>> {
        let mut slice = NcSliceInfo::all(self.dims.len() + 1);
        slice.selections[0] = NcSliceInfoElem::Index(step as u64);
        let name = &self.names[array];
        let values = self.file.read_variable_slice_unpacked_masked(name, &slice);
        let values = values.with_context(|| format!("variable '{name}', step {step}: cannot be read; {REPAIR}"))?;
        Ok(values.into_iter().collect())
    }

    fn points(&self, names: &[String]) -> Result<(Vec<f64>, usize)> {
        let values = |name: &String| -> Result<Vec<f64>> {
            let values = self.file.read_variable_as_f64(name);
            Ok(values
                .with_context(|| format!("there is no variable '{name}' for 'data.points'"))?
                .into_iter()
                .collect())
        };
        join_axes(&names.iter().map(values).collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::train::config::DataConfig;
    use crate::train::data::Series;

    fn open(file: &str, text: &str) -> anyhow::Result<Series> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/netcdf");
        let config: DataConfig = toml::from_str(&format!("path = '{path}/{file}'\n{text}"))?;
        Series::open(&config)
    }

    #[test]
    fn both_formats_give_the_same_series() {
        for file in ["classic.nc", "netcdf4.nc"] {
            let series = open(file, "variables = ['u', 'w']").unwrap();
            assert_eq!((series.n_steps, series.dims(), series.n_channels()), (4, vec![2, 3], 2));
            // u, and w unpacked: 0.5 t.
            let second = series.snapshot(2).unwrap();
            assert_eq!(second, [200.0, 1.0, 201.0, 1.0, 202.0, 1.0, 210.0, 1.0, 211.0, 1.0, 212.0, 1.0]);
            let hole = series.snapshot(3).unwrap_err().to_string();
            assert!(hole.contains("step 3") && hole.contains("node 2"), "{hole}");

            let scattered = open(file, "variables = ['v']\npoints = ['lon', 'lat']\nsteps = [1, 3]").unwrap();
            assert_eq!((scattered.n_steps, scattered.mesh.n_axes()), (2, 2));
            assert_eq!(scattered.snapshot(0).unwrap(), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
            let mut x = [0.0; 2];
            scattered.mesh.node(5, &mut x);
            assert_eq!(x, [1.0, -1.0]);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, words) in [
            ("", "'data.variables' is missing: set it to some of"),
            ("variables = ['p']", "there is no variable 'p': choose from"),
            ("variables = ['u', 'v']", "use one shape"),
            ("variables = ['u']\nchannels = [1]", "channel 1"),
            ("variables = ['u']\nsteps = [2, 9]", "'data.steps' cannot be [2, 9]"),
        ] {
            let error = format!("{:#}", open("classic.nc", text).err().unwrap());
            assert!(error.contains(words), "{error}");
        }
    }
}
