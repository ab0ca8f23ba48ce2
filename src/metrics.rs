//! Errors between a field and its decoded copy.

use rayon::prelude::*;

use crate::field::Slice;
use crate::simd::wide;

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
    n: usize,
}

impl Sums {
    /// Of no values.
    pub const NOTHING: Sums =
        Sums { square: 0.0, norm: 0.0, max: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY, n: 0 };

    /// Of few values.
    #[inline(always)]
    fn of(original: &[f64], decoded: &[f64]) -> Sums {
        let mut lanes = [Sums::NOTHING; LANES];
        let add = |sums: &mut Sums, x: f64, y: f64| {
            let e = (y - x).abs();
            sums.square += e * e;
            sums.norm += x * x;
            sums.max = if e > sums.max { e } else { sums.max };
            sums.low = if x < sums.low { x } else { sums.low };
            sums.high = if x > sums.high { x } else { sums.high };
        };
        let (xs, ys) = (original.chunks_exact(LANES), decoded.chunks_exact(LANES));
        xs.remainder().iter().zip(ys.remainder()).for_each(|(x, y)| add(&mut lanes[0], *x, *y));
        for (xs, ys) in xs.zip(ys) {
            (0..LANES).for_each(|lane| add(&mut lanes[lane], xs[lane], ys[lane]));
        }
        let all = lanes.into_iter().fold(Sums::NOTHING, Sums::and);
        Sums { n: original.len(), ..all }
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

wide! {
    /// [`Sums::of`].
    fn sums_of(original: &[f64], decoded: &[f64]) -> Sums = Sums::of;
}

/// `||x||_2` where `valid` is true (everywhere without it).
pub fn norm(values: Slice, valid: Option<&[bool]>) -> f64 {
    sums(values, values, valid).norm.sqrt()
}

/// Sums over the values that count.
fn sums(original: Slice, decoded: Slice, valid: Option<&[bool]>) -> Sums {
    let task = |t: usize| {
        let mut sums = Sums::NOTHING;
        for first in (t * TASK..((t + 1) * TASK).min(original.len())).step_by(AT_ONCE) {
            let n = AT_ONCE.min(original.len() - first);
            let (mut xs, mut ys) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
            original.read(first, &mut xs[..n]);
            decoded.read(first, &mut ys[..n]);
            let n = valid.map_or(n, |valid| keep(&valid[first..first + n], [&mut xs, &mut ys]));
            sums = sums.and(sums_of(&xs[..n], &ys[..n]));
        }
        sums
    };
    let tasks: Vec<Sums> = (0..original.len().div_ceil(TASK)).into_par_iter().map(task).collect();
    tasks.into_iter().fold(Sums::NOTHING, Sums::and)
}

impl Errors {
    /// Compares `decoded` with `original` (same length) where `valid` is true (everywhere without it).
    pub fn between(original: Slice, decoded: Slice, valid: Option<&[bool]>) -> Errors {
        assert_eq!(original.len(), decoded.len(), "same block");
        let sums = sums(original, decoded, valid);
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

    /// The larger error of two in every measure.
    pub fn worst(&self, other: &Errors) -> Errors {
        Errors {
            l2: self.l2.max(other.l2),
            rel_l2: self.rel_l2.max(other.rel_l2),
            max: self.max.max(other.max),
            max_over_range: self.max_over_range.max(other.max_over_range),
            psnr: self.psnr.min(other.psnr),
        }
    }
}

/// Moves the values that count to the front and returns how many.
fn keep(valid: &[bool], values: [&mut [f64; AT_ONCE]; 2]) -> usize {
    let [xs, ys] = values;
    let mut n = 0;
    for (i, &counts) in valid.iter().enumerate() {
        (xs[n], ys[n]) = (xs[i], ys[i]);
        n += usize::from(counts);
    }
    n
}
