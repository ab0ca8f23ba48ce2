//! Size of a network from what is asked of it.

use crate::model::SirenShape;

/// Bytes of one stored parameter: 8-bit weights after entropy coding, finer input layer and biases (measured on trained
/// networks of width 16 to 64).
const PARAM_BYTES: f64 = 0.9;

/// Parameters per value of the block at 1 % relative L2 error, and how fast that grows with accuracy. Fields differ by
/// orders of magnitude: this is a starting point, and `auto` asks by ratio instead.
const PARAMS_PER_VALUE: f64 = 0.02;
const GROWTH: f64 = 0.7;

/// Widest network trained (wider ones only get deeper).
const MAX_WIDTH: usize = 128;

/// A SIREN for a block of `n_points` points with `n_channels` values each.
///
/// With `ratio` (raw f32 bytes / stored bytes), the largest network whose stored form fits; otherwise one sized for
/// `target_rel_error` (relative L2). A caller that competes with another codec passes the ratio it has to beat.
pub fn choose_shape(
    n_points: usize,
    n_channels: usize,
    n_inputs: usize,
    target_rel_error: f64,
    ratio: Option<f64>,
) -> SirenShape {
    let n_values = n_points as f64 * n_channels as f64;
    let n_params = match ratio {
        Some(ratio) => 4.0 * n_values / ratio / PARAM_BYTES,
        None => n_values * PARAMS_PER_VALUE * (0.01 / target_rel_error.max(1e-9)).powf(GROWTH),
    };
    let shape = |width, n_blocks| SirenShape { n_inputs, width, n_blocks, n_outputs: n_channels };
    // Deeper networks pay off once the layers are wide enough to carry the extra sines.
    let shallow = if n_params < 1_500.0 { 1 } else { 2 };
    let fits = |shape: &SirenShape| shape.n_params() as f64 <= n_params;
    let widest = |n_blocks| (8..=MAX_WIDTH).map(|w| shape(w, n_blocks)).take_while(fits).last();
    let at_limit = |s: &SirenShape| s.width == MAX_WIDTH;
    let deeper = (shallow + 1..=16).map(|b| shape(MAX_WIDTH, b)).take_while(fits).last();
    let chosen = widest(shallow).filter(|s| !at_limit(s)).or(deeper).or_else(|| widest(shallow));
    chosen.unwrap_or(shape(8, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_gives_the_largest_network_that_fits() {
        for ratio in [20.0, 100.0, 1000.0] {
            let shape = choose_shape(96 * 96 * 96, 1, 3, 0.0, Some(ratio));
            assert!(shape.check().is_ok());
            let stored = shape.n_params() as f64 * PARAM_BYTES;
            let allowed = 4.0 * 96f64.powi(3) / ratio;
            assert!(stored <= allowed && stored > 0.75 * allowed, "{ratio}: {shape:?}");
        }
    }

    #[test]
    fn more_accuracy_asks_for_more_parameters_within_the_supported_range() {
        let n = |error| choose_shape(100_000, 2, 3, error, None).n_params();
        assert!(n(1e-1) < n(1e-2) && n(1e-2) < n(1e-3));
        for (n_points, error) in [(1, 1e-1), (100, 1e-300), (usize::MAX >> 8, 1e-6), (10, f64::INFINITY)] {
            assert!(choose_shape(n_points, 16, 5, error, None).check().is_ok());
        }
    }
}
