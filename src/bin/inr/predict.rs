//! `inr predict`: what temporal=predict makes of a series in a file, and what it predicts each step to be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use adios2_inr::codec::{self, Chain, Context, History, Link, predicted};
use adios2_inr::predict::Predictor;
use adios2_inr::{Block, Dtype, Settings};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::settings_args::SettingsArgs;
use crate::{Done, Usage, npy, progress, table};

const EXAMPLES: &str = "\
Examples:
  inr predict u.npy u_predicted.npy --accuracy 1e-3 --norm Linf
  inr predict u.npy u_predicted.npy --predictor linear --json

Each step is coded after the decoded steps before it, as the operator does with temporal=predict. The output has what each step was
predicted to be (float64; of complex numbers the real parts), NaN for steps that stand alone.";

/// Predict each step of a .npy array from the decoded steps before it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The steps (floats or complex numbers), time slowest
    #[arg(value_name = "IN.npy")]
    input: PathBuf,
    /// The predictions to write
    #[arg(value_name = "OUT.npy")]
    output: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print one JSON object, with every step in it
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let settings = args.settings.with([("temporal", "predict")])?;
    let array = npy::read(&args.input)?;
    let path = args.input.display().to_string();
    let [n_steps, dims @ ..] = &array.dims[..] else {
        return Err(Usage(format!("{path} has no axes: the slowest one has to be time")).into());
    };
    if array.dtype.components().is_none() || array.bytes.is_empty() {
        return Err(Usage(format!("{path} holds no floats to predict: integers and empty arrays stand alone")).into());
    }
    let spinner = progress::spinner(format!("predicting {path}"));
    let mut steps = Steps::default();
    for bytes in array.bytes.chunks_exact(array.bytes.len() / n_steps) {
        steps.add(&Block::new(array.dtype, dims, bytes)?, &settings).with_context(|| path.clone())?;
    }
    spinner.finish_and_clear();
    let predictions = npy::Array { dtype: Dtype::F64, dims: array.dims.clone(), bytes: steps.predictions };
    npy::write(&args.output, &predictions)?;
    let to = args.output.display().to_string();
    if args.json {
        return Done::ok(format!("{}\n", json!({"input": path, "output": to, "steps": steps.reports})));
    }
    Done::ok(format!(
        "{path} ({} {}) -> {to}\n{} of {n_steps} steps predicted, {} -> {} bytes, ratio {}\n",
        table::dims(&array.dims),
        array.dtype.name(),
        steps.n_predicted,
        table::bytes(array.bytes.len()),
        table::bytes(steps.stored_bytes),
        table::number(table::ratio(array.bytes.len(), steps.stored_bytes)),
    ))
}

/// A chain, written and read.
#[derive(Default)]
struct Steps {
    chain: Chain,
    predictors: HashMap<u32, Arc<Predictor>>,
    history: Option<History>,
    /// Of all steps so far, little-endian f64.
    predictions: Vec<u8>,
    reports: Vec<Value>,
    n_predicted: usize,
    /// Weights included.
    stored_bytes: usize,
}

impl Steps {
    fn add(&mut self, block: &Block, settings: &Settings) -> adios2_inr::Result<()> {
        let mut alone = || codec::encode(block, settings, &Context::default());
        let link = self.chain.encode(block, settings, &[], &mut alone)?;
        let prediction = self.read(&link, block.bytes.len())?;
        self.n_predicted += usize::from(prediction.is_some());
        let n_points: usize = block.dims.iter().product();
        let prediction = prediction.unwrap_or_else(|| vec![f64::NAN; n_points]);
        self.predictions.extend(prediction.iter().flat_map(|value| value.to_le_bytes()));
        let report = self.chain.accept(link).report;
        self.stored_bytes += report.stored_bytes + report.weights_bytes;
        self.reports.push(json!(report));
        Ok(())
    }

    /// Decodes the next step as readers do; what it was predicted to be, unless it stands alone.
    fn read(&mut self, link: &Link, raw_bytes: usize) -> adios2_inr::Result<Option<Vec<f64>>> {
        let Steps { predictors, history, .. } = self;
        for (number, bytes) in &link.predictors {
            let predictor = predicted::decode_predictor(bytes, *number, &|n| Ok(Arc::clone(&predictors[&n])))?;
            predictors.insert(*number, predictor);
        }
        let find = |number| Ok(Arc::clone(&predictors[&number]));
        let record = &link.encoded.record;
        let prediction = predicted::forecast(record, link.needs, history.as_ref(), &find)?;
        *history = predicted::decode(record, link.needs, history.as_ref(), &find, &mut vec![0; raw_bytes])?;
        Ok(prediction.into_iter().next())
    }
}
