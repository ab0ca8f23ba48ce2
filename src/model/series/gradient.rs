//! Gradients of a series network, in space and in time.

use super::SeriesNetwork;
use super::network::{time, time_rate, window};
use crate::model::SirenShape;
use crate::model::tangent::{self, MovingParams, Tangent};
use crate::{Error, Result};

/// A series network at one time, and how it changes there: the SIREN on `(x, t)` in f64.
#[derive(Clone, Debug)]
pub struct Moving {
    body: SirenShape,
    params: MovingParams,
    time: f64,
    /// Of time per step.
    rate: f64,
    scales: Vec<f32>,
}

impl SeriesNetwork {
    /// The network at a step, which may lie between two.
    pub fn moving(&self, step: f64) -> Moving {
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let times = wide(&window(step, self.n_steps, self.shape.time_span));
        let body = self.shape.body();
        let mut params = MovingParams { values: vec![0.0; body.n_params()], rates: Vec::new() };
        self.shape.shared().iter().zip(&self.params).for_each(|(&i, &p)| params.values[i] = p.into());
        if let Some(generator) = self.shape.generator() {
            let still = MovingParams { values: wide(&self.params[self.shape.generator_params()]), rates: Vec::new() };
            let Tangent { values, slopes } = tangent::evaluate(&generator, &still, &times);
            let generated = self.shape.generated();
            generated.iter().zip(values).for_each(|(&i, p)| params.values[i] = p);
            // The times of a window of several steps stand still within it.
            if times.len() == 1 {
                params.rates = vec![0.0; body.n_params()];
                generated.iter().zip(slopes).for_each(|(&i, rate)| params.rates[i] = rate);
            }
        }
        let (time, rate) = (f64::from(time(step, self.n_steps)), time_rate(self.n_steps));
        Moving { body, params, time, rate, scales: self.scales.clone() }
    }
}

impl Moving {
    /// Values `[n_channels]` in the data's unit at a point with coordinates from -1 to 1, and their derivatives
    /// `[n_channels][n_space + 1]`: per unit of each coordinate, then per step.
    ///
    /// # Errors
    /// [`Error::Series`] for a wrong number of coordinates.
    pub fn at(&self, x: &[f64]) -> Result<Tangent> {
        let n = self.body.n_inputs;
        if x.len() + 1 != n {
            let (wanted, found) = (n - 1, x.len());
            return Err(Error::Series(format!("the network has {wanted} coordinates but {found} were given")));
        }
        let mut found = tangent::evaluate(&self.body, &self.params, &[x, &[self.time]].concat());
        for (channel, &scale) in self.scales.iter().enumerate() {
            let scale = f64::from(scale);
            found.values[channel] *= scale;
            let slopes = &mut found.slopes[channel * n..][..n];
            slopes.iter_mut().for_each(|slope| *slope *= scale);
            slopes[n - 1] *= self.rate;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkKind, SeriesShape, WeightSteps};

    fn network(kind: NetworkKind, time_span: usize) -> SeriesNetwork {
        let shape = SeriesShape { kind, n_space: 2, width: 16, n_blocks: 2, n_channels: 2, time_span };
        let mut params = shape.initial_params(7);
        // At the start the generated parameters hardly move.
        params[shape.generator_weights()].iter_mut().for_each(|w| *w *= 50.0);
        let steps = WeightSteps::of(&shape, &params, 6);
        SeriesNetwork {
            shape,
            n_steps: 20,
            n_trained: 20,
            scales: vec![3.0, 0.5],
            params,
            steps,
            certificate: Vec::new(),
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences_for_every_kind_of_network() {
        let kinds =
            [(NetworkKind::Film, 1), (NetworkKind::Tinr, 1), (NetworkKind::Hypernet, 1), (NetworkKind::Film, 4)];
        for (kind, time_span) in kinds {
            let network = network(kind, time_span);
            let (step, x) = (9.3, [0.2, -0.4]);
            let found = network.moving(step).at(&x).unwrap();
            let canonical = network.value_at(step, &x.map(|x| x as f32)).unwrap();
            let is_close = |a: f64, b: f64, tolerance: f64| (a - b).abs() < tolerance * (1.0 + b.abs());
            assert!(found.values.iter().zip(canonical).all(|(&a, b)| is_close(a, b.into(), 1e-4)), "{kind:?}");
            for axis in 0..3 {
                // Times are rounded to float32: a difference over less than this would see that.
                let h = if axis == 2 { 0.05 } else { 1e-5 };
                let value = |h: f64| {
                    let (mut step, mut x) = (step, x);
                    if axis == 2 {
                        step += h
                    } else {
                        x[axis] += h
                    }
                    network.moving(step).at(&x).unwrap().values
                };
                for ((above, below), slopes) in value(h).iter().zip(value(-h)).zip(found.slopes.chunks_exact(3)) {
                    let difference = (above - below) / (2.0 * h);
                    let tolerance = if axis == 2 { 2e-3 } else { 1e-6 };
                    assert!(is_close(difference, slopes[axis], tolerance), "{kind:?} {axis}: {difference} {slopes:?}");
                }
            }
            assert!(found.slopes.chunks_exact(3).any(|slopes| slopes[2].abs() > 1e-3), "{kind:?}: time matters");
        }
        assert!(network(NetworkKind::Tinr, 1).moving(0.0).at(&[0.0]).is_err());
    }
}
