//! Errors between a field and its decoded copy.

use rayon::prelude::*;

use crate::field::{Slice, wide};

/// Error measures over the unmasked values of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Errors {
    /// `||x' - x||_2`.
    pub l2: f64,
    /// `||x' - x||_2 / ||x||_2` (0 for 0/0).
    pub rel_l2: f64,
    /// `max |x' - x|`.
    pub max: f64,
    /// `max |x' - x| / (max x - min x)` (0 for 0/0).
    pub max_over_range: f64,
    /// `20 log10(range / rmse)` in dB; infinite for an exact copy (`null` in JSON).
    #[serde(deserialize_with = "null_is_infinite")]
    pub psnr: f64,
}

fn null_is_infinite<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    <Option<f64> as serde::Deserialize>::deserialize(from).map(|x| x.unwrap_or(f64::INFINITY))
}

/// Values per task; sums are added per task in order, so that threads do not change them.
const TASK: usize = 1 << 16;
/// Values that are widened together.
const AT_ONCE: usize = 512;
/// Sums of values in this many parts, which a processor adds at once.
const LANES: usize = 8;

/// What errors are made of.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    /// Of errors.
    pub square: f64,
    norm: f64,
    /// Largest error.
    pub max: f64,
    low: f64,
    high: f64,
    /// Of values that count.
    pub n: usize,
}

impl Sums {
    /// Of no values.
    pub const NOTHING: Sums =
        Sums { square: 0.0, norm: 0.0, max: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY, n: 0 };

    /// Of few values, where `valid` is true.
    #[inline(always)]
    fn of(original: &[f64], decoded: &[f64], valid: Option<&[bool]>) -> Sums {
        let mut lanes = Lanes::NOTHING;
        let (xs, x_rest) = original.as_chunks();
        let (ys, y_rest) = decoded.as_chunks();
        let pairs = xs.iter().zip(ys);
        match valid {
            None => pairs.for_each(|(xs, ys)| lanes.add(xs, ys, &[true; LANES])),
            Some(valid) => pairs.zip(valid.as_chunks().0).for_each(|((xs, ys), valid)| lanes.add(xs, ys, valid)),
        }
        for (i, (&x, &y)) in x_rest.iter().zip(y_rest).enumerate() {
            let counts = valid.is_none_or(|valid| valid[LANES * xs.len() + i]);
            lanes.add(&[x; LANES], &[y; LANES], &std::array::from_fn(|lane| counts & (lane == 0)));
        }
        let n = valid.map_or(original.len() as u32, |valid| valid.iter().map(|&counts| u32::from(counts)).sum());
        Sums { n: n as usize, ..lanes.sums() }
    }

    /// Of the few values from `first` on.
    #[inline(always)]
    fn between(original: Slice, decoded: Slice, valid: Option<&[bool]>, first: usize) -> Sums {
        let n = AT_ONCE.min(original.len() - first);
        let (mut xs, mut ys) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
        let (xs, ys) = (&mut xs[..n], &mut ys[..n]);
        original.read(first, xs);
        decoded.read(first, ys);
        Sums::of(xs, ys, valid.map(|valid| &valid[first..first + n]))
    }

    /// Of both.
    pub fn and(self, other: Sums) -> Sums {
        let square = self.square + other.square;
        Sums {
            square,
            norm: self.norm + other.norm,
            // A NaN error wins and fails every check.
            max: if square.is_nan() { f64::NAN } else { self.max.max(other.max) },
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            n: self.n + other.n,
        }
    }
}

/// Sums over some of the values each.
struct Lanes {
    square: [f64; LANES],
    norm: [f64; LANES],
    max: [f64; LANES],
    low: [f64; LANES],
    high: [f64; LANES],
}

impl Lanes {
    const NOTHING: Lanes = Lanes {
        square: [0.0; LANES],
        norm: [0.0; LANES],
        max: [0.0; LANES],
        low: [f64::INFINITY; LANES],
        high: [f64::NEG_INFINITY; LANES],
    };

    /// One value to each lane, if it counts: bits are masked, since there are vectors for that.
    #[inline(always)]
    fn add(&mut self, xs: &[f64; LANES], ys: &[f64; LANES], valid: &[bool; LANES]) {
        let or = |x: f64, mask: u64, other: f64| f64::from_bits(x.to_bits() & mask | other.to_bits() & !mask);
        for lane in 0..LANES {
            let (x, mask) = (xs[lane], u64::from(valid[lane]).wrapping_neg());
            let (e, norm) = (or((ys[lane] - x).abs(), mask, 0.0), or(x, mask, 0.0));
            let (low, high) = (or(x, mask, f64::INFINITY), or(x, mask, f64::NEG_INFINITY));
            self.square[lane] += e * e;
            self.norm[lane] += norm * norm;
            self.max[lane] = if e > self.max[lane] { e } else { self.max[lane] };
            self.low[lane] = if low < self.low[lane] { low } else { self.low[lane] };
            self.high[lane] = if high > self.high[lane] { high } else { self.high[lane] };
        }
    }

    /// All together, without their number.
    #[inline(always)]
    fn sums(&self) -> Sums {
        let of = |lane: usize| Sums {
            square: self.square[lane],
            norm: self.norm[lane],
            max: self.max[lane],
            low: self.low[lane],
            high: self.high[lane],
            n: 0,
        };
        (0..LANES).map(of).fold(Sums::NOTHING, Sums::and)
    }
}

wide! {
    /// [`Sums::between`].
    fn sums_between(original: Slice, decoded: Slice, valid: Option<&[bool]>, first: usize) -> Sums = Sums::between;
}

wide! {
    /// [`Sums::of`].
    fn sums_of(original: &[f64], decoded: &[f64], valid: Option<&[bool]>) -> Sums = Sums::of;
}

/// `||x||_2` where `valid` is true (everywhere without it).
pub fn norm(values: Slice, valid: Option<&[bool]>) -> f64 {
    sums(values, values, valid).norm.sqrt()
}

/// Sums over the values that count.
fn sums(original: Slice, decoded: Slice, valid: Option<&[bool]>) -> Sums {
    let task = |t: usize| {
        let parts = (t * TASK..((t + 1) * TASK).min(original.len())).step_by(AT_ONCE);
        parts.fold(Sums::NOTHING, |sums, first| sums.and(sums_between(original, decoded, valid, first)))
    };
    let tasks: Vec<Sums> = (0..original.len().div_ceil(TASK)).into_par_iter().map(task).collect();
    tasks.into_iter().fold(Sums::NOTHING, Sums::and)
}

impl Errors {
    /// Compares `decoded` with `original` (same length) where `valid` is true (everywhere without it).
    pub fn between(original: Slice, decoded: Slice, valid: Option<&[bool]>) -> Errors {
        assert_eq!(original.len(), decoded.len(), "same block");
        Errors::of(sums(original, decoded, valid))
    }

    /// Of sums over all values that count.
    pub(crate) fn of(sums: Sums) -> Errors {
        let relative = |e: f64, to: f64| if e == 0.0 { 0.0 } else { e / to };
        let range = sums.high - sums.low;
        let rmse = (sums.square / sums.n.max(1) as f64).sqrt();
        Errors {
            l2: sums.square.sqrt(),
            rel_l2: relative(sums.square.sqrt(), sums.norm.sqrt()),
            max: sums.max,
            max_over_range: relative(sums.max, range),
            psnr: if sums.square == 0.0 { f64::INFINITY } else { 20.0 * (range / rmse).log10() },
        }
    }

    /// The larger error of two in every measure; NaN is the largest.
    pub fn worst(&self, other: &Errors) -> Errors {
        let larger = |a: f64, b: f64| if a >= b || a.is_nan() { a } else { b };
        Errors {
            l2: larger(self.l2, other.l2),
            rel_l2: larger(self.rel_l2, other.rel_l2),
            max: larger(self.max, other.max),
            max_over_range: larger(self.max_over_range, other.max_over_range),
            psnr: -larger(-self.psnr, -other.psnr),
        }
    }
}
