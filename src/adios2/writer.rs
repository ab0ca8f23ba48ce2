//! Writes datasets from one process.
#![expect(unsafe_code, reason = "C calls")]

use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::bindings as c;
use super::dataset::type_code;
use super::library::{Library, c_string, failed};
use crate::{Block, Dtype, Result};

/// A dataset open for writing; dropping it closes it.
#[derive(Debug)]
pub struct Writer {
    pub(super) library: Arc<Library>,
    adios: NonNull<c::adios2_adios>,
    pub(super) io: NonNull<c::adios2_io>,
    engine: NonNull<c::adios2_engine>,
    pub(super) path: PathBuf,
}

/// Where a block goes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Name of the variable.
    pub variable: &'a str,
    /// Shape of the global array in this step, slowest first; empty for a local array.
    pub shape: &'a [usize],
    /// Start of the block; empty for a local array.
    pub start: &'a [usize],
}

impl Writer {
    /// Creates the dataset, or empties it, with the engine and operators that an ADIOS2 XML file gives the IO named `io`.
    ///
    /// # Errors
    /// [`crate::Error::File`] when ADIOS2 is missing, the file is wrong or the path cannot be written.
    pub fn create(path: &Path, config: &Path, io: &str) -> Result<Self> {
        let library = Library::load()?;
        let api = &library.api;
        let refused = |what: &str| failed(path, &format!("ADIOS2 could not {what} (its own message is on stderr)"));
        let (name, io_name) = (c_string(&path.to_string_lossy())?, c_string(io)?);
        let config = c_string(&config.to_string_lossy())?;
        // SAFETY: terminated name.
        let adios = NonNull::new(unsafe { api.adios2_init_config_serial(config.as_ptr()) });
        let adios = adios.ok_or_else(|| refused("read its XML file"))?;
        // SAFETY: live handle, terminated name.
        let io = NonNull::new(unsafe { api.adios2_declare_io(adios.as_ptr(), io_name.as_ptr()) });
        let engine = io.and_then(|io| {
            // SAFETY: live handle, terminated name.
            NonNull::new(unsafe { api.adios2_open(io.as_ptr(), name.as_ptr(), c::adios2_mode_write) })
        });
        let (Some(io), Some(engine)) = (io, engine) else {
            // SAFETY: live handle, not used again.
            unsafe { api.adios2_finalize(adios.as_ptr()) };
            return Err(refused("create the dataset"));
        };
        Ok(Writer { library, adios, io, engine, path: path.to_owned() })
    }

    /// Writes one step: global arrays of one block each, row-major.
    ///
    /// # Errors
    /// [`crate::Error::File`] when ADIOS2 or the operator refuses.
    pub fn step(&self, arrays: &[(&str, Block)]) -> Result<()> {
        self.begin_step()?;
        for (variable, block) in arrays {
            let start = vec![0; block.dims.len()];
            self.put(Target { variable, shape: block.dims, start: &start }, block)?;
        }
        self.end_step()
    }

    /// Begins a step.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn begin_step(&self) -> Result<()> {
        let mut status = 0;
        let api = &self.library.api;
        // SAFETY: live handle, output of ours.
        let begun =
            unsafe { api.adios2_begin_step(self.engine.as_ptr(), c::adios2_step_mode_append, -1.0, &mut status) };
        self.check(begun, "begin a step")
    }

    /// Ends a step.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn end_step(&self) -> Result<()> {
        // SAFETY: live handle.
        self.check(unsafe { self.library.api.adios2_end_step(self.engine.as_ptr()) }, "end the step")
    }

    /// Writes a block, row-major, in the step that has begun.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn put(&self, target: Target, block: &Block) -> Result<()> {
        let api = &self.library.api;
        let (name, n) = (target.variable, block.dims.len());
        let what = format!("write variable '{name}'");
        let variable = match self.known(name)? {
            Some(variable) => variable,
            None => self.define(name, type_code(block.dtype), target, block.dims)?,
        };
        if !target.shape.is_empty() {
            // SAFETY: live handle, `n` numbers.
            self.check(unsafe { api.adios2_set_shape(variable.as_ptr(), n, target.shape.as_ptr()) }, &what)?;
        }
        let start = if target.shape.is_empty() { ptr::null() } else { target.start.as_ptr() };
        // SAFETY: live handle, `n` numbers each, or null for the start of a local array.
        self.check(unsafe { api.adios2_set_selection(variable.as_ptr(), n, start, block.dims.as_ptr()) }, &what)?;
        let data = block.bytes.as_ptr().cast();
        // SAFETY: the block has the bytes its dimensions ask for, and a sync put reads no later than now.
        let put = unsafe { api.adios2_put(self.engine.as_ptr(), variable.as_ptr(), data, c::adios2_mode_sync) };
        self.check(put, &what)
    }

    /// Writes a single value: the bytes of an element of `dtype`, or with `None` the text of a string.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn put_value(&self, name: &str, dtype: Option<Dtype>, value: &[u8]) -> Result<()> {
        let target = Target { variable: name, shape: &[], start: &[] };
        let code = dtype.map_or(c::adios2_type_string, type_code);
        let variable = self.known(name)?.map_or_else(|| self.define(name, code, target, &[]), Ok)?;
        // An end for strings.
        let value = [value, &[0]].concat();
        let data = value.as_ptr().cast();
        // SAFETY: one element or a terminated text, and a sync put reads no later than now.
        let put =
            unsafe { self.library.api.adios2_put(self.engine.as_ptr(), variable.as_ptr(), data, c::adios2_mode_sync) };
        self.check(put, &format!("write variable '{name}'"))
    }

    fn check(&self, status: c::adios2_error, what: &str) -> Result<()> {
        self.library.check(status as i32, &self.path, what)
    }

    fn known(&self, name: &str) -> Result<Option<NonNull<c::adios2_variable>>> {
        let name = c_string(name)?;
        // SAFETY: live handle, terminated name.
        Ok(NonNull::new(unsafe { self.library.api.adios2_inquire_variable(self.io.as_ptr(), name.as_ptr()) }))
    }

    fn define(
        &self,
        name: &str,
        code: c::adios2_type,
        target: Target,
        dims: &[usize],
    ) -> Result<NonNull<c::adios2_variable>> {
        let c_name = c_string(name)?;
        let or_null = |numbers: &[usize]| if numbers.is_empty() { ptr::null() } else { numbers.as_ptr() };
        // SAFETY: live handle, terminated name, arrays with one number per dimension or null.
        let variable = NonNull::new(unsafe {
            self.library.api.adios2_define_variable(
                self.io.as_ptr(),
                c_name.as_ptr(),
                code,
                dims.len(),
                or_null(target.shape),
                or_null(target.start),
                or_null(dims),
                c::adios2_constant_dims_false,
            )
        });
        variable.ok_or_else(|| failed(&self.path, &format!("variable '{name}' cannot be defined")))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: live handles, not used again.
        unsafe {
            self.library.api.adios2_close(self.engine.as_ptr());
            self.library.api.adios2_finalize(self.adios.as_ptr());
        }
    }
}
