//! The neural candidate: a SIREN as the base, and whatever it leaves coded by the transform, so that the promise holds
//! whether the network reached it or not.

use std::sync::Arc;

use super::WarmStart;
use super::report::Report;
use crate::backend::{Backend, TrainingSet, choose, cpu::CpuBackend};
use crate::model::{SirenShape, quantise};
use crate::settings::{Backend as Choice, ModelChoice};
use crate::train::{Budget, Fit, choose_shape, fit_siren};
use crate::transform::{self, Goal, Input, Output};
use crate::{Error, Finish, Result, Settings};

/// Bits of a stored weight.
const WEIGHT_BITS: u32 = 8;
/// Seconds of training with `model=siren` when nothing is said.
const DEFAULT_SECONDS: f64 = 10.0;

/// In `auto` the network gets this share of the bytes it has to beat; the rest is for the remainder.
const WEIGHT_SHARE: f64 = 0.5;
/// A network must be small enough for this many visits of each point within the budget.
const N_VISITS: f64 = 8.0;
/// In `auto` a network with less than this share of the bytes it has to beat cannot matter.
const LEAST_SHARE: f64 = 0.1;
/// In `auto` a fit this many times worse than asked is not worth coding the remainder.
const HOPELESS: f64 = 8.0;
/// What quantised weights may add to the error: the fit aims this much lower.
const QUANTISATION_ROOM: f64 = 0.8;

/// What the transform made of the same field.
pub struct Rival {
    /// Its payload, if it was tried and kept the promise.
    pub bytes: Option<usize>,
    /// What it took.
    pub seconds: f64,
}

/// A network and the coded remainder.
pub struct Neural {
    pub weights: Vec<u8>,
    pub remainder: Output,
    pub warm_start: WarmStart,
    pub backend: String,
}

impl Neural {
    /// Bytes of both sections.
    pub fn n_bytes(&self) -> usize {
        self.weights.len() + self.remainder.payload.len()
    }
}

/// Everything the candidate needs to know.
pub struct Task<'a> {
    pub input: &'a Input<'a>,
    pub goal: Goal,
    pub settings: &'a Settings,
    pub warm: Option<&'a WarmStart>,
    /// Leave `auto`'s neural candidate out.
    pub skip: bool,
    pub rival: Rival,
}

/// Trains, quantises and codes the remainder; `None` (with a note in the report) when it is not worth it.
///
/// # Errors
/// [`Error::Backend`] when `backend=gpu` cannot be had.
pub fn encode(task: &Task, report: &mut Report) -> Result<Option<Neural>> {
    if task.settings.model == ModelChoice::Transform || task.skip {
        return Ok(None);
    }
    let backend = choose::choose(task.settings)?;
    let Some(shape) = task.shape(backend.as_ref(), report) else { return Ok(None) };
    let (backend, fit) = task.train(&backend, shape, report)?;
    report.iterations += fit.n_iterations;
    report.device_bytes = report.device_bytes.max(fit.device_bytes);
    report.seconds.train += fit.seconds;
    let is_auto = task.settings.model == ModelChoice::Auto;
    // At a fixed ratio there is no error to miss: the more accurate candidate wins.
    let is_hopeless = task.target_rms() > 0.0 && fit.rms > HOPELESS * task.target_rms();
    if is_auto && is_hopeless {
        report.note(&task.name(&shape), None, format!("{}, rms {:.1e} of the half range", fit.why, fit.rms));
        return Ok(None);
    }
    let weights = quantise::encode_params(&shape, &fit.params, WEIGHT_BITS);
    let base = decode(&weights, task.input.dims, task.input.finish)?;
    let goal = match task.goal {
        Goal::Bytes(n) => match n.checked_sub(weights.len()).filter(|&left| left > 0) {
            Some(left) => Goal::Bytes(left),
            None => {
                report.note(&task.name(&shape), None, format!("its weights take {} of {n} bytes", weights.len()));
                return Ok(None);
            }
        },
        other => other,
    };
    let input = Input { base: Some(&base), ..*task.input };
    let Some(remainder) = transform::encode(&input, goal)? else { return Ok(None) };
    let warm_start = WarmStart { shape, params: fit.params };
    let neural = Neural { weights, remainder, warm_start, backend };
    report.note(&task.name(&shape), Some(neural.n_bytes()), fit.why);
    Ok(Some(neural))
}

/// Mirror of the weights of [`encode`]: the base on the grid, in the block's own unit. Canonical.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn decode(weights: &[u8], dims: &[usize], finish: Finish) -> Result<Vec<f64>> {
    let (shape, params) = quantise::decode_params(weights)?;
    if shape.n_inputs != dims.len() || shape.n_outputs != 1 {
        return Err(Error::corrupt(format!("a network of {shape:?} cannot serve a grid of {dims:?}")));
    }
    let mut out = vec![0.0; dims.iter().product()];
    CpuBackend::new(rayon::current_num_threads()).evaluate_siren(&shape, &params, dims, &mut out)?;
    let (middle, half) = scale(finish);
    Ok(out.iter().map(|&y| middle + half * f64::from(y)).collect())
}

/// Middle and half of the value range; never 0.
fn scale(finish: Finish) -> (f64, f64) {
    let half = finish.max / 2.0 - finish.min / 2.0;
    (finish.min + half, if half > 0.0 { half } else { 1.0 })
}

impl Task<'_> {
    fn name(&self, shape: &SirenShape) -> String {
        format!("siren {}x{}", shape.width, shape.n_blocks)
    }

    /// Error the network should reach, in units of half the value range.
    fn target_rms(&self) -> f64 {
        let (_, half) = scale(self.input.finish);
        let n_valid = self.input.mask.map_or(self.input.values.len(), |m| m.iter().filter(|ok| **ok).count());
        QUANTISATION_ROOM
            * match self.goal {
                Goal::L2(e) => e / (n_valid.max(1) as f64).sqrt() / half,
                // A base serves a pointwise bound best when most of its errors already lie within.
                Goal::Linf(e) => e / 2.0 / half,
                Goal::Bytes(_) => 0.0,
            }
    }

    /// Size of the network: as set, else from the accuracy, but no larger than the bytes to beat and the budget allow.
    fn shape(&self, backend: &dyn Backend, report: &mut Report) -> Option<SirenShape> {
        let n_points = self.input.values.len() as f64;
        let is_auto = self.settings.model == ModelChoice::Auto;
        let to_beat = match self.goal {
            Goal::Bytes(n) => Some(n as f64),
            _ if is_auto => self.rival.bytes.map(|n| n as f64),
            _ => None,
        };
        // Forward and backward take about 6 operations per parameter.
        let trainable = |seconds: f64| backend.training_flops() * seconds / (6.0 * N_VISITS * n_points);
        let affordable = self.budget().seconds.map_or(f64::INFINITY, trainable);
        let cap = to_beat.map_or(f64::INFINITY, |n| WEIGHT_SHARE * n).min(affordable);
        let (_, half) = scale(self.input.finish);
        let rms = (self.input.values.iter().map(|v| v * v).sum::<f64>() / n_points).sqrt();
        let choose =
            |ratio| choose_shape(n_points as usize, 1, self.input.dims.len(), self.target_rms() * half / rms, ratio);
        let by_accuracy = choose(None);
        let fits = to_beat.is_none() && by_accuracy.n_params() as f64 <= cap;
        let mut shape =
            if fits || cap.is_infinite() { by_accuracy } else { choose(Some(4.0 * n_points / cap.max(1.0))) };
        shape.width = self.settings.width.unwrap_or(shape.width);
        shape.n_blocks = self.settings.blocks.unwrap_or(shape.n_blocks);
        let n_params = shape.n_params() as f64;
        let why = match to_beat.filter(|_| is_auto) {
            Some(n) if n_params > n => format!("not tried: its weights alone cannot beat {n} bytes"),
            Some(n) if affordable < LEAST_SHARE * n => {
                let why = "not tried: the budget trains at most";
                format!("{why} {affordable:.0} parameters, too few beside {n} bytes; set 'seconds' higher")
            }
            _ => return Some(shape),
        };
        report.note(&self.name(&shape), None, why);
        None
    }

    fn budget(&self) -> Budget {
        let seconds = match (self.settings.iterations, self.settings.seconds, self.settings.model) {
            (Some(_), ..) => None,
            (None, Some(seconds), _) => Some(seconds),
            (None, None, ModelChoice::Siren) => Some(DEFAULT_SECONDS),
            (None, None, _) => Some(self.rival.seconds),
        };
        let may_give_up = self.settings.model == ModelChoice::Auto;
        Budget { seconds, n_steps: self.settings.iterations, target_rms: self.target_rms(), may_give_up }
    }

    /// Trains on the chosen backend; when a GPU chosen by `auto` fails, on the CPU.
    fn train(&self, backend: &Arc<dyn Backend>, shape: SirenShape, report: &mut Report) -> Result<(String, Fit)> {
        let (middle, half) = scale(self.input.finish);
        let values: Vec<f32> = self.input.values.iter().map(|v| ((v - middle) / half) as f32).collect();
        let set = TrainingSet { dims: self.input.dims, values: &values, n_channels: 1 };
        let start = self.warm.filter(|w| w.shape == shape).map(|w| w.params.as_slice());
        let fit = |backend: &Arc<dyn Backend>| {
            fit_siren(backend.as_ref(), shape, set, start, self.budget(), self.settings.seed)
        };
        match fit(backend) {
            Err(error) if self.settings.backend == Choice::Auto => {
                report.note(&self.name(&shape), None, format!("{error}; trained on the CPU instead"));
                let cpu = choose::cpu(self.settings);
                Ok((cpu.name(), fit(&cpu)?))
            }
            fitted => Ok((backend.name(), fitted?)),
        }
    }
}
