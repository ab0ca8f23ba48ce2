//! The arrays of a series: variables of one shape, all in steps.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};

use super::config::DataConfig;
use crate::source::{self, File, Hints, Place, Steps, Variable};

/// Arrays with steps. All have the same dimensions.
pub struct Arrays {
    /// Names of the arrays.
    pub names: Vec<String>,
    file: Rc<dyn File>,
    variables: Vec<Variable>,
}

impl Arrays {
    /// Opens what the config names.
    pub fn open(config: &DataConfig) -> Result<Arrays> {
        let path = &config.path;
        ensure!(path.exists(), "{}: there is no such file: set 'data.path'", path.display());
        let hints = hints(config)?;
        let file = source::open(path, &hints)?;
        let variables = choose(&file, &hints).with_context(|| path.display().to_string())?;
        let names = if file.has_names() { hints.variables } else { vec!["u".into()] };
        Ok(Arrays { names, file, variables })
    }

    /// Steps of each array.
    pub fn n_steps(&self) -> usize {
        self.variables[0].n_steps
    }

    /// Dimensions of an array in one step, slowest first.
    pub fn dims(&self) -> &[usize] {
        &self.variables[0].dims
    }

    /// What the axes of a step are where the format says it: they span a grid, or nothing is known.
    pub fn default_axes(&self) -> Option<&'static str> {
        let n = self.dims().len().checked_sub(1).filter(|_| self.file.has_names())?;
        ["x", "yx", "zyx", "wzyx"].get(n).copied()
    }

    /// Values of one step of array number `array`.
    pub fn read(&self, step: usize, array: usize) -> Result<Vec<f64>> {
        source::wide(&self.variables[array].read(step)?)
    }

    /// Coordinates `[n_nodes][d]` and `d` from `d` variables of the same file.
    pub fn points(&self, names: &[String]) -> Result<(Vec<f64>, usize)> {
        ensure!(self.file.has_names(), "this file has no variables: set 'data.points' to a .npy file of coordinates");
        let values = |name: &String| -> Result<Vec<f64>> {
            let entry = source::find(self.file.as_ref(), name).context("'data.points'")?;
            source::wide(&self.file.read(entry, source::Part::Step(0))?)
        };
        let axes = names.iter().map(values).collect::<Result<Vec<_>>>()?;
        let n = axes.first().map_or(0, Vec::len);
        ensure!(n > 0 && axes.iter().all(|a| a.len() == n), "'data.points' names variables of different lengths");
        Ok(((0..n).flat_map(|i| axes.iter().map(move |a| a[i])).collect(), axes.len()))
    }
}

fn hints(config: &DataConfig) -> Result<Hints> {
    let parse = |name: &String| {
        source::parse_dtype(name).map_err(|how| anyhow::anyhow!("'data.dtype' cannot be '{name}': {how}"))
    };
    let dtype = config.dtype.as_ref().map(parse).transpose()?;
    Ok(Hints {
        variables: config.variables.clone(),
        dims: config.dims.clone(),
        dtype: dtype.map(|(dtype, _)| dtype),
        big_endian: dtype.is_some_and(|(_, big_endian)| big_endian),
        place: Place::Config,
        ..Hints::default()
    })
}

/// Time is the first axis of arrays that the file does not have in steps.
fn choose(file: &Rc<dyn File>, hints: &Hints) -> Result<Vec<Variable>> {
    let found = match (file.has_names(), hints.variables.as_slice()) {
        (false, _) => vec![0],
        (true, []) => bail!("'data.variables' is missing: set it to some of {}", source::list(file.as_ref())),
        (true, names) => names.iter().map(|name| source::find(file.as_ref(), name)).collect::<Result<_>>()?,
    };
    let mut variables = Vec::<Variable>::new();
    for entry in found {
        let array = &file.entries()[entry];
        let time_axis = if let Steps::Own(_) = array.steps { None } else { Some(0) };
        ensure!(
            time_axis.is_none() || array.dims.len() >= 2 || array.dtype.is_err(),
            "'{}' has {} axes but a series has at least 2",
            array.name,
            array.dims.len()
        );
        let variable = Variable::new(file, entry, &Hints { time_axis, ..hints.clone() })?;
        if let Some(first) = variables.first().filter(|f| (&f.dims, f.n_steps) != (&variable.dims, variable.n_steps)) {
            bail!(
                "variable '{}' has {} steps of {:?}, '{}' has {} of {:?}: use one shape",
                variable.name,
                variable.n_steps,
                variable.dims,
                first.name,
                first.n_steps,
                first.dims
            );
        }
        variables.push(variable);
    }
    Ok(variables)
}

/// Coordinates `(n, d)` from a `.npy` file: `[n][d]` and `d`.
pub fn read_points(path: &Path) -> Result<(Vec<f64>, usize)> {
    let array = crate::npy::read(path)?;
    let &[_, n_axes] = array.dims.as_slice() else {
        bail!("{}: has dimensions {:?} but coordinates are (n, d)", path.display(), array.dims);
    };
    Ok((source::wide(&array).with_context(|| path.display().to_string())?, n_axes))
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
    fn a_raw_file_is_the_series_that_its_dimensions_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u.f32");
        let values: Vec<u8> = (0..24u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        std::fs::write(&path, values).unwrap();
        let open = |text: &str| {
            let config = format!("path = '{}'\naxes = 'tyx'\n{text}", path.display());
            Series::open(&toml::from_str::<DataConfig>(&config).unwrap())
        };
        let series = open("dims = [4, 2, 3]").unwrap();
        assert_eq!((series.n_steps, series.dims()), (4, vec![2, 3]));
        assert_eq!(series.snapshot(3).unwrap(), [18.0, 19.0, 20.0, 21.0, 22.0, 23.0]);
        for (text, words) in [
            ("", "'data.dims'"),
            (
                "dims = [2, 3]",
                "24 bytes, the file has 96, 4 times as many: where these are steps set 'data.dims' to [4, 2, 3]",
            ),
            ("dims = [4, 2, 3]\ndtype = 'real'", "'data.dtype' cannot be 'real'"),
        ] {
            let error = format!("{:#}", open(text).err().unwrap());
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, words) in [
            ("", "'data.variables' is missing: set it to some of"),
            ("variables = ['p']", "there is no variable 'p': choose from"),
            ("variables = ['u', 'v']", "use one shape"),
            ("variables = ['lon']", "a series has at least 2"),
            ("variables = ['u']\nchannels = [1]", "channel 1"),
            ("variables = ['u']\nsteps = [2, 9]", "'data.steps' cannot be [2, 9]"),
        ] {
            let error = format!("{:#}", open("classic.nc", text).err().unwrap());
            assert!(error.contains(words), "{error}");
        }
    }
}
