//! Masks: NaN, infinities, the fill value and far-off values that repeat exactly are taken out of a field, stored
//! losslessly and given back bit for bit; statistics and bounds use what remains.

use super::array::{Array, Slice};
use super::ends::{Ends, valid};
use super::inpaint::inpaint;
use crate::{Dtype, Error, Result, entropy, lossless};

/// Different fill values found in one field at most (both ends, a few of each).
const MAX_FILLS: usize = 4;
/// Masked bit patterns that are stored once and referred to by index.
const MAX_PALETTE: usize = 64;

/// Which points of a field count.
#[derive(Clone, Debug)]
pub struct Mask {
    /// True where the point counts; `None` when all do.
    pub valid: Option<Vec<bool>>,
    /// Smallest and largest valid value; `None` when no point is valid.
    pub range: Option<(f64, f64)>,
    /// Number of points taken out.
    pub n_masked: usize,
}

impl Mask {
    /// Finds the masked points of a field. `fill`: a value known to mark missing data.
    pub fn find(values: Slice, dtype: Dtype, fill: Option<f64>) -> Mask {
        let fill = fill.map(|f| if dtype == Dtype::F32 { f64::from(f as f32) } else { f });
        let mut fills: Vec<f64> = fill.into_iter().collect();
        let mut ends = Ends::of(values, &fills);
        while let Some(found) = ends.far_off_end().filter(|_| fills.len() <= MAX_FILLS) {
            fills.push(found);
            ends = Ends::of(values, &fills);
        }
        let n_masked = values.len() - ends.n_valid;
        let valid = (n_masked > 0).then(|| valid(values, &fills));
        Mask { valid, range: (ends.n_valid > 0).then_some((ends.low, ends.high)), n_masked }
    }

    /// Replaces masked values by smooth ones, so that transforms and models see no edge.
    pub fn fill_in(&self, values: &mut Array, dims: &[usize]) {
        if let (Some(valid), Some((low, high))) = (&self.valid, self.range) {
            let fallback = low / 2.0 + high / 2.0;
            match values {
                Array::F32(values) => inpaint(values, valid, dims, fallback as f32),
                Array::F64(values) => inpaint(values, valid, dims, fallback),
            }
        }
    }
}

/// Stores which points are masked: first section payload.
///
/// # Errors
/// [`Error::Internal`] when `dims` do not fit.
pub fn encode_positions(valid: &[bool], dims: &[usize]) -> Result<Vec<u8>> {
    entropy::encode_bits(valid, dims)
}

/// Mirror of [`encode_positions`].
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode_positions(payload: &[u8], dims: &[usize]) -> Result<Vec<bool>> {
    entropy::decode_bits(payload, dims)
}

/// The different bit patterns of [`encode_values`]; none when there are too many to list.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn palette(payload: &[u8]) -> Result<Vec<u64>> {
    let cut = || Error::corrupt("the masked values are cut off");
    let (&n, rest) = payload.split_first().ok_or_else(cut)?;
    let patterns = rest.get(..8 * usize::from(n)).ok_or_else(cut)?;
    Ok(patterns.as_chunks::<8>().0.iter().map(|bits| u64::from_le_bytes(*bits)).collect())
}

/// Stores the bit patterns of the masked points in order: a palette and indices, or all of them when too many differ.
pub fn encode_values(bits: impl Iterator<Item = u64> + Clone) -> Vec<u8> {
    let (mut palette, mut last): (Vec<u64>, _) = (Vec::new(), None);
    for pattern in bits.clone() {
        if last != Some(pattern) && !palette.contains(&pattern) {
            if palette.len() == MAX_PALETTE {
                let bytes: Vec<u8> = bits.flat_map(u64::to_le_bytes).collect();
                return [vec![0], lossless::encode(&bytes, 8)].concat();
            }
            palette.push(pattern);
        }
        last = Some(pattern);
    }
    let mut payload = vec![palette.len() as u8];
    payload.extend(palette.iter().flat_map(|p| p.to_le_bytes()));
    if palette.len() > 1 {
        let index = |pattern| palette.iter().position(|p| *p == pattern).unwrap_or_default() as i32;
        payload.extend(entropy::encode_integers(&bits.map(index).collect::<Vec<_>>()));
    }
    payload
}

/// Mirror of [`encode_values`]: the bit patterns of `n_masked` points.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode_values(payload: &[u8], n_masked: usize) -> Result<Vec<u64>> {
    let short = || Error::corrupt("the section of masked values ends early");
    let words = |bytes: &[u8]| bytes.as_chunks::<8>().0.iter().map(|&b| u64::from_le_bytes(b)).collect::<Vec<_>>();
    let (&n_palette, rest) = payload.split_first().ok_or_else(short)?;
    let n_palette = usize::from(n_palette);
    if n_palette == 0 {
        let mut bytes = vec![0; 8 * n_masked];
        lossless::decode_into(rest, 8, &mut bytes)?;
        return Ok(words(&bytes));
    }
    let (palette, stream) = rest.split_at_checked(8 * n_palette).ok_or_else(short)?;
    let palette = words(palette);
    if let [only] = palette[..] {
        return Ok(vec![only; n_masked]);
    }
    let look_up = |i: &i32| usize::try_from(*i).ok().and_then(|i| palette.get(i)).copied();
    let found: Option<Vec<u64>> = entropy::decode_integers(stream, n_masked)?.iter().map(look_up).collect();
    found.ok_or_else(|| Error::corrupt("a masked value lies outside its palette"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sea(fill: f64) -> Vec<f64> {
        (0..4096).map(|i| if i % 7 < 3 { fill } else { 4.0 + 30.0 * (f64::from(i) * 0.01).sin() }).collect()
    }

    #[test]
    fn fill_values_are_found_without_being_told() {
        for fill in [-1e34, -1e10, -99.9, 9.96921e36, f64::NAN, f64::INFINITY] {
            let mask = Mask::find(sea(fill)[..].into(), Dtype::F64, None);
            assert_eq!(mask.n_masked, 1756, "{fill}");
            assert!(mask.range.is_some_and(|(low, high)| low >= -26.0 && high <= 34.0));
        }
    }

    #[test]
    fn ordinary_fields_are_left_whole() {
        let steps: Vec<f64> = (0..4096).map(|i| f64::from(i / 512)).collect();
        let lone: Vec<f64> = (0..4096).map(|i| if i == 77 { 1e6 } else { f64::from(i) }).collect();
        for values in [steps, lone] {
            assert_eq!(Mask::find(values[..].into(), Dtype::F64, None).n_masked, 0);
        }
    }

    #[test]
    fn a_told_fill_value_is_compared_in_the_blocks_type() {
        let values = [f64::from(0.1f32), 0.2, 0.3];
        assert_eq!(Mask::find(values[..].into(), Dtype::F32, Some(0.1)).n_masked, 1);
    }

    #[test]
    fn masked_values_come_back_bit_for_bit() {
        for n_patterns in [1u64, 3, 64, 65, 300] {
            let bits: Vec<u64> = (0..1000).map(|i| 0x7ff8_0000_0000_0000 + i % n_patterns).collect();
            assert_eq!(decode_values(&encode_values(bits.iter().copied()), bits.len()), Ok(bits));
        }
    }
}
