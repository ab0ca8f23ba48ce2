//! The record of a training in progress: `metrics.jsonl`, TensorBoard and the line on the terminal.

use std::fs::File;
use std::io::Write as _;

use adios2_inr::series::Push;
use anyhow::{Context as _, Result};
use indicatif::ProgressBar;

use super::tensorboard::Events;
use crate::runs::{Line, SeedFolder, StepErrors};
use crate::{progress, table};

/// Where a training's progress goes.
pub struct Record {
    lines: File,
    events: Events,
    bar: ProgressBar,
    channels: Vec<String>,
    /// The last errors there were, as people read them.
    errors: String,
}

impl Record {
    /// Starts with the lines of an interrupted training, none for a new one. `n`: snapshots in all.
    pub fn create(folder: &SeedFolder, channels: &[String], kept: &[Line], n: usize) -> Result<Record> {
        let path = folder.metrics_path();
        let lines = File::create(&path).with_context(|| path.display().to_string())?;
        let events = Events::create(&folder.path)?;
        let mut record =
            Record { lines, events, bar: progress::bar(n), channels: channels.to_vec(), errors: String::new() };
        kept.iter().try_for_each(|line| record.add(line))?;
        Ok(record)
    }

    /// Adds a line.
    pub fn add(&mut self, line: &Line) -> Result<()> {
        self.lines.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes())?;
        self.events.scalars(line.step, &self.scalars(line))?;
        let message = self.message(line);
        self.bar.set_message(message);
        self.bar.inc(1);
        Ok(())
    }

    /// A picture for TensorBoard.
    pub fn image(&mut self, step: usize, tag: &str, size: (u32, u32), png: Vec<u8>) -> Result<()> {
        self.events.image(step, tag, size, png)
    }

    /// What happens after the last snapshot.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Takes the line off the terminal.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }

    fn scalars(&self, line: &Line) -> Vec<(String, f64)> {
        let mut scalars = vec![
            ("loss/now".to_owned(), f64::from(line.now[1])),
            ("loss/now at first".to_owned(), f64::from(line.now[0])),
            ("loss/past".to_owned(), f64::from(line.past)),
            ("seconds".to_owned(), line.seconds),
        ];
        if let Some(errors) = &line.errors {
            for (c, name) in self.channels.iter().enumerate() {
                scalars.push((format!("rms error/{name}"), errors.rms[c]));
                scalars.push((format!("relative error/{name}"), errors.relative[c]));
            }
        }
        scalars
    }

    fn message(&mut self, line: &Line) -> String {
        if let Some(errors) = &line.errors {
            let each = self.channels.iter().zip(&errors.rms).zip(&errors.relative);
            let each = each.map(|((name, rms), rel)| format!("{name} ±{} ({:.2} %)", table::error(*rms), 100.0 * rel));
            self.errors = format!(" | error {}", each.collect::<Vec<_>>().join(", "));
        }
        let (now, past) = (table::error(line.now[1].into()), table::error(line.past.into()));
        format!("loss {now} past {past}{}", self.errors)
    }
}

/// The line of a push.
pub fn line(step: usize, push: &Push, errors: Option<StepErrors>) -> Line {
    let (first, last) =
        (push.losses.first().copied().unwrap_or_default(), push.losses.last().copied().unwrap_or_default());
    Line {
        step,
        n_iterations: push.losses.len(),
        now: [first.now, last.now],
        // Not -0 where there is no past.
        past: last.past + 0.0,
        collapsed: push.collapsed,
        seconds: push.seconds,
        errors,
    }
}
