//! The model store: what was published stays readable, whoever removes, tears or damages its files.

use std::fs;
use std::path::Path;

use adios2_inr::Error;
use adios2_inr::store::{self, Contents, Key, Kind, Store};

fn network(series: u32) -> Key {
    Key { kind: Kind::NETWORK, series, segment: 0 }
}

fn payload(seed: usize, n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + seed * 7) as u8).collect()
}

fn read(dataset: &Path, id: u64) -> Contents {
    Contents::read(&store::path(dataset, id)).unwrap()
}

#[test]
fn the_newest_entry_of_a_key_is_found_and_a_removed_one_is_not() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let checkpoint = Key { kind: Kind::CHECKPOINT, series: 1, segment: 3 };
    store.append(&[(network(0), b"old"), (checkpoint, b"state")]).unwrap();
    store.append(&[(network(0), b"new"), (checkpoint, b"")]).unwrap();
    let contents = read(dataset.path(), store.id());
    assert_eq!(contents.get(network(0)), Some(&b"new"[..]));
    assert_eq!((contents.get(checkpoint), contents.keys().count()), (None, 1));
    assert_eq!(store.get(network(0)).as_deref(), Some(&b"new"[..]));
    assert_eq!(store::ids(dataset.path()), [store.id()]);
}

#[test]
fn a_store_torn_at_any_byte_gives_what_was_whole_and_can_be_continued() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let (id, path) = (store.id(), store.path().to_owned());
    store.append(&[(network(0), b"first")]).unwrap();
    let first = fs::read(&path).unwrap().len();
    store.append(&[(network(0), b"second")]).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for cut in 8..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let expected = if cut >= first { Some(&b"first"[..]) } else { None };
        assert_eq!(read(dataset.path(), id).get(network(0)), expected, "cut at {cut}");
        let mut store = Store::open(dataset.path(), id).unwrap();
        store.append(&[(network(1), b"later")]).unwrap();
        let contents = read(dataset.path(), id);
        assert_eq!((contents.get(network(0)), contents.get(network(1))), (expected, Some(&b"later"[..])));
    }
    for cut in 0..8 {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(Contents::read(&path), Err(Error::Corrupt(_))), "cut at {cut}");
    }
}

#[test]
fn a_damaged_newest_entry_gives_the_one_before_it() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    store.append(&[(network(0), b"first")]).unwrap();
    store.append(&[(network(0), b"second")]).unwrap();
    let mut bytes = fs::read(store.path()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let contents = Contents::parse(bytes).unwrap();
    assert_eq!((contents.get(network(0)), contents.n_damaged), (Some(&b"first"[..]), 1));
}

#[test]
fn a_wiped_folder_is_filled_again_at_the_next_append() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    store.append(&[(network(0), b"zero"), (network(1), b"one")]).unwrap();
    fs::remove_dir_all(dataset.path().join(store::FOLDER)).unwrap();
    assert!(store.ensure().unwrap());
    assert!(!store.ensure().unwrap());
    assert_eq!(read(dataset.path(), store.id()).get(network(1)), Some(&b"one"[..]));
    fs::remove_file(store.path()).unwrap();
    store.append(&[(network(1), b"newer")]).unwrap();
    let contents = read(dataset.path(), store.id());
    assert_eq!((contents.get(network(0)), contents.get(network(1))), (Some(&b"zero"[..]), Some(&b"newer"[..])));
}

#[test]
fn two_writers_of_one_dataset_have_a_file_each() {
    let dataset = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let dataset = dataset.path().to_owned();
            std::thread::spawn(move || {
                let mut store = Store::create(&dataset).unwrap();
                for step in 0..50 {
                    store.append(&[(network(0), &payload(writer + step, 300))]).unwrap();
                }
                store
            })
        })
        .collect();
    let stores: Vec<Store> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    assert_eq!(store::ids(dataset.path()).len(), 2);
    for (writer, store) in stores.iter().enumerate() {
        assert_eq!(read(dataset.path(), store.id()).get(network(0)), Some(&payload(writer + 49, 300)[..]));
    }
}

#[test]
fn a_running_writers_file_cannot_be_taken_over() {
    let dataset = tempfile::tempdir().unwrap();
    let store = Store::create(dataset.path()).unwrap();
    let refused = Store::open(dataset.path(), store.id()).unwrap_err();
    assert!(refused.to_string().contains("running process"), "{refused}");
    let id = store.id();
    drop(store);
    assert!(Store::open(dataset.path(), id).is_ok());
}

#[test]
fn a_store_stays_within_twice_what_is_live() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let (n_series, n_bytes) = (5, 20_000);
    for step in 0..200usize {
        let series = (step % n_series) as u32;
        store.append(&[(network(series), &payload(step, n_bytes))]).unwrap();
        let live = n_series * (n_bytes + 32);
        assert!(store.n_bytes() <= (2 * live + n_bytes + 32).max(64 << 10) as u64, "{} bytes", store.n_bytes());
        assert_eq!(read(dataset.path(), store.id()).get(network(series)), Some(&payload(step, n_bytes)[..]));
    }
    let left: Vec<_> = fs::read_dir(dataset.path().join(store::FOLDER)).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_dataset_that_is_no_folder_is_a_sentence() {
    let error = Store::create(Path::new("/nonexistent/stream")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/stream") && error.to_string().contains("not a folder"), "{error}");
}
