//! Small integers and quantised values side by side in memory: what keeps a sketch small.

/// Unsigned integers of `n_bits` each.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PackedInts {
    n_bits: u32,
    n: usize,
    words: Vec<u64>,
}

impl PackedInts {
    /// Packs integers below `2^n_bits`, `n_bits` in 1..=32.
    pub fn new(n_bits: u32, integers: impl ExactSizeIterator<Item = u32>) -> Self {
        let n = integers.len();
        let mut words = vec![0u64; (n * n_bits as usize).div_ceil(64)];
        for (i, value) in integers.enumerate() {
            let at = i * n_bits as usize;
            let (word, shift) = (at / 64, at % 64);
            words[word] |= u64::from(value) << shift;
            if shift + n_bits as usize > 64 {
                words[word + 1] |= u64::from(value) >> (64 - shift);
            }
        }
        PackedInts { n_bits, n, words }
    }

    /// All integers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        let n_bits = self.n_bits as usize;
        let mask = (1u64 << n_bits) - 1;
        (0..self.n).map(move |i| {
            let (word, shift) = (i * n_bits / 64, i * n_bits % 64);
            let low = self.words[word] >> shift;
            let high = if shift + n_bits > 64 { self.words[word + 1] << (64 - shift) } else { 0 };
            ((low | high) & mask) as u32
        })
    }

    /// Bytes of the integers.
    pub fn bytes(&self) -> usize {
        8 * self.words.len()
    }
}

/// Values `[n_rows][n_channels]`, each channel on a uniform grid between its lowest and highest value.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PackedValues {
    n_channels: usize,
    /// Lowest value and step of each channel; empty at 32 bits.
    ranges: Vec<(f32, f32)>,
    levels: PackedInts,
}

impl PackedValues {
    /// Packs finite values with `n_bits` each, 1..=16, or 32 for the exact f32.
    pub fn new(values: &[f32], n_channels: usize, n_bits: u32) -> Self {
        if n_bits == 32 {
            let levels = PackedInts::new(32, values.iter().map(|v| v.to_bits()));
            return PackedValues { n_channels, ranges: Vec::new(), levels };
        }
        let top = ((1u32 << n_bits) - 1) as f32;
        let range = |channel: usize| {
            let of_channel = values.iter().skip(channel).step_by(n_channels);
            let (low, high) = of_channel.fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
            (low, if high > low { (high - low) / top } else { 1.0 })
        };
        let ranges: Vec<(f32, f32)> = (0..n_channels).map(range).collect();
        let level = |i: usize| {
            let (low, step) = ranges[i % n_channels];
            ((values[i] - low) / step).round().clamp(0.0, top) as u32
        };
        let levels = PackedInts::new(n_bits, (0..values.len()).map(level));
        PackedValues { n_channels, ranges, levels }
    }

    /// The values, `[n_rows][n_channels]`.
    pub fn unpack(&self) -> Vec<f32> {
        if self.ranges.is_empty() {
            return self.levels.iter().map(f32::from_bits).collect();
        }
        let ranges = self.ranges.iter().cycle();
        self.levels.iter().zip(ranges).map(|(level, (low, step))| low + step * level as f32).collect()
    }

    /// Multiplies a channel by a positive factor.
    pub fn scale_channel(&mut self, channel: usize, factor: f32) {
        if let Some((low, step)) = self.ranges.get_mut(channel) {
            (*low, *step) = (*low * factor, *step * factor);
        } else {
            let of_channel = |i: usize| i % self.n_channels == channel;
            let values = self.levels.iter().map(f32::from_bits).enumerate();
            let scaled: Vec<u32> = values.map(|(i, v)| if of_channel(i) { v * factor } else { v }.to_bits()).collect();
            self.levels = PackedInts::new(32, scaled.into_iter());
        }
    }

    /// Bytes of values and ranges.
    pub fn bytes(&self) -> usize {
        self.levels.bytes() + 8 * self.ranges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_width_come_back() {
        for n_bits in [1, 6, 8, 10, 12, 17, 31, 32] {
            let values: Vec<u32> =
                (0..301).map(|i| crate::train::random_u32(n_bits, i) & ((1u64 << n_bits) - 1) as u32).collect();
            let packed = PackedInts::new(n_bits, values.iter().copied());
            assert_eq!(packed.iter().collect::<Vec<_>>(), values);
            assert!(packed.bytes() <= (301 * n_bits as usize).div_ceil(64) * 8);
        }
    }

    #[test]
    fn values_are_off_by_half_a_step_at_most() {
        let values: Vec<f32> =
            (0..200).map(|i| (i as f32 * 0.37).sin() * if i % 2 == 0 { 1.0 } else { 50.0 }).collect();
        for n_bits in [6, 8, 10, 16, 32] {
            let mut packed = PackedValues::new(&values, 2, n_bits);
            let step = |i: usize| if n_bits == 32 { 0.0 } else { [2.0, 100.0][i % 2] / ((1u32 << n_bits) - 1) as f32 };
            for (i, (a, b)) in values.iter().zip(packed.unpack()).enumerate() {
                assert!((a - b).abs() <= 0.51 * step(i), "{n_bits} bits: {a} {b}");
            }
            packed.scale_channel(1, 0.5);
            let scaled = packed.unpack();
            assert!((scaled[1] - 0.5 * values[1]).abs() <= 0.51 * step(1) && (scaled[0] - values[0]).abs() <= step(0));
        }
    }

    #[test]
    fn a_constant_channel_stays_exact() {
        assert_eq!(PackedValues::new(&[0.3; 5], 1, 6).unpack(), [0.3; 5]);
    }
}
