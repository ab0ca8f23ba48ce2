//! `temporal=predict` with several processes that write blocks of one dataset at once, as the ranks of a run do.

#[path = "common/drift.rs"]
mod drift;

use std::path::Path;
use std::process::Command;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::store;
use drift::{ACCURACY, N, drift, error, key, settings, try_read, write};

const N_RANKS: usize = 3;
const N_STEPS: usize = 16;
/// For the processes that the test starts.
const FOLDER: &str = "INR_TEST_DATASET";
const RANK: &str = "INR_TEST_RANK";

fn of_rank(dataset: &Path, rank: usize) -> SeriesKey {
    SeriesKey { start: vec![0, N * rank], ..key(dataset, "u") }
}

fn value(rank: usize, step: usize) -> Vec<f32> {
    drift(step + 50 * rank)
}

#[test]
#[ignore = "one rank: the test below starts it"]
fn one_rank() {
    let (Some(dataset), Ok(rank)) = (std::env::var_os(FOLDER), std::env::var(RANK)) else { return };
    let (dataset, rank) = (Path::new(&dataset), rank.parse().unwrap());
    let key = of_rank(dataset, rank);
    let records: Vec<Vec<u8>> = (0..N_STEPS).map(|step| write(&key, &settings(&[]), &value(rank, step))).collect();
    session::finish(&key);
    std::fs::write(dataset.join(format!("{rank}.json")), serde_json::to_vec(&records).unwrap()).unwrap();
}

#[test]
fn ranks_have_files_of_their_own_and_all_is_read_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let start = |rank: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(FOLDER, folder.path()).env(RANK, rank.to_string());
        command.args(["--exact", "--ignored", "one_rank"]).spawn().unwrap()
    };
    let ranks: Vec<_> = (0..N_RANKS).map(start).collect();
    for mut rank in ranks {
        assert!(rank.wait().unwrap().success());
    }
    assert_eq!(store::ids(folder.path()).len(), N_RANKS);
    for rank in 0..N_RANKS {
        let records = std::fs::read(folder.path().join(format!("{rank}.json"))).unwrap();
        let records: Vec<Vec<u8>> = serde_json::from_slice(&records).unwrap();
        assert!(records.iter().filter(|record| record.len() < 64).count() >= 10, "rank {rank}");
        for step in (0..N_STEPS).map(|i| i * 5 % N_STEPS) {
            let found = try_read(folder.path(), &records[step]).unwrap();
            assert!(error(&found, &value(rank, step)) <= ACCURACY, "rank {rank}, step {step}");
        }
    }
}
