//! What users rely on: the bound holds at every point, sizes stay within their limits, special values come back.

use adios2_inr::metrics::Errors;
use adios2_inr::{Block, Dtype, Order, Settings, codec};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let base = [("threshold", "1"), ("backend", "cpu")];
    Settings::from_pairs(base.into_iter().chain(pairs.iter().copied())).expect("settings")
}

/// Smooth waves with a front and a little roughness; any dimensions.
fn field(dims: &[usize]) -> Vec<f64> {
    let n: usize = dims.iter().product();
    let rough = |i: usize| (i as u32).wrapping_mul(2_654_435_761) as f64 / 2f64.powi(32) - 0.5;
    let at = |i: usize| {
        let (mut rest, mut phase, mut radius) = (i, 0.0, 0.0);
        for (axis, &d) in dims.iter().enumerate().rev() {
            let x = (rest % d) as f64 / d as f64;
            rest /= d;
            phase += (axis + 2) as f64 * x;
            radius += (x - 0.4) * (x - 0.4);
        }
        300.0 + 40.0 * (3.0 * phase).sin() + if radius < 0.05 { 25.0 } else { 0.0 } + 0.02 * rough(i)
    };
    (0..n).map(at).collect()
}

fn bytes_of(values: &[f64], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 | Dtype::C32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|&v| v.to_le_bytes()).collect(),
    }
}

fn values_of(bytes: &[u8], dtype: Dtype) -> Vec<f64> {
    match dtype {
        Dtype::F32 | Dtype::C32 => bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
        _ => bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
    }
}

/// Encodes, decodes and compares in the block's own type.
fn round_trip(values: &[f64], dims: &[usize], dtype: Dtype, settings: &Settings) -> (codec::Encoded, Errors) {
    let bytes = bytes_of(values, dtype);
    let block = Block::new(dtype, dims, &bytes).expect("block");
    let encoded = codec::encode(&block, settings, &codec::Context::default()).expect("record");
    assert!(!encoded.record.is_empty() && encoded.record.len() <= bytes.len() + 32);
    let decoded = codec::decode(&encoded.record).expect("decodes");
    assert_eq!((decoded.dtype, decoded.dims.as_slice()), (dtype, dims));
    let errors = Errors::between((&values_of(&bytes, dtype)).into(), (&values_of(&decoded.bytes, dtype)).into(), None);
    (encoded, errors)
}

const SHAPES: [&[usize]; 9] =
    [&[1000], &[37, 41], &[20, 21, 22], &[1, 30, 1, 31], &[4, 9, 10, 11], &[3, 4, 5, 6, 7], &[2, 2], &[5000], &[17, 1]];

#[test]
fn linf_bounds_hold_at_every_point_in_any_shape_and_type() {
    for dims in SHAPES {
        for accuracy in ["1e-1", "1e-2", "1e-3", "1e-4", "1e-6"] {
            for dtype in [Dtype::F32, Dtype::F64] {
                let asked = settings(&[("accuracy", accuracy), ("norm", "Linf"), ("model", "transform")]);
                let (_, errors) = round_trip(&field(dims), dims, dtype, &asked);
                let bound: f64 = accuracy.parse().expect("number");
                assert!(errors.max_over_range <= bound, "{dims:?} {dtype:?} {accuracy}: {}", errors.max_over_range);
            }
        }
    }
}

#[test]
fn every_effort_keeps_the_promise_and_the_best_takes_the_fewest_bytes_under_linf() {
    for (dims, dtype) in [(&[40, 41, 42][..], Dtype::F32), (&[300, 301], Dtype::F64), (&[90], Dtype::F32)] {
        let values = field(dims);
        for accuracy in ["1e-1", "1e-2", "1e-4"] {
            let sizes = ["fast", "default", "best"].map(|effort| {
                let pairs = [("norm", "Linf"), ("accuracy", accuracy), ("effort", effort), ("model", "transform")];
                let (encoded, errors) = round_trip(&values, dims, dtype, &settings(&pairs));
                assert!(errors.max_over_range <= accuracy.parse().expect("a number"), "{dims:?} {accuracy} {effort}");
                encoded.record.len()
            });
            assert!(sizes[2] <= sizes[1] && sizes[2] <= sizes[0], "{dims:?} {accuracy}: {sizes:?}");
        }
        for (key, value) in [("accuracy", 1e-2), ("accuracy", 1e-3), ("ratio", 30.0)] {
            for effort in ["fast", "best"] {
                let value_text = value.to_string();
                let pairs = [(key, &value_text[..]), ("effort", effort), ("model", "transform")];
                let (encoded, errors) = round_trip(&values, dims, dtype, &settings(&pairs));
                let n_bytes = values.len() * dtype.size();
                let holds = if key == "ratio" { encoded.record.len() * 30 <= n_bytes } else { errors.rel_l2 <= value };
                assert!(holds || encoded.report.model == "lossless", "{dims:?} {key} {value} {effort}: {errors:?}");
            }
        }
    }
}

#[test]
fn the_default_effort_finds_the_transform_of_a_small_snapshot() {
    // A wavy layer in the middle, where a thin slice shows nothing of what the rest is like.
    let layer = |i: usize| {
        let (x, y) = ((i / 256) as f64 / 256.0 - 0.5, (i % 256) as f64 / 256.0);
        ((x - 0.03 * (25.13 * y).sin()) / 0.02).tanh() * (-(x / 0.2) * (x / 0.2)).exp()
    };
    let values: Vec<f64> = (0..256 * 256).map(layer).collect();
    let [default, best] = ["default", "best"].map(|effort| {
        let pairs = [("norm", "Linf"), ("accuracy", "1e-3"), ("effort", effort), ("model", "transform")];
        round_trip(&values, &[256, 256], Dtype::F64, &settings(&pairs)).0.record.len()
    });
    assert!(10 * default <= 12 * best, "{default} {best}");
}

#[test]
fn absolute_linf_l2_and_psnr_bounds_hold() {
    let dims = [24, 25, 26];
    for (pairs, holds) in [
        (&[("accuracy", "0.05"), ("mode", "ABS"), ("norm", "Linf")][..], (|e| e.max <= 0.05) as fn(&Errors) -> bool),
        (&[("accuracy", "3.0"), ("mode", "ABS")], |e| e.l2 <= 3.0),
        (&[("accuracy", "5e-2")], |e| e.rel_l2 <= 5e-2),
        (&[("accuracy", "1e-5")], |e| e.rel_l2 <= 1e-5),
        (&[("psnr", "30")], |e| e.psnr >= 30.0),
        (&[("psnr", "90")], |e| e.psnr >= 90.0),
    ] {
        for dtype in [Dtype::F32, Dtype::F64] {
            let (_, errors) = round_trip(&field(&dims), &dims, dtype, &settings(pairs));
            assert!(holds(&errors), "{pairs:?} {dtype:?}: {errors:?}");
        }
    }
}

#[test]
fn a_ratio_is_met_within_two_percent() {
    let dims = [32, 32, 32];
    for ratio in [5.0, 20.0, 60.0] {
        let asked = settings(&[("ratio", &ratio.to_string()), ("model", "transform")]);
        let (encoded, _) = round_trip(&field(&dims), &dims, Dtype::F64, &asked);
        let reached = encoded.report.raw_bytes as f64 / encoded.record.len() as f64;
        assert!(reached >= ratio && reached <= 1.02 * ratio, "asked {ratio}, reached {reached}");
    }
}

#[test]
fn at_a_fixed_ratio_auto_lets_the_network_compete() {
    let dims = [20, 21, 22];
    let pairs = [("ratio", "20"), ("iterations", "20"), ("width", "8"), ("blocks", "1")];
    let (encoded, _) = round_trip(&field(&dims), &dims, Dtype::F32, &settings(&pairs));
    let tried = &encoded.report.tried;
    assert!(tried.iter().any(|t| t.model == "siren 8x1" && t.bytes.is_some()), "{tried:?}");
    assert!(encoded.record.len() * 20 <= encoded.report.raw_bytes);
}

#[test]
fn the_neural_model_keeps_the_promise_too() {
    let dims = [20, 21, 22];
    for (norm, accuracy) in [("L2", 1e-2), ("Linf", 1e-2)] {
        let pairs = [
            ("accuracy", "1e-2"),
            ("norm", norm),
            ("model", "siren"),
            ("iterations", "60"),
            ("width", "16"),
            ("blocks", "1"),
        ];
        let (encoded, errors) = round_trip(&field(&dims), &dims, Dtype::F32, &settings(&pairs));
        assert!(encoded.report.model.starts_with("siren+"), "{:?}", encoded.report);
        let reached = if norm == "L2" { errors.rel_l2 } else { errors.max_over_range };
        assert!(reached <= accuracy, "{norm}: {reached}");
        assert!(encoded.report.iterations == 60 && encoded.models[0].is_some());
    }
}

#[test]
fn the_same_settings_give_the_same_bytes_at_any_thread_count() {
    let dims = [20, 21, 22];
    for model in ["transform", "siren"] {
        let record = |threads| {
            let pairs = [("model", model), ("iterations", "20"), ("width", "16"), ("threads", threads)];
            round_trip(&field(&dims), &dims, Dtype::F32, &settings(&pairs)).0.record
        };
        assert_eq!(record("1"), record("8"), "{model}");
    }
}

#[test]
fn masked_values_come_back_bit_for_bit_and_do_not_count() {
    let dims = [16, 17, 18];
    let patterns = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e34, -99_999.0, f32::from_bits(0x7fa0_1234)];
    for pattern in patterns {
        let floats: Vec<f32> =
            field(&dims).iter().enumerate().map(|(i, &v)| if i % 18 > 11 { pattern } else { v as f32 }).collect();
        let bytes: Vec<u8> = floats.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
        let block = Block::new(Dtype::F32, &dims, &bytes).expect("block");
        let asked = settings(&[("accuracy", "1e-3"), ("norm", "Linf"), ("model", "transform")]);
        let encoded = codec::encode(&block, &asked, &codec::Context::default()).expect("record");
        assert_eq!(encoded.report.n_masked, 16 * 17 * 6);
        assert!(encoded.record.len() < bytes.len() / 3, "{pattern}: {} bytes", encoded.record.len());
        let decoded = codec::decode(&encoded.record).expect("decodes");
        let back = decoded.bytes.as_chunks::<4>().0;
        for (i, (was, now)) in floats.iter().zip(back).enumerate() {
            let now = u32::from_le_bytes(*now);
            if i % 18 > 11 {
                assert_eq!(now, was.to_bits(), "{pattern} at {i}");
            } else {
                assert!((f32::from_bits(now) - was).abs() <= 0.12, "{pattern} at {i}");
            }
        }
    }
}

#[test]
fn a_constant_block_costs_under_64_bytes() {
    for dtype in [Dtype::F32, Dtype::F64, Dtype::C64] {
        let n = 64 * 64 * 64 * if dtype == Dtype::C64 { 2 } else { 1 };
        let (encoded, errors) = round_trip(&vec![273.15; n], &[64, 64, 64], dtype, &settings(&[]));
        assert!(encoded.record.len() < 64, "{dtype:?}: {}", encoded.record.len());
        assert_eq!(errors.max, 0.0);
    }
}

#[test]
fn the_header_of_a_3d_block_takes_at_most_48_bytes() {
    for dtype in [Dtype::F32, Dtype::F64] {
        let dims = [40, 41, 42];
        let (encoded, _) = round_trip(&field(&dims), &dims, dtype, &settings(&[("model", "transform")]));
        let summary = codec::inspect(&encoded.record).expect("summary");
        let payload: usize = summary.sections.iter().map(|(_, n)| n).sum();
        assert!(encoded.record.len() - payload <= 48, "{dtype:?}: {}", encoded.record.len() - payload);
    }
}

#[test]
fn a_constant_block_takes_at_most_40_bytes() {
    for dtype in [Dtype::F32, Dtype::F64] {
        let dims = [40, 41, 42];
        let (encoded, errors) = round_trip(&vec![0.1; 40 * 41 * 42], &dims, dtype, &Settings::default());
        assert!(encoded.record.len() <= 40 && errors.max == 0.0, "{dtype:?}: {}", encoded.record.len());
    }
}

#[test]
fn integers_small_blocks_and_empty_blocks_are_exact() {
    let integers: Vec<u8> = (0..3000i64).flat_map(|i| (i * i % 977).to_le_bytes()).collect();
    let default = Settings::default();
    let small = bytes_of(&field(&[30]), Dtype::F64);
    for (dtype, dims, bytes) in [
        (Dtype::I64, &[30, 100][..], &integers),
        (Dtype::F64, &[30], &small),
        (Dtype::F32, &[4, 0, 3], &Vec::new()),
        (Dtype::F64, &[], &small[..8].to_vec()),
        (Dtype::U8, &[usize::MAX / 2, 0, usize::MAX / 2, usize::MAX / 2], &Vec::new()),
    ] {
        let block = Block::new(dtype, dims, bytes);
        let Ok(block) = block else { continue };
        let encoded = codec::encode(&block, &default, &codec::Context::default()).expect("record");
        assert!(!encoded.record.is_empty() && encoded.record.len() <= bytes.len() + 32);
        assert_eq!(&codec::decode(&encoded.record).expect("decodes").bytes, bytes);
    }
}

#[test]
fn white_noise_at_a_bound_below_its_precision_is_stored_losslessly() {
    let noise: Vec<f64> = (0..4096u64)
        .map(|i| f64::from_bits(0x3ff0_0000_0000_0000 | i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12))
        .collect();
    let asked = settings(&[("accuracy", "1e-17"), ("norm", "Linf"), ("model", "transform")]);
    let (encoded, errors) = round_trip(&noise, &[16, 16, 16], Dtype::F64, &asked);
    assert_eq!(errors.max, 0.0);
    assert!(["raw", "lossless"].contains(&encoded.report.model.as_str()), "{}", encoded.report.model);
}

#[test]
fn column_order_reverses_the_dimensions_and_keeps_the_bytes_in_place() {
    let dims = [40, 30];
    let values = field(&dims);
    let bytes = bytes_of(&values, Dtype::F64);
    let fortran = [30, 40];
    let block = Block::new(Dtype::F64, &fortran, &bytes).expect("block");
    let asked = settings(&[("order", "column"), ("model", "transform")]);
    let encoded = codec::encode(&block, &asked, &codec::Context::default()).expect("record");
    let decoded = codec::decode(&encoded.record).expect("decodes");
    assert_eq!(decoded.dims, dims);
    let c_order = round_trip(&values, &dims, Dtype::F64, &settings(&[("model", "transform")]));
    assert_eq!(encoded.record, c_order.0.record);
    assert_eq!(asked.order, Order::Column);
}

#[test]
fn decoded_values_stay_within_the_range_of_the_block() {
    let dims = [24, 25, 26];
    let values = field(&dims);
    let asked = settings(&[("accuracy", "5e-2"), ("norm", "Linf"), ("model", "transform")]);
    let bytes = bytes_of(&values, Dtype::F32);
    let block = Block::new(Dtype::F32, &dims, &bytes).expect("block");
    let encoded = codec::encode(&block, &asked, &codec::Context::default()).expect("record");
    let back = values_of(&codec::decode(&encoded.record).expect("decodes").bytes, Dtype::F32);
    let range = |v: &[f64]| v.iter().fold((f64::MAX, f64::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    let (was, now) = (range(&values_of(&bytes, Dtype::F32)), range(&back));
    assert!(now.0 >= was.0 && now.1 <= was.1, "{was:?} {now:?}");
}
