//! Writes small datasets: one block per variable and step, from one process.
#![expect(unsafe_code, reason = "C calls")]

use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use super::bindings as c;
use super::dataset::type_code;
use super::library::{Library, c_string, failed};
use crate::{Block, Result};

/// A dataset open for writing; dropping it closes it.
#[derive(Debug)]
pub struct Writer {
    library: Arc<Library>,
    adios: NonNull<c::adios2_adios>,
    io: NonNull<c::adios2_io>,
    engine: NonNull<c::adios2_engine>,
    path: PathBuf,
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

    /// Writes one step: global arrays of one block each, row-major. Dimensions of a variable stay the same.
    ///
    /// # Errors
    /// [`crate::Error::File`] when ADIOS2 or the operator refuses.
    pub fn step(&self, arrays: &[(&str, Block)]) -> Result<()> {
        let api = &self.library.api;
        let check = |status, what: &str| self.library.check(status as i32, &self.path, what);
        let mut status = 0;
        // SAFETY: live handle, output of ours.
        let begun =
            unsafe { api.adios2_begin_step(self.engine.as_ptr(), c::adios2_step_mode_append, -1.0, &mut status) };
        check(begun, "begin a step")?;
        for (name, block) in arrays {
            let variable = self.variable(name, block)?;
            let data = block.bytes.as_ptr().cast();
            // SAFETY: the block has the bytes its dimensions ask for, and a sync put reads no later than now.
            let put = unsafe { api.adios2_put(self.engine.as_ptr(), variable.as_ptr(), data, c::adios2_mode_sync) };
            check(put, &format!("write variable '{name}'"))?;
        }
        // SAFETY: live handle.
        check(unsafe { api.adios2_end_step(self.engine.as_ptr()) }, "end the step")
    }

    fn variable(&self, name: &str, block: &Block) -> Result<NonNull<c::adios2_variable>> {
        let api = &self.library.api;
        let c_name = c_string(name)?;
        // SAFETY: live handle, terminated name.
        let known = NonNull::new(unsafe { api.adios2_inquire_variable(self.io.as_ptr(), c_name.as_ptr()) });
        if let Some(variable) = known {
            return Ok(variable);
        }
        let start = vec![0; block.dims.len()];
        let (n, shape) = (block.dims.len(), block.dims.as_ptr());
        // SAFETY: live handle, terminated name, three arrays of `n`.
        let variable = NonNull::new(unsafe {
            api.adios2_define_variable(
                self.io.as_ptr(),
                c_name.as_ptr(),
                type_code(block.dtype),
                n,
                shape,
                start.as_ptr(),
                shape,
                c::adios2_constant_dims_true,
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
