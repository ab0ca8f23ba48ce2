//! Comparing a block with what was decoded, against what was promised for it.

use crate::field::{self, mask::Mask};
use crate::metrics::Errors;
use crate::settings::{Mode, Norm, Target};
use crate::{Block, Error, Result};

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Errors over the valid points, of the worst component; 0 for integers.
    pub errors: Errors,
    /// Points of missing data: NaN, infinities, fill values.
    pub n_masked: usize,
    /// Integers and points of missing data that are not the same bits any more.
    pub n_changed: usize,
}

/// Compares a block with as many decoded bytes. `fill`: a value known to mark missing data; far-off values that repeat are found without.
///
/// # Errors
/// [`Error::Query`] when the sizes differ.
pub fn compare(original: &Block, decoded: &[u8], fill: Option<f64>) -> Result<Comparison> {
    if decoded.len() != original.bytes.len() {
        let (found, wanted) = (decoded.len(), original.bytes.len());
        return Err(Error::Query(format!("{found} bytes were decoded where the original has {wanted}")));
    }
    let exact = Errors { psnr: f64::INFINITY, ..Errors::default() };
    let mut all = Comparison { errors: exact, n_masked: 0, n_changed: 0 };
    let dtype = original.dtype;
    let Some((_, n_components)) = dtype.components() else {
        let values = original.bytes.chunks_exact(dtype.size()).zip(decoded.chunks_exact(dtype.size()));
        all.n_changed = values.filter(|(a, b)| a != b).count();
        return Ok(all);
    };
    for index in 0..n_components {
        let values = field::values(dtype, index, original.bytes)?;
        let found = field::values(dtype, index, decoded)?;
        let mask = Mask::find(values.as_slice(), dtype.components().map_or(dtype, |(real, _)| real), fill);
        let valid = mask.valid.as_deref();
        if let Some(valid) = valid {
            let before = field::masked_bits(dtype, index, original.bytes, valid);
            let after = field::masked_bits(dtype, index, decoded, valid);
            all.n_changed += before.zip(after).filter(|(a, b)| a != b).count();
        }
        all.n_masked += mask.n_masked;
        all.errors = all.errors.worst(&Errors::between(values.as_slice(), found.as_slice(), valid));
    }
    Ok(all)
}

impl Comparison {
    /// True when the promise holds for a block stored in `ratio` times fewer bytes; without one nothing may differ.
    pub fn keeps(&self, promise: Option<&Target>, ratio: f64) -> bool {
        let is_kept = match promise {
            None => self.errors.max == 0.0,
            Some(Target::Ratio(least)) => ratio >= *least,
            Some(target) => holds(*target, &self.errors),
        };
        is_kept && self.n_changed == 0
    }

    /// The error in the unit of the promise: dB for PSNR, the largest one where nothing or a size was promised.
    pub fn measured(&self, promise: Option<&Target>) -> f64 {
        let errors = &self.errors;
        match promise {
            Some(Target::Accuracy(Mode::Rel, Norm::L2, _)) => errors.rel_l2,
            Some(Target::Accuracy(Mode::Abs, Norm::L2, _)) => errors.l2,
            Some(Target::Accuracy(Mode::Rel, Norm::Linf, _)) => errors.max_over_range,
            Some(Target::Psnr(_)) => errors.psnr,
            Some(Target::Accuracy(Mode::Abs, Norm::Linf, _) | Target::Ratio(_)) | None => errors.max,
        }
    }
}

/// Whether the promise holds, NaN-proof.
pub(super) fn holds(target: Target, errors: &Errors) -> bool {
    match target {
        Target::Accuracy(Mode::Rel, Norm::L2, e) => errors.rel_l2 <= e,
        Target::Accuracy(Mode::Abs, Norm::L2, e) => errors.l2 <= e,
        Target::Accuracy(Mode::Rel, Norm::Linf, e) => errors.max_over_range <= e,
        Target::Accuracy(Mode::Abs, Norm::Linf, e) => errors.max <= e,
        Target::Psnr(db) => errors.psnr >= db,
        Target::Ratio(_) => errors.max.is_finite(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn compared(original: &[f32], decoded: &[f32]) -> Comparison {
        let original = bytes(original);
        let dims = [original.len() / 4];
        let block = Block::new(Dtype::F32, &dims, &original).unwrap();
        compare(&block, &bytes(decoded), Some(-999.0)).unwrap()
    }

    #[test]
    fn a_promise_is_kept_up_to_its_last_bit_and_not_beyond() {
        let found = compared(&[0.0, 1.0, 2.0], &[0.0, 1.5, 2.0]);
        let linf = |e| Target::Accuracy(Mode::Rel, Norm::Linf, e);
        assert!(found.keeps(Some(&linf(0.25)), 1.0) && !found.keeps(Some(&linf(0.2499)), 1.0));
        assert!(found.measured(Some(&linf(0.1))) == 0.25 && !found.keeps(None, 1.0));
        assert!(found.keeps(Some(&Target::Ratio(8.0)), 8.0) && !found.keeps(Some(&Target::Ratio(8.0)), 7.9));
        assert!(compared(&[1.0, 2.0], &[1.0, 2.0]).keeps(None, 1.0));
    }

    #[test]
    fn missing_data_has_to_come_back_bit_for_bit_and_does_not_hide_errors() {
        let found = compared(&[0.0, -999.0, 1.0, f32::NAN], &[0.1, -999.0, 1.0, f32::NAN]);
        assert!(found.n_masked == 2 && found.n_changed == 0 && found.errors.max_over_range > 0.09);
        let loose = Target::Accuracy(Mode::Rel, Norm::L2, 1.0);
        assert!(found.keeps(Some(&loose), 1.0));
        for decoded in [[0.0, -998.0, 1.0, f32::NAN], [0.0, -999.0, 1.0, 0.0]] {
            assert!(!compared(&[0.0, -999.0, 1.0, f32::NAN], &decoded).keeps(Some(&loose), 1.0));
        }
        assert!(!compared(&[0.0, 1.0], &[0.0, f32::NAN]).keeps(Some(&loose), 1.0), "a NaN that was none");
    }
}
