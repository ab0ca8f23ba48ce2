//! What `inr` asks of the plugin it runs beside ADIOS2: to see the records that are read, and to store finished ones.
#![expect(unsafe_code, reason = "C ABI")]

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::slice;
use std::sync::{PoisonError, RwLock};

/// Sees every record that comes in to be decoded; not 0 skips the decoding.
pub type Observer = unsafe extern "C" fn(user: *mut c_void, record: *const c_void, record_bytes: usize) -> c_int;

struct Installed {
    observer: Observer,
    user: *mut c_void,
}

// SAFETY: who installs an observer promises that it may be called from any thread.
unsafe impl Send for Installed {}
// SAFETY: as above.
unsafe impl Sync for Installed {}

static OBSERVER: RwLock<Option<Installed>> = RwLock::new(None);

/// Shows a record to the observer; true when it wants it skipped.
pub(super) fn observed(record: &[u8]) -> bool {
    // The lock is held during the call: when `inr_observe(NULL)` returns, no call is under way.
    let installed = OBSERVER.read().unwrap_or_else(PoisonError::into_inner);
    let Some(Installed { observer, user }) = &*installed else { return false };
    // SAFETY: the observer and its user data are valid until taken away, by the promise to `inr_observe`.
    unsafe { observer(*user, record.as_ptr().cast(), record.len()) != 0 }
}

/// Installs an observer for the whole process; null takes it away.
///
/// # Safety
/// `observer` may be called with `user` from any thread until it is taken away; it does not call back into this library
/// and lets no exception out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_observe(observer: Option<Observer>, user: *mut c_void) {
    let mut installed = OBSERVER.write().unwrap_or_else(PoisonError::into_inner);
    *installed = observer.map(|observer| Installed { observer, user });
}

thread_local! {
    static SUPPLIED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The record that this thread's next block is stored as, taken away.
pub(super) fn supplied() -> Option<Vec<u8>> {
    SUPPLIED.try_with(RefCell::take).ok().flatten()
}

/// Stores the next block of this thread as a finished record, which is copied; null takes it back. 1 if an earlier one was not
/// used.
///
/// # Safety
/// `record` is null or has `record_bytes` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_supply(record: *const c_void, record_bytes: usize) -> c_int {
    let record = (!record.is_null() && isize::try_from(record_bytes).is_ok()).then(|| {
        // SAFETY: not null, readable by the caller's promise.
        unsafe { slice::from_raw_parts(record.cast::<u8>(), record_bytes) }.to_vec()
    });
    let earlier = SUPPLIED.try_with(|supplied| supplied.replace(record)).ok().flatten();
    c_int::from(earlier.is_some())
}
