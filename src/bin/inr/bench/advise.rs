//! `inr advise`: the settings to use for some data at some accuracy, from a sample of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use adios2_inr::{Mode, Norm, Target, set_default_threads};
use anyhow::{Context as _, Result};
use serde::Serialize;

use super::compare;
use super::goals::{self, GoalArgs};
use super::measure::{Row, Runs, measure};
use super::ours::Ours;
use super::sample::{Sample, sample};
use crate::source::DataArgs;
use crate::table::{Cell, Mark, Table};
use crate::{Done, Usage, progress};

const EXAMPLES: &str = "\
Examples:
  inr advise run.bp --accuracy 1e-3 --norm Linf
  inr advise u.npy --time-axis 0 --psnr 60
  inr advise air.nc:uwnd --accuracy 1e-2 --norm L2 --json

A sample of the data is encoded with each candidate; of those that keep the goal the smallest is advised, unless one of twice its speed is
nearly as small. Ratios of the sample say what to expect: larger fields and longer series do better with prediction.";

/// Settings for your data at an accuracy, with ratio and speed to expect and XML to paste
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Threads that encode and decode; 0: all cores
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Start no candidate after this time
    #[arg(long, value_name = "TIME", default_value = "40s", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    goals: GoalArgs,
}

/// Candidates, cheapest first; those with `temporal` are for series.
const CANDIDATES: [&str; 5] =
    ["effort=fast", "effort=default", "temporal=predict", "temporal=predict,effort=fast", "effort=best"];

/// Another candidate of this many times the speed is advised instead of one that saves less than this part of its bytes.
const MUCH_FASTER: f64 = 2.0;
const NEARLY_AS_SMALL: f64 = 1.03;

/// What is advised for a variable.
#[derive(Serialize)]
struct Advice {
    variable: String,
    /// What the sample is, in words.
    sample: String,
    settings: Vec<(String, String)>,
    rows: Vec<Row>,
    advised: usize,
    /// Candidates that there was no time for.
    left_out: Vec<&'static str>,
}

pub fn run(args: &Args) -> Result<Done> {
    let goals = args.goals.goals()?;
    let [goal] = goals[..] else {
        let why = "advice is for one goal: set --accuracy with one --norm (L2 or Linf), --psnr or --ratio to one value";
        return Err(Usage(why.into()).into());
    };
    set_default_threads(args.threads);
    let variables = args.data.variables()?;
    let (started, n) = (Instant::now(), variables.len());
    let spinner = progress::spinner("sampling".into());
    let mut all = Vec::new();
    for (i, (_, variable)) in variables.iter().enumerate() {
        spinner.set_message(variable.name.clone());
        let sample = sample(variable).with_context(|| format!("variable '{}'", variable.name))?;
        // Every variable has an equal share of the time.
        let until = started + args.budget.mul_f64((i + 1) as f64 / n as f64);
        all.push(advise(&sample, &goal, args.threads, until)?);
    }
    spinner.finish_and_clear();
    if args.json {
        let object = serde_json::json!({"goal": goal.to_string(), "advice": all, "xml": xml(&all, &goal), "setup": compare::setup()});
        return Done::ok(format!("{object}\n"));
    }
    let mut text = String::new();
    for advice in &all {
        text += &format!("{advice}\n");
    }
    text += &format!("{}\n{}\n", xml(&all, &goal), compare::setup());
    if matches!(goal, Target::Accuracy(_, Norm::L2, error) if error >= 1e-2) {
        text += "note: at errors of some percent a network for the whole series (temporal=series) may take less; it is not \
                 tried here, see docs/SERIES.md\n";
    }
    Done::ok(text)
}

fn advise(sample: &Sample, goal: &Target, n_threads: usize, until: Instant) -> Result<Advice> {
    let Sample { series, words, n_steps, share } = sample;
    // An absolute norm is that of a whole step, of which the sample may have a part.
    let of_sample = match *goal {
        Target::Accuracy(Mode::Abs, Norm::L2, error) => Target::Accuracy(Mode::Abs, Norm::L2, error * share.sqrt()),
        goal => goal,
    };
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for text in CANDIDATES {
        let ours = Ours::new(text, &[("threads".to_owned(), n_threads.to_string())])?;
        if ours.needs_series() && *n_steps < 2 || ours.contradiction(&of_sample).is_some() {
            continue;
        }
        // One candidate is tried in any case.
        if !rows.is_empty() && Instant::now() > until {
            left_out.push(text);
            continue;
        }
        rows.push(measure(&ours, series, &of_sample, Runs { n_timed: 1, with_memory: false })?.row);
    }
    let advised = choose(&rows).with_context(|| format!("variable '{}': nothing keeps {goal}", series.name))?;
    let settings = rows[advised].codec.trim_start_matches("inr ").split(',').filter_map(|pair| pair.split_once('='));
    let settings = settings.filter(|pair| *pair != ("effort", "default")).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (variable, sample) = (series.name.clone(), words.clone());
    Ok(Advice { variable, sample, settings: settings.collect(), rows, advised, left_out })
}

/// The best row, unless a much faster one is nearly as good.
fn choose(rows: &[Row]) -> Option<usize> {
    let held = || (0..rows.len()).filter(|&i| rows[i].held);
    let best = held().min_by(|&a, &b| compare::cost(&rows[a]).total_cmp(&compare::cost(&rows[b])))?;
    let is_better = |i: &usize| {
        compare::cost(&rows[*i]) <= NEARLY_AS_SMALL * compare::cost(&rows[best])
            && rows[*i].encode_mb_s >= MUCH_FASTER * rows[best].encode_mb_s
    };
    Some(held().filter(is_better).max_by(|&a, &b| rows[a].encode_mb_s.total_cmp(&rows[b].encode_mb_s)).unwrap_or(best))
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.variable, self.sample)?;
        let header = ["settings", "ratio", "PSNR dB", "max/range", "encode MB/s", "decode MB/s", "steps per read", ""];
        let mut table = Table::new(header, 1);
        for (i, row) in self.rows.iter().enumerate() {
            let is_advised = i == self.advised;
            let note = if is_advised {
                "advised"
            } else if row.held {
                ""
            } else {
                "missed"
            };
            table.row([
                row.codec.trim_start_matches("inr ").to_owned().into(),
                Cell::number(row.ratio).marked(Mark::Best, is_advised),
                format!("{:.2}", row.errors.psnr).into(),
                Cell::error(row.errors.max_over_range),
                Cell::number(row.encode_mb_s),
                Cell::number(row.decode_mb_s),
                Cell::number(row.decoded_per_read),
                note.into(),
            ]);
        }
        write!(f, "{table}")?;
        if !self.left_out.is_empty() {
            writeln!(f, "not tried within --budget: {}", self.left_out.join("; "))?;
        }
        Ok(())
    }
}

/// An operator for each choice of settings and its variables, as an XML file of ADIOS2.
fn xml(all: &[Advice], goal: &Target) -> String {
    let (mut operators, mut variables) = (String::new(), String::new());
    let mut known: Vec<&[(String, String)]> = Vec::new();
    for advice in all {
        let at = known.iter().position(|settings| *settings == advice.settings).unwrap_or(known.len());
        let name = if at == 0 { "inr".to_owned() } else { format!("inr{}", at + 1) };
        if at == known.len() {
            known.push(&advice.settings);
            let _ = writeln!(operators, "  <operator name=\"{name}\" type=\"plugin\">");
            let plugin = [("PluginName", "inr"), ("PluginLibrary", "adios2_inr")].map(|(k, v)| (k, v.to_owned()));
            let own = advice.settings.iter().map(|(k, v)| (k.as_str(), v.clone()));
            for (key, value) in plugin.into_iter().chain(goals::parameters(goal)).chain(own) {
                let _ = writeln!(operators, "    <parameter key=\"{key}\" value=\"{}\"/>", escaped(&value));
            }
            operators += "  </operator>\n";
        }
        let variable = escaped(&advice.variable);
        let _ = writeln!(variables, "    <variable name=\"{variable}\"><operation operator=\"{name}\"/></variable>");
    }
    format!(
        "<?xml version=\"1.0\"?>\n<adios-config>\n{operators}  <io name=\"the name of your IO\">\n    <engine type=\"BP5\"/>\n{variables}  </io>\n\
         </adios-config>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_saves_little_for_much_time_is_not_advised() {
        let row = |stored_bytes: usize, encode_mb_s: f64, held: bool| Row {
            stored_bytes,
            encode_mb_s,
            held,
            ..crate::bench::measure::tests::row("u", "inr", Target::Psnr(60.0))
        };
        assert_eq!(choose(&[row(1000, 100.0, true), row(900, 50.0, true)]), Some(1));
        assert_eq!(choose(&[row(920, 100.0, true), row(900, 10.0, true)]), Some(0));
        assert_eq!(choose(&[row(920, 15.0, true), row(900, 10.0, true)]), Some(1));
        assert_eq!(choose(&[row(100, 15.0, false), row(900, 10.0, true)]), Some(1));
        assert_eq!(choose(&[row(100, 15.0, false)]), None);
    }
}
