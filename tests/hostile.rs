//! Bytes from anywhere: 100,000 random and mutated records give an error or an answer, never a panic, a crash or an
//! allocation above the limit.

use adios2_inr::{Block, Dtype, Settings, codec};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Largest block the decoder may make room for here.
const LIMIT: u64 = 64 << 10;
/// All memory of this process; an allocation above it aborts the test.
const MEMORY: usize = 512 << 20;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, MEMORY);

/// One record of every kind.
fn samples() -> Vec<Vec<u8>> {
    let wave = |i: usize| (i as f64 * 0.07).sin() + (i / 12) as f64 * 0.01;
    let floats: Vec<f32> = (0..1728).map(|i| wave(i) as f32).collect();
    let holes: Vec<f32> = (0..1728).map(|i| if i % 5 < 2 { -1e34 } else { wave(i) as f32 }).collect();
    let doubles: Vec<f64> = (0..864).map(wave).collect();
    let integers: Vec<i32> = (0..500).map(|i| i * i).collect();
    let bytes = |v: &[f32]| bytemuck::cast_slice(v).to_vec();
    let blocks: [(Dtype, &[usize], Vec<u8>); 7] = [
        (Dtype::F32, &[12, 12, 12], bytes(&floats)),
        (Dtype::F32, &[48, 36], bytes(&holes)),
        (Dtype::F64, &[864], bytemuck::cast_slice(&doubles).to_vec()),
        (Dtype::C32, &[24, 36], bytes(&floats)),
        (Dtype::F32, &[2, 3, 4, 72], bytes(&[2.5; 1728])),
        (Dtype::I32, &[500], bytemuck::cast_slice(&integers).to_vec()),
        (Dtype::F32, &[3], bytes(&[f32::NAN, 1.0, 2.0])),
    ];
    let asked: [&[(&str, &str)]; 5] = [
        &[("accuracy", "1e-3"), ("norm", "Linf"), ("model", "transform")],
        &[("accuracy", "1e-2"), ("model", "transform")],
        &[("ratio", "6"), ("model", "transform")],
        &[("accuracy", "1e-3"), ("effort", "best"), ("model", "transform")],
        &[("accuracy", "1e-1"), ("model", "siren"), ("iterations", "5"), ("width", "8"), ("blocks", "1")],
    ];
    let mut records =
        vec![codec::raw(&Block { dtype: Dtype::U8, dims: &[5], bytes: b"hello" }, adios2_inr::Order::Row)];
    for (dtype, dims, bytes) in &blocks {
        for pairs in asked {
            let pairs = pairs.iter().copied().chain([("threshold", "1"), ("backend", "cpu")]);
            let settings = Settings::from_pairs(pairs).expect("settings");
            let block = Block::new(*dtype, dims, bytes).expect("block");
            records.push(codec::encode(&block, &settings, &codec::Context::default()).expect("record").record);
        }
    }
    records
}

fn repair_checksum(record: &mut [u8]) {
    if let Some((head, body)) = record.split_at_mut_checked(8) {
        head[4..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
    }
}

/// One to four changes of bytes, lengths or order.
fn mutate(record: &mut Vec<u8>, random: &mut Xoshiro256PlusPlus) {
    for _ in 0..=random.next_u32() % 4 {
        let n = record.len().max(1);
        // Headers decide most, so half of the changes hit the first 64 bytes.
        let span = if random.next_u32().is_multiple_of(2) { n.min(64) } else { n };
        let at = random.next_u32() as usize % span;
        match random.next_u32() % 6 {
            0 => record.truncate(at),
            1 => record.insert(at.min(record.len()), random.next_u32() as u8),
            2 => record.extend((0..random.next_u32() % 40).map(|i| i as u8)),
            3 => record.iter_mut().skip(at).take(4).for_each(|b| *b = 0xff),
            _ => record.iter_mut().skip(at).take(1).for_each(|b| *b = random.next_u32() as u8),
        }
    }
}

fn decode_all(records: impl Iterator<Item = Vec<u8>>) -> (usize, usize) {
    let (mut n_right, mut n_errors) = (0, 0);
    for record in records {
        let _ = codec::inspect(&record);
        match codec::decode_within(&record, LIMIT) {
            Ok(decoded) => {
                assert!(decoded.bytes.len() as u64 <= LIMIT);
                n_right += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                n_errors += 1;
            }
        }
    }
    (n_right, n_errors)
}

#[test]
fn mutated_records_with_repaired_checksums_are_errors_or_answers() {
    let samples = samples();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mutants = (0..90_000).map(|i| {
        let mut record = samples[i % samples.len()].clone();
        mutate(&mut record, &mut random);
        repair_checksum(&mut record);
        record
    });
    let (n_right, n_errors) = decode_all(mutants);
    assert_eq!(n_right + n_errors, 90_000);
    assert!(n_errors > 30_000, "{n_errors} errors: the mutations must reach the decoder's checks");
}

#[test]
fn mutated_records_as_they_are_and_random_bytes_are_refused() {
    let samples = samples();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let mutants = (0..10_000usize).map(|i| {
        if i.is_multiple_of(2) {
            let mut bytes = vec![0; random.next_u32() as usize % 300];
            random.fill_bytes(&mut bytes);
            return bytes;
        }
        let mut record = samples[i % samples.len()].clone();
        let at = random.next_u32() as usize % record.len();
        record[at] ^= 1 << (random.next_u32() % 8);
        record
    });
    assert_eq!(decode_all(mutants), (0, 10_000));
}
