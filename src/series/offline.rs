//! The paper's baselines beside the in situ method: the whole series in memory, sketched or not, and hypernetwork
//! regularisation.

use std::sync::Arc;

use super::trainer::{now_slot, past_slot};
use super::{Buffer, Push, SeriesConfig, Trainer};
use crate::backend::Backend;
use crate::backend::series::Step;
use crate::mesh::Mesh;
use crate::{Error, Result};

/// How a series is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One pass over the snapshots as they arrive.
    InSitu,
    /// Random snapshots of the whole series.
    OfflineFull,
    /// Sketches of the whole series.
    OfflineSketched,
    /// In situ with the generated parameters held in place instead of sketches.
    Hreg,
}

/// Reports in an offline run.
const N_REPORTS: usize = 100;

/// Trains on a whole series, `series[step]: [n_nodes][n_channels]`; the trainer is not [finished](Trainer::finish) yet.
///
/// `on_push` sees each snapshot (offline: each hundredth of the iterations).
///
/// # Errors
/// As [`Trainer::push`].
pub fn train(
    method: Method,
    config: &SeriesConfig,
    mesh: &Arc<Mesh>,
    series: &[Vec<f32>],
    n_channels: usize,
    backend: &dyn Backend,
    on_push: &mut dyn FnMut(usize, &Push),
) -> Result<Trainer> {
    let trainer = Trainer::new(config, Arc::clone(mesh), n_channels, backend)?;
    match method {
        Method::InSitu => in_situ(trainer, series, on_push),
        Method::Hreg => in_situ(trainer.with_hypernetwork_regularisation(), series, on_push),
        Method::OfflineFull => offline(trainer, series, true, on_push),
        Method::OfflineSketched => offline(trainer, series, false, on_push),
    }
}

fn in_situ(mut trainer: Trainer, series: &[Vec<f32>], on_push: &mut dyn FnMut(usize, &Push)) -> Result<Trainer> {
    for (index, snapshot) in series.iter().enumerate() {
        on_push(index, &trainer.push(snapshot)?);
    }
    Ok(trainer)
}

fn offline(
    mut trainer: Trainer,
    series: &[Vec<f32>],
    is_full: bool,
    on_push: &mut dyn FnMut(usize, &Push),
) -> Result<Trainer> {
    let config = trainer.kept.config.clone();
    if series.is_empty() || series.len() > config.n_steps {
        return Err(Error::Series(format!("{} snapshots for a series of {} steps", series.len(), config.n_steps)));
    }
    for snapshot in series {
        trainer.kept.units.grow(snapshot);
    }
    for (index, snapshot) in series.iter().enumerate() {
        let scaled = Arc::new(trainer.kept.units.scaled(snapshot));
        trainer.keep(index, &scaled)?;
        if is_full {
            trainer.put_now(index, &scaled)?;
        }
        trainer.kept.n_pushed += 1;
    }
    let (batch, slot): (_, fn(usize) -> usize) =
        if is_full { (config.full_batch, now_slot) } else { (config.batch, past_slot) };
    let mut buffer = Buffer::new(series.len(), 0, batch, series.len(), false, config.seed);
    buffer.advance();
    let n = config.iterations as usize;
    let chunk = n.div_ceil(N_REPORTS).max(1);
    for (report, first) in (0..n).step_by(chunk).enumerate() {
        let started = std::time::Instant::now();
        let next = |i: usize| {
            let slots = buffer.batch().into_iter().map(slot).collect();
            let (now, past) = if is_full { (slots, Vec::new()) } else { (Vec::new(), slots) };
            Step { now, past, n_nodes: config.n_nodes, rate: cosine(&config, i, n) }
        };
        let steps: Vec<Step> = (first..n.min(first + chunk)).map(next).collect();
        let losses = trainer.training.run(&steps, config.threshold)?;
        let is_learnt = losses.len() < steps.len();
        on_push(report, &Push { losses, collapsed: false, seconds: started.elapsed().as_secs_f64() });
        if is_learnt {
            break;
        }
    }
    Ok(trainer)
}

/// Cosine decay from `rate` to `rate * final_rate`.
fn cosine(config: &SeriesConfig, step: usize, n_steps: usize) -> f32 {
    let half = 0.5 * (1.0 + libm::cosf(std::f32::consts::PI * step as f32 / n_steps as f32));
    config.rate * (config.final_rate + (1.0 - config.final_rate) * half)
}
