//! Files written today stay readable: records in tests/golden/ decode to the bytes they decoded to when they were added,
//! at any number of threads, with any instruction set.
//!
//! `INR_ADD_GOLDEN=1 cargo test --test golden` adds records that are missing; it never replaces one. A new format
//! version adds new files and keeps the old ones.

#[path = "common/golden.rs"]
mod golden;

use std::collections::BTreeSet;

use adios2_inr::train::random_u32;
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
    // Without loss: every type, differences or plain bytes, and blocks below the threshold.
    ("v2-exact-i8", Dtype::I8, &[300], EXACT),
    ("v2-exact-u8", Dtype::U8, &[300], EXACT),
    ("v2-exact-i16", Dtype::I16, &[20, 21], EXACT),
    ("v2-exact-u16", Dtype::U16, &[20, 21], EXACT),
    ("v2-exact-u32", Dtype::U32, &[20, 21], EXACT),
    ("v2-exact-i64", Dtype::I64, &[5, 6, 7], EXACT),
    ("v2-exact-u64", Dtype::U64, &[5, 6, 7], EXACT),
    ("v2-exact-f32", Dtype::F32, &[200], EXACT),
    ("v2-exact-f64", Dtype::F64, &[200], EXACT),
    ("v2-exact-c32", Dtype::C32, &[100], EXACT),
    ("v2-exact-c64", Dtype::C64, &[100], EXACT),
    ("v2-exact-few-i32", Dtype::I32, &[600], EXACT),
    // What needs no coder.
    ("v2-empty-f64", Dtype::F64, &[0, 3], &[]),
    ("v2-one-value-f32", Dtype::F32, &[1, 1], &[]),
    ("v2-constant-f32", Dtype::F32, &[50, 30], &[]),
    ("v2-half-constant-c64", Dtype::C64, &[20, 21], &[("accuracy", "1e-2")]),
    ("v2-zeros-f64", Dtype::F64, &[40, 30], &[("norm", "Linf")]),
    // Missing data: one pattern, a palette, too many for one; a component, a whole block.
    ("v2-masked-nan-f64", Dtype::F64, &[30, 31], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-masked-palette-f32", Dtype::F32, &[40, 31], &[("fill", "-1e34"), ("accuracy", "1e-3")]),
    ("v2-masked-storm-f32", Dtype::F32, &[40, 31], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-masked-component-c32", Dtype::C32, &[30, 31], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-all-masked-f32", Dtype::F32, &[30, 31], &[]),
    // Every promise.
    ("v2-psnr-3d-f32", Dtype::F32, &[12, 13, 14], &[("psnr", "50")]),
    ("v2-abs-linf-2d-f64", Dtype::F64, &[40, 41], &[("mode", "ABS"), ("norm", "Linf"), ("accuracy", "0.01")]),
    ("v2-abs-l2-3d-f32", Dtype::F32, &[12, 13, 14], &[("mode", "ABS"), ("accuracy", "0.5")]),
    ("v2-ratio-c32", Dtype::C32, &[40, 41], &[("ratio", "8")]),
    // Every way to lay a field out.
    ("v2-linf-c32", Dtype::C32, &[20, 21], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-column-2d-f32", Dtype::F32, &[30, 40], &[("order", "column"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-ones-4d-f64", Dtype::F64, &[1, 30, 1, 31], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-primes-3d-f32", Dtype::F32, &[11, 13, 17], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-7d-f32", Dtype::F32, &[3, 2, 4, 3, 2, 5, 4], &[("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-5d-f32", Dtype::F32, &[3, 5, 4, 6, 7], &[("norm", "Linf"), ("accuracy", "1e-2")]),
    // Every transform.
    ("v2-wavelet-2d-f64", Dtype::F64, &[40, 41], &[("effort", "fast"), ("norm", "Linf"), ("accuracy", "1e-3")]),
    ("v2-dct-waves-2d-f32", Dtype::F32, &[40, 41], &[("effort", "best"), ("accuracy", "1e-3")]),
    ("v2-wavelet-waves-1d-f64", Dtype::F64, &[1500], &[("effort", "best"), ("accuracy", "1e-3")]),
    ("v2-block-dct-patches-2d-f32", Dtype::F32, &[96, 96], &[("effort", "best"), ("accuracy", "3e-2")]),
    // Neural bases: every rank, complex, with missing data, under every kind of promise, and with other remainders.
    ("v2-siren-1d-f64", Dtype::F64, &[700], &SIREN),
    ("v2-siren-4d-f32", Dtype::F32, &[5, 6, 7, 8], &SIREN),
    ("v2-siren-5d-f32", Dtype::F32, &[3, 4, 5, 6, 4], &SIREN),
    ("v2-siren-c32", Dtype::C32, &[24, 25], &SIREN),
    ("v2-siren-masked-f32", Dtype::F32, &[33, 44], &SIREN),
    ("v2-siren-psnr-f64", Dtype::F64, &[24, 25], &with_siren([("psnr", "40"), ("seed", "8")])),
    ("v2-siren-ratio-f32", Dtype::F32, &[48, 49], &with_siren([("ratio", "8"), ("seed", "8")])),
    ("v2-siren-best-linf-f32", Dtype::F32, &[24, 25], &with_siren([("effort", "best"), ("norm", "Linf")])),
    ("v2-siren-fast-abs-f32", Dtype::F32, &[24, 25], &with_siren([("effort", "fast"), ("mode", "ABS")])),
];

/// Of more values than a chunk has.
const CHUNKED: Case = ("v2-chunks-2d-f32", Dtype::F32, &[4099, 4099], &[("effort", "fast"), ("accuracy", "0.2")]);

/// A threshold above every block here.
const EXACT: &[(&str, &str)] = &[("threshold", "100000")];
const SIREN: [(&str, &str); 4] = [("model", "siren"), ("iterations", "60"), ("width", "8"), ("blocks", "1")];

const fn with_siren(more: [(&'static str, &'static str); 2]) -> [(&'static str, &'static str); 6] {
    [SIREN[0], SIREN[1], SIREN[2], SIREN[3], more[0], more[1]]
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

/// What the name of a case says in place of the waves.
fn field(name: &str, dims: &[usize]) -> Vec<f64> {
    let (n, columns): (usize, usize) = (dims.iter().product(), dims.last().copied().unwrap_or(1));
    // Enough of what no transform sees through that large bands are full.
    let noise = |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(40_503)) / 6e9;
    let cosine = |x: f64| libm::cos(std::f64::consts::PI * x);
    let at = |i: usize| ((i / columns) as f64 / (n / columns).max(1) as f64, (i % columns) as f64 / columns as f64);
    match name {
        _ if name.contains("waves") => {
            let wave = |i| {
                let (y, x) = at(i);
                cosine(9.0 * y) * cosine(23.0 * x) + 0.5 * cosine(31.0 * x)
            };
            (0..n).map(wave).collect()
        }
        // A pattern of its own in each square.
        _ if name.contains("patches") => {
            let patch = |i: usize| {
                let (row, column) = (i / columns, i % columns);
                let kind = random_u32(5, (row / 16 * 64 + column / 16) as u32);
                let (p, q) = (f64::from(kind % 7), f64::from(kind / 7 % 7));
                cosine(p * (row % 16) as f64 / 16.0) * cosine(q * (column % 16) as f64 / 16.0)
            };
            (0..n).map(patch).collect()
        }
        _ if name.contains("noise") => values(n).into_iter().enumerate().map(|(i, v)| v + noise(i)).collect(),
        _ if name.contains("zeros") => (0..n).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }).collect(),
        _ if name.contains("-constant") && !name.contains("half") => vec![2.5; n],
        _ => values(n),
    }
}

/// The bits of value `i` where it is missing.
fn hole(name: &str, i: usize) -> Option<f32> {
    let is_hole = i % 9 < 2 || name.contains("all-masked");
    let pattern = match name {
        _ if name.contains("palette") => [f32::NAN, f32::INFINITY, -1e34, f32::NEG_INFINITY][i % 4],
        // Signalling ones too.
        _ if name.contains("storm") => f32::from_bits(0x7f80_0001 + (i as u32 % 400) * 0x5003),
        _ if name.contains("nan") => f32::NAN,
        _ => -1e34,
    };
    (name.contains("masked") && is_hole).then_some(pattern)
}

fn bytes_of(name: &str, dtype: Dtype, dims: &[usize]) -> Vec<u8> {
    let n: usize = dims.iter().product();
    let single = |i: usize, v: f64| hole(name, i).unwrap_or(v as f32).to_le_bytes();
    let double = |i: usize, v: f64| hole(name, i).map_or(v, f64::from).to_le_bytes();
    // A component of its own.
    let imaginary = |i: usize, v: f64| match name {
        _ if name.contains("component") => f64::NAN,
        _ if name.contains("half-constant") => 2.5,
        _ => 1.0 - v * v + (i % 2) as f64 * 0.01,
    };
    let few = name.contains("few");
    let integer = |i: usize| if few { [3, 70_000, -9, 12][random_u32(3, i as u32) as usize % 4] } else { i as i64 * 3 };
    let integers = |n_bytes: usize| (0..n).flat_map(|i| integer(i).to_le_bytes()[..n_bytes].to_vec()).collect();
    let values = field(name, dims).into_iter().enumerate();
    match dtype {
        Dtype::F32 => values.flat_map(|(i, v)| single(i, v)).collect(),
        Dtype::F64 => values.flat_map(|(i, v)| double(i, v)).collect(),
        Dtype::C32 => values.flat_map(|(i, v)| [v as f32, imaginary(i, v) as f32]).flat_map(f32::to_le_bytes).collect(),
        // As it was when the first complex records were added.
        Dtype::C64 if !name.contains("half") => self::values(2 * n).iter().flat_map(|v| v.to_le_bytes()).collect(),
        Dtype::C64 => values.flat_map(|(i, v)| [v, imaginary(i, v)]).flat_map(f64::to_le_bytes).collect(),
        Dtype::U8 if n < 256 => (0..n as u8).collect(),
        dtype => integers(dtype.size()),
    }
}

fn record(&(name, dtype, dims, pairs): &Case) -> Vec<u8> {
    let base = [("threshold", "1"), ("backend", "cpu")];
    let model = if name.contains("siren") { ("seed", "7") } else { ("model", "transform") };
    let pairs = base.into_iter().chain([model]).chain(pairs.iter().copied());
    let settings = Settings::from_pairs(pairs).expect("settings");
    let bytes = bytes_of(name, dtype, dims);
    let block = Block::new(dtype, dims, &bytes).expect("block");
    let encoded = codec::encode(&block, &settings, &codec::Context::default()).expect("record");
    let model = encoded.report.model;
    eprintln!("{name}: {model}, {} bytes", encoded.record.len());
    // A case is about what it is called after.
    for kind in ["siren", "wavelet", "block-dct", "constant"].into_iter().filter(|kind| name.contains(kind)) {
        assert!(model.contains(kind), "{name} is stored as {model}");
    }
    assert!(!name.contains("-dct") || name.contains("block") || model == "dct", "{name} is stored as {model}");
    assert!(!name.contains("exact") || model == "lossless" || model == "raw", "{name} is stored as {model}");
    encoded.record
}

/// Type, dimensions and hash of the decoded bytes.
fn hash(decoded: &codec::Decoded) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(&decoded.bytes);
    format!("{} {:?} {hash:032x}\n", decoded.dtype.name(), decoded.dims)
}

fn check(case: &Case) {
    let path = golden::folder("golden").join(case.0).with_extension("inr");
    golden::check(&path, || record(case), |record| hash(&codec::decode(record).expect(case.0)));
}

#[test]
fn golden_records_decode_to_the_bytes_they_always_did() {
    golden::assert_way();
    CASES.iter().for_each(check);
}

#[test]
fn golden_records_decode_to_the_same_bytes_on_any_number_of_threads_with_any_instruction_set() {
    golden::in_every_way("golden_records_decode_to_the_bytes_they_always_did");
}

#[test]
fn a_golden_record_in_chunks_decodes_to_the_bytes_it_always_did() {
    golden::assert_way();
    check(&CHUNKED);
}

#[test]
fn and_so_it_does_on_three_threads_without_wide_instructions() {
    golden::in_one_way("a_golden_record_in_chunks_decodes_to_the_bytes_it_always_did", "3", "scalar");
}

#[test]
fn every_file_in_the_golden_folder_is_a_case() {
    let names: Vec<&str> = CASES.iter().chain([&CHUNKED]).map(|case| case.0).collect();
    golden::assert_all_known(&golden::folder("golden"), &names);
}

/// What the newest records are about: types, sections, promises.
#[test]
fn every_type_section_and_promise_has_a_golden_record_of_the_newest_version() {
    let (mut types, mut sections, mut promises) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (name, ..) in CASES.iter().filter(|case| case.0.starts_with("v2")) {
        let path = golden::folder("golden").join(name).with_extension("inr");
        let summary = codec::inspect(&std::fs::read(path).expect(name)).expect(name);
        types.insert((summary.dtype.name(), summary.promise == "exact"));
        sections.extend(summary.sections.into_iter().map(|(name, _)| name));
        promises.insert(
            summary.promise.split(' ').filter(|word| word.parse::<f64>().is_err()).collect::<Vec<_>>().join(" "),
        );
    }
    let all =
        |found: &BTreeSet<String>, wanted: &[&str]| assert!(wanted.iter().all(|w| found.contains(*w)), "{found:?}");
    all(&sections, &["raw", "lossless", "mask", "masked values", "siren", "transform"]);
    all(&promises, &["exact", "L2 REL", "Linf REL", "L2 ABS", "Linf ABS", "PSNR dB", "ratio"]);
    let floats = ["float32", "float64", "complex64", "complex128"];
    assert!(floats.iter().all(|name| [true, false].iter().all(|exact| types.contains(&(name, *exact)))), "{types:?}");
    assert_eq!(types.iter().filter(|(_, is_exact)| *is_exact).count(), 12, "{types:?}");
}
