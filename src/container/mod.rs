//! The record: what is stored for one block. Layout and checks only; what the sections mean is the codec's business.
//!
//! ```text
//! bytes 0..3   "INR"
//! byte  3      format version
//! bytes 4..8   CRC-32C of everything behind, little-endian
//! bytes 8..    header (postcard): dtype, dims, meta bytes, table of (tag, length)
//! then         section payloads in table order, to the end of the record
//! ```
//! docs/FORMAT.md describes every byte.

use crate::{Dtype, Error, Result};

/// First bytes of every record.
pub const MAGIC: [u8; 3] = *b"INR";
/// Version written by this library; older ones stay readable.
pub const VERSION: u8 = 2;
/// Bytes before the header: magic, version, checksum.
const PREAMBLE: usize = 8;

#[derive(serde::Serialize, serde::Deserialize)]
struct Header<'a> {
    dtype: Dtype,
    dims: Vec<u64>,
    meta: &'a [u8],
    sections: Vec<(u8, u64)>,
}

/// A parsed record that borrows its sections; checksum and sizes are already checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// Format version it was written in.
    pub version: u8,
    /// Element type of the block.
    pub dtype: Dtype,
    /// Dimensions of the block, slowest first.
    pub dims: Vec<usize>,
    /// Bytes of the block these dimensions stand for; no overflow.
    pub raw_bytes: usize,
    /// The codec's own header fields.
    pub meta: &'a [u8],
    /// `(tag, payload)` in stored order.
    pub sections: Vec<(u8, &'a [u8])>,
}

impl<'a> Record<'a> {
    /// The payload of the first section with this tag.
    pub fn section(&self, tag: u8) -> Option<&'a [u8]> {
        self.sections.iter().find(|(t, _)| *t == tag).map(|&(_, payload)| payload)
    }

    /// As [`Self::section`], for a section the record cannot do without.
    ///
    /// # Errors
    /// [`Error::Corrupt`] that names the section.
    pub fn require(&self, tag: u8, name: &str) -> Result<&'a [u8]> {
        self.section(tag).ok_or_else(|| Error::corrupt(format!("section '{name}' is missing")))
    }
}

/// Lays out a record.
pub fn write(dtype: Dtype, dims: &[usize], meta: &[u8], sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut record = head(dtype, dims, meta, sections);
    record.reserve_exact(sections.iter().map(|(_, payload)| payload.len()).sum());
    sections.iter().for_each(|(_, payload)| record.extend_from_slice(payload));
    record
}

/// What stands before the payloads of the sections in a record.
pub fn head(dtype: Dtype, dims: &[usize], meta: &[u8], sections: &[(u8, &[u8])]) -> Vec<u8> {
    let header = Header {
        dtype,
        dims: dims.iter().map(|&d| d as u64).collect(),
        meta,
        sections: sections.iter().map(|&(tag, payload)| (tag, payload.len() as u64)).collect(),
    };
    let mut head = vec![0; PREAMBLE];
    head[..3].copy_from_slice(&MAGIC);
    head[3] = VERSION;
    let mut head = postcard::to_extend(&header, head).expect("a Vec takes any header");
    let of_header = crc32c::crc32c(&head[PREAMBLE..]);
    let checksum = sections.iter().fold(of_header, |sum, (_, payload)| crc32c::crc32c_append(sum, payload));
    head[4..PREAMBLE].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// Parses a record; allocates no more than a few times its header's size.
///
/// # Errors
/// [`Error::Version`] for a newer format, [`Error::Corrupt`] for everything else.
pub fn read(record: &[u8]) -> Result<Record<'_>> {
    let (preamble, body) = record
        .split_at_checked(PREAMBLE)
        .ok_or_else(|| Error::corrupt(format!("{} bytes are too few for a record", record.len())))?;
    if preamble[..3] != MAGIC {
        return Err(Error::corrupt("it does not start with 'INR'; it was not written by this operator"));
    }
    if preamble[3] == 0 || preamble[3] > VERSION {
        return Err(Error::Version { found: preamble[3], supported: VERSION });
    }
    let stored = u32::from_le_bytes([preamble[4], preamble[5], preamble[6], preamble[7]]);
    let found = crc32c::crc32c(body);
    if stored != found {
        return Err(Error::corrupt(format!(
            "checksum {found:08x} differs from the stored {stored:08x}; the bytes were damaged or cut after writing"
        )));
    }
    let (header, mut rest) = postcard::take_from_bytes::<Header>(body)
        .map_err(|e| Error::corrupt(format!("the header is not readable ({e})")))?;
    let mut sections = Vec::with_capacity(header.sections.len());
    for (tag, n_bytes) in header.sections {
        let split = usize::try_from(n_bytes).ok().and_then(|n| rest.split_at_checked(n));
        let (payload, behind) =
            split.ok_or_else(|| Error::corrupt(format!("section {tag} claims {n_bytes} of {} bytes", rest.len())))?;
        sections.push((tag, payload));
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Error::corrupt(format!("{} bytes stand behind the last section", rest.len())));
    }
    let (dims, raw_bytes) = check_dims(&header.dims, header.dtype)?;
    Ok(Record { version: preamble[3], dtype: header.dtype, dims, raw_bytes, meta: header.meta, sections })
}

fn check_dims(dims: &[u64], dtype: Dtype) -> Result<(Vec<usize>, usize)> {
    let checked: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let checked = checked.and_then(|d| {
        let n_bytes = d.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d))?;
        isize::try_from(n_bytes).is_ok().then_some((d, n_bytes))
    });
    checked.ok_or_else(|| Error::corrupt(format!("dimensions {dims:?} overflow the address space")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_3d_record_of_one_section_has_at_most_23_bytes_around_it() {
        let record = write(Dtype::F32, &[512, 512, 512], &[], &[(1, &[7; 100_000])]);
        assert!(record.len() <= 100_023, "{}", record.len());
    }

    #[test]
    fn any_changed_byte_is_an_error() {
        let record = write(Dtype::F64, &[3, 4], b"meta", &[(1, b"one"), (9, b"")]);
        assert_eq!(read(&record).unwrap().section(1), Some(&b"one"[..]));
        for i in 0..record.len() {
            let mut damaged = record.clone();
            damaged[i] ^= 0x10;
            assert!(read(&damaged).is_err(), "byte {i}");
            assert!(read(&record[..i]).is_err(), "cut at {i}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(dims in proptest::collection::vec(0usize..1000, 0..6), meta: Vec<u8>,
                                        sections: Vec<(u8, Vec<u8>)>) {
            let borrowed: Vec<_> = sections.iter().map(|(t, p)| (*t, p.as_slice())).collect();
            let record = write(Dtype::I16, &dims, &meta, &borrowed);
            let back = read(&record).unwrap();
            prop_assert_eq!((back.dims, back.meta, back.sections), (dims, meta.as_slice(), borrowed));
        }

        #[test]
        fn arbitrary_headers_behind_a_right_checksum_never_panic(body: Vec<u8>) {
            let mut record = b"INR\x01".to_vec();
            record.extend(crc32c::crc32c(&body).to_le_bytes());
            record.extend(body);
            let _ = read(&record);
        }
    }
}
