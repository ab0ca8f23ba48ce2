//! Which steps hold a variable: BP4 has no call that tells, so the dataset is walked through as a stream.
#![expect(unsafe_code, reason = "C calls")]

use std::collections::HashMap;
use std::path::Path;
use std::ptr::NonNull;

use super::bindings as c;
use super::library::{Library, c_string, failed};
use crate::Result;

/// The steps of the dataset that hold each of `variables`, by name.
pub(super) fn walk(
    library: &Library,
    adios: NonNull<c::adios2_adios>,
    path: &Path,
    variables: &[&str],
) -> Result<HashMap<String, Vec<usize>>> {
    let api = &library.api;
    let refused = || failed(path, "ADIOS2 could not read the steps one by one (its own message is on stderr)");
    let name = c_string(&path.to_string_lossy())?;
    let names = variables.iter().map(|name| c_string(name)).collect::<Result<Vec<_>>>()?;
    // SAFETY: live handle, terminated name.
    let io =
        NonNull::new(unsafe { api.adios2_declare_io(adios.as_ptr(), c"inr-steps".as_ptr()) }).ok_or_else(refused)?;
    // SAFETY: live handle, terminated name.
    let engine = unsafe { api.adios2_open(io.as_ptr(), name.as_ptr(), c::adios2_mode_read) };
    let engine = NonNull::new(engine).ok_or_else(refused)?;
    let mut found: HashMap<String, Vec<usize>> = HashMap::new();
    for step in 0.. {
        let mut status = c::adios2_step_status_other_error;
        // SAFETY: live handle, output of ours; no waiting for steps that are not there yet.
        let begun = unsafe { api.adios2_begin_step(engine.as_ptr(), c::adios2_step_mode_read, 0.0, &mut status) };
        if begun != 0 || status != c::adios2_step_status_ok {
            break;
        }
        for (variable, name) in variables.iter().zip(&names) {
            // SAFETY: live handle, terminated name.
            if !unsafe { api.adios2_inquire_variable(io.as_ptr(), name.as_ptr()) }.is_null() {
                found.entry((*variable).to_owned()).or_default().push(step);
            }
        }
        // SAFETY: live handle.
        unsafe { api.adios2_end_step(engine.as_ptr()) };
    }
    // SAFETY: live handle, not used again.
    unsafe { api.adios2_close(engine.as_ptr()) };
    Ok(found)
}
