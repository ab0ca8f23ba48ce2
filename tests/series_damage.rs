//! A finished network is certified by its own bytes: where they are torn or damaged, an older copy may serve its steps, but not in
//! silence.

#[path = "common/pulse.rs"]
mod pulse;

use std::path::{Path, PathBuf};

use adios2_inr::session;
use adios2_inr::store::{self, Contents, Key, Kind};
use pulse::{N, key, pulse, settings, write};

const N_STEPS: usize = 15;

/// A series of steps: the last record, and its store file as kills after each step and before the end would have left it, and at the end.
struct Run {
    record: Vec<u8>,
    id: u64,
    sizes: Vec<usize>,
    killed: Vec<u8>,
    finished: Vec<u8>,
}

fn run() -> Run {
    let folder = tempfile::tempdir().unwrap();
    let (asked, key) = (settings(&[]), key(folder.path(), "u"));
    let path = || store::path(folder.path(), store::ids(folder.path())[0]);
    let file = || std::fs::read(path()).unwrap();
    let mut sizes = Vec::new();
    let mut record = Vec::new();
    for step in 0..N_STEPS {
        record = write(&key, &asked, &pulse(step));
        if step == 1 {
            // Compactions fail where their draft cannot be, so that all that was ever appended stays.
            std::fs::create_dir(path().with_extension("tmp")).unwrap();
        }
        sizes.extend((step > 0).then(|| file().len()));
    }
    let killed = file();
    session::finish(&key);
    let finished = file();
    assert!(finished.starts_with(&killed) && sizes.is_sorted(), "nothing was compacted");
    Run { record, id: store::ids(folder.path())[0], sizes, killed, finished }
}

/// A dataset with these bytes as its model store.
fn dataset(folder: &Path, run: &Run, name: usize, bytes: &[u8]) -> PathBuf {
    let dataset = folder.join(format!("{name}.bp"));
    std::fs::create_dir_all(dataset.join(store::FOLDER)).unwrap();
    std::fs::write(store::path(&dataset, run.id), bytes).unwrap();
    dataset
}

/// What a reader of the last step hears; nothing where all is well.
fn heard(dataset: &Path, run: &Run) -> Option<String> {
    let mut out = vec![0; 4 * N * N];
    session::decode_from(dataset.to_str().unwrap(), &run.record, &mut out).unwrap_or_else(|e| Some(e.to_string()))
}

fn entry(kind: Kind) -> Key {
    Key { kind, series: 0, segment: 0 }
}

/// Where the newest payload of a kind begins.
fn place(file: &[u8], kind: Kind) -> usize {
    let contents = Contents::parse(file.to_vec()).unwrap();
    let payload = contents.get(entry(kind)).unwrap();
    file.windows(payload.len()).rposition(|bytes| bytes == payload).unwrap()
}

#[test]
fn a_kill_while_a_network_is_finished_leaves_it_in_doubt_and_to_finalize() {
    let (run, folder) = (run(), tempfile::tempdir().unwrap());
    let whole = dataset(folder.path(), &run, 0, &run.finished);
    assert_eq!(heard(&whole, &run), None);
    assert!(session::finalize(&whole, &settings(&[])).unwrap().0.is_empty());
    // Only taking the checkpoint back may be missing: an entry without payload.
    let mut last = Vec::new();
    store::write_entry(entry(Kind::CHECKPOINT), &[], &mut last).unwrap();
    assert!(run.finished.ends_with(&last));
    let n = run.killed.len();
    for end in (n..run.finished.len()).step_by((run.finished.len() - n) / 40) {
        let torn = dataset(folder.path(), &run, end, &run.finished[..end]);
        let said = heard(&torn, &run);
        let is_finished = session::survey(&torn)[0].as_ref().unwrap().segments[0].is_finished;
        assert_eq!(
            (said.is_none(), is_finished),
            (end + last.len() >= run.finished.len(), said.is_none()),
            "{end}: {said:?}"
        );
        assert!(is_finished || said.unwrap().contains("inr finalize"), "{end}");
        let done = session::finalize(&torn, &settings(&[("seconds", "0.01")])).unwrap().0;
        assert!(
            done.iter().all(|segment| segment.outcome.is_ok()) && done.is_empty() == is_finished,
            "{end}: {done:?}"
        );
        assert!(heard(&torn, &run).is_none_or(|said| said.contains("break")), "{end}");
    }
}

#[test]
fn a_kill_while_a_network_is_published_leaves_all_that_finishing_it_takes() {
    let (run, folder) = (run(), tempfile::tempdir().unwrap());
    let mut n_finished = 0;
    for (step, ends) in run.sizes.windows(2).enumerate().filter(|(_, ends)| ends[0] < ends[1]) {
        for part in 1..8 {
            let end = ends[0] + part * (ends[1] - ends[0]) / 8;
            let torn = dataset(folder.path(), &run, end, &run.finished[..end]);
            let (done, refused) = session::finalize(&torn, &settings(&[("seconds", "0.01")])).unwrap();
            let why = |segment: &session::Finalized| segment.outcome.as_ref().err().map(ToString::to_string);
            assert_eq!(done.iter().find_map(why), None, "cut off at byte {end}, in step {step}");
            assert!(refused.is_empty());
            n_finished += done.len();
        }
    }
    assert!(n_finished > 0);
}

#[test]
fn a_finished_network_is_restored_and_an_older_copy_of_one_that_cannot_be_is_in_doubt() {
    let (run, folder) = (run(), tempfile::tempdir().unwrap());
    let mut bytes = run.finished.clone();
    let at = place(&run.finished, Kind::NETWORK);
    bytes[at + 9] ^= 1;
    let restored = dataset(folder.path(), &run, 0, &bytes);
    assert_eq!(heard(&restored, &run), None);
    assert!(session::survey(&restored)[0].as_ref().unwrap().segments[0].is_finished);
    // All of it and most of its spare.
    bytes[run.killed.len() + 100..at + 1000].fill(0xee);
    let damaged = dataset(folder.path(), &run, 1, &bytes);
    let said = heard(&damaged, &run).unwrap();
    assert!(said.contains("not assured"), "{said}");
    assert!(!session::survey(&damaged)[0].as_ref().unwrap().segments[0].is_finished);
}

#[test]
fn a_network_without_what_is_known_about_it_is_refused_with_the_file() {
    let (run, folder) = (run(), tempfile::tempdir().unwrap());
    let mut bytes = run.killed.clone();
    while Contents::parse(bytes.clone()).unwrap().get(entry(Kind::SEGMENT)).is_some() {
        let at = place(&bytes, Kind::SEGMENT);
        bytes[at + 1] ^= 1;
    }
    let damaged = dataset(folder.path(), &run, 0, &bytes);
    let said = heard(&damaged, &run).unwrap();
    assert!(said.contains("is damaged") && said.contains(&format!("{:016x}.inr", run.id)), "{said}");
}
