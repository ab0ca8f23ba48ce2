//! `inr doctor`: is everything there, and what to do when it is not.

#[cfg(feature = "adios2")]
mod adios2;
#[cfg(feature = "gpu")]
mod gpu;

use anyhow::Result;
use serde::Serialize;

use crate::Done;

const EXAMPLES: &str = "\
Examples:
  inr doctor
  inr doctor --json

Exit code 0 if nothing failed, 1 otherwise. Skipped parts are named.";

/// Check ADIOS2, the plugin library, GPUs and CPU, and say what to fix
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
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

    #[cfg(any(feature = "adios2", feature = "gpu"))]
    fn failed(name: &'static str, found: impl Into<String>, fix: &str) -> Self {
        Check { name, status: Status::Failed, found: found.into(), fix: Some(fix.into()) }
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let mut checks = vec![cpu()];
    checks.extend(gpu_checks());
    checks.extend(adios2_checks());
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
fn adios2_checks() -> Vec<Check> {
    adios2::checks()
}

#[cfg(not(feature = "adios2"))]
fn adios2_checks() -> Vec<Check> {
    let fix = "build with the feature 'adios2' for the operator and for reading datasets";
    ["adios2", "plugin"].map(|name| Check::skipped(name, "this inr was built without ADIOS2", fix)).into()
}

fn cpu() -> Check {
    let n = std::thread::available_parallelism().map_or(1, usize::from);
    Check::ok("cpu", format!("{} threads, {}", n, instruction_set()))
}

#[cfg(target_arch = "x86_64")]
fn instruction_set() -> &'static str {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        "AVX2 with FMA"
    } else {
        "SSE2 only: training is slow"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_set() -> &'static str {
    std::env::consts::ARCH
}
