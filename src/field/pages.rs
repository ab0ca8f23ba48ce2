//! Large arrays of zeros in large pages where the system has them to give: faults of small pages take a tenth of the time of an
//! encoding.

/// Bytes from which on large pages pay.
const LARGE: usize = 4 << 20;

/// `n` zeros.
pub fn zeros<T: Copy + Default>(n: usize) -> Vec<T> {
    let zeros = vec![T::default(); n];
    if size_of_val(&zeros[..]) >= LARGE {
        ask_for_large_pages(&zeros);
    }
    zeros
}

/// `n` bytes of zeros; `None` when there is no memory.
#[expect(unsafe_code, reason = "no safe function gives zeros that nobody has to write, or says that there are none")]
pub fn room(n: usize) -> Option<Vec<u8>> {
    let layout = std::alloc::Layout::array::<u8>(n).ok().filter(|_| n > 0);
    let Some(layout) = layout else { return (n == 0).then(Vec::new) };
    // SAFETY: the layout has a size.
    let memory = unsafe { std::alloc::alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: the global allocator gave `n` bytes of this layout, all of them zeros.
    let zeros = unsafe { Vec::from_raw_parts(memory, n, n) };
    if n >= LARGE {
        ask_for_large_pages(&zeros);
    }
    Some(zeros)
}

/// Asks the system to back this memory, which nobody has touched, with large pages; it may refuse.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "advice to the system about memory that is owned")]
fn ask_for_large_pages<T>(memory: &[T]) {
    /// The largest size of small pages that processors have.
    const PAGE: usize = 1 << 16;
    let n_bytes = size_of_val(memory);
    let skipped = memory.as_ptr().cast::<u8>().align_offset(PAGE);
    if let Some(n_bytes) = n_bytes.checked_sub(skipped) {
        // SAFETY: the memory is owned and lives, and the advice leaves what it holds as it is.
        unsafe { libc::madvise(memory.as_ptr().byte_add(skipped).cast_mut().cast(), n_bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages<T>(_: &[T]) {}
