//! How much more memory a piece of work takes than is in use before it.

use std::fs;

/// Runs `work`; the largest growth of this process's resident memory meanwhile, in bytes, where the system tells (Linux).
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    // Memory that was freed but not given back would hide growth.
    give_back();
    let before = fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| status("VmRSS:"));
    let done = work();
    let peak = before.and_then(|before| Some(status("VmHWM:")?.saturating_sub(before)));
    (done, peak)
}

/// Bytes that the line of this name says.
fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no safe wrapper for this")]
fn give_back() {
    // SAFETY: it takes any number and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_taken_and_given_back_again_is_seen() {
        let (_, small) = peak(|| std::hint::black_box(1));
        let (_, large) = peak(|| drop(std::hint::black_box(vec![1u8; 64 << 20])));
        let (small, large) = (small.unwrap(), large.unwrap());
        assert!(small < 16 << 20 && large >= 64 << 20, "{small} {large}");
    }
}
