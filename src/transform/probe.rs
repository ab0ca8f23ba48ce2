//! Which transforms are worth trying: a few small boxes of the field are coded both ways first.

use super::kind::{Kind, Transform};
use super::pyramid::for_rows;
use super::quantise::Quantiser;
use super::sample::Sample;

/// Fields up to this size try everything.
const SMALL: usize = 1 << 17;
/// Box size per axis, last axis first, by rank.
const BOX: [[usize; 5]; 5] =
    [[16384, 1, 1, 1, 1], [128, 128, 1, 1, 1], [32, 32, 32, 1, 1], [48, 48, 4, 4, 1], [32, 32, 4, 4, 2]];
/// Boxes.
const N_BOXES: usize = 3;
/// The wavelet, which is quicker, is left out when it costs this many times as much as the block DCT, and the other way
/// round.
const CLEAR: [f64; 2] = [1.15, 1.04];
/// The wavelet is left out only when it loses at a finer step too: the boxes may be smoother than the rest.
const FINER: f64 = 0.25;
/// Bits that one squared step of error is worth: the slope of the rate at fine steps.
pub(super) const BITS_PER_SQUARE: f64 = 6.5;

/// Kinds worth a try on these values; `step_of` is the likely step given the wavelet coefficients of the boxes.
pub(super) fn kinds(values: &[f64], dims: &[usize], step_of: impl Fn(&Boxes) -> Option<f64>) -> Vec<Kind> {
    let dcts = [Kind::Dct, Kind::BlockDct].into_iter().filter(|&kind| Transform::is_affordable(kind, dims));
    let (mut wavelet, mut dct) = (true, true);
    if values.len() > SMALL {
        let boxes = Boxes::of(values, dims);
        if let Some(step) = step_of(&boxes) {
            let [a, b] = [Kind::Wavelet, Kind::BlockDct].map(|kind| boxes.costs(kind, [step, FINER * step]));
            (wavelet, dct) = (a[0] < b[0] * CLEAR[0] || a[1] < b[1] * CLEAR[0], b[0] < a[0] * CLEAR[1]);
        }
    }
    let wavelet = wavelet.then_some(Kind::Wavelet);
    wavelet.into_iter().chain(dcts.filter(|_| dct)).collect()
}

/// Boxes cut from a field.
pub(super) struct Boxes {
    size: Vec<usize>,
    boxes: Vec<Vec<f64>>,
    /// Values of the field per value in the boxes.
    factor: f64,
}

impl Boxes {
    fn of(values: &[f64], dims: &[usize]) -> Self {
        let sides = BOX[(dims.len() - 1).min(4)].iter().rev().skip(5 - dims.len().min(5));
        let size: Vec<usize> = dims.iter().zip(sides).map(|(&n, &side)| n.min(side)).collect();
        let cut = |b: usize| {
            // Low-discrepancy positions, different along each axis.
            let place = |axis: usize, room: usize| {
                (room as f64 * ((b + 1) as f64 * [0.618, 0.755, 0.570, 0.819, 0.438][axis]).fract()) as usize
            };
            let origin: Vec<usize> =
                dims.iter().zip(&size).enumerate().map(|(axis, (n, s))| place(axis, n - s)).collect();
            let mut out = vec![0.0; size.iter().product()];
            for_rows(dims, &origin, &size, |from, to, n| out[to..to + n].copy_from_slice(&values[from..from + n]));
            out
        };
        let boxes: Vec<Vec<f64>> = (0..N_BOXES).map(cut).collect();
        let factor = values.len() as f64 / boxes.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        Boxes { size, boxes, factor }
    }

    /// Samples of all boxes under one transform, and the largest coefficient.
    fn samples(&self, kind: Kind) -> (Vec<Sample>, f64) {
        let transform = Transform::new(kind, &self.size);
        let mut largest = 0.0f64;
        let sample = |values: &Vec<f64>| {
            let mut array = values.clone();
            transform.forward(&mut array);
            largest = array.iter().fold(largest, |m, c| m.max(c.abs()));
            Sample::of(&array, transform.pyramid())
        };
        (self.boxes.iter().map(sample).collect(), largest)
    }

    /// The step of the wavelet with this squared error over the whole field.
    pub fn solve_error(&self, square: f64, guess: f64) -> Option<f64> {
        let (samples, largest) = self.samples(Kind::Wavelet);
        Sample::merge(samples).solve_error(square / self.factor, guess, largest, [0; 2])
    }

    /// The step of the wavelet with this many bits for the whole field.
    pub fn solve_bits(&self, bits: f64) -> Option<f64> {
        let (samples, largest) = self.samples(Kind::Wavelet);
        Sample::merge(samples).solve_bits(bits / self.factor, largest)
    }

    /// Bits and error at two steps, in bits.
    fn costs(&self, kind: Kind, steps: [f64; 2]) -> [f64; 2] {
        let (samples, _) = self.samples(kind);
        steps.map(|step| {
            let quantiser = Quantiser::plain(step);
            let cost = |s: &Sample| s.bits(step) + BITS_PER_SQUARE * s.square_error(&quantiser) / (step * step);
            samples.iter().map(cost).sum()
        })
    }
}
