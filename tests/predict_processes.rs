//! `temporal=predict` with several processes that write blocks of one dataset at once, as the ranks of a run do.

#[path = "common/drift.rs"]
mod drift;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::store;
use drift::{ACCURACY, N, drift, error, key, settings, try_read, write};

/// For the processes that the test starts.
const FOLDER: &str = "INR_TEST_DATASET";
const RANK: &str = "INR_TEST_RANK";
const N_STEPS: &str = "INR_TEST_STEPS";
/// Stands in the dataset once all ranks have written their first steps.
const ALL: &str = "all";

fn of_rank(dataset: &Path, rank: usize) -> SeriesKey {
    SeriesKey { start: vec![0, N * rank], ..key(dataset, "u") }
}

fn value(rank: usize, step: usize) -> Vec<f32> {
    drift(step + 50 * rank)
}

#[test]
#[ignore = "one rank: the tests below start it"]
fn one_rank() {
    let [Ok(folder), Ok(rank), Ok(n_steps)] = [FOLDER, RANK, N_STEPS].map(std::env::var) else { return };
    let (dataset, rank, n_steps) = (Path::new(&folder), rank.parse().unwrap(), n_steps.parse().unwrap());
    let key = of_rank(dataset, rank);
    let step = |step| write(&key, &settings(&[]), &value(rank, step));
    let mut records: Vec<Vec<u8>> = (0..3).map(step).collect();
    std::fs::write(dataset.join(format!("{rank}.ready")), "").unwrap();
    while !dataset.join(ALL).exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    records.extend((3..n_steps).map(step));
    session::finish(&key);
    std::fs::write(dataset.join(format!("{rank}.json")), serde_json::to_vec(&records).unwrap()).unwrap();
}

/// Lets ranks write a dataset together; the records of each.
fn run(folder: &Path, n_ranks: usize, n_steps: usize) -> Vec<Vec<Vec<u8>>> {
    let start = |rank: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(FOLDER, folder).env(RANK, rank.to_string()).env(N_STEPS, n_steps.to_string());
        command.args(["--exact", "--ignored", "one_rank"]).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut ranks: Vec<_> = (0..n_ranks).map(start).collect();
    while !(0..n_ranks).all(|rank| folder.join(format!("{rank}.ready")).exists()) {
        assert!(ranks.iter_mut().all(|rank| rank.try_wait().unwrap().is_none()), "a rank ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::write(folder.join(ALL), "").unwrap();
    assert!(ranks.iter_mut().all(|rank| rank.wait().unwrap().success()));
    let records = |rank| std::fs::read(folder.join(format!("{rank}.json"))).unwrap();
    (0..n_ranks).map(|rank| serde_json::from_slice(&records(rank)).unwrap()).collect()
}

#[test]
fn ranks_of_a_node_share_a_file_and_all_is_read_by_another_process() {
    let (folder, n_steps) = (tempfile::tempdir().unwrap(), 16);
    let records = run(folder.path(), 3, n_steps);
    assert_eq!(store::ids(folder.path()).len(), 1);
    for (rank, records) in records.iter().enumerate() {
        assert!(records.iter().filter(|record| record.len() < 64).count() >= 10, "rank {rank}");
        for step in (0..n_steps).map(|i| i * 5 % n_steps) {
            let found = try_read(folder.path(), &records[step]).unwrap();
            assert!(error(&found, &value(rank, step)) <= ACCURACY, "rank {rank}, step {step}");
        }
    }
}

#[test]
fn sixty_four_processes_share_a_file_that_a_reader_opens_once() {
    let (folder, n_steps) = (tempfile::tempdir().unwrap(), 6);
    let records = run(folder.path(), 64, n_steps);
    let ids = store::ids(folder.path());
    assert_eq!(ids.len(), 1);
    for (rank, records) in records.iter().enumerate() {
        let found = try_read(folder.path(), &records[n_steps - 1]).unwrap();
        assert!(error(&found, &value(rank, n_steps - 1)) <= ACCURACY, "rank {rank}");
    }
    let path = store::path(folder.path(), ids[0]);
    let open = std::fs::read_dir("/proc/self/fd").map(|fds| fds.flatten().filter_map(|fd| fd.path().read_link().ok()));
    if let Ok(open) = open {
        assert_eq!(open.filter(|file| *file == path).count(), 1);
    }
    let told = session::survey(folder.path()).remove(0).unwrap();
    assert_eq!((told.n_damaged, told.n_torn, told.chains.iter().map(|chain| chain.n_lost).sum::<usize>()), (0, 0, 0));
    assert_eq!(std::fs::read_dir(folder.path().join(store::FOLDER)).unwrap().count(), 1, "nothing else is left there");
}
