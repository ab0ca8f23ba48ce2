//! What the settings of an operator mean for training a series: network, sketches, device.

use std::sync::Arc;

use super::writer::Nodes;
use crate::backend::Backend;
use crate::backend::choose::{self, Chosen};
use crate::series::{SeriesConfig, Trainer};
use crate::settings::{Network, Sketch};
use crate::sketch::{SketchKind, SketchRule};
use crate::{Error, Result, Settings, threads};

/// Training time at the end of a segment when nothing is said, in seconds.
pub const DEFAULT_SECONDS: f64 = 10.0;

/// How the settings of an operator train a series over `n_nodes` nodes.
pub fn config(settings: &Settings, n_nodes: usize) -> SeriesConfig {
    let n_steps = settings.segment_steps;
    let base = match settings.network {
        Network::Film => SeriesConfig::film(n_steps),
        Network::Tinr => SeriesConfig::tinr(n_steps),
        Network::Hypernet => SeriesConfig::hypernet(n_steps),
    };
    let kind = match settings.sketch {
        Sketch::Importance => SketchKind::Importance,
        Sketch::Subsample => SketchKind::Subsample,
        Sketch::Fjlt => SketchKind::Fjlt,
        Sketch::Srht => SketchKind::Srht,
        Sketch::Gaussian => SketchKind::Gaussian,
        Sketch::None => SketchKind::None,
    };
    SeriesConfig {
        width: settings.width.unwrap_or(base.width),
        n_blocks: settings.blocks.unwrap_or(base.n_blocks),
        iterations: settings.iterations.unwrap_or(base.iterations),
        sketch: SketchRule { kind, n_rows: settings.nodes.min(n_nodes), n_bits: settings.bits, ..base.sketch },
        seed: settings.seed,
        ..base
    }
}

/// Why the CPU trains where there is something else.
pub struct Refusal {
    /// What went wrong.
    pub error: Error,
    /// It is more than a GPU that `auto` could not use, which the run log alone tells.
    pub is_said: bool,
}

/// The backend to train on; the CPU, with the reason, where the one that was asked for cannot be had.
fn backend(settings: &Settings, only_cpu: bool) -> (Arc<dyn Backend>, Option<Refusal>) {
    if only_cpu {
        return (choose::cpu(settings), None);
    }
    match choose::choose(settings) {
        Ok(Chosen { backend, refusal }) => (backend, refusal.map(|error| Refusal { error, is_said: false })),
        Err(error) => (choose::cpu(settings), Some(Refusal { error, is_said: true })),
    }
}

/// A new trainer and the name of its backend, which is the CPU where the one that was asked for refuses; then the reason too.
///
/// # Errors
/// As [`Trainer::new`].
pub fn trainer(
    config: &SeriesConfig,
    nodes: &Nodes,
    n_channels: usize,
    settings: &Settings,
    only_cpu: bool,
) -> Result<(Trainer, String, Option<Refusal>)> {
    let (device, refused) = backend(settings, only_cpu);
    let new = |device: &dyn Backend| {
        threads::install(settings.threads, || Trainer::new(config, Arc::clone(&nodes.mesh), n_channels, device))
    };
    match new(device.as_ref()) {
        Err(error @ Error::Backend { .. }) => {
            let cpu = choose::cpu(settings);
            Ok((new(cpu.as_ref())?, cpu.name(), Some(refused.unwrap_or(Refusal { error, is_said: true }))))
        }
        started => Ok((started?, device.name(), refused)),
    }
}

/// A trainer that goes on from a checkpoint, on the CPU if the backend cannot.
///
/// # Errors
/// As [`Trainer::resume`].
pub fn resume(bytes: &[u8], nodes: &Nodes, settings: &Settings) -> Result<Trainer> {
    let on = |device: &dyn Backend| {
        threads::install(settings.threads, || Trainer::resume(bytes, Arc::clone(&nodes.mesh), device))
    };
    match on(backend(settings, false).0.as_ref()) {
        Err(Error::Backend { .. }) => on(choose::cpu(settings).as_ref()),
        resumed => resumed,
    }
}
