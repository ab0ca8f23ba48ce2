//! Bytes from anywhere in the payloads of predicted steps and of their predictors: an error or values, never a panic or an
//! allocation above the limit.

use std::path::Path;

use adios2_inr::session::{ChainReader, ChainWriter};
use adios2_inr::store::{Contents, Key, Kind, MAGIC, write_entry};
use adios2_inr::{Dtype, Error, Settings};

/// All memory of this process; an allocation above it aborts the test.
const MEMORY: usize = 256 << 20;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, MEMORY);

const N_STEPS: usize = 5;
const DIMS: [usize; 2] = [12, 10];

/// Keys and payloads of a file of few small steps.
fn entries(predictor: &str) -> Vec<(Key, Vec<u8>)> {
    let pairs =
        [("accuracy", "1e-3"), ("norm", "Linf"), ("threshold", "0"), ("backend", "cpu"), ("predictor", predictor)];
    let settings = Settings::from_pairs(pairs).unwrap();
    let (mut writer, mut file) = ChainWriter::start(Dtype::F32, N_STEPS, &DIMS, &settings).unwrap();
    for step in 0..N_STEPS {
        let at = |i: usize| ((i % 10) as f32 * 0.5 + 0.2 * step as f32).sin() * ((i / 10) as f32 * 0.3).cos();
        let values: Vec<f32> = (0..120).map(at).collect();
        file.extend(writer.push(bytemuck::cast_slice(&values)).unwrap().0);
    }
    let contents = Contents::parse(file).unwrap();
    let entries: Vec<_> = contents.keys().map(|key| (key, contents.get(key).unwrap().to_vec())).collect();
    assert!(entries.iter().any(|(key, payload)| key.kind == Kind::STEP && payload[0] == 2), "two steps back");
    entries
}

/// Decodes all steps of a file of these entries, whose checksums are right; how many are refused.
fn n_refused(folder: &Path, entries: &[(Key, Vec<u8>)]) -> usize {
    let mut file = MAGIC.to_vec();
    entries.iter().for_each(|(key, payload)| write_entry(*key, payload, &mut file).unwrap());
    // A new file in its place each time, as a copy would be.
    let [draft, path] = ["draft", "steps.inr"].map(|name| folder.join(name));
    std::fs::write(&draft, file).unwrap();
    std::fs::rename(&draft, &path).unwrap();
    let decode = |step| ChainReader::open(&path).and_then(|reader| reader.decode(step));
    let is_refused = |step: &u32| match decode(*step) {
        Ok(values) => {
            assert!(values.len() <= MEMORY);
            false
        }
        Err(error) => {
            assert!(!matches!(error, Error::Internal(_)) && !error.to_string().is_empty(), "{error}");
            true
        }
    };
    (0..N_STEPS as u32).filter(is_refused).count()
}

/// The checksum of the record behind the first byte of a step's payload.
fn repair(key: Key, payload: &mut [u8]) {
    if key.kind == Kind::STEP && payload.len() > 9 {
        let checksum = crc32c::crc32c(&payload[9..]).to_le_bytes();
        payload[5..9].copy_from_slice(&checksum);
    }
}

#[test]
fn every_byte_of_every_payload_may_be_anything() {
    let folder = tempfile::tempdir().unwrap();
    for predictor in ["network", "linear", "last"] {
        let whole = entries(predictor);
        assert_eq!(n_refused(folder.path(), &whole), 0);
        let (mut n_mutants, mut n_errors) = (0, 0);
        for (index, (key, payload)) in whole.iter().enumerate() {
            for at in 0..payload.len() {
                for change in [0x01, 0x80, 0xff] {
                    let mut mutant = whole.clone();
                    mutant[index].1[at] ^= change;
                    repair(*key, &mut mutant[index].1);
                    n_errors += usize::from(n_refused(folder.path(), &mutant) > 0);
                    n_mutants += 1;
                }
            }
        }
        assert!(n_errors > n_mutants / 4, "{n_errors} of {n_mutants}: the mutations must reach the decoder's checks");
    }
}

#[test]
fn payloads_may_end_anywhere_and_be_swapped() {
    let folder = tempfile::tempdir().unwrap();
    let whole = entries("network");
    for (index, (key, payload)) in whole.iter().enumerate() {
        for n in 0..payload.len() {
            let mut mutant = whole.clone();
            mutant[index].1.truncate(n);
            repair(*key, &mut mutant[index].1);
            assert!(n_refused(folder.path(), &mutant) > 0, "{key:?} cut to {n} bytes");
        }
        for other in 0..whole.len() {
            let mut mutant = whole.clone();
            mutant[index].1.clone_from(&whole[other].1);
            n_refused(folder.path(), &mutant);
        }
    }
}
