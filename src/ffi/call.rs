//! What every C function does: pointers become slices, panics status codes, errors sentences.
#![expect(unsafe_code, reason = "C ABI")]

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::slice;

use super::guard::guard;
use crate::{Error, Result};

/// Done.
pub const INR_OK: c_int = 0;
/// The operator's parameters are wrong.
pub const INR_BAD_SETTINGS: c_int = 1;
/// A record cannot be decoded.
pub const INR_BAD_RECORD: c_int = 2;
/// Null pointer, unknown type, sizes that overflow.
pub const INR_BAD_CALL: c_int = 3;
/// A bug, caught here.
pub const INR_INTERNAL: c_int = 4;
/// A dataset has no such networks, or they do not know the place or time.
pub const INR_NO_ANSWER: c_int = 5;

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// A status and the sentence that goes with it.
pub(super) type Failure = (c_int, String);

/// Runs the body of a C function: keeps its error for [`inr_last_error`], turns a panic into one.
pub(super) fn status(body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    let outcome = guard(body).unwrap_or_else(|panic| Err((INR_INTERNAL, format!("adios2_inr: {panic}."))));
    let Err((code, text)) = outcome else { return INR_OK };
    // NUL cannot stand in a C string; names from a damaged file may hold it.
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    let _ = LAST_ERROR.try_with(|last| last.replace(text));
    code
}

pub(super) fn bad_call(what: &str) -> Failure {
    (INR_BAD_CALL, format!("adios2_inr was called wrongly: {what}."))
}

/// What went wrong, as a sentence.
pub(super) fn sentence(error: &Error) -> String {
    let text = error.to_string();
    format!("adios2_inr: {text}{}", if text.ends_with(['?', '.']) { "" } else { "." })
}

/// `n` elements at `data` as a slice; null is allowed for none.
///
/// # Safety
/// `data` is null or points to `n` readable elements that nobody changes during `'a`.
pub(super) unsafe fn input<'a, T>(data: *const T, n: usize, name: &str) -> Result<&'a [T], Failure> {
    if n == 0 {
        return Ok(&[]);
    }
    let bytes = n.checked_mul(size_of::<T>()).filter(|&b| isize::try_from(b).is_ok());
    if bytes.is_none() || data.is_null() || !data.is_aligned() {
        return Err(bad_call(&format!("{name} is null, not aligned or too long ({n} elements)")));
    }
    // SAFETY: not null, aligned, below isize::MAX bytes; readable and unchanged by the caller's promise.
    Ok(unsafe { slice::from_raw_parts(data, n) })
}

/// A C string as text; null for none.
///
/// # Safety
/// `text` is null or NUL-terminated and unchanged during `'a`.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Option<Cow<'a, str>> {
    // SAFETY: not null here; terminated by the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
}

/// A key and its value.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// `n` pairs of strings at `keys` and `values`.
///
/// # Safety
/// Both point to `n` pointers to NUL-terminated strings that nobody changes during `'a` (or are null with `n` = 0).
pub(super) unsafe fn pairs<'a>(
    keys: *const *const c_char,
    values: *const *const c_char,
    n: usize,
) -> Result<Vec<Pair<'a>>, Failure> {
    // SAFETY: `n` pointers each, by the caller's promise.
    let (keys, values) = unsafe { (input(keys, n, "keys")?, input(values, n, "values")?) };
    let both = keys.iter().zip(values);
    // SAFETY: null or terminated, by the caller's promise.
    let all: Option<Vec<_>> = both.map(|(&key, &value)| unsafe { text(key).zip(text(value)) }).collect();
    all.ok_or_else(|| bad_call("a key or a value is null"))
}

/// Copies `from` to `to`.
///
/// # Safety
/// `to` is null or has room for as many elements as `from`, which it does not overlap.
pub(super) unsafe fn put<T: Copy>(from: &[T], to: *mut T, name: &str) -> Result<(), Failure> {
    if from.is_empty() {
        return Ok(());
    }
    if to.is_null() || !to.is_aligned() {
        return Err(bad_call(&format!("the output '{name}' is null or not aligned")));
    }
    // SAFETY: not null, aligned, room by the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    Ok(())
}

/// Why the last call of this thread failed; valid until its next call.
#[unsafe(no_mangle)]
pub extern "C" fn inr_last_error() -> *const c_char {
    LAST_ERROR.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
