//! One training: a seed of a run, from its data to its networks and their errors.

use std::sync::Arc;
use std::time::Instant;

use adios2_inr::backend::Backend;
use adios2_inr::series::{self, Push, SeriesConfig, SeriesMetrics, Trainer};
use adios2_inr::sketch::SketchKind;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::config::{Config, Method};
use super::data::Series;
use super::normalise::Normaliser;
use super::record::{self, Record};
use crate::runs::{Line, Networks, SeedFolder, StepErrors, Summary};

/// An offline training reports each hundredth of its iterations.
const N_REPORTS: usize = 100;

/// What a training needs besides its seed.
pub struct Job<'a> {
    pub config: &'a Config,
    pub series: &'a Series,
    pub normaliser: &'a Normaliser,
    pub backend: &'a dyn Backend,
    pub folder: &'a SeedFolder,
}

/// What stands in `checkpoint.bin`.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    /// Snapshots of the series that are done.
    n_done: usize,
    totals: Totals,
    /// Of the segment that is under way.
    trainer: Vec<u8>,
}

/// Sums over segments and, after an interruption, over sessions.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Totals {
    n_evaluations: u64,
    seconds: f64,
    /// The most at any time.
    sketch_bytes: usize,
    n_collapsed: usize,
}

impl Totals {
    /// With what a trainer has done since it was made.
    fn and(mut self, trainer: &Trainer) -> Totals {
        self.n_evaluations += trainer.n_evaluations();
        self.sketch_bytes = self.sketch_bytes.max(trainer.sketch_bytes());
        self
    }
}

impl Job<'_> {
    /// Trains, writes networks and summary; goes on from a checkpoint if there is one.
    pub fn run(&self) -> Result<Summary> {
        let checkpoint = self.checkpoint()?;
        let n_kept = checkpoint.as_ref().map_or(0, |c| c.n_done);
        let kept: Vec<Line> = if n_kept > 0 { self.folder.lines()? } else { Vec::new() };
        let kept = &kept[..n_kept.min(kept.len())];
        let n = if self.is_offline() { N_REPORTS } else { self.series.n_steps };
        let mut record = Record::create(self.folder, &self.series.channels, kept, n)?;
        let totals = match self.is_offline() {
            true => self.offline(&mut record)?,
            false => self.in_situ(&mut record, checkpoint)?,
        };
        record.say("measuring");
        let summary = self.summary(totals)?;
        super::plots::write(self, &summary, &mut record)?;
        super::export::write(self)?;
        self.folder.write_summary(&summary)?;
        remove(&self.folder.checkpoint_path())?;
        record.finish();
        Ok(summary)
    }

    fn is_offline(&self) -> bool {
        matches!(self.config.method, Method::OfflineFull | Method::OfflineSketched)
    }

    fn segment_steps(&self) -> usize {
        self.config.segment_steps.unwrap_or(self.series.n_steps)
    }

    fn series_config(&self) -> Result<SeriesConfig> {
        self.config.series_config(self.segment_steps(), self.series.mesh.n_nodes(), self.folder.seed)
    }

    /// A snapshot in the unit of training.
    fn snapshot(&self, step: usize) -> Result<Vec<f32>> {
        let mut values = self.series.snapshot(step)?;
        self.normaliser.apply(&mut values);
        Ok(values)
    }

    fn in_situ(&self, record: &mut Record, checkpoint: Option<Checkpoint>) -> Result<Totals> {
        let config = self.series_config()?;
        // What hreg holds onto is not in a trainer's checkpoint.
        let every = if self.config.method == Method::Hreg { 0 } else { self.config.output.checkpoint_every };
        let mesh = || Arc::clone(&self.series.mesh);
        let (mut n_done, mut totals, mut trainer) = match checkpoint {
            None => (0, Totals::default(), None),
            Some(c) => (c.n_done, c.totals, Some(Trainer::resume(&c.trainer, mesh(), self.backend)?)),
        };
        while n_done < self.series.n_steps {
            let mut segment = match trainer.take() {
                Some(trainer) => trainer,
                None => self.start(&config)?,
            };
            let end = (n_done / self.segment_steps() + 1) * self.segment_steps();
            while n_done < end.min(self.series.n_steps) {
                let push = segment.push(&self.snapshot(n_done)?)?;
                totals.seconds += push.seconds;
                totals.n_collapsed += usize::from(push.collapsed);
                let errors = self.errors_of(&mut segment, n_done)?;
                record.add(&record::line(n_done, &push, errors))?;
                n_done += 1;
                if every > 0 && n_done.is_multiple_of(every) && n_done < end.min(self.series.n_steps) {
                    let trainer = segment.checkpoint()?;
                    self.write_checkpoint(&Checkpoint { n_done, totals: totals.and(&segment), trainer })?;
                }
            }
            record.say("consolidating");
            totals = self.finish(segment, (n_done - 1) / self.segment_steps(), totals)?;
        }
        Ok(totals)
    }

    fn start(&self, config: &SeriesConfig) -> Result<Trainer> {
        let trainer = Trainer::new(config, Arc::clone(&self.series.mesh), self.series.n_channels(), self.backend)?;
        Ok(if self.config.method == Method::Hreg { trainer.with_hypernetwork_regularisation() } else { trainer })
    }

    /// All segments from memory.
    fn offline(&self, record: &mut Record) -> Result<Totals> {
        let method = match self.config.method {
            Method::OfflineFull => series::Method::OfflineFull,
            _ => series::Method::OfflineSketched,
        };
        let (config, mut totals) = (self.series_config()?, Totals::default());
        let (n_steps, length) = (self.series.n_steps, self.segment_steps());
        for (segment, first) in (0..n_steps).step_by(length).enumerate() {
            let snapshots = (first..n_steps.min(first + length)).map(|s| self.snapshot(s));
            let snapshots = snapshots.collect::<Result<Vec<_>>>()?;
            let mut failed = Ok(());
            let mut on_push = |report: usize, push: &Push| {
                totals.seconds += push.seconds;
                let line = record::line(segment * N_REPORTS + report, push, None);
                failed = std::mem::replace(&mut failed, Ok(())).and_then(|()| record.add(&line));
            };
            let (mesh, n_channels) = (&self.series.mesh, self.series.n_channels());
            let trainer = series::train(method, &config, mesh, &snapshots, n_channels, self.backend, &mut on_push)?;
            failed?;
            totals = self.finish(trainer, segment, totals)?;
        }
        Ok(totals)
    }

    /// Consolidates and writes the network.
    fn finish(&self, mut trainer: Trainer, segment: usize, mut totals: Totals) -> Result<Totals> {
        let started = Instant::now();
        trainer.finish(None)?;
        totals.seconds += started.elapsed().as_secs_f64();
        let bytes = trainer.network()?.encode();
        crate::output::write_whole(&self.folder.network_path(segment), |w| Ok(w.write_all(&bytes)?))?;
        Ok(totals.and(&trainer))
    }

    /// Of the snapshot just learnt, by the network as it would be stored now.
    fn errors_of(&self, trainer: &mut Trainer, step: usize) -> Result<Option<StepErrors>> {
        let every = self.config.output.evaluate_every;
        if every == 0 || !step.is_multiple_of(every) {
            return Ok(None);
        }
        let network = trainer.network()?;
        let within = (trainer.n_pushed() - 1) as f64;
        let mut decoded = network.snapshot(within, &self.series.mesh, self.config.device.threads)?;
        self.normaliser.undo(&mut decoded);
        let mut metrics = SeriesMetrics::new(self.series.n_channels());
        metrics.add(&self.series.snapshot(step)?, &decoded);
        let n_nodes = self.series.mesh.n_nodes() as f64;
        Ok(Some(StepErrors { rms: metrics.sse.iter().map(|s| (s / n_nodes).sqrt()).collect(), relative: metrics.rfe }))
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let path = self.folder.checkpoint_path();
        if !path.exists() {
            return Ok(None);
        }
        let name = || format!("{}: cannot be resumed: use --overwrite to start anew", path.display());
        let bytes = std::fs::read(&path).with_context(name)?;
        postcard::from_bytes(&bytes).map(Some).with_context(name)
    }

    fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        let bytes = postcard::to_allocvec(checkpoint)?;
        crate::output::write_whole(&self.folder.checkpoint_path(), |w| Ok(w.write_all(&bytes)?))
    }

    fn summary(&self, totals: Totals) -> Result<Summary> {
        let networks = self.folder.networks_with(self.normaliser)?;
        let n_segments = networks.networks.len();
        let shape = networks.networks[0].shape;
        let config = self.series_config()?;
        let n_nodes = self.series.mesh.n_nodes();
        let (sketch, sketch_ratio) = describe_sketch(self.config.method, &config, n_nodes);
        let n_bytes = networks.networks.iter().map(|n| n.encode().len()).sum::<usize>() + self.normaliser.bytes();
        Ok(Summary {
            data: self.series.name.clone(),
            channels: self.series.channels.clone(),
            n_steps: self.series.n_steps,
            n_nodes,
            method: self.config.method,
            network: format!("{} {}x{}", shape.kind.name(), shape.width, shape.n_blocks),
            sketch,
            sketch_ratio,
            seed: self.folder.seed,
            n_params: shape.n_params() * n_segments,
            n_bytes,
            mesh_bytes: self.series.mesh_bytes(),
            raw_bytes: self.series.raw_bytes(),
            sketch_bytes: totals.sketch_bytes,
            n_evaluations: totals.n_evaluations,
            flops: totals.n_evaluations as f64 * shape.flops_train(),
            seconds: totals.seconds,
            n_collapsed: totals.n_collapsed,
            device: self.backend.name(),
            normaliser: self.normaliser.clone(),
            metrics: measure(self.series, &networks, self.config.device.threads)?,
        })
    }
}

/// Errors of decoded networks, in the data's unit.
pub fn measure(series: &Series, networks: &Networks, n_threads: usize) -> Result<SeriesMetrics> {
    let mut metrics = SeriesMetrics::new(series.n_channels());
    for step in 0..series.n_steps {
        metrics.add(&series.snapshot(step)?, &networks.snapshot(step, &series.mesh, n_threads)?);
    }
    Ok(metrics)
}

/// As in "fjlt 5.00 %", and the part of the nodes.
fn describe_sketch(method: Method, config: &SeriesConfig, n_nodes: usize) -> (String, f64) {
    let rule = &config.sketch;
    let uses_sketches = matches!(method, Method::InSitu | Method::OfflineSketched) && rule.kind != SketchKind::None;
    if !uses_sketches {
        return (String::new(), 0.0);
    }
    let ratio = rule.n_rows.min(n_nodes) as f64 / n_nodes as f64;
    let bits = if rule.n_bits == 32 { String::new() } else { format!(", {} bit", rule.n_bits) };
    (format!("{} {:.2} %{bits}", rule.kind.name(), 100.0 * ratio), ratio)
}

/// Deletes a file that may not be there.
pub fn remove(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).with_context(|| path.display().to_string()),
        _ => Ok(()),
    }
}
