//! The entropy coder: what goes in comes out, damage is seen, and redundancy is cheap.

use adios2_inr::entropy::{Bit, Decoder, Encoder, decode_bits, decode_integers, encode_bits, encode_integers};
use proptest::prelude::*;

/// A small deterministic generator for test data.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *seed >> 33
}

proptest! {
    #[test]
    fn any_integers_come_back(values in prop::collection::vec(any::<i32>(), 0..300), shift in 0u32..31) {
        let values: Vec<i32> = values.iter().map(|v| v >> shift).collect();
        let bytes = encode_integers(&values);
        prop_assert_eq!(decode_integers(&bytes, values.len()).unwrap(), values);
    }

    #[test]
    fn any_decisions_come_back(decisions in prop::collection::vec((any::<bool>(), 0u32..17, any::<u32>()), 0..2000)) {
        let mut models = [Bit::default(); 3];
        let mut encoder = Encoder::default();
        for (i, &(bit, n_bits, value)) in decisions.iter().enumerate() {
            encoder.bit(&mut models[i % 3], bit);
            encoder.raw(value & ((1 << n_bits) - 1), n_bits);
        }
        let bytes = encoder.finish();
        let mut models = [Bit::default(); 3];
        let mut decoder = Decoder::new(&bytes);
        for (i, &(bit, n_bits, value)) in decisions.iter().enumerate() {
            prop_assert_eq!(decoder.bit(&mut models[i % 3]), bit);
            prop_assert_eq!(decoder.raw(n_bits), value & ((1 << n_bits) - 1));
        }
        prop_assert!(decoder.finish().is_ok());
    }

    #[test]
    fn skewed_decisions_with_long_carries_come_back(n in 1usize..5000, period in 1usize..2000, ones in any::<bool>()) {
        let mut model = Bit::default();
        let mut encoder = Encoder::default();
        (0..n).for_each(|i| encoder.bit(&mut model, (i % period == 0) == ones));
        let bytes = encoder.finish();
        let mut model = Bit::default();
        let mut decoder = Decoder::new(&bytes);
        for i in 0..n {
            prop_assert_eq!(decoder.bit(&mut model), (i % period == 0) == ones);
        }
        prop_assert!(decoder.finish().is_ok());
    }

    #[test]
    fn any_mask_comes_back(dims in prop::collection::vec(1usize..8, 0..6), seed in any::<u64>(), density in 0u64..100) {
        let n = dims.iter().product();
        let mut seed = seed;
        let bits: Vec<bool> = (0..n).map(|_| random(&mut seed) % 100 < density).collect();
        let bytes = encode_bits(&bits, &dims).unwrap();
        prop_assert_eq!(decode_bits(&bytes, &dims).unwrap(), bits);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), n in 0usize..2000) {
        if let Ok(values) = decode_integers(&bytes, n) {
            prop_assert_eq!(values.len(), n);
        }
        if let Ok(bits) = decode_bits(&bytes, &[n, 3, 2]) {
            prop_assert_eq!(bits.len(), 6 * n);
        }
    }
}

#[test]
fn truncated_or_longer_streams_are_errors() {
    let mut seed = 1;
    let values: Vec<i32> = (0..2000).map(|_| (random(&mut seed) % 41) as i32 - 20).collect();
    let bytes = encode_integers(&values);
    let missed = (0..bytes.len()).filter(|&n| decode_integers(&bytes[..n], values.len()).is_ok()).count();
    assert!(missed * 100 < bytes.len(), "{missed} of {} truncations passed", bytes.len());
    for extra in [0u8, 1, 0xFF] {
        let longer: Vec<u8> = bytes.iter().copied().chain([extra]).collect();
        assert!(decode_integers(&longer, values.len()).is_err());
    }
}

#[test]
fn most_changed_bytes_are_seen_at_the_end_of_the_stream() {
    let mut seed = 2;
    let values: Vec<i32> = (0..500).map(|_| (random(&mut seed) % 9) as i32 - 4).collect();
    let bytes = encode_integers(&values);
    let missed = (0..bytes.len()).filter(|&i| {
        let mut changed = bytes.clone();
        changed[i] ^= 0x10;
        decode_integers(&changed, values.len()).is_ok()
    });
    assert!(missed.count() * 20 < bytes.len());
}

#[test]
fn integers_cost_little_more_than_their_entropy() {
    let mut seed = 3;
    let values: Vec<i32> = (0..20_000).map(|_| (0..4).map(|_| (random(&mut seed) % 5) as i32 - 2).sum()).collect();
    let mut counts = std::collections::HashMap::new();
    values.iter().for_each(|v| *counts.entry(v).or_insert(0.0) += 1.0);
    let n = values.len() as f64;
    let entropy: f64 = counts.values().map(|&c: &f64| -c * (c / n).log2()).sum();
    let bits = 8.0 * encode_integers(&values).len() as f64;
    assert!(bits < 1.03 * entropy, "{bits} bits for an entropy of {entropy}");
}

#[test]
fn a_box_of_nan_costs_a_few_bytes() {
    let dims = [64, 64, 64];
    let inside =
        |i: usize| (10..30).contains(&(i / 4096)) && (5..50).contains(&(i / 64 % 64)) && (20..44).contains(&(i % 64));
    let bits: Vec<bool> = (0..64 * 64 * 64).map(inside).collect();
    let bytes = encode_bits(&bits, &dims).unwrap();
    assert_eq!(decode_bits(&bytes, &dims).unwrap(), bits);
    assert!(bytes.len() <= 60, "{} bytes", bytes.len());
}

#[test]
fn an_empty_mask_and_a_full_mask_cost_almost_nothing() {
    for value in [false, true] {
        let bytes = encode_bits(&vec![value; 1 << 20], &[1 << 10, 1 << 10]).unwrap();
        assert!(bytes.len() <= 8, "{} bytes", bytes.len());
    }
}
