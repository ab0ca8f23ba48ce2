//! One entry of a store file, and the walk over all of them.
//!
//! ```text
//! bytes 0..4   length of the body, little-endian
//! bytes 4..8   CRC-32C of the body
//! bytes 8..12  CRC-32C of the eight bytes before
//! then         body: kind, series and segment (varints), payload
//! ```
//! The head has a checksum of its own so that damage in a body costs that entry alone: the walk knows where the next one is. Behind a
//! damaged head it goes on with the next whole entry.

use std::ops::Range;

use crate::{Error, Result};

/// First bytes of a store file; the last one is the version of the layout.
pub const MAGIC: [u8; 8] = *b"INRSTOR\x01";
/// Bytes before a body.
pub const HEAD: usize = 12;

/// What an entry holds; the numbers are part of the format, unknown ones are carried along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Kind(pub u8);

impl Kind {
    /// A network as records refer to it.
    pub const NETWORK: Kind = Kind(1);
    /// Which variable a segment belongs to and what its steps were promised.
    pub const SEGMENT: Kind = Kind(2);
    /// What training goes on from.
    pub const CHECKPOINT: Kind = Kind(3);
    /// Coordinates of the nodes of a mesh.
    pub const POINTS: Kind = Kind(4);
    /// A step of a chain; the segment is its number.
    pub const STEP: Kind = Kind(5);
    /// Weights that steps of a chain were predicted with; the segment is their number.
    pub const PREDICTOR: Kind = Kind(6);
    /// Of which array the steps in a file are, where the file is no part of a dataset.
    pub const ARRAY: Kind = Kind(7);
    /// Whose a series is, where several processes share a file.
    pub const OWNER: Kind = Kind(8);
    /// Added to a kind: spare of an entry of that kind (`spare.rs`).
    const SPARE: u8 = 0x80;
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// What it holds.
    pub kind: Kind,
    /// Number of the series within the file.
    pub series: u32,
    /// Number of the segment within the series.
    pub segment: u32,
}

impl Key {
    /// Key of the spare of this entry.
    pub fn spare(self) -> Key {
        Key { kind: Kind(self.kind.0 | Kind::SPARE), ..self }
    }

    /// True for what is never written anew under its key.
    pub fn is_written_once(self) -> bool {
        [Kind::POINTS, Kind::STEP, Kind::PREDICTOR, Kind::OWNER].contains(&self.kind)
    }

    /// What this is the spare of; `None` when it is none.
    pub fn spared(self) -> Option<Key> {
        (self.kind.0 & Kind::SPARE != 0).then_some(Key { kind: Kind(self.kind.0 & !Kind::SPARE), ..self })
    }
}

/// Appends an entry to `file`; an empty payload takes the key back.
///
/// # Errors
/// [`Error::Internal`] for a body of 4 GiB or more.
pub fn write(key: Key, payload: &[u8], file: &mut Vec<u8>) -> Result<()> {
    let head = file.len();
    file.extend([0; HEAD]);
    let mut bytes = postcard::to_extend(&key, std::mem::take(file)).expect("a Vec takes any key");
    bytes.extend_from_slice(payload);
    *file = bytes;
    let body = &file[head + HEAD..];
    let too_long = || Error::Internal(format!("a store entry of {} bytes", payload.len()));
    let length = u32::try_from(body.len()).map_err(|_| too_long())?.to_le_bytes();
    let checksum = crc32c::crc32c(body).to_le_bytes();
    file[head..head + 4].copy_from_slice(&length);
    file[head + 4..head + 8].copy_from_slice(&checksum);
    let checksum = crc32c::crc32c(&file[head..head + 8]).to_le_bytes();
    file[head + 8..head + HEAD].copy_from_slice(&checksum);
    Ok(())
}

/// Bytes of an entry in its file.
pub fn n_bytes(key: Key, n_payload: usize) -> usize {
    HEAD + postcard::to_allocvec(&key).map_or(0, |key| key.len()) + n_payload
}

/// The bytes before a body, checked.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Of the body.
    pub length: usize,
    checksum: u32,
}

impl Head {
    /// `None` when the bytes start with no sound head.
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let (head, _) = bytes.split_first_chunk::<HEAD>()?;
        let number = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        (crc32c::crc32c(&head[..8]) == number(8)).then(|| Head { length: number(0) as usize, checksum: number(4) })
    }
}

/// One entry found by [`Walk`], or damage between two.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its bytes in the file, head and body.
    pub span: Range<usize>,
    /// Key and place of the payload; `None` where it is damaged.
    pub content: Option<(Key, Range<usize>)>,
    /// Key and place that a damaged entry seems to have.
    pub remains: Option<(Key, Range<usize>)>,
}

impl Found {
    /// The entry at byte `at` of a file, which may be damaged in its body; `None` without a sound head or all of its bytes.
    fn read(file: &[u8], at: usize) -> Option<Found> {
        let rest = file.get(at..)?;
        let head = Head::read(rest)?;
        let body = rest[HEAD..].get(..head.length)?;
        let span = at..at + HEAD + body.len();
        let key = postcard::take_from_bytes::<Key>(body).ok();
        let found = key.map(|(key, payload)| (key, span.end - payload.len()..span.end));
        let is_whole = crc32c::crc32c(body) == head.checksum;
        let (content, remains) = if is_whole { (found, None) } else { (None, found) };
        Some(Found { span, content, remains })
    }
}

/// Where the first whole entry of `bytes` starts that is not at their beginning; `None` without one.
///
/// Checksums are computed over [`PATIENCE`] times the bytes at most: what was made to look like many entries does not take long.
pub fn next_whole(bytes: &[u8]) -> Option<usize> {
    let mut left = PATIENCE.saturating_mul(bytes.len());
    (1..bytes.len().saturating_sub(HEAD)).find(|&at| {
        let Some(head) = Head::read(&bytes[at..]).filter(|head| head.length <= bytes.len() - at - HEAD) else {
            return false;
        };
        left = left.saturating_sub(head.length);
        left > 0 && Found::read(bytes, at).is_some_and(|found| found.content.is_some())
    })
}

/// See [`next_whole`].
const PATIENCE: usize = 4;

/// Walks over the entries of a file's bytes behind [`MAGIC`]; ends behind the last whole one.
pub struct Walk<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// From the first entry of `file` on.
    pub fn new(file: &'a [u8]) -> Self {
        Walk { file, at: MAGIC.len() }
    }

    /// Where the walk has come to.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl Iterator for Walk<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let found = Found::read(self.file, self.at).or_else(|| {
            let end = self.at + next_whole(self.file.get(self.at..)?)?;
            Some(Found { span: self.at..end, content: None, remains: None })
        })?;
        self.at = found.span.end;
        Some(found)
    }
}

/// Checks the first bytes of a store file.
///
/// # Errors
/// [`Error::Version`], [`Error::Corrupt`].
pub fn check_magic(file: &[u8]) -> Result<()> {
    let (name, version) = MAGIC.split_at(MAGIC.len() - 1);
    match file.get(..MAGIC.len()) {
        // Just made, or by a process that was killed then.
        None if file.is_empty() => Ok(()),
        Some(found) if found == MAGIC => Ok(()),
        Some(found) if found.starts_with(name) && found[name.len()] > version[0] => {
            Err(Error::Version { found: found[name.len()], supported: version[0] })
        }
        _ => Err(Error::corrupt("a file of the model store does not start with 'INRSTOR'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kind: u8, series: u32, segment: u32) -> Key {
        Key { kind: Kind(kind), series, segment }
    }

    fn file(entries: &[(Key, &[u8])]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        entries.iter().for_each(|(key, payload)| write(*key, payload, &mut file).unwrap());
        file
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_the_entries_before_the_cut() {
        let entries: [(Key, &[u8]); 3] = [(key(1, 0, 0), b"first"), (key(2, 300, 7), b""), (key(1, 0, 0), b"third")];
        let bytes = file(&entries);
        let ends: Vec<usize> = Walk::new(&bytes).map(|found| found.span.end).collect();
        assert_eq!(ends.len(), 3);
        for cut in 0..=bytes.len() {
            let n_whole = ends.iter().filter(|&&end| end <= cut).count();
            let found: Vec<_> = Walk::new(&bytes[..cut]).collect();
            assert_eq!(found.len(), n_whole, "cut at {cut}");
            for (found, (key, payload)) in found.iter().zip(&entries) {
                let (found_key, range) = found.content.clone().unwrap();
                assert_eq!(n_bytes(found_key, range.len()), found.span.len());
                assert_eq!((found_key, &bytes[range]), (*key, *payload));
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_gives_wrong_bytes_and_costs_its_own_entry() {
        let entries: [(Key, &[u8]); 3] =
            [(key(1, 0, 0), b"first"), (key(3, 1, 2), b"second"), (key(3, 1, 3), b"third")];
        let bytes = file(&entries);
        for at in MAGIC.len()..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let found: Vec<_> = Walk::new(&damaged).collect();
            let whole = found.iter().filter_map(|found| found.content.clone());
            let whole: Vec<_> = whole.map(|(key, range)| (key, &damaged[range])).collect();
            let hit = Walk::new(&bytes).position(|found| found.span.contains(&at)).unwrap();
            let others: Vec<_> =
                entries.iter().enumerate().filter(|(i, _)| *i != hit).map(|(_, entry)| *entry).collect();
            assert_eq!(whole, others, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end_the_walk_within_the_file(noise: Vec<u8>) {
            let mut bytes = file(&[(key(1, 0, 0), b"first")]);
            bytes.extend(noise);
            let mut end = MAGIC.len();
            for found in Walk::new(&bytes) {
                prop_assert!(found.span.start == end && found.span.end <= bytes.len());
                end = found.span.end;
            }
        }
    }
}
