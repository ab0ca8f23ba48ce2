//! What is asked of the process: handlers that run when it exits, memory, state that forked children do not share.
#![expect(unsafe_code, reason = "atexit has no safe wrapper")]

use std::sync::OnceLock;

/// Asks for `handler` to run at exit, before anything that was registered or loaded earlier is torn down.
pub fn at_exit(handler: extern "C" fn()) {
    // SAFETY: `atexit` only stores the pointer; the handler is a function of this library, which stays mapped
    // (the plugin is linked with -z nodelete), takes nothing and does not unwind.
    let refused = unsafe { libc::atexit(handler) } != 0;
    // A full table means no tidying up at exit, which is what happens without this call too.
    let _ = refused;
}

/// True when this much memory is to be had; it is given back at once. Rust ends the process when an allocation fails on the way.
pub fn has_memory(n_bytes: usize) -> bool {
    // More than the allocator keeps: the system answers, and gets it back.
    Vec::<u8>::new().try_reserve_exact(n_bytes).is_ok()
}

/// A static of each process. A forked child gets its own: a lock in its parent's may be held by a thread that it does not have, and
/// what is behind it may belong to such threads. The parent's is left alone, never dropped.
pub struct PerProcess<T> {
    first: OnceLock<Box<Owned<T>>>,
}

struct Owned<T> {
    process: u32,
    value: T,
    of_child: OnceLock<Box<Owned<T>>>,
}

impl<T: Default> PerProcess<T> {
    /// Made when it is asked for first.
    pub const fn new() -> Self {
        PerProcess { first: OnceLock::new() }
    }

    /// The value of this process.
    pub fn get(&self) -> &T {
        let process = std::process::id();
        let mut place = &self.first;
        loop {
            let new = || Box::new(Owned { process, value: T::default(), of_child: OnceLock::new() });
            let owned = place.get_or_init(new);
            if owned.process == process {
                return &owned.value;
            }
            place = &owned.of_child;
        }
    }
}
