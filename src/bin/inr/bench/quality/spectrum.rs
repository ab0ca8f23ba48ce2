//! Power against wavenumber: down to which scale a copy is to be trusted.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::step::{Step, around};

/// Power that is off by more than this part of the original has parted.
const OFF: f64 = 0.1;
/// Axes this many times shorter than the longest are stacks: a window would smear what is there over too many shells.
const SHORTEST: usize = 4;
/// The part of all shells beyond the wavenumber of parting that has to be off.
const STAYS: f64 = 0.9;

/// Summed over all modes whose wavenumber rounds to the same whole number, up to half of the longest axis (beyond it shells
/// are cut off by the corners of the grid). Mean over stacks along axes shorter than a quarter of the longest. The sum over all
/// modes is the variance under the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spectrum {
    /// Cycles per longest axis.
    pub wavenumber: Vec<f64>,
    /// Of the original.
    #[serde(deserialize_with = "super::nulls_are_nan")]
    pub original: Vec<f64>,
    /// Of the decoded copy.
    #[serde(deserialize_with = "super::nulls_are_nan")]
    pub decoded: Vec<f64>,
    /// Of decoded minus original.
    #[serde(deserialize_with = "super::nulls_are_nan")]
    pub error: Vec<f64>,
    /// The first wavenumber whose power is off by more than 10 % and beyond which nine of ten are: where noise takes over
    /// from smoothing the curves cross, which is no agreement. `None` where they never part.
    pub parts_at: Option<f64>,
}

/// Of one step; `None` where no axis is 2 long.
pub fn of(step: &Step) -> Option<Spectrum> {
    let grid = Grid::new(step.dims).filter(|_| !step.original.is_empty())?;
    let wide = step.widen();
    let [original, decoded, error] = [&wide.original[..], &wide.decoded, &wide.error].map(|values| grid.shells(values));
    let wavenumber: Vec<f64> = (1..=grid.longest / 2).map(|k| k as f64).collect();
    let parts_at = parting(&original, &decoded).map(|shell| wavenumber[shell]);
    Some(Spectrum { wavenumber, original, decoded, error, parts_at })
}

/// What the axes say at each of their places.
struct Grid {
    longest: usize,
    /// Lengths of the axes that are transformed.
    dims: Vec<usize>,
    /// Along the axes that are transformed: where values stand, what the window leaves of them, squared wavenumbers of the modes.
    offsets: Vec<Vec<usize>>,
    windows: Vec<Vec<f64>>,
    squares: Vec<Vec<f64>>,
    /// Along the others: where stacks start.
    stacks: Vec<Vec<usize>>,
}

impl Grid {
    fn new(dims: &[usize]) -> Option<Grid> {
        let longest = dims.iter().max().copied().filter(|&n| n >= 2)?;
        let is_long = |axis: &usize| dims[*axis] > 1 && dims[*axis] * SHORTEST >= longest;
        let (long, short): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(is_long);
        let offsets = |axes: &[usize]| -> Vec<Vec<usize>> {
            let along = |&axis: &usize| (0..dims[axis]).map(|i| i * around(dims, axis).2).collect();
            axes.iter().map(along).collect()
        };
        let dims: Vec<usize> = long.iter().map(|&axis| dims[axis]).collect();
        Some(Grid {
            longest,
            offsets: offsets(&long),
            stacks: offsets(&short),
            windows: dims.iter().map(|&n| hann(n)).collect(),
            squares: dims.iter().map(|&n| squared_wavenumbers(n, longest)).collect(),
            dims,
        })
    }

    /// Power in shells 1, 2, .. up to half of the longest axis, mean over stacks.
    fn shells(&self, values: &[f64]) -> Vec<f64> {
        let mut power = vec![0.0; self.longest / 2 + 1];
        let mut modes = vec![Complex::default(); self.dims.iter().product()];
        visit(
            &self.stacks,
            |a, b| a + b,
            0,
            |_, start| {
                self.read(&values[start..], &mut modes);
                transform(&mut modes, &self.dims);
                visit(
                    &self.squares,
                    |a, b| a + b,
                    0.0,
                    |i, square| {
                        if let Some(shell) = power.get_mut(square.sqrt().round() as usize) {
                            *shell += modes[i].norm_sqr();
                        }
                    },
                );
            },
        );
        let mean_square = |window: &Vec<f64>| window.iter().map(|w| w * w).sum::<f64>() / window.len() as f64;
        let window: f64 = self.windows.iter().map(mean_square).product();
        let scale = 1.0 / (values.len() as f64 * modes.len() as f64 * window);
        power.iter().skip(1).map(|power| power * scale).collect()
    }

    /// One stack without its mean, which each axis fades out of under a window, since data need not be periodic.
    fn read(&self, values: &[f64], modes: &mut [Complex<f64>]) {
        let (mut sum, mut weights) = (0.0, 0.0);
        visit(&self.offsets, |a, b| a + b, 0, |i, offset| modes[i] = values[offset].into());
        visit(
            &self.windows,
            |a, b| a * b,
            1.0,
            |i, weight| {
                sum += weight * modes[i].re;
                weights += weight;
            },
        );
        let mean = sum / weights;
        visit(&self.windows, |a, b| a * b, 1.0, |i, weight| modes[i].re = weight * (modes[i].re - mean));
    }
}

/// Hann's window (Harris 1978, Proc. IEEE 66(1)), half a step off so that short axes keep all their values.
fn hann(n: usize) -> Vec<f64> {
    (0..n).map(|i| (std::f64::consts::PI * (i as f64 + 0.5) / n as f64).sin().powi(2)).collect()
}

/// Of each mode along an axis of `n` values, in cycles per `longest` values.
fn squared_wavenumbers(n: usize, longest: usize) -> Vec<f64> {
    (0..n).map(|i| (i.min(n - i) as f64 * longest as f64 / n as f64).powi(2)).collect()
}

/// Visits all places of a row-major array with what its axes say there, joined.
fn visit<T: Copy>(axes: &[Vec<T>], join: fn(T, T) -> T, start: T, mut at: impl FnMut(usize, T)) {
    let Some((row, outer)) = axes.split_last() else { return at(0, start) };
    let dims: Vec<usize> = outer.iter().map(Vec::len).collect();
    let mut index = vec![0; dims.len()];
    for n in 0..dims.iter().product() {
        let so_far = index.iter().zip(outer).fold(start, |joined, (&i, axis)| join(joined, axis[i]));
        row.iter().enumerate().for_each(|(i, &value)| at(n * row.len() + i, join(so_far, value)));
        for (i, &n) in index.iter_mut().zip(&dims).rev() {
            *i = (*i + 1) % n;
            if *i > 0 {
                break;
            }
        }
    }
}

/// Discrete Fourier transform along all axes: a transposition brings the next axis to the front each time.
fn transform(modes: &mut Vec<Complex<f64>>, dims: &[usize]) {
    let mut planner = FftPlanner::new();
    let mut turned = vec![Complex::default(); modes.len()];
    for &n in dims.iter().rev() {
        planner.plan_fft_forward(n).process(modes);
        transpose::transpose(modes, &mut turned, n, modes.len() / n);
        std::mem::swap(modes, &mut turned);
    }
}

/// The first shell from which on the decoded power stays off.
fn parting(original: &[f64], decoded: &[f64]) -> Option<usize> {
    // NaN is off.
    let near = |(x, y): (&f64, &f64)| (y - x).abs() <= OFF * x;
    let off: Vec<bool> = original.iter().zip(decoded).map(|pair| !near(pair)).collect();
    let (mut n_off, mut first) = (0, None);
    for shell in (0..off.len()).rev() {
        n_off += usize::from(off[shell]);
        if off[shell] && n_off as f64 >= STAYS * (off.len() - shell) as f64 {
            first = Some(shell);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::tests::{field, noise, step};
    use super::*;

    fn peak(power: &[f64]) -> usize {
        (0..power.len()).max_by(|&a, &b| power[a].total_cmp(&power[b])).unwrap() + 1
    }

    fn wave(cycles: f64, length: usize) -> impl Fn(f64) -> f64 {
        move |x| (std::f64::consts::TAU * cycles * x / length as f64).sin()
    }

    #[test]
    fn a_wave_has_its_power_at_its_wavenumber_whatever_its_axis() {
        for (dims, axis, cycles, expected) in [
            ([64, 48, 1], 0, 9.0, 9),
            ([64, 48, 1], 1, 6.0, 8),
            ([12, 20, 31], 1, 4.0, 6),
            ([30, 36, 45], 2, 17.0, 17),
            ([48, 5, 64], 0, 6.0, 8),
        ] {
            let wave = wave(cycles, dims[axis]);
            let x = field(&dims, |p| 3.0 + wave(p[axis]));
            let found = of(&step(&dims, &x, &x)).unwrap();
            assert_eq!(peak(&found.original), expected, "{dims:?}");
            assert_eq!(found.wavenumber.len(), dims.iter().max().unwrap() / 2);
        }
    }

    #[test]
    fn the_sum_over_all_wavenumbers_is_the_variance() {
        let (wave, dims) = (wave(12.0, 128), [128]);
        let x = field(&dims, |p| 5.0 + 2.0 * wave(p[0]));
        let sum: f64 = of(&step(&dims, &x, &x)).unwrap().original.iter().sum();
        approx::assert_relative_eq!(sum, 2.0, max_relative = 1e-6);
    }

    #[test]
    fn short_axes_are_stacks_whose_own_mean_is_no_wave() {
        let (wave, dims) = (wave(9.0, 80), [3, 80, 4]);
        let x = field(&dims, |p| 100.0 * p[0] + 30.0 * p[2] + wave(p[1]));
        let power = of(&step(&dims, &x, &x)).unwrap().original;
        assert_eq!(peak(&power), 9);
        approx::assert_relative_eq!(power.iter().sum::<f64>(), 0.5, max_relative = 1e-3);
    }

    #[test]
    fn copies_part_where_a_scale_is_lost() {
        let dims = [96, 96];
        let waves: Vec<_> = (1..=40).map(|k| (f64::from(k), wave(f64::from(k), 96))).collect();
        let up_to = |most: f64| {
            let kept = waves.iter().filter(move |(k, _)| *k <= most);
            field(&dims, |p| kept.clone().map(|(k, wave)| wave(p[0]) * wave(p[1] + p[0] / 2.0) / k).sum())
        };
        let (x, y) = (up_to(40.0), up_to(15.0));
        let parts_at = of(&step(&dims, &x, &y)).unwrap().parts_at.unwrap();
        assert!((15.0..=26.0).contains(&parts_at), "{parts_at}");
        assert_eq!(of(&step(&dims, &x, &x)).unwrap().parts_at, None);
    }

    #[test]
    fn crossing_curves_are_no_agreement_and_a_single_dip_is_no_parting() {
        let original = [1.0; 30];
        let mut decoded = [1.0; 30];
        decoded[3] = 0.5;
        decoded[10..20].fill(0.5);
        decoded[21..].fill(2.0);
        assert_eq!(parting(&original, &decoded), Some(10));
        assert_eq!(parting(&original, &[1.05; 30]), None);
        assert_eq!(parting(&original, &[f64::NAN; 30]), Some(0));
        assert_eq!(parting(&[0.0; 3], &[0.0; 3]), None);
    }

    #[test]
    fn white_noise_has_the_same_power_at_all_wavenumbers_of_a_line() {
        let dims = [1 << 14];
        let error = noise(dims[0]);
        let x = vec![0.0; dims[0]];
        let power = of(&step(&dims, &x, &error)).unwrap().error;
        let half = |part: &[f64]| part.iter().sum::<f64>();
        let (low, high) = power.split_at(power.len() / 2);
        approx::assert_relative_eq!(half(low), half(high), max_relative = 0.1);
    }
}
