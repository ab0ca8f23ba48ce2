//! Every promise, for every type and model, over fields that no compressor likes: what comes back keeps its bound at every point, missing
//! data keeps its bits, and nothing panics. The same cases on every run.

#[path = "common/fields.rs"]
mod fields;

use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Dtype, Settings};
use fields::{FILL, KINDS, Kind};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

const FLOATS: [Dtype; 4] = [Dtype::F32, Dtype::F64, Dtype::C32, Dtype::C64];

/// Settings as they are given.
type Pairs = Vec<(&'static str, String)>;

/// The same cases on every run; `INR_PROMISES` times as many, for those who look for trouble.
fn for_all<S: Strategy>(n: u32, strategy: S, holds: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let times = std::env::var("INR_PROMISES").map_or(1, |n| n.parse().expect("a number"));
    let config = ProptestConfig {
        cases: n * times,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&strategy, holds).unwrap_or_else(|e| panic!("{e}"));
}

/// One wide, prime, empty, up to seven axes.
fn dims() -> impl Strategy<Value = Vec<usize>> {
    let odd: [&[usize]; 14] = [
        &[1],
        &[2],
        &[1, 1, 1],
        &[0],
        &[4, 0, 3],
        &[1, 97],
        &[89, 1],
        &[1, 13, 1, 17, 1],
        &[11, 13, 17],
        &[31, 37],
        &[3, 4, 5, 6, 7],
        &[2, 3, 2, 3, 2, 3, 2],
        &[2, 1, 2, 127],
        &[1021],
    ];
    let odd: Vec<Vec<usize>> = odd.iter().map(|dims| dims.to_vec()).collect();
    prop_oneof![3 => select(odd), 1 => prop::collection::vec(1usize..14, 1..4), 1 => (200usize..3000).prop_map(|n| vec![n])]
}

/// Every promise there is, absolute ones in the size of the field.
fn promise(kind: Kind) -> impl Strategy<Value = Pairs> {
    let size = match kind {
        Kind::Denormals => 1e-311,
        Kind::Huge => 1e38,
        Kind::Largest => 1e300,
        _ => 1.0,
    };
    let text = |number: f64| format!("{number:e}");
    let accuracy = || (-13i32..1, 1u32..10).prop_map(|(e, m)| f64::from(m) * 10f64.powi(e));
    let norm = || select(vec!["L2", "Linf"]);
    let rel = (accuracy(), norm()).prop_map(move |(a, norm)| vec![("accuracy", text(a)), ("norm", norm.to_owned())]);
    let abs = (accuracy(), norm()).prop_map(move |(a, norm)| {
        vec![("accuracy", text((a * size).max(5e-324))), ("norm", norm.to_owned()), ("mode", "ABS".to_owned())]
    });
    let psnr = (1u32..200).prop_map(|db| vec![("psnr", db.to_string())]);
    let ratio = (11u32..400).prop_map(|tenths| vec![("ratio", (f64::from(tenths) / 10.0).to_string())]);
    prop_oneof![4 => rel, 3 => abs, 2 => psnr, 1 => ratio]
}

/// What does not change the promise.
fn manner() -> impl Strategy<Value = Pairs> {
    let effort = select(vec!["fast", "default", "best"]);
    (effort, any::<bool>(), any::<bool>()).prop_map(|(effort, is_column, is_told)| {
        let order = if is_column { "column" } else { "row" };
        let mut pairs = vec![("effort", effort.to_owned()), ("order", order.to_owned())];
        if is_told {
            pairs.push(("fill", FILL.to_string()));
        }
        pairs
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    select(KINDS.to_vec())
}

fn settings(parts: &[&Pairs], more: &[(&str, &str)]) -> Settings {
    let base = [("threshold", "1"), ("backend", "cpu")].into_iter().chain(more.iter().copied());
    let asked = parts.iter().flat_map(|pairs| pairs.iter()).map(|(key, value)| (*key, value.as_str()));
    Settings::from_pairs(base.chain(asked)).expect("settings")
}

fn check(kind: Kind, dtype: Dtype, dims: &[usize], seed: u32, settings: &Settings) -> Result<(), TestCaseError> {
    let bytes = fields::bytes(kind, dtype, dims, seed);
    let block = Block::new(dtype, dims, &bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
    fields::wrong(&block, settings).map_or(Ok(()), |what| Err(TestCaseError::fail(what)))
}

#[test]
fn the_transform_keeps_every_promise_for_every_field() {
    let cases = kinds()
        .prop_flat_map(|kind| (Just(kind), promise(kind), manner(), dims(), select(FLOATS.to_vec()), any::<u32>()));
    for_all(1500, cases, |(kind, promise, manner, dims, dtype, seed)| {
        check(kind, dtype, &dims, seed, &settings(&[&promise, &manner], &[("model", "transform")]))
    });
}

#[test]
fn neural_bases_keep_every_promise_for_every_field() {
    let model = select(vec!["siren", "auto"]);
    let cases = kinds().prop_flat_map(move |kind| {
        (Just(kind), promise(kind), manner(), dims(), select(FLOATS.to_vec()), any::<u32>(), model.clone())
    });
    for_all(300, cases, |(kind, promise, manner, dims, dtype, seed, model)| {
        let small = [("model", model), ("iterations", "4"), ("width", "8"), ("blocks", "1")];
        check(kind, dtype, &dims, seed, &settings(&[&promise, &manner], &small))
    });
}

#[test]
fn integers_of_every_type_come_back_exactly() {
    let types = [Dtype::I8, Dtype::I16, Dtype::I32, Dtype::I64, Dtype::U8, Dtype::U16, Dtype::U32, Dtype::U64];
    for_all(80, (select(types.to_vec()), dims(), kinds(), any::<u32>()), |(dtype, dims, kind, seed)| {
        let n_bytes = dims.iter().product::<usize>() * dtype.size();
        let mut bytes = fields::bytes(kind, Dtype::F64, &[n_bytes.div_ceil(8)], seed);
        bytes.truncate(n_bytes);
        let block = Block::new(dtype, &dims, &bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        fields::wrong(&block, &settings(&[], &[])).map_or(Ok(()), |what| Err(TestCaseError::fail(what)))
    });
}

/// A dataset with one variable, and what comes back of each of its steps.
fn check_steps(
    kinds: &[Kind],
    dtype: Dtype,
    dims: &[usize],
    seed: u32,
    settings: &Settings,
) -> Result<(), TestCaseError> {
    let dataset = tempfile::tempdir().expect("a folder");
    let path = dataset.path().to_str().expect("UTF-8");
    let (dataset, variable) = (path.to_owned(), "u".to_owned());
    let key = SeriesKey { dataset, generation: 0, variable, start: vec![0; dims.len()], dims: dims.to_vec() };
    let outcome = kinds.iter().enumerate().try_for_each(|(step, &kind)| {
        let fail = |what: String| TestCaseError::fail(format!("step {step}: {what}"));
        let bytes = fields::bytes(kind, dtype, dims, seed.wrapping_add(step as u32));
        let block = Block::new(dtype, dims, &bytes).map_err(|e| fail(e.to_string()))?;
        let outcome = session::encode(&key, &block, settings);
        if let Some(warning) = outcome.warning {
            return Err(fail(warning));
        }
        let record = outcome.record.unwrap_or_default();
        let mut out = vec![0; bytes.len()];
        session::decode_from(path, &record, &mut out).map_err(|e| fail(e.to_string()))?;
        if out == bytes {
            return Ok(());
        }
        fields::broken(&bytes, &out, dtype, settings, (1.0, true)).map_or(Ok(()), |what| Err(fail(what)))
    });
    session::finish(&key);
    outcome
}

fn promised_steps() -> impl Strategy<Value = (Vec<Kind>, Pairs)> {
    // Few kinds in turns, so that a step sometimes has to do with the one before.
    let kinds = prop_oneof![kinds().prop_map(|kind| vec![kind; 4]), prop::collection::vec(kinds(), 4)];
    kinds.prop_flat_map(|kinds| {
        let promise = promise(kinds[0]).prop_filter("chains promise an error", |p| p[0].0 != "ratio");
        (Just(kinds), promise)
    })
}

#[test]
fn predicted_steps_keep_every_promise_for_every_field() {
    let predictor = select(vec!["auto", "last", "linear", "network"]);
    let cases = (promised_steps(), manner(), dims(), select(FLOATS.to_vec()), any::<u32>(), predictor);
    for_all(100, cases, |((kinds, promise), manner, dims, dtype, seed, predictor)| {
        let more = [("temporal", "predict"), ("model", "transform"), ("predictor", predictor)];
        check_steps(&kinds, dtype, &dims, seed, &settings(&[&promise, &manner], &more))
    });
}

#[test]
fn series_keep_every_promise_for_every_field() {
    let network = select(vec!["film", "tinr", "hypernet"]);
    let cases = (promised_steps(), dims(), select(FLOATS.to_vec()), any::<u32>(), network, any::<bool>());
    for_all(30, cases, |((kinds, promise), dims, dtype, seed, network, is_strict)| {
        let strict = if is_strict { "1" } else { "0" };
        let small = [
            ("temporal", "series"),
            ("model", "transform"),
            ("network", network),
            ("iterations", "2"),
            ("width", "8"),
            ("blocks", "1"),
            ("segment_steps", "3"),
            ("seconds", "0.01"),
            ("nodes", "8"),
            ("strict_series", strict),
        ];
        // A segment, and steps that lie over its network.
        let kinds = kinds.repeat(2);
        check_steps(&kinds, dtype, &dims, seed, &settings(&[&promise], &small))
    });
}
