//! The two functions ADIOS2 looks for in a plugin library, forwarded to the C++ shim.
//!
//! A Rust `cdylib` exports no C++ function, so they are Rust's; `C-unwind` lets the shim's exceptions through.
#![expect(unsafe_code, reason = "C ABI")]

use std::ffi::c_void;

unsafe extern "C-unwind" {
    fn inr_plugin_create(parameters: *const c_void) -> *mut c_void;
    fn inr_plugin_destroy(operator: *mut c_void);
}

/// Makes an operator for ADIOS2 2.9 or newer.
///
/// # Safety
/// Only for ADIOS2: `parameters` is a map of the host's kind of strings. Throws `std::runtime_error` for an unknown host.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn OperatorCreate(parameters: *const c_void) -> *mut c_void {
    super::guard::quiet_panics();
    // SAFETY: the caller's promise is the shim's.
    unsafe { inr_plugin_create(parameters) }
}

/// Frees what [`OperatorCreate`] made.
///
/// # Safety
/// Only for ADIOS2: `operator` comes from [`OperatorCreate`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn OperatorDestroy(operator: *mut c_void) {
    // SAFETY: the caller's promise is the shim's.
    unsafe { inr_plugin_destroy(operator) }
}
