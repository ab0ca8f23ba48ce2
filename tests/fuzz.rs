//! Hostile bytes on every way into the product: what the fuzz targets found stays mended, and a minute of mutations of sound inputs
//! finds nothing new. Longer runs, led by coverage: `scripts/fuzz.sh`.

#[cfg(feature = "cli")]
#[path = "../fuzz/src/configs.rs"]
mod configs;
#[path = "../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adios2_inr::codec;
use adios2_inr::session::{ChainReader, SeriesField};
use adios2_inr::store;
#[cfg(feature = "cli")]
use configs::Usage;
use cpu_time::ProcessTime;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// All memory of this process; an allocation above it aborts the test.
const MEMORY: usize = 2 << 30;
/// Processor time that one input may take.
const LONGEST: Duration = Duration::from_secs(5);
/// Inputs may not grow above this.
const LARGEST: usize = 16 << 10;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, MEMORY);

/// Inputs of each target: about ten seconds of them.
const N_INPUTS: [(&str, usize); 7] = [
    ("record", 120_000),
    ("entropy", 150_000),
    ("store", 20_000),
    ("chain", 50_000),
    ("settings", 400_000),
    ("npy", 250_000),
    ("config", 20_000),
];

/// One to four changes of bytes, ranges, numbers or lengths.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Xoshiro256PlusPlus) {
    for _ in 0..=random.next_u32() % 4 {
        let mut below = |n: usize| random.next_u32() as usize % n.max(1);
        // Headers decide most, so half of the changes hit the first 64 bytes.
        let span = if below(2) == 0 { input.len().min(64) } else { input.len() };
        let (at, n, kind) = (below(span), 1 + below(32), below(8));
        let end = input.len().min(at + n);
        match kind {
            0 => input.truncate(at),
            1 => input[at..end].fill(0),
            2 => input[at..end].fill(0xff),
            3 => input.splice(at..at, input[at..end].repeat(2)).for_each(drop),
            4 => input.splice(at.., other[below(other.len())..].iter().copied()).for_each(drop),
            5 => {
                let extremes = [0, 1, i64::MAX as u64, u64::MAX, u64::from(u32::MAX), 1 << 31, 1 << 63, 0x7ff0 << 48];
                let number = extremes[below(extremes.len())].to_le_bytes();
                input.iter_mut().skip(at).zip(&number[..1 << below(4)]).for_each(|(byte, new)| *byte = *new);
            }
            6 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << below(8)),
            _ => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = below(256) as u8),
        }
    }
    input.truncate(LARGEST);
}

/// Runs a target; what it finds is kept as a file.
fn run(name: &str, target: targets::Target, input: &[u8]) {
    let started = ProcessTime::now();
    let answer = catch_unwind(|| target(input));
    if answer.is_ok() && started.elapsed() < LONGEST {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/finds").join(name);
    let path = folder.join(format!("{:08x}", crc32c::crc32c(input)));
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input)).expect("a file of what was found");
    panic!("{name}: a panic or more than {LONGEST:?} on the {} bytes of {}", input.len(), path.display());
}

/// What was found, by target.
fn finds(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile").join(name);
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| file.expect("a file").path()).collect()
}

/// Each target with its seeds.
fn all() -> Vec<(&'static str, targets::Target, Vec<Vec<u8>>)> {
    let all = targets::TARGETS.into_iter().map(|(name, target)| (name, target, seeds::of(name)));
    #[cfg(feature = "cli")]
    let all = all.chain([("config", configs::read as targets::Target, configs::seeds())]);
    all.collect()
}

#[test]
fn what_was_found_stays_mended_and_mutations_of_sound_inputs_are_errors_or_answers() {
    for (name, target, seeds) in all() {
        finds(name).iter().for_each(|path| run(name, target, &std::fs::read(path).expect("a find")));
        seeds.iter().for_each(|seed| run(name, target, seed));
        let (_, n_inputs) = N_INPUTS.into_iter().find(|(known, _)| *known == name).expect("a number of inputs");
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let started = ProcessTime::now();
        for i in 0..n_inputs {
            let mut input = seeds[i % seeds.len()].clone();
            mutate(&mut input, &seeds[random.next_u32() as usize % seeds.len()], &mut random);
            run(name, target, &input);
        }
        println!("{name}: {n_inputs} inputs in {:.1} s of processor time", started.elapsed().as_secs_f64());
    }
    targets::clear();
}

#[test]
fn seeds_are_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(seeds::of("record").iter().all(|record| codec::decode_within(record, 256 << 20).is_ok()));
    std::fs::create_dir(folder.path().join(store::FOLDER)).expect("a folder");
    for file in seeds::of("store") {
        std::fs::write(store::path(folder.path(), 1), file).expect("a file");
        for variable in ["p", "u"] {
            let field = SeriesField::open(folder.path(), variable).expect("networks");
            assert!(field.evaluate(3.5, &[1.0, 2.5], true).expect("values").values[0].is_finite());
        }
    }
    #[cfg(feature = "cli")]
    assert!(configs::seeds().iter().all(|seed| configs::n_runs(seed).is_ok_and(|n| n > 0)));
    for (i, file) in seeds::of("chain").iter().enumerate() {
        let path = folder.path().join(format!("{i}.inr"));
        std::fs::write(&path, file).expect("a file");
        assert_eq!(ChainReader::open(&path).and_then(|reader| reader.decode(4)).expect("a step").len(), 480);
    }
}
