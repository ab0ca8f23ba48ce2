//! Fields that no compressor likes, and what has to be true of them when they come back, computed without the library's own measures.
#![allow(dead_code, reason = "each test program uses a part")]

use adios2_inr::train::random_u32;
use adios2_inr::{Block, Dtype, Mode, Norm, Settings, Target, codec};

/// What the values of a field are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Smooth,
    /// NaN of many bits, infinities, between values.
    NanStorm,
    /// Nothing but NaN, or nothing but the fill value.
    AllNan,
    AllFill,
    /// A third is the fill value.
    Filled,
    Denormals,
    /// +-1e38, where squares leave float32.
    Huge,
    /// Up to the largest number of the type.
    Largest,
    OneOutlier,
    Constant,
    Alternating,
    Noise,
    Integers,
    /// Zeros of both signs.
    Zeros,
    /// Some of everything, denormals beside 1e30.
    AllScales,
    /// Two values that break arithmetic, among ordinary ones.
    Poison,
}

pub const KINDS: [Kind; 16] = [
    Kind::Smooth,
    Kind::NanStorm,
    Kind::AllNan,
    Kind::AllFill,
    Kind::Filled,
    Kind::Denormals,
    Kind::Huge,
    Kind::Largest,
    Kind::OneOutlier,
    Kind::Constant,
    Kind::Alternating,
    Kind::Noise,
    Kind::Integers,
    Kind::Zeros,
    Kind::AllScales,
    Kind::Poison,
];

/// The value that marks missing data in [`Kind::AllFill`] and [`Kind::Filled`].
pub const FILL: f64 = -1e34;

/// Uniform in -1 to 1.
fn random(seed: u32, i: usize) -> f64 {
    f64::from(random_u32(seed, i as u32)) / 2f64.powi(31) - 1.0
}

fn smooth(i: usize, n: usize, seed: u32) -> f64 {
    let x = i as f64 / n.max(1) as f64;
    (9.0 * x + f64::from(seed % 64) * 0.03).sin() + 0.3 * (41.0 * x).cos()
}

/// Bits of value `i` of `n`.
fn bits(kind: Kind, single: bool, (i, n): (usize, usize), seed: u32) -> u64 {
    let r = random(seed, i);
    let (largest, tiny) = if single { (f64::from(f32::MAX), 1e-40) } else { (f64::MAX, 1e-310) };
    let value = match kind {
        Kind::Smooth => smooth(i, n, seed),
        Kind::NanStorm if i % 3 > 0 => {
            // Quiet and signalling, of both signs, with a payload; some infinities.
            let payload = u64::from(random_u32(seed ^ 77, i as u32));
            return match (single, payload % 5) {
                (true, 0) => 0xff80_0000,
                (true, _) => 0x7f80_0001 | (payload & 0x807f_ffff),
                (false, 0) => 0x7ff0_0000_0000_0000,
                (false, _) => 0x7ff0_0000_0000_0001 | (payload << 20 & 0x800f_ffff_ffff_ffff),
            };
        }
        Kind::NanStorm => smooth(i, n, seed),
        Kind::AllNan => f64::NAN,
        Kind::AllFill => FILL,
        Kind::Filled if i % 3 == 0 => FILL,
        Kind::Filled => smooth(i, n, seed),
        Kind::Denormals => tiny * r,
        Kind::Huge => 1e38 * if i.is_multiple_of(2) { 1.0 } else { -1.0 } * (1.0 + 0.3 * r),
        Kind::Largest => largest * [1.0, -1.0, r, 0.5][random_u32(seed ^ 5, i as u32) as usize % 4],
        Kind::OneOutlier if i == n / 3 => 1e6 * smooth(i, n, seed),
        Kind::OneOutlier => smooth(i, n, seed),
        Kind::Constant => 2.7 + f64::from(seed % 3),
        Kind::Alternating => {
            if i.is_multiple_of(2) {
                1.0
            } else {
                -1.0
            }
        }
        Kind::Noise => r,
        Kind::Integers => (r * 1000.0).round(),
        Kind::Zeros => {
            if r < 0.0 {
                -0.0
            } else {
                0.0
            }
        }
        Kind::Poison => {
            let poison = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, largest, -largest, tiny, -0.0, 1e-30, 1e30];
            let of = |k: u32| poison[(seed >> k) as usize % poison.len()];
            match (i % 7, i % 5) {
                (3, _) => of(3),
                (_, 0) => of(11),
                _ => 1.5,
            }
        }
        Kind::AllScales => r * [tiny, 1e-20, 1.0, 1e10, 1e30][random_u32(seed ^ 9, i as u32) as usize % 5],
    };
    if single { u64::from((value as f32).to_bits()) } else { value.to_bits() }
}

/// The bytes of a block; the imaginary part of a complex one is a field of the next kind.
pub fn bytes(kind: Kind, dtype: Dtype, dims: &[usize], seed: u32) -> Vec<u8> {
    let (real, n_components) = dtype.components().expect("a floating-point type");
    let n: usize = dims.iter().product();
    let other = KINDS[(KINDS.iter().position(|k| *k == kind).unwrap_or(0) + seed as usize) % KINDS.len()];
    let one = |j: usize| {
        let kind = if j.is_multiple_of(n_components) { kind } else { other };
        bits(kind, real == Dtype::F32, (j / n_components, n), seed).to_le_bytes()
    };
    (0..n * n_components).flat_map(|j| one(j)[..real.size()].to_vec()).collect()
}

/// The bits of component `index`.
fn component(bytes: &[u8], dtype: Dtype, index: usize) -> Vec<u64> {
    let (real, n_components) = dtype.components().expect("a floating-point type");
    let mut word = [0; 8];
    let read = |bytes: &[u8]| {
        word[..real.size()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    bytes.chunks_exact(real.size()).skip(index).step_by(n_components).map(read).collect()
}

/// What is promised of a block, as a sentence where it is broken. `ratio` is raw over stored bytes.
pub fn broken(
    original: &[u8],
    decoded: &[u8],
    dtype: Dtype,
    settings: &Settings,
    (ratio, is_exact): (f64, bool),
) -> Option<String> {
    if original.len() != decoded.len() {
        return Some(format!("{} bytes came back of {}", decoded.len(), original.len()));
    }
    let (real, n_components) = dtype.components()?;
    let value =
        |bits: u64| if real == Dtype::F32 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) };
    let fill = settings.fill.map(|fill| if real == Dtype::F32 { f64::from(fill as f32) } else { fill });
    (0..n_components).find_map(|index| {
        let pairs: Vec<(u64, u64)> =
            component(original, dtype, index).into_iter().zip(component(decoded, dtype, index)).collect();
        let is_valid = |bits: u64| value(bits).is_finite() && Some(value(bits)) != fill;
        let moved = pairs.iter().position(|&(was, now)| !is_valid(was) && was != now);
        if let Some(i) = moved {
            return Some(format!("missing data at {i}: {:#x} became {:#x}", pairs[i].0, pairs[i].1));
        }
        let valid: Vec<(f64, f64)> =
            pairs.iter().filter(|p| is_valid(p.0)).map(|&(was, now)| (value(was), value(now))).collect();
        if let Some((was, now)) = valid.iter().find(|(_, now)| !now.is_finite()) {
            return Some(format!("{was} became {now}"));
        }
        broken_bound(&valid, settings.target, (ratio, is_exact)).map(|what| format!("component {index}: {what}"))
    })
}

fn broken_bound(valid: &[(f64, f64)], target: Target, (ratio, is_exact): (f64, bool)) -> Option<String> {
    // Halves, because differences of the largest numbers overflow; sums of squares in units of the largest.
    let half_errors = || valid.iter().map(|(was, now)| (now / 2.0 - was / 2.0).abs());
    let (low, high) = valid.iter().fold((f64::MAX, f64::MIN), |(l, h), (was, _)| (l.min(*was), h.max(*was)));
    let half_range = if valid.is_empty() { 0.0 } else { high / 2.0 - low / 2.0 };
    let largest = half_errors().fold(0.0, f64::max);
    let norm = |values: &mut dyn Iterator<Item = f64>, unit: f64| {
        unit * values.map(|v| (v / unit).powi(2)).sum::<f64>().sqrt()
    };
    let unit = valid.iter().fold(f64::MIN_POSITIVE, |most, (was, _)| most.max(was.abs() / 2.0));
    let half_error = norm(&mut half_errors(), unit);
    let half_norm = norm(&mut valid.iter().map(|(was, _)| was / 2.0), unit);
    // What rounding adds to these sums themselves.
    let room = 1.0 + 1e-12;
    let (error, bound) = match target {
        Target::Accuracy(Mode::Rel, Norm::Linf, e) => (largest, e * half_range),
        Target::Accuracy(Mode::Abs, Norm::Linf, e) => (largest, e / 2.0),
        Target::Accuracy(Mode::Rel, Norm::L2, e) => (half_error, e * half_norm),
        Target::Accuracy(Mode::Abs, Norm::L2, e) => (half_error, e / 2.0),
        Target::Psnr(db) => (half_error, half_range / 10f64.powf(db / 20.0) * (valid.len() as f64).sqrt()),
        Target::Ratio(least) => return (ratio < least && !is_exact).then(|| format!("{ratio} is less than {least}")),
    };
    (error > bound * room).then(|| format!("half the error is {error:e}, half the bound {bound:e}"))
}

/// Encodes a block and says what is wrong with what comes back, if anything.
pub fn wrong(block: &Block, settings: &Settings) -> Option<String> {
    let encoded = match codec::encode(block, settings, &codec::Context::default()) {
        Ok(encoded) => encoded,
        Err(error) => return Some(format!("refused: {error}")),
    };
    if encoded.record.is_empty() || encoded.record.len() > block.bytes.len() + 32 {
        return Some(format!("a record of {} bytes for {}", encoded.record.len(), block.bytes.len()));
    }
    let decoded = match codec::decode(&encoded.record) {
        Ok(decoded) => decoded,
        Err(error) => return Some(format!("does not decode: {error}")),
    };
    let dims = settings.order.slowest_first(block.dims);
    if (decoded.dtype, &decoded.dims) != (block.dtype, &dims) {
        return Some(format!("{:?} {:?} came back", decoded.dtype, decoded.dims));
    }
    let model = &encoded.report.model;
    if block.dtype.components().is_none() || model == "raw" || model == "lossless" {
        return (decoded.bytes != block.bytes).then(|| format!("{model} changed bytes"));
    }
    if decoded.bytes == block.bytes {
        return None;
    }
    let ratio = block.bytes.len() as f64 / encoded.record.len() as f64;
    let what = broken(block.bytes, &decoded.bytes, block.dtype, settings, (ratio, false));
    let compared = codec::compare(block, &decoded.bytes, settings.fill).ok()?;
    what.or_else(|| (!compared.keeps(Some(&settings.target), ratio)).then(|| format!("{compared:?}")))
        .map(|what| format!("{model}: {what}"))
}
