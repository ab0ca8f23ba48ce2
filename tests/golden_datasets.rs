//! Datasets written today stay readable: the records and store files in tests/golden_datasets/ decode to the bytes they did when
//! they were added, at any number of threads, with any instruction set. One folder is one dataset: its folder `inr`, and `records.bin`.
//!
//! `INR_ADD_GOLDEN=1 cargo test --test golden_datasets` adds datasets that are missing; it never replaces one.

#[path = "common/golden.rs"]
mod golden;

use std::path::Path;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Dtype, Settings, codec, store};

/// `(folder, type, dims, steps, variables, settings)`.
type Case = (&'static str, Dtype, &'static [usize], usize, usize, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("v1-series-film", Dtype::F32, &[48, 48], 16, 1, &[("network", "film"), ("iterations", "40")]),
    (
        "v1-series-tinr",
        Dtype::F64,
        &[48, 48],
        16,
        1,
        &[("network", "tinr"), ("iterations", "400"), ("accuracy", "0.4"), ("segment_steps", "1000")],
    ),
    ("v1-series-hypernet", Dtype::F32, &[48, 48], 16, 1, HYPERNET),
    ("v1-series-complex", Dtype::C32, &[48, 48], 16, 1, &[("bits", "16"), ("iterations", "100")]),
    ("v1-series-points", Dtype::F32, &[48 * 48], 16, 1, &[("points", ""), ("iterations", "40")]),
    ("v1-chain", Dtype::F32, &[40, 40], 8, 1, CHAIN),
    // Each step of the second variable needs that of the first.
    ("v1-chain-cross", Dtype::F64, &[40, 40], 10, 2, CHAIN),
];

const HYPERNET: &[(&str, &str)] = &[
    ("network", "hypernet"),
    ("sketch", "fjlt"),
    ("width", "12"),
    ("iterations", "200"),
    ("segment_steps", "1000"),
    ("accuracy", "0.25"),
];
const CHAIN: &[(&str, &str)] = &[("temporal", "predict"), ("norm", "Linf"), ("accuracy", "1e-3")];
/// Of every series, unless it says otherwise.
const SERIES: &[(&str, &str)] = &[
    ("temporal", "series"),
    ("accuracy", "0.15"),
    ("segment_steps", "100"),
    ("width", "16"),
    ("blocks", "2"),
    ("seconds", "1"),
    ("iterations", "40"),
];

/// Records as `(variable, step, record)`, in the order in which they were written.
type Stored = Vec<(String, u32, Vec<u8>)>;

/// Steps whose records are kept: those that were stored alone are no more than any golden record.
fn is_kept(name: &str, step: usize, n_steps: usize) -> bool {
    name.contains("chain") || step + 4 >= n_steps
}

/// A pulse that moves over a still pattern in a series, waves that drift in a chain; without the platform's libm.
fn value(name: &str, variable: usize, step: usize, (y, x): (f64, f64)) -> f64 {
    let (sin, cos) = (libm::sin, libm::cos);
    let t = step as f64;
    if name.contains("chain") {
        let first = sin(13.0 * x - 0.12 * t) * cos(9.0 * y + 0.08 * t) + 0.4 * sin(16.0 * (x + y) + 0.1 * t);
        // What the second variable does is what the first one has just done, and no history of its own tells it.
        let kick = sin(97.0 * sin(31.0 * t) + 17.0 * x);
        return if variable == 0 { first + 0.3 * kick } else { first * first + 0.3 * kick };
    }
    let centre = 0.25 + 0.012 * t;
    let (dx, dy) = (x - 0.5, y - centre);
    let waves = sin(25.0 * x + 9.0 * y * y) * sin(23.0 * y - 7.0 * x * x);
    libm::exp(-30.0 * (dx * dx + dy * dy)) + 0.5 * waves + 0.5 * sin(31.0 * (x - 0.3) * (y + 0.2))
}

fn bytes_of(&(name, dtype, dims, ..): &Case, variable: usize, step: usize) -> Vec<u8> {
    let n: usize = dims.iter().product();
    let side = n.isqrt();
    let at = |i: usize| value(name, variable, step, ((i / side) as f64 / side as f64, (i % side) as f64 / side as f64));
    let all = (0..n).map(at);
    match dtype {
        Dtype::F64 => all.flat_map(f64::to_le_bytes).collect(),
        Dtype::C32 => all.flat_map(|v| [v as f32, 2.0 - 0.5 * v as f32]).flat_map(f32::to_le_bytes).collect(),
        _ => all.flat_map(|v| (v as f32).to_le_bytes()).collect(),
    }
}

/// The coordinates of a grid as those of an unstructured mesh.
fn write_points(path: &Path, n: usize) {
    let side = n.isqrt();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 2), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    (0..n).flat_map(|i| [(i / side) as f32, (i % side) as f32]).for_each(|x| bytes.extend(x.to_le_bytes()));
    std::fs::write(path, bytes).expect("points");
}

/// Writes a dataset as the plugin does and keeps what a reader needs of it.
fn add(path: &Path, case: &Case) {
    let &(name, dtype, dims, n_steps, n_variables, pairs) = case;
    let dataset = tempfile::tempdir().expect("a folder");
    let points = dataset.path().join("points.npy");
    write_points(&points, dims.iter().product());
    let pairs =
        pairs.iter().map(|&(key, value)| (key, if key == "points" { points.to_str().expect("UTF-8") } else { value }));
    let base = [("threshold", "1"), ("backend", "cpu"), ("model", "transform")];
    let of_series = SERIES.iter().copied().filter(|_| name.contains("series"));
    let settings = Settings::from_pairs(base.into_iter().chain(of_series).chain(pairs)).expect("settings");
    let key = |variable: usize| SeriesKey {
        dataset: dataset.path().to_str().expect("UTF-8").to_owned(),
        generation: 0,
        variable: format!("v{variable}"),
        start: vec![0; dims.len()],
        dims: dims.to_vec(),
    };
    let mut stored: Stored = Vec::new();
    for step in 0..n_steps {
        for variable in 0..n_variables {
            let bytes = bytes_of(case, variable, step);
            let block = Block::new(dtype, dims, &bytes).expect("block");
            let outcome = session::encode(&key(variable), &block, &settings);
            assert_eq!(outcome.warning, None, "{name}");
            stored.push((format!("v{variable}"), step as u32, outcome.record.expect("a record")));
        }
    }
    (0..n_variables).for_each(|variable| session::finish(&key(variable)));
    stored.retain(|(_, step, _)| is_kept(name, *step as usize, n_steps));
    let n_in_store = stored.iter().filter(|(_, _, record)| in_store(record)).count();
    if 2 * n_in_store <= stored.len() {
        eprintln!(
            "{name} has {n_in_store} of {} records in its store: it is no case of what it is called after",
            stored.len()
        );
        return;
    }
    std::fs::create_dir_all(path.join(store::FOLDER)).expect("a folder");
    for id in store::ids(dataset.path()) {
        std::fs::copy(store::path(dataset.path(), id), store::path(path, id)).expect("a store file");
    }
    std::fs::write(path.join("records.bin"), postcard::to_allocvec(&stored).expect("bytes")).expect("records");
    std::fs::write(path.join("decoded.xxh3"), hash(path, case)).expect("golden hash");
}

fn in_store(record: &[u8]) -> bool {
    let summary = codec::inspect(record).expect("summary");
    summary.place.is_some() || summary.step.is_some()
}

/// Checksum of all steps, decoded in an order that no chain was written in.
fn hash(path: &Path, &(name, dtype, dims, ..): &Case) -> String {
    let bytes = std::fs::read(path.join("records.bin")).expect(name);
    let stored: Stored = postcard::from_bytes(&bytes).expect(name);
    let n_bytes = dims.iter().product::<usize>() * dtype.size();
    let dataset = path.to_str().expect("UTF-8");
    let decode = |i: usize| {
        let mut out = vec![0; n_bytes];
        session::decode_from(dataset, &stored[i].2, &mut out).unwrap_or_else(|e| panic!("{name} {}: {e}", stored[i].1));
        (i, out)
    };
    let n = stored.len();
    let mut decoded: Vec<_> = (0..n).rev().map(decode).collect();
    decoded.sort_by_key(|(i, _)| *i);
    golden::hash(&decoded.into_iter().map(|(_, out)| out).collect::<Vec<_>>())
}

#[test]
fn golden_datasets_decode_to_the_bytes_they_always_did() {
    golden::assert_way();
    for case in CASES {
        let path = golden::folder("golden_datasets").join(case.0);
        if golden::is_to_be_added(&path) {
            add(&path, case);
        }
    }
    for case in CASES {
        let path = golden::folder("golden_datasets").join(case.0);
        golden::check_hash(case.0, &path.join("decoded.xxh3"), &hash(&path, case));
    }
}

#[test]
fn golden_datasets_decode_to_the_same_bytes_on_any_number_of_threads_with_any_instruction_set() {
    golden::in_every_way("golden_datasets_decode_to_the_bytes_they_always_did");
}

#[test]
fn every_golden_dataset_is_a_case() {
    golden::assert_all_known(&golden::folder("golden_datasets"), &CASES.iter().map(|case| case.0).collect::<Vec<_>>());
}
