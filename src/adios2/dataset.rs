//! Reads datasets: variables, steps, blocks, values.
#![expect(unsafe_code, reason = "C calls")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use super::bindings as c;
use super::library::{Library, c_string, failed};
use super::steps;
use crate::{Dtype, Error, Result};

/// A variable of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Element type; `None` for strings, characters and long double, which this crate does not read.
    pub dtype: Option<Dtype>,
    /// True for strings, which are single values.
    pub is_string: bool,
    /// Shape of the global array, slowest first; empty for single values and local arrays.
    pub shape: Vec<usize>,
    /// Dimensions of its blocks.
    pub n_dims: usize,
    /// Steps that hold it.
    pub n_steps: usize,
}

/// A dataset open for reading any step in any order.
#[derive(Debug)]
pub struct Dataset {
    pub(super) library: Arc<Library>,
    adios: NonNull<c::adios2_adios>,
    pub(super) io: NonNull<c::adios2_io>,
    pub(super) engine: NonNull<c::adios2_engine>,
    pub(super) path: PathBuf,
    variables: Vec<Variable>,
    n_steps: usize,
    /// Not for BP5: the dataset's steps that hold a variable, where some do not.
    pub(super) steps: HashMap<String, Vec<usize>>,
}

impl Dataset {
    /// Opens a BP5 or BP4 dataset.
    ///
    /// # Errors
    /// [`Error::File`] when ADIOS2 is missing or the dataset cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let library = Library::load()?;
        let api = &library.api;
        let refused = |what: &str| failed(path, &format!("ADIOS2 could not {what} (its own message is on stderr)"));
        if !path.exists() {
            return Err(failed(path, "there is no such file or folder"));
        }
        // ADIOS2 itself would print pages about it.
        if path.is_dir() && !path.join("md.idx").exists() {
            return Err(failed(path, "this folder is no ADIOS2 dataset (there is no md.idx in it)"));
        }
        let name = c_string(&path.to_string_lossy())?;
        // SAFETY: no preconditions.
        let adios = NonNull::new(unsafe { api.adios2_init_serial() }).ok_or_else(|| refused("start"))?;
        // SAFETY: live handle, terminated name.
        let io = NonNull::new(unsafe { api.adios2_declare_io(adios.as_ptr(), c"inr".as_ptr()) });
        let engine = io.and_then(|io| {
            // SAFETY: live handle, terminated name.
            NonNull::new(unsafe { api.adios2_open(io.as_ptr(), name.as_ptr(), c::adios2_mode_readRandomAccess) })
        });
        let (Some(io), Some(engine)) = (io, engine) else {
            // SAFETY: live handle, not used again.
            unsafe { api.adios2_finalize(adios.as_ptr()) };
            return Err(refused("open the dataset"));
        };
        let (path, variables, steps) = (path.to_owned(), Vec::new(), HashMap::new());
        let mut dataset = Dataset { library, adios, io, engine, path, variables, n_steps: 0, steps };
        dataset.examine()?;
        Ok(dataset)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All variables, by name.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Steps of the dataset.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// The steps of the dataset that hold each variable, by name.
    ///
    /// # Errors
    /// [`Error::File`] when the dataset cannot be read step by step.
    pub fn held(&self) -> Result<HashMap<String, Vec<usize>>> {
        let names: Vec<&str> = self.variables.iter().map(|variable| variable.name.as_str()).collect();
        steps::walk(&self.library, self.adios, &self.path, &names)
    }

    /// The variable with this name.
    ///
    /// # Errors
    /// [`Error::File`] that lists the names there are.
    pub fn variable(&self, name: &str) -> Result<&Variable> {
        self.variables.iter().find(|v| v.name == name).ok_or_else(|| {
            let names: Vec<_> = self.variables.iter().map(|v| v.name.as_str()).collect();
            failed(&self.path, &format!("there is no variable '{name}', only {}", names.join(", ")))
        })
    }

    fn examine(&mut self) -> Result<()> {
        let api = &self.library.api;
        let check = |status| self.library.check(status as i32, &self.path, "describe the dataset");
        let (mut n_steps, mut n_kind, mut kind) = (0, 0, [0u8; 64]);
        // SAFETY: live handle, outputs of ours.
        check(unsafe { api.adios2_steps(&mut n_steps, self.engine.as_ptr()) })?;
        // SAFETY: live handle; the names of ADIOS2's engines have at most some twenty characters.
        check(unsafe { api.adios2_engine_get_type(kind.as_mut_ptr().cast(), &mut n_kind, self.engine.as_ptr()) })?;
        self.n_steps = n_steps;
        self.variables = self.list()?;
        if !kind.starts_with(b"BP5") {
            let sparse = self.variables.iter().filter(|v| v.n_steps != n_steps).map(|v| v.name.as_str());
            let sparse: Vec<_> = sparse.collect();
            self.steps = match sparse.is_empty() {
                true => HashMap::new(),
                false => steps::walk(&self.library, self.adios, &self.path, &sparse)?,
            };
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<Variable>> {
        let (inquire, what) = (self.library.api.adios2_inquire_all_variables, "list the variables");
        // SAFETY: a live IO.
        let all = unsafe { self.library.all(inquire, self.io.as_ptr(), (&self.path, what)) }?;
        let mut variables = all.into_iter().map(|handle| self.describe(handle)).collect::<Result<Vec<_>>>()?;
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(variables)
    }

    fn describe(&self, handle: *mut c::adios2_variable) -> Result<Variable> {
        let api = &self.library.api;
        let check = |status| self.library.check(status as i32, &self.path, "describe a variable");
        let (mut code, mut n_dims, mut n_steps) = (0, 0, 0);
        // SAFETY: a live variable.
        let name = unsafe { self.library.name(api.adios2_variable_name, handle, (&self.path, "describe a variable")) }?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_variable_type(&mut code, handle) })?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_variable_ndims(&mut n_dims, handle) })?;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_variable_steps(&mut n_steps, handle) })?;
        let mut id = 0;
        // SAFETY: outputs of ours.
        check(unsafe { api.adios2_variable_shapeid(&mut id, handle) })?;
        let is_global = id == c::adios2_shapeid_global_array || id == c::adios2_shapeid_joined_array;
        let mut shape = vec![0; if is_global { n_dims } else { 0 }];
        if is_global {
            // SAFETY: room for `n_dims`.
            check(unsafe { api.adios2_variable_shape(shape.as_mut_ptr(), handle) })?;
        }
        let is_string = code == c::adios2_type_string;
        Ok(Variable { name, dtype: dtype(code), is_string, shape, n_dims, n_steps })
    }

    pub(super) fn handle(&self, variable: &Variable) -> Result<NonNull<c::adios2_variable>> {
        let name = c_string(&variable.name)?;
        // SAFETY: live handle, terminated name.
        let handle = unsafe { self.library.api.adios2_inquire_variable(self.io.as_ptr(), name.as_ptr()) };
        NonNull::new(handle).ok_or_else(|| failed(&self.path, &format!("there is no variable '{}'", variable.name)))
    }

    /// The values of one block of one step, in the machine's byte order.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, with the plugin's own sentence where it has one.
    pub fn read_block(&self, variable: &Variable, step: usize, block: usize) -> Result<Vec<u8>> {
        let info = self.blocks(variable, step)?;
        let info = info.get(block).ok_or_else(|| failed(&self.path, &format!("step {step} has no block {block}")))?;
        let mut bytes = vec![0; self.n_bytes(variable, &info.dims)?];
        self.get_block(variable, step, block, &mut bytes)?;
        Ok(bytes)
    }

    /// `product(dims)` elements of the variable's type in bytes.
    ///
    /// # Errors
    /// [`Error::File`] for a type that is not read here, [`Error::Limit`].
    pub fn n_bytes(&self, variable: &Variable, dims: &[usize]) -> Result<usize> {
        let Some(dtype) = variable.dtype else {
            return Err(failed(&self.path, &format!("variable '{}' has a type that is not read here", variable.name)));
        };
        let n = dims.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        n.filter(|&n| isize::try_from(n).is_ok()).ok_or(Error::Limit { asked: u64::MAX, limit: isize::MAX as u64 })
    }

    /// Reads a block into `out`, which has its [`Self::n_bytes`].
    pub(super) fn get_block(&self, variable: &Variable, step: usize, block: usize, out: &mut [u8]) -> Result<()> {
        let api = &self.library.api;
        let handle = self.handle(variable)?.as_ptr();
        let check = |status| {
            let what = format!("read variable '{}', step {step}, block {block}", variable.name);
            self.library.check(status as i32, &self.path, &what)
        };
        // SAFETY: live handle.
        check(unsafe { api.adios2_set_step_selection(handle, step, 1) })?;
        // SAFETY: live handle; ADIOS2 checks the number.
        check(unsafe { api.adios2_set_block_selection(handle, block) })?;
        // SAFETY: `out` has room for the block, and a sync get writes no later than now.
        check(unsafe { api.adios2_get(self.engine.as_ptr(), handle, out.as_mut_ptr().cast(), c::adios2_mode_sync) })
    }

    /// The whole global array in one step, in the machine's byte order.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or the variable is no global array.
    pub fn read_step(&self, variable: &Variable, step: usize) -> Result<Vec<u8>> {
        if variable.shape.is_empty() {
            return Err(failed(
                &self.path,
                &format!("variable '{}' is no global array: read its blocks", variable.name),
            ));
        }
        let api = &self.library.api;
        let handle = self.handle(variable)?.as_ptr();
        let check = |status| {
            self.library.check(status as i32, &self.path, &format!("read variable '{}', step {step}", variable.name))
        };
        let mut bytes = vec![0u8; self.n_bytes(variable, &variable.shape)?];
        let start = vec![0; variable.shape.len()];
        // SAFETY: live handle.
        check(unsafe { api.adios2_set_step_selection(handle, step, 1) })?;
        // SAFETY: both arrays have the length given.
        check(unsafe { api.adios2_set_selection(handle, start.len(), start.as_ptr(), variable.shape.as_ptr()) })?;
        // SAFETY: room for the whole selection, and a sync get writes no later than now.
        check(unsafe { api.adios2_get(self.engine.as_ptr(), handle, bytes.as_mut_ptr().cast(), c::adios2_mode_sync) })?;
        Ok(bytes)
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: live handles, not used again.
        unsafe {
            self.library.api.adios2_close(self.engine.as_ptr());
            self.library.api.adios2_finalize(self.adios.as_ptr());
        }
    }
}

/// ADIOS2's types in the order of their codes, from 1.
const DTYPES: [Dtype; 12] = [
    Dtype::F32,
    Dtype::F64,
    Dtype::C32,
    Dtype::C64,
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
];

pub(super) fn dtype(code: c::adios2_type) -> Option<Dtype> {
    usize::try_from(code).ok().and_then(|code| DTYPES.get(code.checked_sub(1)?)).copied()
}

/// ADIOS2's code of a type.
pub(super) fn type_code(dtype: Dtype) -> c::adios2_type {
    DTYPES.iter().position(|&d| d == dtype).map_or(c::adios2_type_unknown, |i| i as c::adios2_type + 1)
}
