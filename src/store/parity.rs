//! Parity shards that restore lost data shards: a systematic Cauchy code over bytes (Blömer et al., "An XOR-based
//! erasure-resilient coding scheme", 1995). Bytes are the field of `x^8 + x^4 + x^3 + x^2 + 1`; parity shard `j` of `k` data
//! shards is the sum of data shard `i` over `(k + j) + i`.
//!
//! Not a crate's: the file's layout hangs on it, it is a page, and those there are keep megabytes of tables or GF(2^16).

/// Powers of 2 in the field, twice in a row, and their logarithms.
const TABLES: ([u8; 510], [u8; 256]) = {
    let (mut powers, mut logarithms) = ([0; 510], [0; 256]);
    let (mut power, mut i) = (1u16, 0);
    while i < 255 {
        (powers[i], powers[i + 255]) = (power as u8, power as u8);
        logarithms[power as usize] = i as u8;
        power <<= 1;
        if power >= 256 {
            power ^= 0x11d;
        }
        i += 1;
    }
    (powers, logarithms)
};

fn product(a: u8, b: u8) -> u8 {
    let logarithm = |x: u8| usize::from(TABLES.1[usize::from(x)]);
    if a == 0 || b == 0 { 0 } else { TABLES.0[logarithm(a) + logarithm(b)] }
}

fn inverse(a: u8) -> u8 {
    TABLES.0[255 - usize::from(TABLES.1[usize::from(a)])]
}

/// What data shard `i` of `n_data` counts in parity shard `j`; both together are at most 256.
fn weight(n_data: usize, j: usize, i: usize) -> u8 {
    inverse((n_data + j) as u8 ^ i as u8)
}

fn add(sum: &mut [u8], factor: u8, shard: &[u8]) {
    sum.iter_mut().zip(shard).for_each(|(sum, &byte)| *sum ^= product(factor, byte));
}

/// The parity shard of number `j`.
pub fn of(data: &[Vec<u8>], j: usize) -> Vec<u8> {
    let mut sum = vec![0; data.first().map_or(0, Vec::len)];
    data.iter().enumerate().for_each(|(i, shard)| add(&mut sum, weight(data.len(), j, i), shard));
    sum
}

/// Fills in the data shards that are `None`, all of one length, from parity shards with their numbers; `None` with fewer of
/// these than are missing.
pub fn restore(data: Vec<Option<Vec<u8>>>, parity: &[(usize, &[u8])]) -> Option<Vec<Vec<u8>>> {
    let n = data.len();
    let lost: Vec<usize> = (0..n).filter(|&i| data[i].is_none()).collect();
    // Each row: how the lost shards are summed up, and the sum.
    let row = |&(j, shard): &(usize, &[u8])| {
        let mut sum = shard.to_vec();
        let known = data.iter().enumerate().filter_map(|(i, shard)| Some((i, shard.as_ref()?)));
        known.for_each(|(i, shard)| add(&mut sum, weight(n, j, i), shard));
        (lost.iter().map(|&i| weight(n, j, i)).collect::<Vec<u8>>(), sum)
    };
    let mut rows: Vec<(Vec<u8>, Vec<u8>)> = parity.get(..lost.len())?.iter().map(row).collect();
    for at in 0..rows.len() {
        let pivot = (at..rows.len()).find(|&other| rows[other].0[at] != 0)?;
        rows.swap(at, pivot);
        let (mut weights, mut sum) = rows[at].clone();
        let scale = inverse(weights[at]);
        weights.iter_mut().chain(&mut sum).for_each(|byte| *byte = product(scale, *byte));
        for (_, row) in rows.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            let factor = row.0[at];
            add(&mut row.0, factor, &weights);
            add(&mut row.1, factor, &sum);
        }
        rows[at] = (weights, sum);
    }
    let mut restored = rows.into_iter().map(|(_, shard)| shard);
    data.into_iter().map(|shard| shard.or_else(|| restored.next())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_number_but_zero_has_an_inverse() {
        assert!((1..=255).all(|a| product(a, inverse(a)) == 1));
        assert_eq!((product(0, 7), product(2, 0x80), product(1, 9)), (0, 0x1d, 9));
    }

    proptest! {
        #[test]
        fn as_many_lost_shards_as_there_is_parity_are_restored(
            data in (1..100usize, 1..20usize).prop_flat_map(|(n, size)| {
                prop::collection::vec(prop::collection::vec(any::<u8>(), size), n)
            }),
            which in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
            first in 0..20usize,
        ) {
            let mut lost: Vec<usize> = which.iter().map(|which| which.index(data.len())).collect();
            lost.sort_unstable();
            lost.dedup();
            let parity: Vec<Vec<u8>> = (0..lost.len()).map(|j| of(&data, first + j)).collect();
            let numbered: Vec<(usize, &[u8])> = parity.iter().enumerate().map(|(j, p)| (first + j, &p[..])).collect();
            let damaged = || data.iter().enumerate().map(|(i, s)| (!lost.contains(&i)).then(|| s.clone())).collect();
            prop_assert_eq!(restore(damaged(), &numbered), Some(data.clone()));
            prop_assert_eq!(restore(damaged(), &numbered[1..]), None);
        }
    }
}
