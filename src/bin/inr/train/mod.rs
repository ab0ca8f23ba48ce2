//! `inr train`: series networks from a TOML file: the paper's experiments and one's own data.

mod arrays;
pub mod config;
pub mod data;
mod export;
mod layout;
pub mod load;
pub mod normalise;
mod plots;
mod record;
pub mod run;
mod tables;
mod tensorboard;

use std::path::PathBuf;
use std::sync::Arc;

use adios2_inr::Settings;
use adios2_inr::backend::{Backend, choose};
use anyhow::{Context as _, Result};

use crate::runs::{RunFolder, Summary};
use crate::table::Format;
use crate::{Done, Usage, table_runs};
use config::{Config, DeviceConfig};
use data::Series;
use normalise::Normaliser;

const EXAMPLES: &str = "\
Examples:
  inr train jet.toml
  inr train jet.toml --set series.width=16 --set seeds=[0,1,2]
  inr train experiments/study.toml --set data.path=/data/ign.npy --only film
  inr train jet.toml --resume                  goes on where it was interrupted
  tensorboard --logdir runs

A config names the data and what differs from the recommended training:

  method = \"in-situ\"       # in-situ-none, offline-full, offline-sketched, hreg
  preset = \"film\"          # tinr, hypernet, paper
  seeds = [0, 1, 2]
  [data]
  path = \"jet.npy\"         # a folder of .npy files, a .nc file, a .bp dataset
  axes = \"tyxc\"            # time, rows, columns, channels
  [series]
  width = 32
  [output]
  reconstruction = [\"npy\", \"bp\"]
  gif = true

Each run is a folder runs/NAME; see also 'inr table', 'inr eval', 'inr figures' and 'inr dimension'.";

/// Train a network for a whole series, from a TOML file
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// One run, or several under 'runs'
    #[arg(value_name = "CONFIG.toml")]
    config: PathBuf,
    /// Change a key of the file
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Do these of the file's runs alone
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Do these of the config's seeds alone (one job per seed)
    #[arg(long, value_name = "SEED", value_delimiter = ',')]
    seed: Vec<u64>,
    /// Go on with runs that were interrupted, pass over those that are done
    #[arg(long)]
    resume: bool,
    /// Replace runs of the same name
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Print one JSON array: the summary of each training
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let mut configs = load::read(&args.config, &args.set)?;
    let names: Vec<String> = configs.iter().map(|c| c.name.clone()).collect();
    if let Some(unknown) = args.only.iter().find(|n| !names.contains(n)) {
        return Err(Usage(format!("--only cannot be '{unknown}': choose from {}", names.join(", "))).into());
    }
    if let Some(twice) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
        return Err(Usage(format!("two runs are called '{}': give each [[runs]] its own 'name'", twice.1)).into());
    }
    if let Some(unknown) = args.seed.iter().find(|s| !configs.iter().any(|c| c.seeds.contains(s))) {
        return Err(Usage(format!("--seed cannot be {unknown}: no run has it among its 'seeds'")).into());
    }
    configs.retain(|c| args.only.is_empty() || args.only.contains(&c.name));
    for config in &configs {
        check_folder(&RunFolder::of(config), args)?;
    }
    let mut summaries = Vec::new();
    for config in &configs {
        summaries.extend(train(config, args).with_context(|| format!("run '{}'", config.name))?);
    }
    if args.json {
        return Done::ok(format!("{}\n", serde_json::to_string(&summaries)?));
    }
    let folders: Vec<RunFolder> = configs.iter().map(RunFolder::of).collect();
    let wrote: String = folders.iter().map(|f| format!("wrote {}\n", f.path.display())).collect();
    Done::ok(table_runs::render(&folders, Format::Text)? + &wrote)
}

/// A run that is there already is gone on with or replaced only when that was asked for.
fn check_folder(folder: &RunFolder, args: &Args) -> Result<()> {
    let name = folder.path.display();
    if !folder.path.join("config.toml").exists() || args.overwrite {
        return Ok(());
    }
    if !args.resume {
        let what =
            "this run is there already: use --resume to go on with it, --overwrite to replace it, or another 'name'";
        return Err(Usage(format!("{name}: {what}")).into());
    }
    if RunFolder::open(&folder.path)?.config != folder.config {
        let what = "was started with another config: use --overwrite, or another 'name'";
        return Err(Usage(format!("{name}: {what}")).into());
    }
    Ok(())
}

/// Makes the run's folder.
fn prepare(folder: &RunFolder, args: &Args) -> Result<()> {
    let name = || folder.path.display().to_string();
    if args.overwrite && folder.path.join("config.toml").exists() {
        std::fs::remove_dir_all(&folder.path).with_context(name)?;
    }
    std::fs::create_dir_all(&folder.path).with_context(name)?;
    folder.write_config()
}

/// All seeds of a run.
fn train(config: &Config, args: &Args) -> Result<Vec<Summary>> {
    let run = RunFolder::of(config);
    // A wrong path leaves no folder behind.
    let series = Series::open(&config.data)?;
    prepare(&run, args)?;
    let all = (0..series.n_steps).map(|step| series.snapshot(step));
    let normaliser = Normaliser::new(config.data.normalise, series.n_channels(), all)?;
    let backend = backend(&config.device)?;
    let mut summaries = Vec::new();
    for &seed in config.seeds.iter().filter(|s| args.seed.is_empty() || args.seed.contains(s)) {
        let folder = run.seed(seed);
        std::fs::create_dir_all(&folder.path).with_context(|| folder.path.display().to_string())?;
        if folder.summary_path().exists() {
            summaries.push(folder.summary()?);
            continue;
        }
        let (series, normaliser, backend) = (&series, &normaliser, backend.as_ref());
        summaries.push(run::Job { config, series, normaliser, backend, folder: &folder }.run()?);
    }
    Ok(summaries)
}

/// The backend that a config asks for.
pub fn backend(config: &DeviceConfig) -> Result<Arc<dyn Backend>> {
    let threads = config.threads.to_string();
    let mut pairs = vec![("threads", threads.as_str())];
    pairs.extend(config.backend.iter().map(|b| ("backend", b.as_str())));
    pairs.extend(config.device.iter().map(|d| ("device", d.as_str())));
    Ok(choose::choose(&Settings::from_pairs(pairs)?)?.backend)
}
