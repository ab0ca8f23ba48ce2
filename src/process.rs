//! Handlers that run when the process exits.
#![expect(unsafe_code, reason = "atexit has no safe wrapper")]

/// Asks for `handler` to run at exit, before anything that was registered or loaded earlier is torn down.
pub fn at_exit(handler: extern "C" fn()) {
    // SAFETY: `atexit` only stores the pointer; the handler is a function of this library, which stays mapped
    // (the plugin is linked with -z nodelete), takes nothing and does not unwind.
    let refused = unsafe { libc::atexit(handler) } != 0;
    // A full table means no tidying up at exit, which is what happens without this call too.
    let _ = refused;
}
