//! What is asked of the process: handlers that run when it exits, memory, state that forked children do not share.
#![expect(unsafe_code, reason = "atexit has no safe wrapper, nor has asking for memory")]

use std::alloc::{GlobalAlloc as _, Layout, System};
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
    let Ok(layout) = Layout::from_size_align(n_bytes.max(1), 16) else { return false };
    // SAFETY: the layout has a size, and what was allocated with it is given back with it. Of the system's allocator, not the
    // program's, which would count as taken what is only asked for; the black box keeps a pair that nothing is done with.
    unsafe {
        let memory = std::hint::black_box(System.alloc(layout));
        if !memory.is_null() {
            System.dealloc(memory, layout);
        }
        !memory.is_null()
    }
}

/// A static of each process. A forked child gets its own: a lock in its parent's may be held by a thread that it does not have, and
/// what is behind it may belong to such threads. The parent's is left alone, never dropped.
pub struct PerProcess<T> {
    make: fn() -> T,
    first: OnceLock<Box<Owned<T>>>,
}

struct Owned<T> {
    process: u32,
    value: T,
    of_child: OnceLock<Box<Owned<T>>>,
}

impl<T> PerProcess<T> {
    /// Made by `make` when it is asked for first.
    pub const fn new(make: fn() -> T) -> Self {
        PerProcess { make, first: OnceLock::new() }
    }

    /// The value of this process.
    pub fn get(&self) -> &T {
        let process = std::process::id();
        let mut place = &self.first;
        loop {
            let new = || Box::new(Owned { process, value: (self.make)(), of_child: OnceLock::new() });
            let owned = place.get_or_init(new);
            if owned.process == process {
                return &owned.value;
            }
            place = &owned.of_child;
        }
    }
}
