//! Several streams as one.

use crate::{Error, Result};

/// Writes a length, seven bits per byte, the lowest first.
pub(super) fn push_length(out: &mut Vec<u8>, mut n: usize) {
    while n >= 128 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a length and returns the rest.
///
/// # Errors
/// [`Error::Corrupt`].
pub(super) fn length(mut bytes: &[u8]) -> Result<(usize, &[u8])> {
    let (mut n, mut at) = (0usize, 0);
    loop {
        let (&byte, rest) = bytes.split_first().ok_or_else(short)?;
        bytes = rest;
        n |= usize::from(byte & 127) << at;
        at += 7;
        if byte < 128 {
            return Ok((n, bytes));
        }
        if at > 49 {
            return Err(short());
        }
    }
}

fn short() -> Error {
    Error::corrupt("the transform payload is shorter than its streams")
}

/// Streams one after another, in front the length of each but the last.
pub(super) fn join(streams: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    streams[..streams.len() - 1].iter().for_each(|stream| push_length(&mut out, stream.len()));
    streams.iter().for_each(|stream| out.extend_from_slice(stream));
    out
}

/// The opposite of [`join`].
///
/// # Errors
/// [`Error::Corrupt`] when there are not so many.
pub(super) fn cut(mut bytes: &[u8], n_streams: usize) -> Result<Vec<&[u8]>> {
    if n_streams > bytes.len() + 1 {
        return Err(short());
    }
    let mut lengths = Vec::with_capacity(n_streams);
    for _ in 1..n_streams {
        let (n, rest) = length(bytes)?;
        lengths.push(n);
        bytes = rest;
    }
    let mut streams = Vec::with_capacity(n_streams);
    for n in lengths {
        let (stream, rest) = bytes.split_at_checked(n).ok_or_else(short)?;
        streams.push(stream);
        bytes = rest;
    }
    streams.push(bytes);
    Ok(streams)
}
