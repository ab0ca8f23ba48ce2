//! Running the binary and the plugin, and `.npy` files made without the code under test.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod series;
pub mod ways;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The built binary.
pub fn inr() -> Command {
    Command::new(env!("CARGO_BIN_EXE_inr"))
}

/// Where the plugin lies that was built with the tests.
pub fn plugin_folder() -> PathBuf {
    let programs = Path::new(env!("CARGO_BIN_EXE_inr")).parent().unwrap();
    let folder = [programs.join("deps"), programs.to_owned()].into_iter().find(|f| f.join("libadios2_inr.so").exists());
    folder.expect("libadios2_inr.so is built with the tests")
}

/// The Python with adios2 that `INR_TEST_PYTHON` named when the tests were built, with this plugin.
pub fn python() -> Command {
    let interpreter: Option<&str> = option_env!("INR_TEST_PYTHON");
    let mut command = Command::new(interpreter.expect("the test is ignored without it"));
    command.env("ADIOS2_PLUGIN_PATH", plugin_folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The binary with the ADIOS2 of the Python under test.
pub fn inr_with_adios2() -> Command {
    let wheel = run(python().args(["-c", "import adios2; print(adios2.__path__[0])"]), 0);
    let mut command = inr();
    command.env("ADIOS2_DIR", stdout(&wheel).trim()).env("ADIOS2_PLUGIN_PATH", plugin_folder());
    command
}

/// An engine as [`xml`] takes it.
pub const BP5: &str = r#"<engine type="BP5"/>"#;

/// An `adios2.xml` that switches the operator on with these parameters for these variables of `SimulationOutput`.
pub fn xml(engine: &str, parameters: &[(&str, &str)], variables: &[&str]) -> String {
    let parameter = |(key, value): &(&str, &str)| format!("    <parameter key=\"{key}\" value=\"{value}\"/>\n");
    let variable = |name: &&str| format!("    <variable name=\"{name}\"><operation operator=\"inr\"/></variable>\n");
    let plugin = [("PluginName", "inr"), ("PluginLibrary", "adios2_inr")];
    let parameters: String = plugin.iter().chain(parameters).map(parameter).collect();
    let variables: String = variables.iter().map(variable).collect();
    format!(
        "<adios-config>\n  <operator name=\"inr\" type=\"plugin\">\n{parameters}  </operator>\n  \
         <io name=\"SimulationOutput\">\n    {engine}\n{variables}  </io>\n</adios-config>\n"
    )
}

/// Runs to the end and checks the exit code.
#[track_caller]
pub fn run(command: &mut Command, code: i32) -> Output {
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(code), "{command:?}: {}{}", stdout(&done), stderr(&done));
    done
}

/// Standard output as text.
pub fn stdout(done: &Output) -> String {
    String::from_utf8(done.stdout.clone()).unwrap()
}

/// Standard error as text.
pub fn stderr(done: &Output) -> String {
    String::from_utf8(done.stderr.clone()).unwrap()
}

/// An array with little-endian elements in C order.
#[derive(Debug, PartialEq)]
pub struct Npy {
    pub code: String,
    pub dims: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Npy {
    fn size(code: &str) -> usize {
        code[1..].parse().unwrap()
    }

    /// Every element is different where the type has room.
    pub fn ramp(code: &str, dims: &[usize]) -> Npy {
        let n: usize = dims.iter().product();
        let one = |i: usize| match code {
            "f4" => (i as f32 * 0.37).to_le_bytes().to_vec(),
            "f8" => (i as f64 * 0.37).to_le_bytes().to_vec(),
            "c8" => [i as f32, -0.5 * i as f32].iter().flat_map(|x| x.to_le_bytes()).collect(),
            "c16" => [i as f64, -0.5 * i as f64].iter().flat_map(|x| x.to_le_bytes()).collect(),
            _ => (i as u64 * 0x0101_0101_0101_0101).to_le_bytes()[..Self::size(code)].to_vec(),
        };
        Npy { code: code.into(), dims: dims.to_vec(), bytes: (0..n).flat_map(one).collect() }
    }

    /// A smooth float32 field.
    pub fn waves(dims: &[usize; 3]) -> Npy {
        let [d, h, w] = *dims;
        let value = |i: usize| {
            let (z, y, x) = (i / (h * w), i / w % h, i % w);
            (0.2 * z as f32).sin() + (0.13 * y as f32 + 0.3).cos() * (0.17 * x as f32).sin()
        };
        let bytes = (0..d * h * w).flat_map(|i| value(i).to_le_bytes()).collect();
        Npy { code: "f4".into(), dims: dims.to_vec(), bytes }
    }

    /// A wave that moves from step to step, `[steps][rows][columns][channels]`.
    pub fn moving(dims: &[usize; 4]) -> Npy {
        let [_, h, w, c] = *dims;
        let value = |i: usize| {
            let (t, y, x, channel) = (i / (h * w * c), i / (w * c) % h, i / c % w, i % c);
            (1 + 9 * channel) as f32 * (0.5 * x as f32 - 0.4 * t as f32 + channel as f32).sin() * (0.2 * y as f32).cos()
        };
        let bytes = (0..dims.iter().product()).flat_map(|i| value(i).to_le_bytes()).collect();
        Npy { code: "f4".into(), dims: dims.to_vec(), bytes }
    }

    /// Values of a float32 array.
    pub fn f32s(&self) -> impl Iterator<Item = f32> {
        self.bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))
    }

    /// A version 1.0 header.
    pub fn header(descr: &str, fortran: bool, dims: &[usize]) -> Vec<u8> {
        let shape: String = dims.iter().map(|d| format!("{d}, ")).collect();
        let order = if fortran { "True" } else { "False" };
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}");
        text += &" ".repeat(63 - (10 + text.len()) % 64);
        text.push('\n');
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&(text.len() as u16).to_le_bytes());
        file.extend_from_slice(text.as_bytes());
        file
    }

    /// The array as a file in the given byte and dimension order.
    pub fn file(&self, endian: &str, fortran: bool) -> Vec<u8> {
        let size = Self::size(&self.code);
        let endian = if size == 1 { "|" } else { endian };
        let mut file = Self::header(&format!("{endian}{}", self.code), fortran, &self.dims);
        let component = if self.code.starts_with('c') { size / 2 } else { size };
        for position in 0..self.bytes.len() / size {
            let element = if fortran { self.fortran_element(position) } else { position };
            for part in self.bytes[element * size..][..size].chunks(component) {
                if endian == ">" { file.extend(part.iter().rev()) } else { file.extend(part) }
            }
        }
        file
    }

    /// C-order index of the element at `position` in Fortran order.
    fn fortran_element(&self, mut position: usize) -> usize {
        let mut index = Vec::new();
        for &d in &self.dims {
            index.push(position % d);
            position /= d;
        }
        index.iter().zip(&self.dims).fold(0, |at, (i, d)| at * d + i)
    }

    /// Reads what the binary wrote: little-endian, C order.
    pub fn parse(file: &[u8]) -> Npy {
        assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
        let end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
        let text = std::str::from_utf8(&file[10..end]).unwrap();
        assert!(text.contains("'fortran_order': False"), "{text}");
        let between = |a: &str, b: &str| text.split_once(a).unwrap().1.split_once(b).unwrap().0;
        let descr = between("'descr': '", "'");
        assert!(descr.starts_with(['<', '|']), "{descr}");
        let dims = between("(", ")").split(',').filter_map(|d| d.trim().parse().ok()).collect();
        Npy { code: descr[1..].into(), dims, bytes: file[end..].to_vec() }
    }
}
