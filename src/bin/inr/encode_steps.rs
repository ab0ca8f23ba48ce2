//! `inr encode --temporal predict`: an array whose first axis is time as a chain of predicted steps in one file.

use std::collections::BTreeMap;

use adios2_inr::codec::Report;
use adios2_inr::npy::Steps;
use adios2_inr::session::{self, ChainWriter, Line};
use adios2_inr::{Block, Error, Settings};
use anyhow::{Context as _, Result};

use crate::encode::{Args, series_key};
use crate::{Done, output, progress, table};

/// What all steps took.
#[derive(Clone, Debug, Default, serde::Serialize)]
struct Total {
    n_steps: usize,
    n_keys: usize,
    /// Predicted steps by what predicts them.
    predictors: BTreeMap<String, usize>,
    raw_bytes: usize,
    stored_bytes: usize,
    weights_bytes: usize,
    promise: String,
    /// Errors of the worst step.
    rel_l2: f64,
    max_over_range: f64,
    seconds: f64,
}

pub fn run(args: &Args, settings: &Settings) -> Result<Done> {
    let mut steps = Steps::open(&args.input)?;
    let (dtype, dims) = (steps.dtype, steps.dims.clone());
    let [n_steps, of_step @ ..] = &dims[..] else { return Err(flat().into()) };
    if of_step.is_empty() {
        return Err(flat().into());
    }
    let mut total = Total { n_steps: *n_steps, promise: settings.target.to_string(), ..Total::default() };
    let key = series_key(args, of_step);
    let bar = progress::spinner(format!("encoding {}", args.input.display()));
    output::write_whole(&args.output, |file| {
        let (mut writer, start) = ChainWriter::start(dtype, *n_steps, of_step, settings)?;
        file.write_all(&start)?;
        total.stored_bytes = start.len();
        for step in 0..*n_steps {
            let elements = steps.read_next()?;
            let (bytes, report) = writer.push(&elements).with_context(|| format!("step {step}"))?;
            file.write_all(&bytes)?;
            total.add(&report);
            if let Some(log) = &settings.log {
                let line = Line::new(&key, step as u64, &Block::new(dtype, of_step, &elements)?, &report);
                session::append(log, &line).with_context(|| log.display().to_string())?;
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let (input, output) = (args.input.display().to_string(), args.output.display().to_string());
    if args.json {
        let mut object = serde_json::to_value(&total)?;
        object["input"] = input.into();
        object["output"] = output.into();
        object["dtype"] = dtype.name().into();
        object["dims"] = dims.clone().into();
        return Done::ok(format!("{object}\n"));
    }
    let shape = format!("{} {}", table::dims(&dims), dtype.name());
    Done::ok(format!("{input} ({shape}) -> {output}\n{}", total.text()))
}

fn flat() -> Error {
    let expected = "none: prediction takes an array of at least two axes, the first of them time";
    Error::BadValue { key: "temporal", value: "predict".to_owned(), expected }
}

impl Total {
    fn add(&mut self, report: &Report) {
        match report.predictor.as_str() {
            "" => self.n_keys += 1,
            name => *self.predictors.entry(name.to_owned()).or_insert(0) += 1,
        }
        self.raw_bytes += report.raw_bytes;
        self.stored_bytes += report.stored_bytes;
        self.weights_bytes += report.weights_bytes;
        self.rel_l2 = self.rel_l2.max(report.errors.rel_l2);
        self.max_over_range = self.max_over_range.max(report.errors.max_over_range);
        self.seconds += report.seconds.total;
    }

    fn text(&self) -> String {
        let predictors: Vec<String> = self.predictors.iter().map(|(name, n)| format!("{n} by {name}")).collect();
        let predicted = if predictors.is_empty() { "none predicted".to_owned() } else { predictors.join(", ") };
        format!(
            "{} -> {} bytes, ratio {}, {} s\n{} steps: {} alone, {predicted}; weights {} bytes\npromised {} in each step; \
             worst: relative L2 {}, max over range {}\n",
            table::bytes(self.raw_bytes),
            table::bytes(self.stored_bytes),
            table::number(table::ratio(self.raw_bytes, self.stored_bytes)),
            table::number(self.seconds),
            self.n_steps,
            self.n_keys,
            table::bytes(self.weights_bytes),
            self.promise,
            table::error(self.rel_l2),
            table::error(self.max_over_range),
        )
    }
}
