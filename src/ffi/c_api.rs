//! `plugin/inr.h`: operators and records.
#![expect(unsafe_code, reason = "C ABI")]

use std::ffi::{c_char, c_int, c_void};
use std::slice;

use super::call::{
    Failure, INR_BAD_RECORD, INR_BAD_SETTINGS, INR_INTERNAL, bad_call, input, pairs, put, sentence, status, text,
};
use super::guard::warn_once;
use super::hooks;
use super::operator::{self, HostBlock, MAX_GROWTH, Operator, Stored};
use crate::{Dtype, Error, Result, codec, session};

/// Types by their number in `inr.h`, from 1.
const TYPES: [Dtype; 12] = {
    use Dtype::{C32, C64, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    [F32, F64, C32, C64, I8, I16, I32, I64, U8, U16, U32, U64]
};

/// The type with number `code` in `inr.h`.
fn dtype(code: c_int) -> Result<Dtype, Failure> {
    let index = usize::try_from(code).ok().and_then(|c| c.checked_sub(1));
    index.and_then(|i| TYPES.get(i)).copied().ok_or_else(|| bad_call(&format!("there is no type {code}")))
}

/// Makes an operator from `n` pairs of strings; null when one of them is null.
///
/// # Safety
/// `keys` and `values` point to `n` pointers to NUL-terminated strings (or are null with `n` = 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_operator_new(
    keys: *const *const c_char,
    values: *const *const c_char,
    n: usize,
) -> *mut Operator {
    let mut made = std::ptr::null_mut();
    status(|| {
        // SAFETY: by the caller's promise.
        let pairs = unsafe { pairs(keys, values, n) }?;
        let pairs = pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        made = Box::into_raw(Box::new(Operator::new(pairs)));
        Ok(())
    });
    made
}

/// Checks what [`inr_operator_new`] would take.
///
/// # Safety
/// As [`inr_operator_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_check_settings(
    keys: *const *const c_char,
    values: *const *const c_char,
    n: usize,
) -> c_int {
    status(|| {
        // SAFETY: by the caller's promise.
        let pairs = unsafe { pairs(keys, values, n) }?;
        let checked = operator::settings(pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref())));
        checked.map(|_| ()).map_err(|error| (INR_BAD_SETTINGS, sentence(&error)))
    })
}

/// Makes an operator that stores every block as it is and says why on stderr, once; null when the reason is.
///
/// # Safety
/// `reason` is null or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_operator_without_settings(reason: *const c_char) -> *mut Operator {
    let mut made = std::ptr::null_mut();
    status(|| {
        // SAFETY: terminated, by the caller's promise.
        let reason = unsafe { text(reason) }.ok_or_else(|| bad_call("the reason is null"))?;
        made = Box::into_raw(Box::new(Operator::without_settings(reason.into_owned())));
        Ok(())
    });
    made
}

/// Frees an operator; null is allowed.
///
/// # Safety
/// `op` is null or comes from one of the functions above and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_operator_free(op: *mut Operator) {
    if !op.is_null() {
        status(|| {
            // SAFETY: a box of ours, given back once.
            drop(unsafe { Box::from_raw(op) });
            Ok(())
        });
    }
}

/// Says which dataset and variable the next blocks belong to; null for "not known".
///
/// # Safety
/// `op` is null or a live operator; the strings are null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_operator_set_place(
    op: *const Operator,
    dataset: *const c_char,
    variable: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: null or live, by the caller's promise.
        let op = unsafe { op.as_ref() }.ok_or_else(|| bad_call("the operator is null"))?;
        // SAFETY: null or terminated, by the caller's promise.
        let (dataset, variable) = unsafe { (text(dataset), text(variable)) };
        op.set_place(dataset.as_deref(), variable.as_deref());
        Ok(())
    })
}

/// Encodes a block into `out`.
///
/// # Safety
/// `op` is null or a live operator; `start` and `dims` have the lengths given; `data` has `product(dims)` elements, `out`
/// their bytes + `INR_MAX_GROWTH`; `out_bytes` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_encode(
    op: *const Operator,
    dtype_code: c_int,
    start: *const usize,
    n_start: usize,
    dims: *const usize,
    n_dims: usize,
    data: *const c_void,
    out: *mut c_void,
    out_bytes: *mut usize,
) -> c_int {
    status(|| {
        if out.is_null() || out_bytes.is_null() {
            return Err(bad_call("the output is null"));
        }
        // SAFETY: null or live, by the caller's promise.
        let op = unsafe { op.as_ref() }.ok_or_else(|| bad_call("the operator is null"))?;
        let dtype = dtype(dtype_code)?;
        // SAFETY: lengths by the caller's promise.
        let (start, dims) = unsafe { (input(start, n_start, "start")?, input(dims, n_dims, "dims")?) };
        let n_bytes = dims.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        let n_bytes = n_bytes.ok_or_else(|| bad_call(&format!("a block of {dims:?} values is too large")))?;
        // SAFETY: `product(dims)` elements by the caller's promise, read as bytes.
        let bytes = unsafe { input(data.cast::<u8>(), n_bytes, "data") }?;
        let Stored { head, rest } = match hooks::supplied() {
            Some(record) if codec::inspect(&record).is_ok_and(|summary| summary.raw_bytes == n_bytes) => {
                Stored::whole(record)
            }
            Some(_) => return Err(bad_call("the record supplied is not of this block")),
            None => op.encode(&HostBlock { dtype, start, dims, bytes }).map_err(|text| (INR_BAD_SETTINGS, text))?,
        };
        let n_stored = head.len() + rest.len();
        if head.is_empty() || n_stored > n_bytes + MAX_GROWTH {
            return Err((INR_INTERNAL, format!("adios2_inr: {n_stored} bytes for a block of {n_bytes}.")));
        }
        // SAFETY: `out` has room for `n_bytes + MAX_GROWTH` bytes, checked above, and overlaps neither our own vector nor the data.
        unsafe {
            std::ptr::copy_nonoverlapping(head.as_ptr(), out.cast(), head.len());
            std::ptr::copy_nonoverlapping(rest.as_ptr(), out.cast::<u8>().add(head.len()), rest.len());
        }
        // SAFETY: not null, writable by the caller's promise.
        unsafe { out_bytes.write(n_stored) };
        Ok(())
    })
}

/// Bytes of the block in a record, from its header.
///
/// # Safety
/// `record` has `record_bytes` readable bytes; `decoded_bytes` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_decoded_bytes(
    record: *const c_void,
    record_bytes: usize,
    decoded_bytes: *mut usize,
) -> c_int {
    status(|| {
        if decoded_bytes.is_null() {
            return Err(bad_call("the output is null"));
        }
        // SAFETY: length by the caller's promise.
        let record = unsafe { input(record.cast::<u8>(), record_bytes, "record") }?;
        let summary = codec::inspect(record).map_err(|e| (INR_BAD_RECORD, format!("adios2_inr: {e}.")))?;
        // SAFETY: not null, writable by the caller's promise.
        unsafe { decoded_bytes.write(summary.raw_bytes) };
        Ok(())
    })
}

/// Type and dimensions of the block in a record, slowest first.
///
/// # Safety
/// `record` has `record_bytes` readable bytes; `dims` has room for `room` numbers; `dtype_code` and `n_dims` are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_describe(
    record: *const c_void,
    record_bytes: usize,
    dtype_code: *mut c_int,
    dims: *mut usize,
    room: usize,
    n_dims: *mut usize,
) -> c_int {
    status(|| {
        // SAFETY: length by the caller's promise.
        let record = unsafe { input(record.cast::<u8>(), record_bytes, "record") }?;
        let summary = codec::inspect(record).map_err(|e| (INR_BAD_RECORD, sentence(&e)))?;
        let code = TYPES.iter().zip(1..).find(|(dtype, _)| **dtype == summary.dtype).map_or(0, |(_, code)| code);
        // SAFETY: null or writable, room for `room` numbers, by the caller's promise.
        unsafe {
            put(&[code], dtype_code, "type")?;
            put(&summary.dims[..summary.dims.len().min(room)], dims, "dims")?;
            put(&[summary.dims.len()], n_dims, "n_dims")
        }
    })
}

/// Decodes a record into `out`.
///
/// # Safety
/// `op` is null or a live operator; `record` has `record_bytes` readable bytes; `out` has room for what
/// [`inr_decoded_bytes`] says and does not overlap it; `decoded_bytes` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_decode(
    op: *const Operator,
    record: *const c_void,
    record_bytes: usize,
    out: *mut c_void,
    decoded_bytes: *mut usize,
) -> c_int {
    status(|| {
        if decoded_bytes.is_null() {
            return Err(bad_call("the output is null"));
        }
        // SAFETY: null or live, by the caller's promise.
        let op = unsafe { op.as_ref() };
        let failure = |error| match op {
            Some(op) => (INR_BAD_RECORD, op.describe_failure(&error)),
            None => (INR_BAD_RECORD, format!("adios2_inr: {error}.")),
        };
        if isize::try_from(record_bytes).is_err() {
            // ADIOS2 subtracts what it has read from the lengths of names in front of the record.
            return Err(failure(Error::corrupt("what stands in front of it says that it has less than no bytes")));
        }
        // SAFETY: length by the caller's promise.
        let record = unsafe { input(record.cast::<u8>(), record_bytes, "record") }?;
        if hooks::observed(record) {
            // SAFETY: not null, writable by the caller's promise.
            unsafe { decoded_bytes.write(codec::inspect(record).map_or(0, |summary| summary.raw_bytes)) };
            return Ok(());
        }
        let n_bytes = codec::inspect(record).map_err(failure)?.raw_bytes;
        if n_bytes > 0 && out.is_null() || isize::try_from(n_bytes).is_err() {
            return Err(bad_call("the output is null or too large"));
        }
        let out = if n_bytes == 0 { std::ptr::dangling_mut() } else { out.cast::<u8>() };
        // SAFETY: room for `n_bytes` by the caller's promise, checked above; the host hands out memory it has not
        // shared, and bytes have no invalid values.
        let out = unsafe { slice::from_raw_parts_mut(out, n_bytes) };
        let dataset = op.map(Operator::dataset).unwrap_or_default();
        if let Some(doubt) = session::decode_from(&dataset, record, out).map_err(failure)? {
            warn_once(&format!("{doubt}."));
        }
        // SAFETY: not null, writable by the caller's promise.
        unsafe { decoded_bytes.write(n_bytes) };
        Ok(())
    })
}

/// Version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn inr_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
