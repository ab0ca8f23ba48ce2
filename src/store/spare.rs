//! A spare of an entry: parity over shards of its payload (`parity.rs`), in an entry right before it. It restores a payload
//! that lost a sector or a fifth of its shards, for a quarter of its bytes; a small one is as good as copied. It comes first so
//! that damage where the two meet leaves its head and checksums whole.
//!
//! ```text
//! varint       bytes of the payload
//! 4            CRC-32C of the payload, little-endian
//! 4 each       CRC-32C of each data shard, then of each parity shard
//! then         the parity shards
//! ```

use super::parity;

/// Bytes of a shard where there are few.
const SHARD: usize = 256;
/// Data shards at most; with their parity they stay below the 256 of the field.
const MAX_SHARDS: usize = 128;
/// What disks lose at once.
const SECTOR: usize = 4096;

/// Shards of a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    /// Bytes of each; the last data shard is filled with zeros.
    shard: usize,
    n_data: usize,
    n_parity: usize,
}

impl Layout {
    fn of(n_bytes: usize) -> Layout {
        let n_wanted = n_bytes.div_ceil(SHARD).clamp(1, MAX_SHARDS);
        let shard = n_bytes.div_ceil(n_wanted).max(1);
        let n_data = n_bytes.div_ceil(shard).max(1);
        // A sector may start and end within a shard.
        let n_sector = SECTOR.div_ceil(shard) + 2;
        Layout { shard, n_data, n_parity: n_data.div_ceil(4).max(n_sector).min(n_data) }
    }

    /// The data shards of a payload.
    fn split(&self, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut shards: Vec<Vec<u8>> = payload.chunks(self.shard).map(<[u8]>::to_vec).collect();
        shards.resize(self.n_data, Vec::new());
        shards.iter_mut().for_each(|shard| shard.resize(self.shard, 0));
        shards
    }
}

/// Payload of the spare of `payload`.
pub fn write(payload: &[u8]) -> Vec<u8> {
    let layout = Layout::of(payload.len());
    let data = layout.split(payload);
    let parity: Vec<Vec<u8>> = (0..layout.n_parity).map(|j| parity::of(&data, j)).collect();
    let mut bytes = postcard::to_allocvec(&(payload.len() as u64)).expect("memory takes a number");
    bytes.extend(crc32c::crc32c(payload).to_le_bytes());
    data.iter().chain(&parity).for_each(|shard| bytes.extend(crc32c::crc32c(shard).to_le_bytes()));
    parity.iter().for_each(|shard| bytes.extend(shard));
    bytes
}

/// A spare as it was found, damaged perhaps.
#[derive(Clone, Copy, Debug)]
pub struct Spare<'a> {
    /// Bytes of the payload.
    pub n_bytes: usize,
    checksum: &'a [u8],
    checksums: &'a [u8],
    parity: &'a [u8],
}

impl<'a> Spare<'a> {
    /// Mirror of [`write`]; `None` for anything else.
    pub fn read(bytes: &'a [u8]) -> Option<Spare<'a>> {
        let (n_bytes, rest) = postcard::take_from_bytes::<u64>(bytes).ok()?;
        let n_bytes = usize::try_from(n_bytes).ok()?;
        let Layout { shard, n_data, n_parity } = Layout::of(n_bytes);
        let (checksum, rest) = rest.split_at_checked(4)?;
        let (checksums, parity) = rest.split_at_checked(4 * (n_data + n_parity))?;
        let is_whole = parity.len() == n_parity.checked_mul(shard)?;
        is_whole.then_some(Spare { n_bytes, checksum, checksums, parity })
    }

    fn is_it(checksum: &[u8], bytes: &[u8]) -> bool {
        checksum == crc32c::crc32c(bytes).to_le_bytes()
    }

    /// The payload, from what stands in its place; `None` when too much of both is damaged.
    pub fn restore(&self, found: &[u8]) -> Option<Vec<u8>> {
        if found.len() != self.n_bytes {
            return None;
        }
        if Self::is_it(self.checksum, found) {
            return Some(found.to_vec());
        }
        let layout = Layout::of(self.n_bytes);
        let (of_data, of_parity) = self.checksums.split_at(4 * layout.n_data);
        let data = layout.split(found).into_iter().zip(of_data.chunks(4));
        let data = data.map(|(shard, checksum)| Some(shard).filter(|shard| Self::is_it(checksum, shard))).collect();
        let parity = self.parity.chunks(layout.shard).zip(of_parity.chunks(4)).enumerate();
        let parity: Vec<(usize, &[u8])> = parity
            .filter(|(_, (shard, checksum))| Self::is_it(checksum, shard))
            .map(|(j, (shard, _))| (j, shard))
            .collect();
        let mut payload = parity::restore(data, &parity)?.concat();
        payload.truncate(self.n_bytes);
        Self::is_it(self.checksum, &payload).then_some(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn payload(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * i / 7 + i) as u8).collect()
    }

    #[test]
    fn a_lost_sector_and_a_quarter_of_the_shards_are_restored() {
        for n in [1, 100, 255, 256, 257, 2_500, 20_000, 32_768, 32_769, 300_000] {
            let whole = payload(n);
            let bytes = write(&whole);
            let spare = Spare::read(&bytes).unwrap();
            assert_eq!(spare.n_bytes, n);
            for at in [0, n / 3, n.saturating_sub(SECTOR)] {
                let mut damaged = whole.clone();
                let end = n.min(at + SECTOR);
                damaged[at..end].fill(0xee);
                assert_eq!(spare.restore(&damaged).as_ref(), Some(&whole), "{n} bytes, sector at {at}");
            }
            let layout = Layout::of(n);
            let mut damaged = whole.clone();
            (0..n).step_by(4 * layout.shard).for_each(|at| damaged[at] ^= 1);
            assert_eq!(spare.restore(&damaged), Some(whole));
        }
    }

    #[test]
    fn a_sector_lost_where_spare_and_payload_meet_is_restored() {
        let whole = payload(20_000);
        let mut both = write(&whole);
        let meet = both.len();
        both.extend(&whole);
        for n_of_spare in (0..=SECTOR).step_by(64) {
            let mut damaged = both.clone();
            damaged[meet - n_of_spare..][..SECTOR].fill(0xee);
            let (spare, found) = damaged.split_at(meet);
            let restored = Spare::read(spare).unwrap().restore(found);
            assert!(restored.is_some_and(|restored| restored == whole), "{n_of_spare} bytes of the spare");
        }
    }

    #[test]
    fn a_spare_takes_a_quarter_of_a_network_and_no_more_than_a_copy_of_less() {
        let n_spare = |n| write(&payload(n)).len() as f64 / n as f64;
        assert!(n_spare(25_000) < 0.28 && n_spare(100_000) < 0.26, "{}, {}", n_spare(25_000), n_spare(100_000));
        assert!([200, 2_000, 4_000].into_iter().all(|n| n_spare(n) < 1.1));
    }

    proptest! {
        #[test]
        fn arbitrary_damage_never_gives_other_bytes(
            n in 1..30_000usize,
            flips in prop::collection::vec((any::<u32>(), 1..=255u8), 0..200),
        ) {
            let whole = payload(n);
            let mut both = whole.clone();
            both.extend(write(&whole));
            for (at, flip) in flips {
                let at = at as usize % both.len();
                both[at] ^= flip;
            }
            let (found, spare) = both.split_at(n);
            let restored = Spare::read(spare).and_then(|spare| spare.restore(found.get(..spare.n_bytes)?));
            prop_assert!(restored.is_none_or(|restored| restored == whole));
        }

        #[test]
        fn arbitrary_bytes_are_no_spare_or_a_useless_one(bytes: Vec<u8>, found: Vec<u8>) {
            if let Some(spare) = Spare::read(&bytes) {
                let _ = spare.restore(&found);
            }
        }
    }
}
