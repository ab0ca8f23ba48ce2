//! `inr report`: the run log as a table per variable and plots over steps, printed or as a page.

mod chains;
mod page;
mod plots;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adios2_inr::session::{Line, RunLine, SegmentLine};
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{Done, plot, table};
use chains::Chain;
use plots::Limits;

const EXAMPLES: &str = "\
Examples:
  inr report run.jsonl
  inr report run.jsonl --plot run        writes run.png and run.svg: ratio, errors and seconds over steps
  inr report run.jsonl --html run.html   writes one page that works offline: tables that sort, charts with values, zoom and legend
  inr report run.jsonl --json | jq '.variables[].ratio'

The log is what the parameter 'log' asks for: <parameter key=\"log\" value=\"run.jsonl\"/> in XML, --log on the command line.";

/// Show a run log: a table per variable, plots over steps
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The run log, one JSON line per block
    #[arg(value_name = "LOG.jsonl")]
    log: PathBuf,
    /// Draw ratio, errors and seconds over steps to STEM.png and STEM.svg
    #[arg(long, value_name = "STEM")]
    plot: Option<PathBuf>,
    /// Write tables and plots as one HTML file that needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// All blocks of one variable in one step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub step: u64,
    n_blocks: usize,
    raw_bytes: usize,
    stored_bytes: usize,
    pub ratio: f64,
    /// Errors of the worst block.
    pub rel_l2: f64,
    pub max_over_range: f64,
    /// Lowest of all blocks; JSON null when all copies are exact.
    psnr: f64,
    /// Sum over blocks.
    pub seconds: f64,
    /// What was promised, as far as it is the same for all blocks or the strictest.
    pub limits: Limits,
    /// Blocks that missed what they were promised, by the errors recorded for them.
    #[serde(skip)]
    n_missed: usize,
}

/// One variable of one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Variable {
    dataset: String,
    pub variable: String,
    dtype: String,
    promises: Vec<String>,
    /// Blocks by model.
    models: BTreeMap<String, usize>,
    /// Null where no block is predicted from the steps before.
    chain: Option<Chain>,
    #[serde(flatten)]
    total: Step,
    pub steps: Vec<Step>,
}

impl Variable {
    /// As people see it.
    fn name(&self) -> &str {
        if self.variable.is_empty() { "?" } else { &self.variable }
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let Log { lines, segments, runs, n_bad } = read(&args.log)?;
    if n_bad > 0 {
        eprintln!("inr: {}: {n_bad} lines are not of a run log and were passed over", args.log.display());
    }
    let variables = summarise(&lines, &segments);
    let mut plots = match &args.plot {
        Some(stem) => plot::save(&plots::panels(&variables), 2, stem)?.to_vec(),
        None => Vec::new(),
    };
    if let Some(path) = &args.html {
        plots.push(crate::page::write(path, &page::of(&args.log, &variables, &segments, &runs))?);
    }
    if args.json {
        return Done::ok(format!(
            "{}\n",
            serde_json::json!({"runs": runs, "variables": variables, "segments": segments, "plots": plots, "n_bad_lines": n_bad})
        ));
    }
    let wrote: String = plots.iter().map(|p| format!("wrote {p}\n")).collect();
    Done::ok(tables::render(&variables, &segments, &runs) + &wrote)
}

/// The lines of a run log by what they are about.
struct Log {
    lines: Vec<Line>,
    segments: Vec<SegmentLine>,
    runs: Vec<RunLine>,
    /// Those that are nothing of a run log.
    n_bad: usize,
}

fn read(path: &Path) -> Result<Log> {
    let name = || path.display().to_string();
    let text = std::fs::read(path).with_context(name)?;
    let all: Vec<_> = text.split(|&b| b == b'\n').filter(|l| !l.trim_ascii().is_empty()).collect();
    let lines: Vec<Line> = all.iter().filter_map(|l| serde_json::from_slice(l).ok()).collect();
    ensure!(!lines.is_empty(), "{}: holds no line of a run log; set the parameter 'log' to write one", name());
    let segments: Vec<SegmentLine> = all.iter().filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let runs: Vec<RunLine> = all.iter().filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let n_bad = all.len() - lines.len() - segments.len() - runs.len();
    Ok(Log { lines, segments, runs, n_bad })
}

fn summarise(lines: &[Line], segments: &[SegmentLine]) -> Vec<Variable> {
    let mut by_variable: BTreeMap<(&str, &str), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        by_variable.entry((&line.dataset, &line.variable)).or_default().push(line);
    }
    let one = |((dataset, variable), lines): ((&str, &str), Vec<&Line>)| {
        let of_it = segments.iter().filter(|s| s.dataset == dataset && s.variable == variable);
        one_variable(dataset, variable, &lines, of_it.map(|s| s.network_bytes).sum())
    };
    by_variable.into_iter().map(one).collect()
}

/// `network_bytes` of networks that steps share count in the total alone.
fn one_variable(dataset: &str, variable: &str, lines: &[&Line], network_bytes: usize) -> Variable {
    let mut by_step: BTreeMap<u64, Vec<&Line>> = BTreeMap::new();
    let mut models = BTreeMap::new();
    let mut promises: Vec<String> = Vec::new();
    for &line in lines {
        by_step.entry(line.step).or_default().push(line);
        *models.entry(line.report.model.clone()).or_insert(0) += 1;
        if !promises.contains(&line.report.promise) {
            promises.push(line.report.promise.clone());
        }
    }
    let mut total = join(by_step.len() as u64, lines);
    total.stored_bytes += network_bytes;
    total.ratio = table::ratio(total.raw_bytes, total.stored_bytes);
    let steps: Vec<Step> = by_step.iter().map(|(&step, lines)| join(step, lines)).collect();
    Variable {
        dataset: dataset.to_owned(),
        variable: variable.to_owned(),
        dtype: lines.first().map_or(String::new(), |l| l.dtype.clone()),
        promises,
        models,
        chain: Chain::of(lines),
        total,
        steps,
    }
}

fn join(step: u64, lines: &[&Line]) -> Step {
    let raw_bytes = lines.iter().map(|l| l.report.raw_bytes).sum();
    let stored_bytes = lines.iter().map(|l| l.report.stored_bytes).sum();
    let worst = |of: fn(&Line) -> f64| lines.iter().map(|l| of(l)).fold(0.0, f64::max);
    Step {
        step,
        n_blocks: lines.len(),
        raw_bytes,
        stored_bytes,
        ratio: table::ratio(raw_bytes, stored_bytes),
        rel_l2: worst(|l| l.report.errors.rel_l2),
        max_over_range: worst(|l| l.report.errors.max_over_range),
        psnr: lines.iter().map(|l| l.report.errors.psnr).fold(f64::INFINITY, f64::min),
        seconds: lines.iter().map(|l| l.report.seconds.total).sum(),
        limits: Limits::of(lines),
        n_missed: lines.iter().filter(|line| plots::is_missed(line)).count(),
    }
}
