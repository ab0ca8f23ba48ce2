//! A run log as a page: what came out of it in sentences, then charts, then tables.

use std::path::Path;

use adios2_inr::session::{RunLine, SegmentLine};

use super::{Variable, chains, plots, tables};
use crate::page::{Item, Page, Section, Sentence};
use crate::table;

pub fn of(log: &Path, variables: &[Variable], segments: &[SegmentLine], runs: &[RunLine]) -> Page {
    let name = log.file_name().unwrap_or(log.as_os_str()).to_string_lossy();
    let mut sections = vec![over_steps(variables)];
    sections.extend(tables::by_dataset(variables).map(|group| of_dataset(group, runs)));
    let more = [
        ("Prediction from step to step", tables::of_chains(variables), chains::NOTE),
        ("Networks of series", tables::of_segments(segments), tables::SEGMENTS_NOTE),
    ];
    for (heading, table, note) in more {
        let section =
            |table| Section { heading: heading.into(), text: vec![note.into()], items: vec![Item::Table(table)] };
        sections.extend(table.map(section));
    }
    Page {
        title: format!("Run log {name}"),
        lead: [size(variables)]
            .into_iter()
            .chain(extremes(variables))
            .chain([promises(variables)])
            .chain(broken(segments))
            .collect(),
        sections,
        footer: crate::page::command(),
    }
}

fn over_steps(variables: &[Variable]) -> Section {
    let items = vec![Item::Charts(plots::panels(variables))];
    Section { heading: "Over steps".into(), text: Vec::new(), items }
}

fn of_dataset(group: &[Variable], runs: &[RunLine]) -> Section {
    let dataset = &group[0].dataset;
    let heading = if dataset.is_empty() { "Variables".to_owned() } else { format!("Variables of {dataset}") };
    let text = tables::processes(dataset, runs).into_iter().chain([tables::ERRORS_NOTE.to_owned()]).collect();
    Section { heading, text, items: vec![Item::Table(tables::of_variables(group))] }
}

/// What the whole run came to.
fn size(variables: &[Variable]) -> Sentence {
    let sum = |of: fn(&Variable) -> usize| variables.iter().map(of).sum::<usize>();
    let (raw, stored) = (sum(|v| v.total.raw_bytes), sum(|v| v.total.stored_bytes));
    let ratio = table::number(table::ratio(raw, stored));
    let (n, blocks) = (counted(variables.len(), "variable"), counted(sum(|v| v.total.n_blocks), "block"));
    let seconds: f64 = variables.iter().map(|v| v.total.seconds).sum();
    let speed = if seconds > 0.0 {
        format!(", encoded at {} MB/s", table::number(raw as f64 / 1e6 / seconds))
    } else {
        String::new()
    };
    let (raw, stored) = (table::bytes(raw), table::bytes(stored));
    Sentence::neutral(format!("{raw} bytes became {stored}, {ratio} times fewer: {n}, {blocks}{speed}."))
}

/// Which variable shrinks most and which least, where there are several.
fn extremes(variables: &[Variable]) -> Option<Sentence> {
    let by_ratio = |a: &&Variable, b: &&Variable| a.total.ratio.total_cmp(&b.total.ratio);
    let (least, most) = (variables.iter().min_by(by_ratio)?, variables.iter().max_by(by_ratio)?);
    let shown = |v: &Variable| format!("{} ({})", v.name(), table::number(v.total.ratio));
    (least.total.ratio < most.total.ratio)
        .then(|| Sentence::neutral(format!("{} shrank most, {} least.", shown(most), shown(least))))
}

/// Whether every block kept its promise, by the errors in the log.
fn promises(variables: &[Variable]) -> Sentence {
    let missed: Vec<_> = variables.iter().filter(|v| v.total.n_missed > 0).collect();
    if missed.is_empty() {
        return Sentence::win("Every block kept its promise when it was written.");
    }
    let each: Vec<_> =
        missed.iter().map(|v| format!("{} of {}", counted(v.total.n_missed, "block"), v.name())).collect();
    Sentence::loss(format!("Promises were not kept: {}.", each.join(", ")))
}

/// Steps whose network went on learning and lost their promise.
fn broken(segments: &[SegmentLine]) -> Option<Sentence> {
    let n: usize = segments.iter().map(|s| s.broken.len()).sum();
    let steps = counted(n, "step");
    (n > 0)
        .then(|| Sentence::loss(format!("{steps} of series ended above the promise when their network was finished.")))
}

fn counted(n: usize, what: &str) -> String {
    format!("{} {what}{}", table::bytes(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use adios2_inr::session::Line;

    use super::*;
    use crate::table::Mark;

    /// A block that was promised a relative error of 1e-2 and reached another one.
    fn line(variable: &str, rel_l2: f64) -> Line {
        let errors =
            serde_json::json!({"l2": rel_l2, "rel_l2": rel_l2, "max": 1.0, "max_over_range": 0.1, "psnr": 40.0});
        let seconds = serde_json::json!({"total": 0.5, "transform": 0.0, "train": 0.0, "verify": 0.0});
        let line = serde_json::json!({
            "time": 0.0, "pid": 1, "dataset": "run.bp", "variable": variable, "step": 0, "start": [], "dims": [10],
            "dtype": "float32", "model": "dct", "backend": "", "raw_bytes": 4000, "stored_bytes": 100, "promise": "L2 REL 1e-2",
            "errors": errors, "n_masked": 0, "iterations": 0, "device_bytes": 0, "seconds": seconds, "tried": [],
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_missed_promise_is_a_loss_in_the_lead_and_marked_in_the_table() {
        let lead = |lines: &[Line]| serde_json::to_value(promises(&super::super::summarise(lines, &[]))).unwrap();
        assert_eq!(lead(&[line("u", 1e-2)])["verdict"], "win");
        let lines = [line("u", 9e-3), line("v", 1.1e-2)];
        let told = lead(&lines);
        assert_eq!(
            (&told["verdict"], &told["text"]),
            (&"loss".into(), &"Promises were not kept: 1 block of v.".into())
        );
        let table = tables::of_variables(&super::super::summarise(&lines, &[]));
        assert_eq!([0, 1].map(|row: usize| table.rows[row][2].mark), [None, Some(Mark::Missed)]);
    }
}
