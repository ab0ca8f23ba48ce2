//! The unit the network works in: each channel divided by its largest magnitude so far.

/// Largest magnitudes of the channels; 0 while a channel was zero throughout.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Units {
    magnitudes: Vec<f32>,
    is_fixed: bool,
}

/// When a magnitude is exceeded, the new unit leaves this much room, so that growing fields change it rarely.
const HEADROOM: f32 = 1.25;

impl Units {
    /// Units of `n_channels`; fixed ones are the data's own.
    pub fn new(n_channels: usize, is_fixed: bool) -> Self {
        Units { magnitudes: vec![if is_fixed { 1.0 } else { 0.0 }; n_channels], is_fixed }
    }

    /// Takes in values `[n][n_channels]`; returns what each channel's earlier scaled values are now to be multiplied with
    /// where its unit grew.
    pub fn grow(&mut self, values: &[f32]) -> Vec<(usize, f32)> {
        if self.is_fixed {
            return Vec::new();
        }
        let n_channels = self.magnitudes.len();
        let mut factors = Vec::new();
        for (channel, magnitude) in self.magnitudes.iter_mut().enumerate() {
            let largest = values.iter().skip(channel).step_by(n_channels).fold(0.0f32, |m, v| m.max(v.abs()));
            if largest <= *magnitude {
                continue;
            }
            let is_first = *magnitude == 0.0;
            let grown = if is_first { largest } else { (HEADROOM * largest).min(f32::MAX) };
            if !is_first {
                factors.push((channel, *magnitude / grown));
            }
            *magnitude = grown;
        }
        factors
    }

    /// What outputs of the network are multiplied with, `[n_channels]`.
    pub fn scales(&self) -> Vec<f32> {
        self.magnitudes.iter().map(|&m| if m > 0.0 { m } else { 1.0 }).collect()
    }

    /// Values in the network's unit.
    pub fn scaled(&self, values: &[f32]) -> Vec<f32> {
        let scales = self.scales();
        values.iter().zip(scales.iter().cycle()).map(|(v, scale)| v / scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_largest_magnitude() {
        let mut units = Units::new(2, false);
        assert_eq!(units.grow(&[0.0, 2.0, 0.0, -4.0]), []);
        assert_eq!(units.scales(), [1.0, 4.0]);
        assert_eq!(units.grow(&[1e-5, 3.0]), [], "the first value sets the unit of a channel");
        assert_eq!(units.scaled(&[1e-5, 2.0]), [1.0, 0.5]);
        assert_eq!(units.grow(&[0.0, 8.0]), [(1, 0.4)]);
        assert_eq!(units.scales()[1], 10.0);
    }

    #[test]
    fn fixed_units_stay() {
        let mut units = Units::new(1, true);
        assert_eq!((units.grow(&[7.0]), units.scaled(&[7.0])), (vec![], vec![7.0]));
    }
}
