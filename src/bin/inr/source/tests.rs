//! Every kind of file beside the others: the same array gives the same values.

use std::fs;
use std::path::{Path, PathBuf};

use adios2_inr::Dtype;

use super::variable::variables;
use super::{Hints, Variable, wide};

const DIMS: [usize; 3] = [4, 2, 3];

fn value(t: usize, y: usize, x: usize) -> f64 {
    (100 * t + 10 * y + x) as f64
}

/// The array of tests/netcdf/make.py, last axis fastest.
fn u() -> Vec<f64> {
    (0..24).map(|i| value(i / 6, i / 3 % 2, i % 3)).collect()
}

/// The same, first axis fastest.
fn u_fortran() -> Vec<f64> {
    (0..24).map(|i| value(i % 4, i / 4 % 2, i / 8)).collect()
}

fn floats(values: &[f64], to_bytes: impl Fn(f32) -> [u8; 4]) -> Vec<u8> {
    values.iter().flat_map(|v| to_bytes(*v as f32)).collect()
}

fn npy(descr: &str, is_fortran: bool, dims: &[usize], bytes: &[u8]) -> Vec<u8> {
    let fortran = if is_fortran { "True" } else { "False" };
    let shape: String = dims.iter().map(|d| format!("{d},")).collect();
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
    text += &" ".repeat(63 - (10 + text.len()) % 64);
    let head = [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16 + 1).to_le_bytes(), text.as_bytes(), b"\n"];
    [head.concat().as_slice(), bytes].concat()
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netcdf").join(name)
}

/// `u` in every kind of file that needs no ADIOS2, as one array.
fn files(folder: &Path) -> Vec<(PathBuf, Hints)> {
    let (little, big) = (floats(&u(), f32::to_le_bytes), floats(&u(), f32::to_be_bytes));
    let doubles: Vec<u8> = u().iter().flat_map(|v| v.to_le_bytes()).collect();
    let raw = Hints { dims: Some(DIMS.to_vec()), ..Hints::default() };
    let f4 = Hints { dtype: Some(Dtype::F32), ..raw.clone() };
    let plain = Hints::default;
    let one = |name: &str| Hints { variables: vec![name.into()], ..Hints::default() };
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    };
    vec![
        (write("little.npy", &npy("<f4", false, &DIMS, &little)), plain()),
        (write("big.npy", &npy(">f4", false, &DIMS, &big)), plain()),
        (write("fortran.npy", &npy("<f4", true, &DIMS, &floats(&u_fortran(), f32::to_le_bytes))), plain()),
        (write("big_fortran.npy", &npy(">f4", true, &DIMS, &floats(&u_fortran(), f32::to_be_bytes))), plain()),
        (write("double.npy", &npy("<f8", false, &DIMS, &doubles)), plain()),
        (write("little.f32", &little), raw.clone()),
        (write("double.d64", &doubles), raw),
        (write("no_extension", &little), f4.clone()),
        (write("big.raw", &big), Hints { big_endian: true, ..f4 }),
        (write("npy_by_its_bytes", &npy("<f4", false, &DIMS, &little)), plain()),
        (shipped("classic.nc"), one("u")),
        (shipped("netcdf4.nc"), one("u")),
        (shipped("plain.h5"), one("u")),
        (shipped("plain.h5"), one("/deep/er/u")),
        (write("plain.nc", &fs::read(shipped("plain.h5")).unwrap()), one("deep/er/u")),
        (write("netcdf_by_its_bytes", &fs::read(shipped("classic.nc")).unwrap()), one("u")),
    ]
}

fn only(path: &Path, hints: &Hints) -> Variable {
    let mut found = variables(path, hints).unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(found.len(), 1, "{}", path.display());
    found.remove(0)
}

fn refused(path: &Path, hints: &Hints) -> String {
    format!("{:#}", variables(path, hints).err().unwrap())
}

#[test]
fn every_format_gives_the_same_steps_along_every_axis() {
    let folder = tempfile::tempdir().unwrap();
    for (path, hints) in files(folder.path()) {
        for axis in 0..3 {
            let found = only(&path, &Hints { time_axis: Some(axis), ..hints.clone() });
            let name = format!("{}, axis {axis}", path.display());
            let mut dims = DIMS.to_vec();
            assert_eq!(found.n_steps, dims.remove(axis), "{name}");
            assert_eq!(found.dims, dims, "{name}");
            for step in 0..found.n_steps {
                let wanted = (0..24).filter(|i| [i / 6, i / 3 % 2, i % 3][axis] == step).map(|i| u()[i]);
                let array = found.read(step).unwrap();
                assert_eq!((array.dtype, &array.dims), (found.dtype, &dims), "{name}");
                assert_eq!(wide(&array).unwrap(), wanted.collect::<Vec<_>>(), "{name}, step {step}");
            }
            assert!(found.read(found.n_steps).is_err());
        }
    }
}

#[test]
fn single_precision_stays_single_and_arrays_without_steps_are_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    for (path, hints) in files(folder.path()) {
        let found = only(&path, &hints);
        let is_double = path.to_string_lossy().contains("double") || hints.variables.concat().contains("deep");
        assert_eq!(found.dtype, if is_double { Dtype::F64 } else { Dtype::F32 }, "{}", path.display());
        // netCDF's first axis has no limit: it is time.
        let is_series = hints.variables == ["u"] && found.n_steps == 4;
        assert_eq!(is_series, ["classic.nc", "netcdf4.nc", "netcdf_by_its_bytes"].iter().any(|n| path.ends_with(n)));
        if !is_series {
            assert_eq!((found.n_steps, found.dims.as_slice()), (1, &DIMS[..]), "{}", path.display());
            assert_eq!(wide(&found.read(0).unwrap()).unwrap(), u());
        }
    }
}

#[test]
fn a_folder_of_arrays_is_a_series() {
    let folder = tempfile::tempdir().unwrap();
    let write = |step: usize, dims: &[usize]| {
        let bytes = floats(&u()[6 * step..][..6], f32::to_le_bytes);
        fs::write(folder.path().join(format!("{step}.npy")), npy("<f4", false, dims, &bytes)).unwrap();
    };
    (0..4).for_each(|step| write(step, &DIMS[1..]));
    let found = only(folder.path(), &Hints::default());
    assert_eq!((found.n_steps, found.dims.as_slice()), (4, &DIMS[1..]));
    assert_eq!(wide(&found.read(2).unwrap()).unwrap(), u()[12..18]);
    let error = refused(folder.path(), &Hints { time_axis: Some(0), ..Hints::default() });
    assert!(error.contains("4 steps of its own: leave '--time-axis' away"), "{error}");
    write(2, &[3, 2]);
    assert!(
        format!("{:#}", found.read(2).unwrap_err()).contains("2.npy: has dimensions [3, 2], the first file [2, 3]")
    );
}

#[test]
fn fields_are_taken_without_names_and_packed_values_are_unpacked() {
    for (file, wanted) in
        [("classic.nc", vec!["u", "w"]), ("netcdf4.nc", vec!["u", "w"]), ("plain.h5", vec!["deep/er/u", "u", "w"])]
    {
        let found = variables(&shipped(file), &Hints::default()).unwrap();
        let mut names: Vec<_> = found.iter().map(|v| v.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, wanted, "{file}");
    }
    // w is 0.5 t as int16, its scale is float64 in netCDF and float32 in HDF5.
    for (file, dtype) in [("classic.nc:w", Dtype::F64), ("netcdf4.nc:w", Dtype::F64), ("plain.h5:w", Dtype::F32)] {
        let found = only(&shipped(file), &Hints { time_axis: Some(0), ..Hints::default() });
        assert_eq!((found.dtype, found.n_steps), (dtype, 4));
        assert_eq!(wide(&found.read(2).unwrap()).unwrap(), [1.0; 6]);
        let last = wide(&found.read(3).unwrap()).unwrap();
        assert!(
            last.iter().enumerate().all(|(i, v)| if i % 3 == 2 { v.is_nan() } else { *v == 1.5 }),
            "{file}: {last:?}"
        );
    }
}

#[test]
fn some_of_the_steps_can_be_taken() {
    let hints = |steps| Hints { variables: vec!["u".into()], steps: Some(steps), ..Hints::default() };
    let path = shipped("classic.nc");
    for (steps, first, n_steps) in [(1..3, 1, 2), (2..usize::MAX, 2, 2)] {
        let found = only(&path, &hints(steps));
        assert_eq!(found.n_steps, n_steps);
        assert_eq!(wide(&found.read(0).unwrap()).unwrap(), u()[6 * first..][..6]);
    }
    for steps in [2..9, 4..usize::MAX] {
        let error = refused(&path, &hints(steps));
        assert!(error.contains("classic.nc: '--steps' cannot be") && error.contains("'u' has 4 steps"), "{error}");
    }
    let one = refused(&shipped("plain.h5"), &hints(0..2));
    assert!(one.contains("has 1 steps ('--time-axis' makes steps)"), "{one}");
}

#[test]
fn a_raw_file_of_another_size_is_refused_with_both_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.dat");
    fs::write(&path, floats(&u(), f32::to_le_bytes)).unwrap();
    let hints = |dims: &[usize], dtype| Hints { dims: Some(dims.to_vec()), dtype, ..Hints::default() };
    for (hints, words) in [
        (Hints::default(), "a raw file says nothing of its size: set '--dims'"),
        (hints(&DIMS, None), "a raw file says nothing of its type: set '--dtype' to f32 or f64"),
        (hints(&[5, 2, 3], Some(Dtype::F32)), "5x2x3 values of float32 are 120 bytes, the file has 96: set '--dims'"),
        (
            hints(&[2, 3], Some(Dtype::F32)),
            "24 bytes, the file has 96, 4 times as many: where these are steps set '--dims' to 4x2x3 and --time-axis to 0",
        ),
        (hints(&[2, 6], Some(Dtype::F32)), "where they are float64 '--dtype' to f64"),
        (hints(&[usize::MAX, 2], Some(Dtype::F32)), "no machine has so many bytes"),
    ] {
        let error = refused(&path, &hints);
        assert!(error.contains("u.dat") && error.contains(words), "{error}");
    }
}

#[test]
fn numbers_that_no_bound_is_for_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.npy");
    let one = |name: &str| Hints { variables: vec![name.into()], ..Hints::default() };
    fs::write(&path, npy("<i4", false, &[2, 3], &[0; 24])).unwrap();
    for (path, hints, words) in [
        (path, Hints::default(), "'n' holds int32, which is not compressed with a bound: convert it to float32"),
        (shipped("plain.h5"), one("n"), "'n' holds int32"),
        (shipped("plain.h5"), one("z"), "'z' has compound elements, such as complex numbers: save each part"),
        (shipped("plain.h5"), one("s"), "'s' is text"),
    ] {
        let error = refused(&path, &hints);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_does_not_fit_the_file_is_named() {
    let (h5, cut) = (shipped("plain.h5"), tempfile::tempdir().unwrap());
    let short = cut.path().join("short.npy");
    fs::write(&short, npy("<f4", false, &[2, 3], &[0; 20])).unwrap();
    let u = Hints { variables: vec!["u".into()], ..Hints::default() };
    for (path, hints, words) in [
        (
            &h5,
            Hints { variables: vec!["q".into()], ..Hints::default() },
            "plain.h5: there is no variable 'q': choose from",
        ),
        (&h5, Hints { time_axis: Some(3), ..u.clone() }, "'u' is [4, 2, 3]: '--time-axis' cannot be 3"),
        (&h5, Hints { dims: Some(vec![4, 6]), ..u.clone() }, "'u' is 4x2x3, not 4x6: '--dims' is for raw files"),
        (&h5, Hints { dtype: Some(Dtype::F64), ..u }, "'u' holds float32, not float64"),
        (&short, Hints::default(), "need 24 bytes, 20 are there: it was cut off"),
        (&shipped("make.py"), Hints::default(), "make.py: not a .npy file"),
        (&shipped("none.nc"), Hints::default(), "none.nc: there is no such file"),
    ] {
        let error = refused(path, &hints);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_file_and_a_variable_are_one_name_only_where_no_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(shipped("classic.nc"), at("run_00:30:00")).unwrap();
    fs::write(at("a:b.f32"), floats(&u(), f32::to_le_bytes)).unwrap();
    let raw = Hints { dims: Some(DIMS.to_vec()), ..Hints::default() };
    assert_eq!(only(&at("a:b.f32"), &raw).name, "a:b");
    assert_eq!(variables(&at("run_00:30:00"), &Hints::default()).unwrap().len(), 2);
    // The name beside the file is the one that counts.
    let other = Hints { variables: vec!["w".into()], ..Hints::default() };
    assert_eq!(only(&at("run_00:30:00:u"), &other).name, "u");
    for wrong in [r"C:\data\u.nc", "none.nc:u", "run_00:30:00:"] {
        assert!(refused(&at(wrong), &Hints::default()).contains("there is no such file"), "{wrong}");
    }
    let error = refused(&at("run_00:30:00:q"), &Hints::default());
    assert!(error.contains("there is no variable 'q': choose from"), "{error}");
}

#[cfg(feature = "adios2")]
#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_dataset_has_its_own_steps() {
    use adios2_inr::Block;
    use adios2_inr::adios2::Writer;

    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (folder.path().join("u.bp"), folder.path().join("plain.xml"));
    fs::write(&config, "<adios-config><io name='plain'><engine type='BP5'/></io></adios-config>").unwrap();
    let writer = Writer::create(&path, &config, "plain").unwrap();
    for step in 0..4 {
        let bytes = floats(&u()[6 * step..][..6], f32::to_le_bytes);
        writer.step(&[("u", Block::new(Dtype::F32, &DIMS[1..], &bytes).unwrap())]).unwrap();
    }
    drop(writer);
    let found = only(&path, &Hints::default());
    assert_eq!((found.n_steps, found.dims.as_slice(), found.dtype), (4, &DIMS[1..], Dtype::F32));
    assert_eq!(wide(&found.read(2).unwrap()).unwrap(), u()[12..18]);
    assert_eq!(only(&folder.path().join("u.bp:u"), &Hints::default()).n_steps, 4);
    let error = refused(&path, &Hints { variables: vec!["q".into()], ..Hints::default() });
    assert!(error.contains("there is no variable 'q': choose from u"), "{error}");
}
