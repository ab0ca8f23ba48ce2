//! Locks of a store file between processes: who has it in use, and whose turn it is to append.
//!
//! Byte ranges that belong to the open file (`F_OFD_SETLK`), so that they end with the process whatever becomes of it. A file
//! system without them is told by the error of the first one.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// A turn takes milliseconds; a process that was stopped in its own must not stop the others for good.
const PATIENCE: Duration = Duration::from_secs(30);
/// First and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_micros(20), Duration::from_millis(2));

/// What is locked.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// Held as long as the file is used.
    InUse,
    /// Held while something is appended.
    Turn,
}

/// How it is locked.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// Together with others.
    Shared,
    /// By nobody else.
    Alone,
    /// No more.
    Free,
}

/// Sets a lock of `file`; false when another process has one that excludes it.
///
/// # Errors
/// The file system has no locks.
#[cfg(target_os = "linux")]
pub fn set(file: &File, part: Part, hold: Hold) -> io::Result<bool> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    let kind = match hold {
        Hold::Shared => libc::F_RDLCK,
        Hold::Alone => libc::F_WRLCK,
        Hold::Free => libc::F_UNLCK,
    };
    let range = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: part as libc::off_t,
        l_len: 1,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range)) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// As on Linux; there are none here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn set(_: &File, _: Part, _: Hold) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits for the turn.
///
/// # Errors
/// Another process does not end its own, [`set`].
pub fn await_turn(file: &File) -> io::Result<()> {
    let (started, mut pause) = (Instant::now(), PAUSE.0);
    while !set(file, Part::Turn, Hold::Alone)? {
        if started.elapsed() > PATIENCE {
            let why = "another process keeps it locked: end it if it hangs";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        std::thread::sleep(pause);
        pause = PAUSE.1.min(2 * pause);
    }
    Ok(())
}

/// Ends the turn.
pub fn end_turn(file: &File) {
    // What cannot be unlocked is when the file is closed.
    let _ = set(file, Part::Turn, Hold::Free);
}
