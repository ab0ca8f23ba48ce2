//! This codec: single records, or a dataset's records and model store as the operator makes them.

use std::collections::BTreeMap;
use std::path::Path;

use adios2_inr::codec::{self, Context, Report};
use adios2_inr::session::{self, SeriesKey};
use adios2_inr::{Block, Mode, Norm, Settings, Target, Temporal, store};
use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::data::Series;
use super::goals;
use super::method::{Decoded, Method, Stored};
use super::search::{Patience, search};
use crate::Usage;

/// Ours with some parameters.
#[derive(Clone)]
pub struct Ours {
    name: String,
    /// Without those that are the goal.
    pairs: Vec<(String, String)>,
    temporal: Temporal,
}

impl Ours {
    /// `text`: `KEY=VALUE,KEY=VALUE`, checked once, so that a wrong one shows before the first row; `common` come before.
    pub fn new(text: &str, common: &[(String, String)]) -> Result<Ours> {
        let mut pairs = common.to_vec();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Usage(format!("--ours cannot hold '{pair}': set it to KEY=VALUE,KEY=VALUE")).into());
            };
            pairs.push((key.trim().to_owned(), value.trim().to_owned()));
        }
        if let Some((key, _)) = pairs.iter().find(|(key, _)| IS_GOAL.contains(&key.to_ascii_lowercase().as_str())) {
            return Err(Usage(format!("--ours cannot hold '{key}': all codecs get the same goals; set --{key}")).into());
        }
        let name = if text.trim().is_empty() { "inr".to_owned() } else { format!("inr {}", text.trim()) };
        let mut ours = Ours { name, pairs, temporal: Temporal::None };
        ours.temporal = ours.settings(&Target::Psnr(60.0))?.temporal;
        Ok(ours)
    }

    /// Whether steps are told from the steps before them.
    pub fn needs_series(&self) -> bool {
        self.temporal != Temporal::None
    }

    /// Why the operator would not take these parameters with this goal.
    pub fn contradiction(&self, goal: &Target) -> Option<String> {
        self.settings(goal).err().map(|e| e.to_string())
    }

    fn settings(&self, goal: &Target) -> Result<Settings> {
        let of_goal = goals::parameters(goal);
        let own = self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Settings::from_pairs(own.chain(of_goal.iter().map(|(key, value)| (*key, value.as_str()))))?)
    }
}

/// What is asked of chains where a ratio is: errors spread over a step as the norm allows.
fn accuracy(error: f64) -> Target {
    Target::Accuracy(Mode::Rel, Norm::L2, error.min(0.999))
}

const IS_GOAL: [&str; 5] = ["accuracy", "mode", "norm", "psnr", "ratio"];

impl Method for Ours {
    fn name(&self) -> &str {
        &self.name
    }

    fn window(&self) -> usize {
        usize::from(!self.needs_series())
    }

    fn refusal(&self, goal: &Target) -> Option<String> {
        let is_searched = self.needs_series() && matches!(goal, Target::Ratio(_));
        self.contradiction(&if is_searched { accuracy(1e-3) } else { *goal })
    }

    /// Chains take no ratio: the accuracy that reaches it is searched.
    fn tune(&self, series: &Series, goal: &Target) -> Result<Vec<f64>> {
        let &Target::Ratio(ratio) = goal else { return Ok(Vec::new()) };
        if !self.needs_series() {
            return Ok(Vec::new());
        }
        // Ratios grow with the accuracy's number, the excess with its inverse.
        let excess = |inverse: f64| {
            let stored = Dataset::write(series, &self.settings(&accuracy(1.0 / inverse))?)?;
            Ok(ratio * stored.n_bytes() as f64 / series.raw_bytes() as f64)
        };
        Ok(vec![1.0 / search(1e3, Patience::OfMany, excess)?])
    }

    fn encode(&self, series: &Series, goal: &Target, knobs: &[f64]) -> Result<Box<dyn Stored + '_>> {
        let settings = self.settings(&knobs.first().map_or(*goal, |&error| accuracy(error)))?;
        if self.needs_series() {
            return Ok(Box::new(Dataset::write(series, &settings)?));
        }
        let (mut records, mut models) = (Vec::new(), Models::default());
        for step in &series.steps {
            let encoded = codec::encode(&step.array.block()?, &settings, &Context::default())?;
            models.add(&encoded.report);
            records.push(encoded.record);
        }
        Ok(Box::new(Records { records, models }))
    }
}

/// How often each model was chosen.
#[derive(Default)]
struct Models(BTreeMap<String, usize>);

impl Models {
    fn add(&mut self, report: &Report) {
        let name = if report.predictor.is_empty() { &report.model } else { &report.predictor };
        *self.0.entry(name.clone()).or_default() += 1;
    }

    fn text(&self) -> String {
        match self.0.iter().next() {
            Some((only, _)) if self.0.len() == 1 => only.clone(),
            _ => self.0.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// A record for each step.
struct Records {
    records: Vec<Vec<u8>>,
    models: Models,
}

impl Stored for Records {
    fn n_bytes(&self) -> usize {
        self.records.iter().map(Vec::len).sum()
    }

    fn detail(&self) -> String {
        self.models.text()
    }

    fn decode(&self, series: &Series) -> Result<Vec<Decoded>> {
        let decode = |record: &Vec<u8>| {
            let decoded = codec::decode(record)?;
            ensure!(decoded.dims == series.shape && decoded.dtype == series.dtype, "decoded to another shape or type");
            Ok(Decoded::Bytes(decoded.bytes))
        };
        self.records.iter().map(decode).collect()
    }

    fn decoded_per_read(&self) -> f64 {
        1.0
    }

    fn keeps_masked(&self) -> bool {
        true
    }
}

/// Records as ADIOS2 gets them and the model store beside them.
struct Dataset {
    folder: TempDir,
    records: Vec<Vec<u8>>,
    n_step_bytes: usize,
}

/// Random reads that are counted.
const N_READS: usize = 8;

impl Dataset {
    fn write(series: &Series, settings: &Settings) -> Result<Dataset> {
        let folder = tempfile::tempdir().context("a temporary folder for a dataset")?;
        let key = SeriesKey {
            dataset: path(folder.path()),
            generation: 0,
            variable: series.name.clone(),
            start: vec![0; series.shape.len()],
            dims: series.shape.clone(),
        };
        let mut records = Vec::new();
        for step in &series.steps {
            let block = Block::new(series.dtype, &series.shape, &step.array.bytes)?;
            let outcome = session::encode(&key, &block, settings);
            records.push(outcome.record.unwrap_or_else(|| codec::raw(&block, settings.order)));
        }
        session::finish(&key);
        Ok(Dataset { folder, records, n_step_bytes: series.steps[0].array.bytes.len() })
    }

    fn read(&self, step: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.n_step_bytes];
        session::decode_from(&path(self.folder.path()), &self.records[step], &mut bytes)?;
        Ok(bytes)
    }
}

fn path(folder: &Path) -> String {
    folder.to_string_lossy().into_owned()
}

impl Stored for Dataset {
    fn n_bytes(&self) -> usize {
        let dataset = self.folder.path();
        let size = |id| std::fs::metadata(store::path(dataset, id)).map_or(0, |found| found.len() as usize);
        let files: usize = store::ids(dataset).into_iter().map(size).sum();
        files + self.records.iter().map(Vec::len).sum::<usize>()
    }

    fn decode(&self, _: &Series) -> Result<Vec<Decoded>> {
        session::forget();
        (0..self.records.len()).map(|step| Ok(Decoded::Bytes(self.read(step)?))).collect()
    }

    fn decoded_per_read(&self) -> f64 {
        let n_reads = N_READS.min(self.records.len());
        let before = session::n_steps_decoded();
        let mut n_alone = 0;
        for read in 0..n_reads {
            session::forget();
            let n_before = session::n_steps_decoded();
            // A step that cannot be read has failed in `decode`.
            let _ = self.read((2 * read + 1) * self.records.len() / (2 * n_reads));
            // What stands in the dataset itself or in a network is one step, and no step of a chain.
            n_alone += u64::from(session::n_steps_decoded() == n_before);
        }
        (session::n_steps_decoded() - before + n_alone) as f64 / n_reads as f64
    }

    fn keeps_masked(&self) -> bool {
        true
    }
}
