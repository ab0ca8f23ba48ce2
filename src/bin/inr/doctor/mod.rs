//! `inr doctor`: is everything there, and what to do when it is not.

#[cfg(feature = "adios2")]
mod adios2;
mod config;
#[cfg(feature = "adios2")]
mod dataset;
#[cfg(feature = "gpu")]
mod gpu;

use std::path::{Path, PathBuf};

use adios2_inr::backend::cpu::Instructions;
use adios2_inr::ranks;
use anyhow::Result;
use serde::Serialize;

use crate::Done;

const EXAMPLES: &str = "\
Examples:
  inr doctor
  inr doctor adios2.xml                is the file right: names, parameters, operators
  inr doctor adios2.xml run.bp         which variables of a dataset no operator touched, and which names match none
  inr doctor --json

Exit code 0 if nothing failed, 1 otherwise. Skipped parts are named.";

/// Check ADIOS2, the plugin library, GPUs and CPU, and say what to fix
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A simulation's ADIOS2 configuration
    #[arg(value_name = "CONFIG.xml")]
    config: Option<PathBuf>,
    /// A dataset that was written with it
    #[arg(value_name = "RUN.bp")]
    dataset: Option<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Skipped,
    Failed,
}

/// One line of the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    name: &'static str,
    status: Status,
    found: String,
    /// What to do about it.
    fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Check { name, status: Status::Ok, found: found.into(), fix: None }
    }

    fn skipped(name: &'static str, found: impl Into<String>, fix: &str) -> Self {
        Check { name, status: Status::Skipped, found: found.into(), fix: Some(fix.into()) }
    }

    fn failed(name: &'static str, found: impl Into<String>, fix: &str) -> Self {
        Check { name, status: Status::Failed, found: found.into(), fix: Some(fix.into()) }
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let mut checks = vec![cpu()];
    checks.extend(gpu_checks());
    checks.extend(adios2_checks());
    if let Some(path) = &args.config {
        let (config, found) = config::read(path);
        checks.extend(found);
        checks.extend(args.dataset.as_deref().zip(config).into_iter().flat_map(|(path, c)| dataset_checks(path, &c)));
    }
    let ok = checks.iter().all(|c| c.status != Status::Failed);
    let text = if args.json { serde_json::to_string(&checks)? + "\n" } else { render(&checks) };
    Ok(Done { text, ok })
}

fn render(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let status = match check.status {
            Status::Ok => "ok",
            Status::Skipped => "skipped",
            Status::Failed => "FAILED",
        };
        text += &format!("{:<8} {:<14} {}\n", status, check.name, check.found);
        if let Some(fix) = &check.fix {
            text += &format!("{:<8} {:<14} -> {fix}\n", "", "");
        }
    }
    text
}

#[cfg(feature = "gpu")]
fn gpu_checks() -> Vec<Check> {
    gpu::checks()
}

#[cfg(not(feature = "gpu"))]
fn gpu_checks() -> Vec<Check> {
    vec![Check::skipped("gpu", "this inr was built without GPUs", "build with the feature 'gpu' to train on one")]
}

#[cfg(feature = "adios2")]
fn dataset_checks(path: &Path, config: &config::Config) -> Vec<Check> {
    dataset::checks(path, config)
}

#[cfg(not(feature = "adios2"))]
fn dataset_checks(_: &Path, _: &config::Config) -> Vec<Check> {
    let fix = "build with the feature 'adios2' to look into datasets";
    vec![Check::skipped("dataset", "this inr was built without ADIOS2", fix)]
}

#[cfg(feature = "adios2")]
fn adios2_checks() -> Vec<Check> {
    adios2::checks()
}

#[cfg(not(feature = "adios2"))]
fn adios2_checks() -> Vec<Check> {
    let fix = "build with the feature 'adios2' for the operator and for reading datasets";
    ["adios2", "plugin"].map(|name| Check::skipped(name, "this inr was built without ADIOS2", fix)).into()
}

fn cpu() -> Check {
    let n = ranks::n_threads();
    let shared = ranks::rank().map_or_else(String::new, |rank| {
        format!(", local rank {} of {} (told by {})", rank.local, rank.n_local, rank.launcher)
    });
    let plural = if n == 1 { "" } else { "s" };
    Check::ok("cpu", format!("{n} thread{plural}, {}{shared}", instruction_set()))
}

/// Those that kernels use, `INR_INSTRUCTIONS` considered.
fn instruction_set() -> String {
    match Instructions::best() {
        Instructions::Scalar => "no wide instructions: training is slow".to_owned(),
        found => found.to_string(),
    }
}
