//! What each iteration visits: while snapshots arrive, and on their sketches alone afterwards.

use std::time::Instant;

use super::collapse::Watch;
use super::trainer::{Trainer, now_slot, past_slot};
use crate::Result;
use crate::backend::series::{Step, StepLoss};
use crate::sketch::{SketchKind, distinct};

/// Steps per call of the backend.
const CHUNK: usize = 50;

impl Trainer {
    /// Steps on the newest snapshot.
    pub(super) fn iterate(&mut self, index: usize) -> Result<Vec<StepLoss>> {
        let config = self.kept.config.clone();
        let n = if index == 0 { config.first_iterations } else { config.iterations } as usize;
        let has_past = config.sketch.kind != SketchKind::None || self.kept.is_hreg;
        let mut losses = Vec::with_capacity(n);
        while losses.len() < n {
            let part = |i: usize| {
                let warmup = if index == 0 { (i + 1) as f32 / config.n_warmup.max(1) as f32 } else { 1.0 };
                warmup.min(1.0) * config.cooled((index as f32 + i as f32 / n as f32) / config.n_steps as f32)
            };
            let next = |i: usize| Step {
                now: self.kept.full.batch().into_iter().map(now_slot).collect(),
                past: if has_past { self.kept.past.batch().into_iter().map(past_slot).collect() } else { Vec::new() },
                n_nodes: config.n_nodes,
                rate: config.rate * self.kept.watch.rate_factor() * part(i),
            };
            let steps: Vec<Step> = (losses.len()..n.min(losses.len() + CHUNK)).map(next).collect();
            let done = self.training.run(&steps, config.threshold)?;
            let target = |l: &StepLoss| config.threshold.is_some_and(|threshold| l.now <= threshold);
            let is_learnt = done.last().is_some_and(target);
            losses.extend(done);
            if is_learnt || losses.last().is_some_and(|l| !l.now.is_finite()) {
                break;
            }
        }
        Ok(losses)
    }

    /// Steps on the sketches alone with a falling rate; a stretch that collapses is undone and the rate halved.
    pub(super) fn consolidate(&mut self, seconds: Option<f64>) -> Result<Vec<StepLoss>> {
        let started = Instant::now();
        let config = self.kept.config.clone();
        let slots: Vec<usize> = self.kept.sketches.keys().map(|&i| past_slot(i)).collect();
        let batch = if config.batch == 0 { slots.len() } else { config.batch.min(slots.len()) };
        let n = config.consolidation as usize;
        let (mut losses, mut n_done, mut watch) = (Vec::new(), 0, Watch::default());
        while n_done < n {
            let spent = seconds.map_or(0.0, |limit| started.elapsed().as_secs_f64() / limit.max(1e-9));
            if spent >= 1.0 {
                break;
            }
            let next = |i: usize| {
                let progress = (i as f64 / n as f64).max(spent) as f32;
                let drawn = distinct(self.seed(3, i), slots.len(), batch);
                Step {
                    past: drawn.into_iter().map(|i| slots[i as usize]).collect(),
                    rate: config.rate * watch.rate_factor() * (1.0 - (1.0 - config.final_rate) * progress),
                    ..Step::default()
                }
            };
            let steps: Vec<Step> = (n_done..n.min(n_done + CHUNK)).map(next).collect();
            let before = self.training.state()?;
            let done = self.training.run(&steps, None)?;
            n_done += done.len();
            if watch.is_collapse(&done) {
                self.training.restore(&before)?;
                watch.slow_down();
            } else {
                watch.accept(&done);
            }
            losses.extend(done);
        }
        Ok(losses)
    }
}
