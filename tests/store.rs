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
    for cut in 1..8 {
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
fn writers_of_one_node_share_a_file_and_its_numbers() {
    let dataset = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let dataset = dataset.path().to_owned();
            std::thread::spawn(move || {
                let mut store = Store::join(&dataset).unwrap();
                let series = store.new_series().unwrap();
                // Large enough for compactions by each of them.
                for step in 0..60 {
                    store.append(&[(network(series), &payload(writer + step, 9000))]).unwrap();
                }
                (series, store)
            })
        })
        .collect();
    let stores: Vec<(u32, Store)> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    let mut numbers: Vec<u32> = stores.iter().map(|(series, _)| *series).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(store::ids(dataset.path()), [stores[0].1.id()]);
    let contents = read(dataset.path(), stores[0].1.id());
    assert!(contents.damage(Path::new("it")).is_none());
    assert!(contents.n_bytes() < 4 * (2 * 9100 + (64 << 10)), "{} bytes", contents.n_bytes());
    for (writer, (series, _)) in stores.iter().enumerate() {
        assert_eq!(contents.get(network(*series)), Some(&payload(writer + 59, 9000)[..]), "writer {writer}");
    }
}

#[test]
fn what_a_killed_writer_left_unfinished_goes_with_the_next_entry_of_another() {
    let dataset = tempfile::tempdir().unwrap();
    let mut killed = Store::join(dataset.path()).unwrap();
    let mut other = Store::join(dataset.path()).unwrap();
    let numbers = [killed.new_series().unwrap(), other.new_series().unwrap()];
    killed.append(&[(network(numbers[0]), b"whole")]).unwrap();
    let whole = fs::read(killed.path()).unwrap().len();
    killed.append(&[(network(numbers[0]), &payload(1, 5000))]).unwrap();
    for cut in [whole + 1, whole + 11, whole + 12, whole + 20, whole + 4000] {
        let file = fs::OpenOptions::new().write(true).open(other.path()).unwrap();
        file.set_len(cut as u64).unwrap();
        other.append(&[(network(numbers[1]), b"next")]).unwrap();
        let contents = read(dataset.path(), other.id());
        assert_eq!(contents.damage(other.path()), None, "cut at {cut}");
        assert_eq!(
            numbers.map(|n| contents.get(network(n)).map(<[u8]>::to_vec)),
            [Some(b"whole".to_vec()), Some(b"next".to_vec())]
        );
    }
}

#[test]
fn a_wiped_folder_is_filled_again_by_all_writers_of_a_node() {
    let dataset = tempfile::tempdir().unwrap();
    let mut stores: Vec<Store> = (0..3).map(|_| Store::join(dataset.path()).unwrap()).collect();
    let numbers: Vec<u32> = stores.iter_mut().map(|store| store.new_series().unwrap()).collect();
    for (store, &n) in stores.iter_mut().zip(&numbers) {
        store.append(&[(network(n), &payload(n as usize, 700))]).unwrap();
    }
    fs::remove_dir_all(dataset.path().join(store::FOLDER)).unwrap();
    assert!(stores[2].ensure().unwrap() && !stores[2].ensure().unwrap());
    stores[0].append(&[(network(numbers[0]), b"newer")]).unwrap();
    assert!(stores[1].ensure().unwrap());
    // No number is given twice, be it that of a writer that has not been heard of since.
    assert_eq!(stores[0].new_series().unwrap(), 3);
    let contents = read(dataset.path(), stores[1].id());
    assert_eq!(contents.get(network(0)), Some(&b"newer"[..]));
    assert!((1..3).all(|n| contents.get(network(n)) == Some(&payload(n as usize, 700)[..])));
    assert_eq!(store::ids(dataset.path()).len(), 1);
}

#[test]
fn a_writer_whose_numbers_others_took_in_a_new_file_goes_on_in_one_of_its_own() {
    let dataset = tempfile::tempdir().unwrap();
    let [mut before, mut first] = [(); 2].map(|()| Store::join(dataset.path()).unwrap());
    let n = before.new_series().unwrap();
    before.append(&[(network(n), b"before")]).unwrap();
    // What is in the place then was made by one that knew nothing of the numbers.
    fs::remove_dir_all(dataset.path().join(store::FOLDER)).unwrap();
    fs::create_dir(dataset.path().join(store::FOLDER)).unwrap();
    let mut file = fs::read(first.path()).unwrap_or_else(|_| store::MAGIC.to_vec());
    store::write_entry(Key { kind: Kind::OWNER, series: n, segment: 0 }, b"another.", &mut file).unwrap();
    fs::write(before.path(), &file).unwrap();
    before.append(&[(network(n), b"too")]).unwrap();
    first.append(&[(network(99), b"first")]).unwrap();
    assert_ne!(before.id(), first.id());
    assert_eq!(read(dataset.path(), before.id()).get(network(n)), Some(&b"too"[..]));
    assert_eq!(read(dataset.path(), first.id()).get(network(99)), Some(&b"first"[..]));
    assert_eq!(read(dataset.path(), first.id()).get(network(n)), None);
}

#[test]
fn a_run_that_goes_on_later_has_a_file_of_its_own() {
    let dataset = tempfile::tempdir().unwrap();
    let ids = [(); 2].map(|()| {
        let [mut one, other] = [(); 2].map(|()| Store::join(dataset.path()).unwrap());
        one.append(&[(network(0), b"it")]).unwrap();
        assert_eq!(one.id(), other.id());
        one.id()
    });
    assert_ne!(ids[0], ids[1]);
    assert_eq!(fs::read_dir(dataset.path().join(store::FOLDER)).unwrap().count(), 2);
}

#[test]
fn a_running_writers_file_cannot_be_taken_over_and_one_that_is_cannot_be_joined() {
    let dataset = tempfile::tempdir().unwrap();
    for start in [Store::create, Store::join] {
        let store = start(dataset.path()).unwrap();
        let refused = Store::open(dataset.path(), store.id()).unwrap_err();
        assert!(refused.to_string().contains("running process"), "{refused}");
        let id = store.id();
        drop(store);
        let taken = Store::open(dataset.path(), id).unwrap();
        assert_ne!(Store::join(dataset.path()).unwrap().id(), id);
        drop(taken);
    }
}

/// What a reader finds of a key, by the two ways that there are.
fn found(path: &Path, key: Key) -> Option<Vec<u8>> {
    let contents = Contents::read(path).unwrap();
    let found = contents.get(key).map(<[u8]>::to_vec);
    assert_eq!(store::Index::open(path).unwrap().get(key).ok().flatten(), found);
    found
}

#[test]
fn what_is_kept_is_restored_wherever_a_sector_is_lost_and_is_whole_again_after_a_compaction() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let (finished, other) = (payload(3, 20_000), payload(4, 3000));
    store.append(&[(network(0), b"in training"), (network(1), b"other")]).unwrap();
    let start = fs::read(store.path()).unwrap().len();
    store.append_kept(&[(network(0), &finished)], |_| true).unwrap();
    store.append(&[(network(1), &other)]).unwrap();
    let (id, path) = (store.id(), store.path().to_owned());
    drop(store);
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() - start < 29_000, "{} bytes", whole.len() - start);
    let end = whole.len() - other.len() - 40;
    for at in (start..end - 4096).step_by(997).chain([start, end - 4096]) {
        let mut damaged = whole.clone();
        damaged[at..at + 4096].iter_mut().for_each(|byte| *byte = !*byte);
        fs::write(&path, &damaged).unwrap();
        assert_eq!(found(&path, network(0)).as_ref(), Some(&finished), "sector at {at}");
        assert_eq!(found(&path, network(1)).as_ref(), Some(&other), "sector at {at}");
    }
    // Whoever goes on makes up for it: each append writes a new file, as much of this one is stale.
    let mut store = Store::open(dataset.path(), id).unwrap();
    (0..99).for_each(|_| store.append(&[(network(1), &other)]).unwrap());
    let contents = read(dataset.path(), id);
    assert_eq!((contents.get(network(0)), contents.damage(&path)), (Some(&finished[..]), None));
}

#[test]
fn what_only_a_spare_is_left_of_outlives_a_compaction() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let (points, kept) = (Key { kind: Kind::POINTS, series: 5, segment: 0 }, payload(1, 900));
    store.append_kept(&[(points, &kept)], |_| true).unwrap();
    let (path, mut bytes) = (store.path().to_owned(), fs::read(store.path()).unwrap());
    let head = bytes.len() - 900 - 15;
    bytes[head] ^= 1;
    store.append(&[(network(1), b"next")]).unwrap();
    bytes.extend(&fs::read(&path).unwrap()[bytes.len()..]);
    fs::write(&path, bytes).unwrap();
    assert_eq!(found(&path, points).as_ref(), Some(&kept));
    for step in 0..30 {
        store.append(&[(network(1), &payload(step, 9000))]).unwrap();
    }
    assert_eq!(found(&path, points).as_ref(), Some(&kept));
    assert_eq!(read(dataset.path(), store.id()).damage(&path), None);
}

#[test]
fn a_damaged_key_does_not_hide_the_entry_that_it_looks_like() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    let step = |segment| Key { kind: Kind::STEP, series: 0, segment };
    store.append(&[(step(3), b"third"), (step(7), b"seventh")]).unwrap();
    let mut bytes = fs::read(store.path()).unwrap();
    let key = bytes.len() - b"seventh".len() - 1;
    assert_eq!(bytes[key], 7);
    bytes[key] = 3;
    let path = dataset.path().join("damaged.inr");
    fs::write(&path, bytes).unwrap();
    assert_eq!(found(&path, step(3)).as_deref(), Some(&b"third"[..]));
    assert_eq!(found(&path, step(7)), None);
    assert!(store::Index::open(&path).unwrap().damage().is_some());
}

#[test]
fn what_cannot_be_published_again_at_once_is_later() {
    for start in [Store::create, Store::join] {
        let dataset = tempfile::tempdir().unwrap();
        let mut store = start(dataset.path()).unwrap();
        let n = store.new_series().unwrap();
        store.append(&[(network(n), b"it")]).unwrap();
        let folder = dataset.path().join(store::FOLDER);
        fs::remove_dir_all(&folder).unwrap();
        // No folder can be made where a file is.
        fs::write(&folder, "").unwrap();
        assert!(store.ensure().is_err() && store.append(&[(network(n), b"more")]).is_err());
        fs::remove_file(&folder).unwrap();
        assert!(store.ensure().unwrap());
        assert_eq!(read(dataset.path(), store.id()).get(network(n)), Some(&b"it"[..]));
        assert_eq!(store.new_series().unwrap(), n + 1);
    }
}

#[test]
fn a_newer_entry_and_one_that_was_taken_back_are_not_undone_by_a_spare() {
    let dataset = tempfile::tempdir().unwrap();
    let mut store = Store::create(dataset.path()).unwrap();
    store.append_kept(&[(network(0), &payload(1, 900)), (network(1), &payload(2, 900))], |_| true).unwrap();
    store.append(&[(network(0), b"newer"), (network(1), b"")]).unwrap();
    assert_eq!(found(store.path(), network(0)).as_deref(), Some(&b"newer"[..]));
    assert_eq!(found(store.path(), network(1)), None);
}

#[test]
fn a_kept_entry_that_is_the_last_and_damaged_is_restored_before_others_follow() {
    let dataset = tempfile::tempdir().unwrap();
    let [mut damaged, mut store] = [(); 2].map(|()| Store::join(dataset.path()).unwrap());
    damaged.append_kept(&[(network(7), &payload(1, 900))], |_| true).unwrap();
    let path = store.path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    let head = bytes.len() - 900 - 15;
    bytes[head + 3] ^= 1;
    fs::write(&path, bytes).unwrap();
    store.append(&[(network(8), b"next")]).unwrap();
    assert_eq!(found(&path, network(7)), Some(payload(1, 900)));
    assert_eq!(found(&path, network(8)).as_deref(), Some(&b"next"[..]));
    assert_eq!(read(dataset.path(), store.id()).damage(&path), None);
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
