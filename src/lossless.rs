//! Lossless coding of bytes: optional delta along the fastest axis, byte shuffle, Deflate. For integers, small blocks
//! and whatever lossy coding cannot serve.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::{Error, Result};

/// First byte of the payload: what was done before Deflate.
const PLAIN: u8 = 0;
const DELTA: u8 = 1;
/// Pieces that [`estimate`] looks at, and bytes of each.
const N_PIECES: usize = 8;
const PIECE: usize = 1 << 16;

/// Encodes elements of `element_bytes` each; tries with and without a delta of neighbouring elements (as unsigned
/// integers, wrapping) and keeps the smaller.
pub fn encode(bytes: &[u8], element_bytes: usize) -> Vec<u8> {
    let plain = deflate(PLAIN, &shuffle(bytes, element_bytes));
    let delta = deflate(DELTA, &shuffle(&differences(bytes, element_bytes), element_bytes));
    if delta.len() < plain.len() { delta } else { plain }
}

/// About the bytes that [`encode`] would give: of all of a small block, else of some pieces.
pub fn estimate(bytes: &[u8], element_bytes: usize) -> usize {
    if bytes.len() <= N_PIECES * PIECE {
        return encode(bytes, element_bytes).len();
    }
    let between = (bytes.len() - PIECE) / (N_PIECES - 1) / element_bytes * element_bytes;
    let sum: usize = (0..N_PIECES).map(|i| encode(&bytes[i * between..][..PIECE], element_bytes).len()).sum();
    (sum as f64 * bytes.len() as f64 / (N_PIECES * PIECE) as f64) as usize
}

/// Decodes into exactly `out.len()` bytes.
///
/// # Errors
/// [`Error::Corrupt`] when the payload is no such stream or has another length.
pub fn decode_into(payload: &[u8], element_bytes: usize, out: &mut [u8]) -> Result<()> {
    let (&filter, stream) = payload.split_first().ok_or_else(|| Error::corrupt("the lossless section is empty"))?;
    let mut shuffled = vec![0; out.len()];
    let mut decoder = DeflateDecoder::new(stream);
    decoder
        .read_exact(&mut shuffled)
        .map_err(|e| Error::corrupt(format!("the lossless section ends early or is damaged ({e})")))?;
    if decoder.read(&mut [0]).map_or(true, |n| n != 0) {
        return Err(Error::corrupt("the lossless section holds more than the block"));
    }
    unshuffle(&shuffled, element_bytes, out);
    match filter {
        PLAIN => Ok(()),
        DELTA => {
            sums(out, element_bytes);
            Ok(())
        }
        other => Err(Error::corrupt(format!("the lossless section has the unknown filter {other}"))),
    }
}

fn deflate(filter: u8, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![filter], Compression::new(6));
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// All first bytes of the elements, then all second ones, ...
fn shuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    (0..size).flat_map(|plane| bytes.iter().skip(plane).step_by(size).copied()).collect()
}

fn unshuffle(planes: &[u8], size: usize, out: &mut [u8]) {
    let n = planes.len() / size;
    for (plane, bytes) in planes.chunks_exact(n.max(1)).enumerate() {
        for (element, &byte) in out.chunks_exact_mut(size).zip(bytes) {
            element[plane] = byte;
        }
    }
}

/// Little-endian unsigned integer of up to 8 bytes; longer elements (complex) are taken by halves.
fn load(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &b| value << 8 | u64::from(b))
}

fn store(bytes: &mut [u8], value: u64) {
    let n = bytes.len();
    bytes.copy_from_slice(&value.to_le_bytes()[..n]);
}

fn differences(bytes: &[u8], size: usize) -> Vec<u8> {
    let lane = size.min(8);
    let mut out = bytes.to_vec();
    for i in size / lane..bytes.len() / lane {
        let (at, before) = (i * lane, i * lane - size);
        let difference = load(&bytes[at..at + lane]).wrapping_sub(load(&bytes[before..before + lane]));
        store(&mut out[at..at + lane], difference);
    }
    out
}

fn sums(out: &mut [u8], size: usize) {
    let lane = size.min(8);
    for i in size / lane..out.len() / lane {
        let (at, before) = (i * lane, i * lane - size);
        let sum = load(&out[at..at + lane]).wrapping_add(load(&out[before..before + lane]));
        store(&mut out[at..at + lane], sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ramp_of_integers_costs_almost_nothing() {
        let bytes: Vec<u8> = (0..10_000u32).flat_map(|i| (3 * i).to_le_bytes()).collect();
        assert!(encode(&bytes, 4).len() < 200);
    }

    #[test]
    fn the_estimate_is_near_for_what_is_alike_everywhere() {
        let bytes: Vec<u8> = (0..1_000_000u32).flat_map(|i| (i % 1000 * 7).to_le_bytes()).collect();
        let (estimate, exact) = (estimate(&bytes, 4) as f64, encode(&bytes, 4).len() as f64);
        assert!((0.5..4.0).contains(&(estimate / exact)), "{estimate} {exact}");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(elements: Vec<[u8; 16]>, size in prop::sample::select(vec![1usize, 2, 4, 8, 16])) {
            let bytes = elements.concat();
            let payload = encode(&bytes, size);
            let mut out = vec![1; bytes.len()];
            decode_into(&payload, size, &mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
            prop_assert!(decode_into(&payload, size, &mut vec![0; bytes.len() + size]).is_err());
        }

        #[test]
        fn arbitrary_payloads_never_panic(payload: Vec<u8>) {
            let _ = decode_into(&payload, 4, &mut [0; 64]);
        }
    }
}
