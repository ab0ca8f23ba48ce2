//! The tables of `inr report`, and their print on a terminal.

use std::collections::BTreeMap;

use adios2_inr::session::{RunLine, SegmentLine};

use super::{Variable, chains};
use crate::table::{self, Cell, Mark, Table};

/// Under the tables of variables.
pub const ERRORS_NOTE: &str = "Errors are those of the worst block.";
/// Under the table of segments.
pub const SEGMENTS_NOTE: &str = "Steps share these networks; their bytes are in the totals. Broken: steps whose certified error is above the promise.";

/// All tables as text.
pub fn render(variables: &[Variable], segments: &[SegmentLine], runs: &[RunLine]) -> String {
    let mut text = String::new();
    for group in by_dataset(variables) {
        if !group[0].dataset.is_empty() {
            text += &format!("{}\n", group[0].dataset);
        }
        text.extend(processes(&group[0].dataset, runs).iter().map(|line| format!("  {line}\n")));
        text += &format!("{}\n", of_variables(group));
    }
    text += &format!("{ERRORS_NOTE}\n");
    text.extend(of_chains(variables).map(|table| format!("\n{table}{}\n", chains::NOTE)));
    text.extend(of_segments(segments).map(|table| format!("\n{table}{SEGMENTS_NOTE}\n")));
    text
}

/// Variables of one dataset each.
pub fn by_dataset(variables: &[Variable]) -> impl Iterator<Item = &[Variable]> {
    variables.chunk_by(|a, b| a.dataset == b.dataset)
}

/// With which parameters a dataset was written, and by how many processes.
pub fn processes(dataset: &str, runs: &[RunLine]) -> Vec<String> {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.dataset == dataset) {
        let parameters: Vec<_> = run.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        *groups.entry(format!("version {}, {}", run.version, parameters.join(" "))).or_default() += 1;
    }
    let line = |(what, n)| format!("{n} {}: {what}", if n == 1 { "process" } else { "processes" });
    groups.into_iter().map(line).collect()
}

const OF_VARIABLES: [&str; 12] = [
    "variable",
    "model (blocks)",
    "promise",
    "steps",
    "blocks",
    "raw bytes",
    "stored bytes",
    "ratio",
    "relative L2",
    "max/range",
    "PSNR dB",
    "s/block",
];

/// Variables with what was promised, stored and reached.
pub fn of_variables(group: &[Variable]) -> Table {
    let mut table = Table::new(OF_VARIABLES, 3);
    for v in group {
        let models: Vec<_> = v.models.iter().map(|(model, n)| format!("{model} ({n})")).collect();
        table.row([
            Cell::from(v.name()),
            models.join(", ").into(),
            Cell::from(v.promises.join("; ")).marked(Mark::Missed, v.total.n_missed > 0),
            v.steps.len().to_string().into(),
            v.total.n_blocks.to_string().into(),
            Cell::bytes(v.total.raw_bytes),
            Cell::bytes(v.total.stored_bytes),
            Cell::number(v.total.ratio),
            Cell::error(v.total.rel_l2),
            Cell::error(v.total.max_over_range),
            Cell::from(format!("{:.2}", v.total.psnr)).of(v.total.psnr),
            Cell::number(v.total.seconds / v.total.n_blocks.max(1) as f64),
        ]);
    }
    table.mark_extremes("ratio", true);
    table
}

/// What prediction did; none where nothing is predicted.
pub fn of_chains(variables: &[Variable]) -> Option<Table> {
    chains::table(variables.iter().filter_map(|v| Some((v.variable.as_str(), v.chain.as_ref()?))))
}

/// Networks of series; none without any.
pub fn of_segments(segments: &[SegmentLine]) -> Option<Table> {
    let header = ["network of", "start", "steps", "by network", "bytes", "certified", "broken", "note"];
    let mut table = Table::new(header, 2);
    for s in segments {
        table.row([
            Cell::from(s.variable.as_str()),
            table::start(&s.start).into(),
            s.n_steps.to_string().into(),
            s.n_by_network.to_string().into(),
            Cell::bytes(s.network_bytes),
            Cell::error(f64::from(s.worst)),
            Cell::from(s.broken.len().to_string()).marked(Mark::Missed, !s.broken.is_empty()),
            s.why.as_str().into(),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}
