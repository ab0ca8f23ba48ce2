//! Errors between a field and its decoded copy.

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

impl Errors {
    /// Compares `decoded` with `original` (same length) where `valid` is true (everywhere without it).
    pub fn between(original: &[f64], decoded: &[f64], valid: Option<&[bool]>) -> Errors {
        assert_eq!(original.len(), decoded.len(), "same block");
        Errors::of(original.iter().copied(), decoded.iter().copied(), valid)
    }

    /// As [`Self::between`], of values that come one by one; a decoded one that is missing is an error that fails every check.
    pub fn of(
        original: impl Iterator<Item = f64>,
        decoded: impl Iterator<Item = f64>,
        valid: Option<&[bool]>,
    ) -> Errors {
        let decoded = decoded.chain(std::iter::repeat(f64::NAN));
        let counts = |i: usize| valid.is_none_or(|v| v[i]);
        let (mut square, mut norm, mut max, mut n) = (0.0, 0.0, 0.0f64, 0usize);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (_, (x, y)) in original.zip(decoded).enumerate().filter(|(i, _)| counts(*i)) {
            let e = (y - x).abs();
            square += e * e;
            norm += x * x;
            // A NaN error wins and fails every check.
            max = if e > max || e.is_nan() { e } else { max };
            (low, high) = (low.min(x), high.max(x));
            n += 1;
        }
        let relative = |e: f64, to: f64| if e == 0.0 { 0.0 } else { e / to };
        let range = high - low;
        let rmse = (square / n.max(1) as f64).sqrt();
        Errors {
            l2: square.sqrt(),
            rel_l2: relative(square.sqrt(), norm.sqrt()),
            max,
            max_over_range: relative(max, range),
            psnr: if square == 0.0 { f64::INFINITY } else { 20.0 * (range / rmse).log10() },
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
