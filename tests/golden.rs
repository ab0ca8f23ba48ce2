//! Files written today stay readable: records in tests/golden/ decode to the bytes they decoded to when they were added,
//! at any number of threads.
//!
//! `INR_ADD_GOLDEN=1 cargo test --test golden` adds records that are missing; it never replaces one. A new format
//! version adds new files and keeps the old ones.

use std::path::{Path, PathBuf};

use adios2_inr::{Block, Dtype, Settings, codec};

/// `(file name, type, dims, settings)` of every golden record.
type Case = (&'static str, Dtype, &'static [usize], &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("v1-raw", Dtype::U8, &[7], &[]),
    ("v1-lossless-i32", Dtype::I32, &[40, 50], &[]),
    ("v1-empty-f64", Dtype::F64, &[0, 3], &[]),
    ("v1-constant-f64", Dtype::F64, &[50, 30], &[]),
    ("v1-linf-3d-f32", Dtype::F32, &[24, 25, 26], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v1-linf-tight-f64", Dtype::F64, &[30, 31], &[("norm", "Linf"), ("accuracy", "1e-7")]),
    ("v1-l2-2d-f32", Dtype::F32, &[70, 90], &[("accuracy", "1e-2")]),
    ("v1-l2-4d-f64", Dtype::F64, &[5, 9, 10, 11], &[("accuracy", "1e-3")]),
    ("v1-ratio-1d-f32", Dtype::F32, &[5000], &[("ratio", "20")]),
    ("v1-masked-f32", Dtype::F32, &[33, 44], &[("fill", "-1e34"), ("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v1-complex-c64", Dtype::C64, &[20, 21], &[("accuracy", "1e-2")]),
    (
        "v1-siren-f32",
        Dtype::F32,
        &[16, 17, 18],
        &[("model", "siren"), ("iterations", "200"), ("width", "24"), ("blocks", "1"), ("accuracy", "2e-2")],
    ),
    (
        "v1-siren-linf-f64",
        Dtype::F64,
        &[40, 41],
        &[("model", "siren"), ("iterations", "200"), ("width", "16"), ("norm", "Linf"), ("accuracy", "1e-2")],
    ),
    ("v2-raw", Dtype::U8, &[7], &[]),
    ("v2-lossless-i32", Dtype::I32, &[40, 50], &[]),
    ("v2-constant-f64", Dtype::F64, &[50, 30], &[]),
    ("v2-linf-3d-f32", Dtype::F32, &[24, 25, 26], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-linf-tight-f64", Dtype::F64, &[30, 31], &[("norm", "Linf"), ("accuracy", "1e-7")]),
    ("v2-l2-2d-f32", Dtype::F32, &[70, 90], &[("accuracy", "1e-2")]),
    ("v2-l2-4d-f64", Dtype::F64, &[5, 9, 10, 11], &[("accuracy", "1e-3")]),
    ("v2-l2-tight-5d-f64", Dtype::F64, &[3, 4, 5, 6, 7], &[("accuracy", "1e-6")]),
    ("v2-ratio-1d-f32", Dtype::F32, &[5000], &[("ratio", "20")]),
    ("v2-masked-f32", Dtype::F32, &[33, 44], &[("fill", "-1e34"), ("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v2-complex-c64", Dtype::C64, &[20, 21], &[("accuracy", "1e-2")]),
    ("v2-noise-2d-f32", Dtype::F32, &[320, 181], &[("norm", "Linf"), ("accuracy", "3e-3")]),
    ("v2-noise-tight-3d-f64", Dtype::F64, &[36, 35, 37], &[("norm", "Linf"), ("accuracy", "1e-6")]),
    ("v2-runs-2d-f32", Dtype::F32, &[90, 80], &[("norm", "Linf"), ("accuracy", "3e-2")]),
    ("v2-near-3d-f32", Dtype::F32, &[40, 35, 37], &[("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v2-near-noise-2d-f32", Dtype::F32, &[240, 181], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-near-5d-f64", Dtype::F64, &[5, 6, 7, 8, 9], &[("accuracy", "1e-3")]),
    ("v2-mixed-3d-f32", Dtype::F32, &[20, 35, 37], &[("effort", "best"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-mixed-1d-f64", Dtype::F64, &[900], &[("effort", "best"), ("accuracy", "1e-4")]),
    ("v2-mixed-noise-4d-f32", Dtype::F32, &[5, 6, 17, 18], &[("effort", "best"), ("accuracy", "1e-2")]),
    ("v2-fast-noise-3d-f32", Dtype::F32, &[40, 35, 37], &[("effort", "fast"), ("norm", "Linf"), ("accuracy", "1e-2")]),
    ("v2-fast-l2-3d-f64", Dtype::F64, &[30, 31, 32], &[("effort", "fast"), ("accuracy", "3e-2")]),
    ("v2-best-noise-2d-f32", Dtype::F32, &[120, 81], &[("effort", "best"), ("norm", "Linf"), ("accuracy", "3e-2")]),
    (
        "v2-siren-f32",
        Dtype::F32,
        &[16, 17, 18],
        &[("model", "siren"), ("iterations", "200"), ("width", "24"), ("blocks", "1"), ("accuracy", "2e-2")],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Waves with a front; no function of the platform's libm in it, so that every machine makes the same values.
fn values(n: usize) -> Vec<f64> {
    let triangle = |x: f64| 1.0 - 4.0 * ((x - x.floor()) - 0.5).abs();
    (0..n)
        .map(|i| {
            let x = i as f64 / n as f64;
            triangle(13.0 * x) + 0.3 * triangle(101.0 * x) + if x > 0.6 { 0.8 } else { 0.0 }
        })
        .collect()
}

fn bytes_of(name: &str, dtype: Dtype, dims: &[usize]) -> Vec<u8> {
    let n: usize = dims.iter().product();
    // Enough of what no transform sees through that large bands are full.
    let noise = |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(40_503)) / 6e9;
    let values = |n: usize| {
        let noise = |i: usize| if name.contains("noise") { noise(i) } else { 0.0 };
        values(n).into_iter().enumerate().map(|(i, v)| v + noise(i)).collect::<Vec<f64>>()
    };
    let hole = |i: usize, v: f64| if name.contains("masked") && i % 9 < 2 { -1e34 } else { v };
    match dtype {
        Dtype::F32 => values(n).iter().enumerate().flat_map(|(i, &v)| (hole(i, v) as f32).to_le_bytes()).collect(),
        Dtype::F64 if name.contains("constant") => 2.5f64.to_le_bytes().repeat(n),
        Dtype::F64 => values(n).iter().flat_map(|v| v.to_le_bytes()).collect(),
        Dtype::C64 => values(2 * n).iter().flat_map(|v| v.to_le_bytes()).collect(),
        Dtype::I32 => (0..n as i32).flat_map(|i| (i * 3).to_le_bytes()).collect(),
        _ => (0..n as u8).collect(),
    }
}

fn add(path: &Path, &(name, dtype, dims, pairs): &Case) {
    let base = [("threshold", "1"), ("backend", "cpu")];
    let model = if name.contains("siren") { ("seed", "7") } else { ("model", "transform") };
    let pairs = base.into_iter().chain(pairs.iter().copied()).chain([model]);
    let settings = Settings::from_pairs(pairs).expect("settings");
    let bytes = bytes_of(name, dtype, dims);
    let block = Block::new(dtype, dims, &bytes).expect("block");
    let record = codec::encode(&block, &settings, &codec::Context::default()).expect("record").record;
    let decoded = codec::decode(&record).expect("decodes");
    std::fs::write(path, &record).expect("golden record");
    std::fs::write(path.with_extension("xxh3"), hash(&decoded)).expect("golden hash");
}

/// Type, dimensions and hash of the decoded bytes.
fn hash(decoded: &codec::Decoded) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(&decoded.bytes);
    format!("{} {:?} {hash:032x}\n", decoded.dtype.name(), decoded.dims)
}

#[test]
fn golden_records_decode_to_the_bytes_they_always_did() {
    let may_add = std::env::var_os("INR_ADD_GOLDEN").is_some();
    for case in CASES {
        let path = folder().join(case.0).with_extension("inr");
        if may_add && !path.exists() {
            add(&path, case);
        }
        let record = std::fs::read(&path).expect(case.0);
        let expected = std::fs::read_to_string(path.with_extension("xxh3")).expect(case.0);
        assert_eq!(hash(&codec::decode(&record).expect(case.0)), expected, "{}", case.0);
    }
}

#[test]
fn golden_records_decode_to_the_same_bytes_with_1_and_with_8_threads() {
    for n_threads in ["1", "8"] {
        // The number of threads is fixed when a process first decodes, so each count needs its own process.
        let status = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "golden_records_decode_to_the_bytes_they_always_did"])
            .env("RAYON_NUM_THREADS", n_threads)
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.expect("runs").success(), "{n_threads} threads");
    }
}

#[test]
fn every_file_in_the_golden_folder_is_a_case() {
    for entry in std::fs::read_dir(folder()).expect("tests/golden") {
        let name = entry.expect("entry").path().file_stem().map(|s| s.to_string_lossy().into_owned());
        assert!(CASES.iter().any(|case| Some(case.0) == name.as_deref()), "{name:?}");
    }
}
