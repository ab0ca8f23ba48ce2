//! The predictor over a whole grid: tiles of points, their inputs in pairs, layer after layer in integers.

use rayon::prelude::*;

use super::simd_integer::{IntegerSet, Integers, Kernel, Lanes, TILE};
use crate::model::stencil::network::{EXTRA_BITS, activation, round_shift};
use crate::model::stencil::{Dense, Grid, Mlp, TAIL, shifted};

/// Tiles per task.
const TASK: usize = 64;
const _: () = assert!(TILE <= TAIL);

/// Outputs for all padded indices of [`Grid::span`], [`crate::model::stencil::network::OUTPUT_BITS`] behind the point; those
/// of the padding mean nothing.
pub fn infer(grid: &Grid, linear: &Dense, mlp: Option<&Mlp>, set: IntegerSet) -> Vec<i32> {
    let span = grid.span();
    let mut out = vec![0; span.len()];
    let linear = Paired::new(linear);
    let mlp = mlp.map(|mlp| mlp.layers.each_ref().map(Paired::new));
    out.par_chunks_mut(TASK * TILE).enumerate().for_each(|(task, out)| {
        let first = span.start + task * TASK * TILE;
        set.dispatch(Infer { grid, linear: &linear, mlp: mlp.as_ref(), first, out });
    });
    out
}

/// A layer with its weights in pairs.
struct Paired {
    /// `[n_outputs][n_inputs / 2]`.
    weights: Vec<i32>,
    /// As they are added to sums.
    biases: Vec<i32>,
    shift: u32,
}

impl Paired {
    fn new(layer: &Dense) -> Self {
        let pair = |w: &[i8; 2]| pack(w[0].into(), w[1].into());
        Paired {
            weights: layer.weights.as_chunks::<2>().0.iter().map(pair).collect(),
            biases: layer.biases.iter().map(|&b| i32::from(b) << layer.shift).collect(),
            shift: layer.shift.into(),
        }
    }
}

#[inline(always)]
fn pack(low: i32, high: i32) -> i32 {
    (low & 0xffff) | high << 16
}

struct Infer<'a> {
    grid: &'a Grid,
    linear: &'a Paired,
    mlp: Option<&'a [Paired; 3]>,
    first: usize,
    out: &'a mut [i32],
}

impl Kernel for Infer<'_> {
    #[inline(always)]
    fn run<S: Integers>(self, simd: S) {
        let mut inputs = vec![[0; TILE]; self.grid.n_inputs() / 2];
        let n_hidden = self.mlp.map_or(0, |[a, b, _]| a.biases.len().max(b.biases.len()));
        let (mut sums, mut hidden) = (vec![[0; TILE]; n_hidden], vec![[0; TILE]; n_hidden / 2]);
        let mut total = [[0; TILE]];
        for (t, out) in self.out.chunks_mut(TILE).enumerate() {
            gather(self.grid, self.first + t * TILE, &mut inputs);
            output(simd, self.linear, &inputs, &mut total);
            let linear = total[0];
            total[0] = [0; TILE];
            if let Some([first, second, last]) = self.mlp {
                layer(simd, first, &inputs, &mut sums, &mut hidden);
                let n = first.biases.len() / 2;
                // The second layer reads what it overwrites only after all sums are done.
                simd.sums(&hidden[..n], &second.weights, &mut sums[..second.biases.len()]);
                activate(second, &sums, &mut hidden);
                output(simd, last, &hidden[..second.biases.len() / 2], &mut total);
            }
            out.iter_mut().zip(linear.iter().zip(&total[0])).for_each(|(o, (a, b))| *o = a.wrapping_add(*b));
        }
    }
}

#[inline(always)]
fn layer<S: Integers>(simd: S, layer: &Paired, x: &[Lanes], sums: &mut [Lanes], y: &mut [Lanes]) {
    simd.sums(x, &layer.weights, &mut sums[..layer.biases.len()]);
    activate(layer, sums, y);
}

/// Biases, rounding, activation; two neurons become one row of pairs.
#[inline(always)]
fn activate(layer: &Paired, sums: &[Lanes], y: &mut [Lanes]) {
    let neuron = |sum: i32, bias: i32| activation(round_shift(sum.wrapping_add(bias), layer.shift));
    let pairs = sums.as_chunks::<2>().0.iter().zip(layer.biases.as_chunks::<2>().0);
    for (([low, high], [bias_low, bias_high]), y) in pairs.zip(y) {
        for ((y, &low), &high) in y.iter_mut().zip(low).zip(high) {
            *y = pack(neuron(low, *bias_low), neuron(high, *bias_high));
        }
    }
}

#[inline(always)]
fn output<S: Integers>(simd: S, layer: &Paired, x: &[Lanes], out: &mut [Lanes; 1]) {
    simd.sums(x, &layer.weights, out);
    out[0].iter_mut().for_each(|sum| *sum = round_shift(sum.wrapping_add(layer.biases[0]), layer.shift - EXTRA_BITS));
}

/// The inputs of the points from padded index `at` on, in pairs.
#[inline(always)]
fn gather(grid: &Grid, at: usize, inputs: &mut [Lanes]) {
    for (pair, of) in inputs.iter_mut().zip(grid.inputs.as_chunks::<2>().0) {
        let mut halves = [[0; TILE]; 2];
        for (half, input) in halves.iter_mut().zip(of) {
            let there = &grid.values[at.wrapping_add(input.at)..][..TILE];
            match input.less {
                None => half.iter_mut().zip(there).for_each(|(x, v)| *x = shifted(*v, input.shift)),
                Some(less) => {
                    let here = &grid.values[at + less..][..TILE];
                    half.iter_mut()
                        .zip(there.iter().zip(here))
                        .for_each(|(x, (v, c))| *x = shifted(v - c, input.shift));
                }
            }
        }
        let [low, high] = &halves;
        pair.iter_mut().zip(low.iter().zip(high)).for_each(|(pair, (&l, &h))| *pair = pack(l, h));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stencil::network;
    use crate::model::stencil::{Beside, Past, Scaling, Units, groups, n_inputs};

    fn dense(n_inputs: usize, n_outputs: usize, seed: usize) -> Dense {
        let mut state = seed as u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as i64 as i8
        };
        let weights = (0..n_inputs * n_outputs).map(|_| next()).collect();
        let biases = (0..n_outputs).map(|_| i16::from(next()) * 64).collect();
        Dense { n_inputs, weights, biases, shift: 9 }
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_reference() {
        for dims in [vec![50], vec![9, 17], vec![5, 7, 20], vec![3, 4, 5, 6], vec![2, 3, 2, 3, 4]] {
            let n: usize = dims.iter().product();
            let last: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37).sin()).collect();
            let before: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37 + 0.1).sin()).collect();
            let units = Units { offset: 0.1, exponent: 20, shifts: [10, 9, 7, 6] };
            let beside = n.is_multiple_of(2).then_some(Units { offset: -0.2, ..units });
            let scaling = Scaling { own: units, beside };
            let past = Past { last: &last, before: Some(&before), beside: Some(Beside { now: &before, last: &last }) };
            let grid = Grid::new(past, &dims, &scaling);
            let n_in = n_inputs(dims.len(), scaling.n_fields());
            let mlp = Mlp { layers: [dense(n_in, 16, 1), dense(16, 8, 2), dense(8, 1, 3)] };
            let linear = dense(n_in, 1, 4);
            let expected = |index: usize| {
                let mut x = vec![0; n_in];
                grid.raw_inputs(grid.at(index), &mut x);
                for (of, shift) in groups(dims.len(), scaling.n_fields()).zip(scaling.shifts()) {
                    x[of].iter_mut().for_each(|x| *x = shifted(*x, shift));
                }
                network::output(&linear, &x).wrapping_add(mlp.output(&x))
            };
            let reference: Vec<i32> = (0..n).map(expected).collect();
            assert!(reference.iter().any(|&v| v != reference[0]));
            for set in IntegerSet::ALL.into_iter().filter(|set| set.is_available()) {
                let all = infer(&grid, &linear, Some(&mlp), set);
                let found: Vec<i32> = (0..n).map(|index| all[grid.at(index) - grid.span().start]).collect();
                assert_eq!(found, reference, "{set:?} {dims:?}");
            }
        }
    }
}
