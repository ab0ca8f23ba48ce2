//! The floating-point mode of the CPU: canonical arithmetic needs round-to-nearest and no flush-to-zero, but a host
//! program may run with other settings.
#![expect(unsafe_code, reason = "reads and writes the floating-point control register")]

use std::marker::PhantomData;

/// Restores the thread's floating-point mode when dropped.
#[derive(Debug)]
pub struct CanonicalMode {
    saved: Register,
    /// Not `Send`: the mode belongs to the thread that set it.
    thread: PhantomData<*const ()>,
}

/// Sets this thread to round-to-nearest, no flush-to-zero, no traps, until the returned guard is dropped. Canonical
/// evaluation, and whatever else must decode to the same bits everywhere, runs under it.
#[must_use = "the mode is restored when the guard is dropped"]
pub fn canonical() -> CanonicalMode {
    let saved = read();
    write(DEFAULT);
    CanonicalMode { saved, thread: PhantomData }
}

impl Drop for CanonicalMode {
    fn drop(&mut self) {
        write(self.saved);
    }
}

#[cfg(target_arch = "x86_64")]
mod register {
    use std::arch::asm;

    /// MXCSR.
    pub(super) type Register = u32;
    /// All exceptions masked, round to nearest, FTZ and DAZ off.
    pub(super) const DEFAULT: Register = 0x1f80;

    pub(super) fn read() -> Register {
        let mut value = 0u32;
        // SAFETY: stores four bytes to `value`.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack, preserves_flags)) };
        value
    }

    pub(super) fn write(value: Register) {
        // SAFETY: the value is the default or was read from the register, so no reserved bit is set.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags, readonly)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    /// FPCR.
    pub(super) type Register = u64;
    /// Round to nearest, no flush-to-zero, no traps.
    pub(super) const DEFAULT: Register = 0;

    pub(super) fn read() -> Register {
        let value: u64;
        // SAFETY: reads a control register.
        unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }

    pub(super) fn write(value: Register) {
        // SAFETY: the value is the default or was read from the register.
        unsafe { asm!("msr fpcr, {}", in(reg) value, options(nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod register {
    pub(super) type Register = ();
    pub(super) const DEFAULT: Register = ();
    pub(super) fn read() {}
    pub(super) fn write(_: Register) {}
}

use register::{DEFAULT, Register, read, write};

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn denormals_survive_under_the_guard_and_the_host_mode_comes_back() {
        let tiny = f32::MIN_POSITIVE;
        let host = read();
        write(host | 0x8040); // FTZ and DAZ, as -ffast-math hosts set them
        assert_eq!(black_box(tiny) * black_box(0.5), 0.0);
        {
            let _mode = canonical();
            assert_ne!(black_box(tiny) * black_box(0.5), 0.0);
        }
        assert_eq!(read() & 0x8040, 0x8040);
        write(host);
    }
}
