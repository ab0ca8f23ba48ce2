//! `inr table`: what runs came to, as the paper prints it: mean and standard deviation over seeds.

use std::path::PathBuf;

use adios2_inr::series::metrics::mean;
use anyhow::{Result, ensure};
use serde::Serialize;

use crate::runs::{RunFolder, Summary};
use crate::table::{self, Cell, Format, Table};
use crate::{Done, peers};

const EXAMPLES: &str = "\
Examples:
  inr table runs/*
  inr table runs/* --format markdown     to paste; csv has all digits of means
  inr table runs/ign-* --json | jq '.[].rfe_percent.mean'

PSNR has the signed maximum of each step as its peak; RFE is the relative error over all steps; both are means over
channels, then mean and standard deviation (population) over seeds. 'x nodes' counts network evaluations per snapshot in
multiples of its nodes. The ratio has every stored byte of the networks below the series as float32; 'in parameters' is
the paper's compression factor.";

/// Print the results of runs, mean and deviation over seeds
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Print the table as
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print one JSON array
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Mean and population standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
    /// Numbers these are of.
    pub n: usize,
}

impl Spread {
    pub fn of(values: &[f64]) -> Spread {
        let centre = mean(values);
        let squares: Vec<f64> = values.iter().map(|v| (v - centre).powi(2)).collect();
        Spread { mean: centre, deviation: mean(&squares).sqrt(), n: values.len() }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.n {
            1 => f.write_str(&significant(self.mean)),
            _ => write!(f, "{} ± {}", significant(self.mean), significant(self.deviation)),
        }
    }
}

fn significant(x: f64) -> String {
    match x.abs() {
        a if a >= 100.0 => format!("{x:.0}"),
        a if a >= 10.0 => format!("{x:.1}"),
        _ => format!("{x:.2}"),
    }
}

/// All seeds of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub run: String,
    pub data: String,
    pub method: &'static str,
    pub network: String,
    pub sketch: String,
    pub sketch_ratio: f64,
    pub n_seeds: usize,
    pub psnr: Spread,
    pub rfe_percent: Spread,
    pub n_bytes: f64,
    pub ratio: f64,
    pub ratio_with_mesh: f64,
    pub ratio_in_params: f64,
    pub cost: f64,
    pub flops: f64,
    pub seconds: f64,
    pub n_collapsed: usize,
    /// At the same error, where they were measured.
    pub peers: Vec<peers::Peer>,
}

impl Row {
    /// `None` for a run none of whose seeds is done.
    pub fn of(run: &RunFolder) -> Result<Option<Row>> {
        let all = run.done().iter().map(|s| s.summary()).collect::<Result<Vec<Summary>>>()?;
        let Some(first) = all.first() else { return Ok(None) };
        let spread = |of: &dyn Fn(&Summary) -> f64| Spread::of(&all.iter().map(of).collect::<Vec<_>>());
        let average = |of: &dyn Fn(&Summary) -> f64| spread(of).mean;
        let with_mesh = |s: &Summary| table::ratio(s.raw_bytes + s.mesh_bytes, s.n_bytes + s.mesh_bytes);
        Ok(Some(Row {
            run: run.name().to_owned(),
            data: first.data.clone(),
            method: first.method.name(),
            network: first.network.clone(),
            sketch: first.sketch.clone(),
            sketch_ratio: first.sketch_ratio,
            n_seeds: all.len(),
            psnr: spread(&|s| mean(&s.metrics.psnr)),
            rfe_percent: spread(&|s| 100.0 * mean(&s.metrics.rfe)),
            n_bytes: average(&|s| s.n_bytes as f64),
            ratio: average(&Summary::ratio),
            ratio_with_mesh: average(&with_mesh),
            ratio_in_params: average(&Summary::ratio_in_params),
            cost: average(&Summary::cost),
            flops: average(&|s| s.flops),
            seconds: average(&|s| s.seconds),
            n_collapsed: all.iter().map(|s| s.n_collapsed).sum(),
            peers: peers::read(run)?,
        }))
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let folders = args.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<Vec<_>>>()?;
    if args.json {
        return Done::ok(format!("{}\n", serde_json::to_string(&rows(&folders)?)?));
    }
    Done::ok(render(&folders, args.format)?)
}

/// The table with what a reader must know; as CSV, the table.
pub fn render(folders: &[RunFolder], format: Format) -> Result<String> {
    let rows = rows(folders)?;
    let table = table_of(&rows)?.print(format)?;
    Ok(match format {
        Format::Text => table + &notes(&rows),
        // A table of Markdown ends with an empty line.
        Format::Markdown => [table, notes(&rows)].join("\n"),
        Format::Csv => table,
    })
}

/// Rows of runs that have results, by data, in the order given.
fn rows(folders: &[RunFolder]) -> Result<Vec<Row>> {
    let rows = folders.iter().map(Row::of).collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
    rows.sort_by(|a, b| a.data.cmp(&b.data));
    Ok(rows)
}

/// The table of rows; an error without any.
pub fn table_of(rows: &[Row]) -> Result<Table> {
    ensure!(!rows.is_empty(), "no run has results yet: 'inr train' writes them at its end");
    let has_mesh = rows.iter().any(|r| r.ratio_with_mesh != r.ratio);
    let header = ["data", "run", "method", "network", "sketch", "seeds", "PSNR dB", "RFE %", "bytes", "ratio"];
    let header = header.into_iter().chain(has_mesh.then_some("ratio with mesh"));
    let header = header.chain(["in parameters", "x nodes", "FLOP", "s"]);
    let mut table = Table::new(header, 5);
    let spread = |spread: &Spread| Cell::from(spread.to_string()).of(spread.mean);
    for r in rows {
        let cells = [r.data.as_str(), &r.run, r.method, &r.network, &r.sketch].map(Cell::from).into_iter();
        let cells = cells.chain([r.n_seeds.to_string().into(), spread(&r.psnr), spread(&r.rfe_percent)]);
        let cells = cells.chain([Cell::bytes(r.n_bytes.round() as usize), Cell::number(r.ratio)]);
        let cells = cells.chain(has_mesh.then(|| Cell::number(r.ratio_with_mesh)));
        let flops = Cell::from(format!("{:.2e}", r.flops)).of(r.flops);
        let costs = [Cell::number(r.ratio_in_params), Cell::number(r.cost), flops];
        table.row(cells.chain(costs).chain([Cell::number(r.seconds)]));
    }
    Ok(table)
}

fn notes(rows: &[Row]) -> String {
    let mut text = String::new();
    for r in rows {
        for peer in &r.peers {
            text += &format!("{}: {peer}\n", r.run);
        }
        if r.n_collapsed > 0 {
            text += &format!(
                "{}: {} snapshots collapsed and were learnt again with a smaller rate\n",
                r.run, r.n_collapsed
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_those_of_a_population() {
        let spread = Spread::of(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!((spread.mean, spread.deviation), (3.0, 3.5f64.sqrt()));
        assert_eq!(spread.to_string(), "3.00 ± 1.87");
        assert_eq!(Spread::of(&[12.345]).to_string(), "12.3");
    }
}
