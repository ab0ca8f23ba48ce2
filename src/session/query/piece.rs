//! One network and the steps it knows.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::region::Region;
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::session::Facts;
use crate::{Error, Result};

/// A network in the model store, decoded when it is first asked.
#[derive(Clone, Debug)]
pub struct Piece {
    facts: Facts,
    bytes: Vec<u8>,
    network: OnceLock<Result<SeriesNetwork>>,
    /// First and last step of the variable that it was trained on.
    pub steps: (u64, u64),
}

/// What is known about the error of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepError {
    /// Step of the variable.
    pub step: u64,
    /// Relative L2 error of the network over the block at this step, of the worst channel.
    pub error: Option<f32>,
    /// True for the certificate of a finished network, false for the error when the step was written.
    pub is_certified: bool,
    /// True where the certified error is above what was promised.
    pub is_broken: bool,
    /// True when readers get this step from the network; false when it was stored without.
    pub is_by_network: bool,
}

/// Values and gradients of some points.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// `[n_points][n_channels]`.
    pub values: Vec<f32>,
    /// `[n_points][n_channels][n_axes + 1]`, time last; empty unless asked for.
    pub gradients: Vec<f64>,
}

impl Sample {
    /// The way from `self` to `other`, `part` of it gone, at `rate` per step.
    pub fn blend(&self, other: &Sample, part: f64, rate: f64, n_axes: usize) -> Sample {
        let mix = |(a, b): (f64, f64)| a + part * (b - a);
        let wide = |sample: &Sample| sample.values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let (before, after) = (wide(self), wide(other));
        let values = before.iter().zip(&after).map(|(&a, &b)| mix((a, b)) as f32).collect();
        let mut gradients: Vec<f64> = self.gradients.iter().zip(&other.gradients).map(|(&a, &b)| mix((a, b))).collect();
        let of_time = gradients.iter_mut().skip(n_axes).step_by(n_axes + 1);
        of_time.zip(before.iter().zip(&after)).for_each(|(slope, (a, b))| *slope = (b - a) * rate);
        Sample { values, gradients }
    }
}

impl Piece {
    /// The network in `bytes`; `None` for one without steps.
    pub fn new(facts: Facts, bytes: Vec<u8>) -> Option<Piece> {
        let runs: Vec<_> = facts.runs().collect();
        let steps = (*runs.first()?.0.start(), *runs.last()?.0.end());
        Some(Piece { facts, bytes, network: OnceLock::new(), steps })
    }

    /// Values at a point.
    pub fn n_channels(&self) -> usize {
        self.facts.dtype.components().map_or(0, |(_, n)| n)
    }

    fn network(&self) -> Result<&SeriesNetwork> {
        self.network.get_or_init(|| SeriesNetwork::decode(&self.bytes)).as_ref().map_err(Clone::clone)
    }

    /// The network's own step at `time` within [`Self::steps`], and by how much it moves per step: steps that the network does not
    /// know lie evenly between those it knows.
    fn own_step(&self, time: f64) -> (f64, f64) {
        let mut last: Option<(f64, f64)> = None;
        for (run, own) in self.facts.runs() {
            let (first, end, own) = (*run.start() as f64, *run.end() as f64, f64::from(own));
            match last {
                Some((step, own)) if time < first => {
                    return (own + (time - step) / (first - step), 1.0 / (first - step));
                }
                _ if time <= end => return (own + (time - first), 1.0),
                _ => last = Some((end, own + (end - first))),
            }
        }
        (last.map_or(0.0, |(_, own)| own), 1.0)
    }

    /// Values at `points: [n_points][n_axes]` of the block at `region`, at a time within [`Self::steps`].
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged network, one that does not belong to the block, one that knows less than the facts say.
    pub fn sample(&self, region: &Region, time: f64, points: &[f64], gradients: bool) -> Result<Sample> {
        let network = self.network()?;
        let rates = region.rates();
        let own_axes: Vec<usize> = (0..rates.len()).filter(|&axis| rates[axis].is_some()).collect();
        if (network.shape.n_space, network.shape.n_channels) != (own_axes.len(), self.n_channels()) {
            return Err(Error::corrupt(format!("the network of '{}' is of another block", self.facts.variable)));
        }
        let (step, pace) = self.own_step(time);
        if step > network.n_trained.saturating_sub(1) as f64 {
            let (n_trained, name) = (network.n_trained, &self.facts.variable);
            return Err(Error::corrupt(format!(
                "the network of '{name}' was trained on {n_trained} steps: its newest copy is lost or damaged"
            )));
        }
        let mut scaled = Vec::with_capacity(points.len());
        points.chunks_exact(rates.len()).for_each(|x| region.scale(x, &mut scaled));
        let n_axes = own_axes.len();
        let coordinates = scaled.iter().map(|&x| x as f32).collect();
        let mesh = Mesh::Points { coordinates, n_axes, bounds: vec![(-1.0, 1.0); n_axes] };
        let values = network.snapshot(step, &mesh, rayon::current_num_threads())?;
        if !gradients {
            return Ok(Sample { values, gradients: Vec::new() });
        }
        let moving = network.moving(step);
        let gradient = |x: &[f64]| -> Result<Vec<f64>> {
            let slopes = moving.at(x)?.slopes;
            let in_units = |slopes: &[f64]| {
                let mut own = slopes.iter();
                let space: Vec<f64> =
                    rates.iter().map(|rate| rate.map_or(0.0, |r| r * own.next().unwrap_or(&0.0))).collect();
                space.into_iter().chain(own.next().map(|slope| slope * pace)).collect::<Vec<_>>()
            };
            Ok(slopes.chunks_exact(n_axes + 1).flat_map(in_units).collect())
        };
        let gradients: Result<Vec<_>> = scaled.par_chunks_exact(n_axes).map(gradient).collect();
        Ok(Sample { values, gradients: gradients?.concat() })
    }

    /// The known step nearest to `time`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged network.
    pub fn step_error(&self, time: f64) -> Result<StepError> {
        let own = self.own_step(time).0.round() as usize;
        let mut runs = self.facts.runs();
        let step = runs.find_map(|(run, first)| {
            let step = run.start() + (own as u64).checked_sub(first.into())?;
            run.contains(&step).then_some(step)
        });
        let worst = |errors: &Vec<f32>| errors.iter().copied().fold(0.0, f32::max);
        let row = self.network()?.certificate.get(own);
        let certified = row.map(worst);
        let written = self.facts.errors.get(own).map(worst).filter(|error| error.is_finite());
        let limits = self.facts.limits().nth(own).unwrap_or_default();
        Ok(StepError {
            step: step.unwrap_or(self.steps.1),
            error: certified.or(written),
            is_certified: certified.is_some(),
            is_broken: row.is_some_and(|row| Facts::is_above(limits, row)),
            is_by_network: limits.iter().any(|limit| limit.is_finite()),
        })
    }
}
