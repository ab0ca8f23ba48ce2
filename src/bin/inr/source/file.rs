//! What every kind of file gives: arrays by name, whole or cut at one place of an axis.

use adios2_inr::Dtype;
use adios2_inr::npy::Array;
use anyhow::{Context as _, Result};

/// What a file says of an array in it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name; of a file with one array the file's own name.
    pub name: String,
    /// All axes of the array, slowest first.
    pub dims: Vec<usize>,
    /// Type of its values after unpacking, or why it is not read, as in "variable 'u' is text".
    pub dtype: Result<Dtype, &'static str>,
    /// How the file itself has it in steps.
    pub steps: Steps,
    /// True for what says where values are.
    pub is_coordinate: bool,
}

/// Steps of an array that a file knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// None: it is one snapshot.
    One,
    /// Its first axis is time.
    FirstAxis,
    /// So many, each with all its axes.
    Own(usize),
}

/// Part of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All axes, of one of [`Steps::Own`]; step 0 is the whole array of any other.
    Step(usize),
    /// One place of an axis, which is gone then.
    Cut {
        /// Counted from the slowest.
        axis: usize,
        /// Along it.
        index: usize,
    },
}

/// A file that is open.
pub trait File {
    /// The arrays there are.
    fn entries(&self) -> &[Entry];

    /// Values of array number `entry`: packed ones unpacked, missing ones NaN.
    fn read(&self, entry: usize, part: Part) -> Result<Array>;

    /// False where the file is one array, whose name is the file's.
    fn has_names(&self) -> bool {
        true
    }
}

/// An array of the file by its name; HDF5's may begin with a slash.
pub fn find(file: &dyn File, name: &str) -> Result<usize> {
    let entries = file.entries();
    let bare = name.trim_start_matches('/');
    let found = entries.iter().position(|e| e.name == name).or_else(|| entries.iter().position(|e| e.name == bare));
    found.with_context(|| format!("there is no variable '{name}': choose from {}", list(file)))
}

/// All names.
pub fn list(file: &dyn File) -> String {
    file.entries().iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// One place of an axis, from an array in memory.
pub fn cut(array: &Array, axis: usize, index: usize) -> Array {
    let run = array.dims[axis + 1..].iter().product::<usize>() * array.dtype.size();
    let stride = run * array.dims[axis];
    let bytes = match stride {
        0 => Vec::new(),
        _ => array.bytes.chunks_exact(stride).flat_map(|all| &all[index * run..][..run]).copied().collect(),
    };
    Array { dtype: array.dtype, dims: without(&array.dims, axis), bytes }
}

/// Dimensions without one of them.
pub fn without(dims: &[usize], axis: usize) -> Vec<usize> {
    [&dims[..axis], &dims[axis + 1..]].concat()
}
