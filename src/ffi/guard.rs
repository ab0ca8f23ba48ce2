//! Panics stop here: they become [`Error::Internal`], because unwinding into C or C++ frames that do not expect it is
//! undefined, and a simulation must not die for one block.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Error, Result};

thread_local! {
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`; a panic inside is returned as an error.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Result<T> {
    // What `work` changed is either behind locks whose poison is passed over or thrown away with it.
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panic");
        let place = PANIC_PLACE.with(|place| place.take());
        Error::Internal(if place.is_empty() { text.to_owned() } else { format!("{text} at {place}") })
    })
}

/// Keeps the place of a panic for [`guard`] and prints nothing: the one line on stderr is ours. Only for the plugin,
/// which has its own copy of the Rust runtime; a Rust program that links the library keeps its hook.
#[cfg(feature = "adios2")]
pub(super) fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let _ = PANIC_PLACE.try_with(|slot| slot.replace(place));
        }));
    });
}

/// Writes `line` to stderr, once per process and at most 64 different ones: a run has thousands of blocks.
pub(super) fn warn_once(line: &str) {
    static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() < 64 && said.insert(line.to_owned()) {
        // A closed stderr is no reason to fail.
        let _ = writeln!(std::io::stderr(), "adios2_inr: {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guard(|| panic!("index {} of {}", 7, 5)).unwrap_err();
        assert!(error.to_string().contains("index 7 of 5"), "{error}");
        assert_eq!(guard(|| 3), Ok(3));
    }
}
