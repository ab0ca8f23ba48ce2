//! The neural candidate: a SIREN as the base, and whatever it leaves coded by the transform, so that the promise holds
//! whether the network reached it or not.

use std::sync::Arc;

use super::candidate::{Candidate, Offer, Rival, Task};
use super::report::Report;
use super::{WarmStart, section};
use crate::backend::choose::{self, Chosen};
use crate::backend::{Backend, TrainingSet, cpu::CpuBackend};
use crate::fit::{Budget, Fit, fit_siren};
use crate::model::{SirenShape, quantise};
use crate::settings::{Backend as Choice, Effort, ModelChoice};
use crate::train::choose_shape;
use crate::transform::{self, Goal, Input};
use crate::{Error, Finish, Result, metrics};

/// Bits of a stored weight.
const WEIGHT_BITS: u32 = 8;
/// Seconds of training with `model=siren` when nothing is said.
const DEFAULT_SECONDS: f64 = 10.0;

/// In `auto` the network gets this share of the bytes it has to beat; the rest is for the remainder.
const WEIGHT_SHARE: f64 = 0.5;
/// What takes the most effort trains so many times as long as the rival takes.
const BEST: f64 = 2.0;
/// A network must be small enough for this many visits of each point within the budget.
const N_VISITS: f64 = 8.0;
/// In `auto` a network with less than this share of the bytes it has to beat cannot matter.
const LEAST_SHARE: f64 = 0.1;
/// In `auto` a fit this many times worse than asked is not worth coding the remainder.
const HOPELESS: f64 = 8.0;
/// What quantised weights may add to the error: the fit aims this much lower.
const QUANTISATION_ROOM: f64 = 0.8;

/// The candidate.
pub struct Siren;

impl Candidate for Siren {
    /// Trains, quantises and codes the remainder.
    fn offer(&self, task: &Task, rival: &Rival, report: &mut Report) -> Result<Option<Offer>> {
        let settings = task.settings;
        let is_left_out = task.skip_neural || settings.effort == Effort::Fast;
        if settings.model == ModelChoice::Transform || (is_left_out && settings.model == ModelChoice::Auto) {
            return Ok(None);
        }
        let plan = Plan { task, rival };
        let Chosen { backend, refusal } = plan.backend()?;
        report.refusal = report.refusal.take().or(refusal.map(|error| error.to_string()));
        let Some(shape) = plan.shape(backend.as_ref(), report) else { return Ok(None) };
        let (backend, fit) = plan.train(&backend, shape, report)?;
        report.iterations += fit.n_iterations;
        report.device_bytes = report.device_bytes.max(fit.device_bytes);
        report.seconds.train += fit.seconds;
        // At a fixed ratio there is no error to miss: the more accurate candidate wins.
        let is_hopeless = plan.target_rms() > 0.0 && fit.rms > HOPELESS * plan.target_rms();
        if settings.model == ModelChoice::Auto && is_hopeless {
            report.note(&name(&shape), None, format!("{}, rms {:.1e} of the half range", fit.why, fit.rms));
            return Ok(None);
        }
        plan.offer(shape, fit, backend, report)
    }
}

/// The task, and what is to be beaten.
struct Plan<'a> {
    task: &'a Task<'a>,
    rival: &'a Rival,
}

fn name(shape: &SirenShape) -> String {
    format!("siren {}x{}", shape.width, shape.n_blocks)
}

/// Mirror of the weights of an encoder: the base on the grid, in the block's own unit. Canonical.
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

impl Plan<'_> {
    /// Where to train; a GPU that failed before is not tried again.
    fn backend(&self) -> Result<Chosen> {
        let settings = self.task.settings;
        match self.task.refusal.filter(|_| settings.backend == Choice::Auto) {
            Some(_) => Ok(Chosen { backend: choose::cpu(settings), refusal: None }),
            None => choose::choose(settings),
        }
    }

    /// The trained network with what it leaves.
    fn offer(&self, shape: SirenShape, fit: Fit, backend: String, report: &mut Report) -> Result<Option<Offer>> {
        let task = self.task;
        let weights = quantise::encode_params(&shape, &fit.params, WEIGHT_BITS);
        let base = decode(&weights, task.input.dims, task.input.finish)?;
        let goal = match task.goal {
            Goal::Bytes(n) => match n.checked_sub(weights.len()).filter(|&left| left > 0) {
                Some(left) => Goal::Bytes(left),
                None => {
                    report.note(&name(&shape), None, format!("its weights take {} of {n} bytes", weights.len()));
                    return Ok(None);
                }
            },
            other => other,
        };
        let Some(remainder) = transform::encode(&Input { base: Some(&base), ..task.input }, goal)? else {
            return Ok(None);
        };
        Ok(Some(Offer {
            name: name(&shape),
            model: format!("siren+{}", remainder.kind),
            sections: vec![(section::SIREN, weights), (section::TRANSFORM, remainder.payload)],
            values: remainder.values,
            errors: remainder.errors,
            why: fit.why.to_string(),
            backend,
            warm_start: Some(WarmStart { shape, params: fit.params }),
            saved: None,
        }))
    }

    /// Error the network should reach, in units of half the value range.
    fn target_rms(&self) -> f64 {
        let (_, half) = scale(self.task.input.finish);
        let n_valid = self.task.input.mask.map_or(self.task.input.values.len(), |m| m.iter().filter(|ok| **ok).count());
        QUANTISATION_ROOM
            * match self.task.goal {
                Goal::L2(e) => e / (n_valid.max(1) as f64).sqrt() / half,
                // A base serves a pointwise bound best when most of its errors already lie within.
                Goal::Linf(e) => e / 2.0 / half,
                Goal::Bytes(_) => 0.0,
            }
    }

    /// Size of the network: as set, else from the accuracy, but no larger than the bytes to beat and the budget allow.
    fn shape(&self, backend: &dyn Backend, report: &mut Report) -> Option<SirenShape> {
        let n_points = self.task.input.values.len() as f64;
        let is_auto = self.task.settings.model == ModelChoice::Auto;
        let to_beat = match self.task.goal {
            Goal::Bytes(n) => Some(n as f64),
            _ if is_auto => self.rival.bytes.map(|n| n as f64),
            _ => None,
        };
        // Forward and backward take about 6 operations per parameter.
        let trainable = |seconds: f64| backend.training_flops() * seconds / (6.0 * N_VISITS * n_points);
        let affordable = self.budget().seconds.map_or(f64::INFINITY, trainable);
        if let Some(n) = to_beat.filter(|n| is_auto && affordable < LEAST_SHARE * n) {
            let why = "not tried: the budget trains at most";
            let why = format!("{why} {affordable:.0} parameters, too few beside {n} bytes; set 'seconds' higher");
            report.note("siren", None, why);
            return None;
        }
        let cap = to_beat.map_or(f64::INFINITY, |n| WEIGHT_SHARE * n).min(affordable);
        let (_, half) = scale(self.task.input.finish);
        let rms = metrics::norm(self.task.input.values, None) / n_points.sqrt();
        let choose = |ratio| {
            choose_shape(n_points as usize, 1, self.task.input.dims.len(), self.target_rms() * half / rms, ratio)
        };
        let by_accuracy = choose(None);
        let fits = to_beat.is_none() && by_accuracy.n_params() as f64 <= cap;
        let mut shape =
            if fits || cap.is_infinite() { by_accuracy } else { choose(Some(4.0 * n_points / cap.max(1.0))) };
        shape.width = self.task.settings.width.unwrap_or(shape.width);
        shape.n_blocks = self.task.settings.blocks.unwrap_or(shape.n_blocks);
        let n_params = shape.n_params() as f64;
        if let Some(n) = to_beat.filter(|n| is_auto && n_params > *n) {
            report.note(&name(&shape), None, format!("not tried: its weights alone cannot beat {n} bytes"));
            return None;
        }
        Some(shape)
    }

    fn budget(&self) -> Budget {
        let seconds = match (self.task.settings.iterations, self.task.settings.seconds, self.task.settings.model) {
            (Some(_), ..) => None,
            (None, Some(seconds), _) => Some(seconds),
            (None, None, ModelChoice::Siren) => Some(DEFAULT_SECONDS),
            (None, None, _) => {
                Some(self.rival.seconds * if self.task.settings.effort == Effort::Best { BEST } else { 1.0 })
            }
        };
        let may_give_up = self.task.settings.model == ModelChoice::Auto;
        Budget { seconds, n_steps: self.task.settings.iterations, target_rms: self.target_rms(), may_give_up }
    }

    /// Trains on the chosen backend; when a GPU chosen by `auto` fails, on the CPU.
    fn train(&self, backend: &Arc<dyn Backend>, shape: SirenShape, report: &mut Report) -> Result<(String, Fit)> {
        let (middle, half) = scale(self.task.input.finish);
        let values: Vec<f32> = self.task.input.values.iter().map(|v| ((v - middle) / half) as f32).collect();
        let set = TrainingSet { dims: self.task.input.dims, values: &values, n_channels: 1 };
        let start = self.task.warm.filter(|w| w.shape == shape).map(|w| w.params.as_slice());
        let fit = |backend: &Arc<dyn Backend>| {
            fit_siren(backend.as_ref(), shape, set, start, self.budget(), self.task.settings.seed)
        };
        match fit(backend) {
            Err(error) if self.task.settings.backend == Choice::Auto => {
                report.note(&name(&shape), None, format!("{error}; trained on the CPU instead"));
                report.refusal = Some(error.to_string());
                let cpu = choose::cpu(self.task.settings);
                Ok((cpu.name(), fit(&cpu)?))
            }
            fitted => {
                let fitted = fitted?;
                let failure = fitted.failure.as_ref().map(ToString::to_string);
                report.refusal = report.refusal.take().or(failure);
                Ok((backend.name(), fitted))
            }
        }
    }
}
