//! All rows of a run, one after the other.

use std::path::Path;
use std::time::Instant;

use adios2_inr::{Target, set_default_threads};
use anyhow::{Context as _, Result};

use super::Args;
use super::codec::{self, Codec};
use super::data::{Series, Shown};
use super::external::External;
use super::kept::{Finished, Kept};
use super::measure::{Measured, Runs, measure};
use super::method::Method;
use super::ours::Ours;
use super::quality::quality;
use super::windows::Windows;
use crate::Usage;
use crate::progress;
use crate::source::{self, Variable};

/// What a run found.
pub struct Found {
    pub rows: Vec<Finished>,
    /// Of each variable the step that is shown.
    pub shown: Vec<Shown>,
    pub notes: Vec<String>,
    /// Where decoded steps are.
    pub kept: Kept,
}

/// Measures what is not measured yet.
pub fn run(args: &Args) -> Result<Found> {
    set_default_threads(args.threads);
    let goals = args.goals.goals()?;
    let codecs = Codecs::new(args)?;
    let variables = labelled(args.data.variables()?)?;
    let names: Vec<&str> = variables.iter().map(|(_, variable)| variable.name.as_str()).collect();
    args.quantities.check(&names)?;
    let mut found =
        Found { rows: Vec::new(), shown: Vec::new(), notes: codecs.notes(), kept: Kept::open(args.out.as_deref())? };
    let all: usize = variables.iter().map(|(_, v)| goals.len() * codecs.n_methods(v.n_steps)).sum();
    let (bar, started) = (progress::bar(all), Instant::now());
    let mut n_left = 0;
    for (file, variable) in &variables {
        let of_file = Identity::new(args, file, variable)?;
        let arrays = (0..variable.n_steps).map(|step| variable.read(step));
        let series = Series::new(variable.name.clone(), arrays, args.fill);
        let series = series.with_context(|| format!("{}, variable '{}'", file.display(), variable.name))?;
        let Some(series) = series else {
            found.note(format!("{} is left out: it is constant, there is nothing to compare", variable.name));
            continue;
        };
        found.notes.extend(series.notes());
        let (methods, notes) = codecs.methods(&series);
        found.notes.extend(notes);
        for goal in &goals {
            for method in &methods {
                if let Some(why) = method.refusal(goal) {
                    found.note(format!("{} has no rows at {goal}: {why}", method.name()));
                    bar.inc(1);
                    continue;
                }
                bar.set_message(format!("{} {goal} {}", series.name, method.name()));
                let is_over = args.budget.is_some_and(|budget| started.elapsed() >= budget);
                n_left += usize::from(!found.row(method.as_ref(), &series, goal, args.repeat, &of_file, is_over)?);
                bar.inc(1);
            }
        }
        drop(methods);
        found.shown.push(series.into_shown());
    }
    bar.finish_and_clear();
    if n_left > 0 {
        let how = if args.out.is_some() { "the same command" } else { "with -o OUT the same command" };
        found.notes.push(format!("{n_left} rows were not measured within --budget: {how} goes on with them"));
    }
    Ok(found)
}

/// Variables whose names tell them apart: those of one name in several files get that of their file too.
fn labelled(mut variables: Vec<(&Path, Variable)>) -> Result<Vec<(&Path, Variable)>> {
    let names: Vec<String> = variables.iter().map(|(_, variable)| variable.name.clone()).collect();
    for (file, variable) in &mut variables {
        if names.iter().filter(|name| **name == variable.name).count() > 1 {
            variable.name = format!("{}:{}", source::split(file).0.display(), variable.name);
        }
    }
    let is_twice = |i: usize| variables[..i].iter().any(|(_, earlier)| earlier.name == variables[i].1.name);
    match (0..variables.len()).find(|&i| is_twice(i)) {
        Some(i) => Err(Usage(format!("variable '{}' is named twice: name it once", variables[i].1.name)).into()),
        None => Ok(variables),
    }
}

impl Found {
    /// Says something once.
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Finds or measures a row; false when it is left for lack of time.
    fn row(
        &mut self,
        method: &dyn Method,
        series: &Series,
        goal: &Target,
        repeat: u32,
        identity: &Identity,
        is_over: bool,
    ) -> Result<bool> {
        let key = identity.key(method, goal);
        if let Some(finished) = self.kept.find(&key) {
            self.rows.push(finished);
            return Ok(true);
        }
        if is_over {
            return Ok(false);
        }
        match measure(method, series, goal, Runs { n_timed: repeat, with_memory: true }) {
            Ok(Measured { row, decoded }) => {
                let each = series.steps.iter().zip(&decoded);
                let steps: Vec<_> = each.map(|(step, decoded)| step.beside(&series.dims, decoded)).collect();
                let finished = self.kept.add(key, row, quality(&steps), &decoded[series.shown()])?;
                self.rows.push(finished);
            }
            Err(e) => self.notes.push(format!("{} has no row for {} at {goal}: {e:#}", method.name(), series.name)),
        }
        Ok(true)
    }
}

/// What rows depend on beside the method and the goal.
struct Identity(String);

impl Identity {
    fn new(args: &Args, file: &Path, variable: &Variable) -> Result<Identity> {
        let name = || file.display().to_string();
        let hints = format!("{:?}", args.data.hints());
        let changed = stamp(&source::split(file).0).with_context(name)?;
        let how = (args.repeat, args.threads, args.fill.map(f64::to_bits));
        // Another build may store something else.
        let program = std::env::current_exe().and_then(std::fs::metadata).and_then(|found| found.modified()).ok();
        Ok(Identity(format!("{} {} {changed} {hints} {how:?} {program:?}", name(), variable.name)))
    }

    fn key(&self, method: &dyn Method, goal: &Target) -> String {
        format!("{} {} {goal}", self.0, method.identity())
    }
}

/// What changes with a file, or with those in a folder, whose own time says nothing.
fn stamp(path: &Path) -> std::io::Result<String> {
    let files = if path.is_dir() {
        std::fs::read_dir(path)?.map(|entry| entry?.metadata()).collect::<std::io::Result<Vec<_>>>()?
    } else {
        vec![std::fs::metadata(path)?]
    };
    let modified = files.iter().map(std::fs::Metadata::modified).collect::<std::io::Result<Vec<_>>>()?;
    let n_bytes: u64 = files.iter().map(std::fs::Metadata::len).sum();
    Ok(format!("{:?} {} {n_bytes}", modified.iter().max(), files.len()))
}

/// What is measured.
struct Codecs {
    ours: Vec<Ours>,
    peers: Vec<Box<dyn Codec>>,
    windows: Vec<usize>,
}

impl Codecs {
    fn new(args: &Args) -> Result<Codecs> {
        let mut common = vec![("threads".to_owned(), args.threads.to_string())];
        common.extend(args.fill.map(|fill| ("fill".to_owned(), fill.to_string())));
        let texts =
            if args.ours.is_empty() { vec![String::new(), "temporal=predict".into()] } else { args.ours.clone() };
        let ours = texts.iter().map(|text| Ours::new(text, &common)).collect::<Result<Vec<_>>>()?;
        let mut peers: Vec<Box<dyn Codec>> = Vec::new();
        let default = || codec::DEFAULT_PEERS.iter().map(|&name| name.to_owned()).collect();
        for name in args.peers.clone().unwrap_or_else(default).iter().filter(|name| *name != "none") {
            peers.push(codec::peer(name, args.threads)?);
        }
        for text in &args.external {
            let external = External::new(text)?;
            if external.name() == "inr" || peers.iter().any(|peer| peer.name() == external.name()) {
                let why = "a codec of that name is measured, too; name it otherwise";
                return Err(Usage(format!("--external cannot be '{text}': {why}")).into());
            }
            peers.push(Box::new(external));
        }
        Ok(Codecs { ours, peers, windows: args.windows.iter().map(|&n| n as usize).collect() })
    }

    fn notes(&self) -> Vec<String> {
        codec::notes(&self.peers)
    }

    /// At most, for a variable of so many steps.
    fn n_methods(&self, n_steps: usize) -> usize {
        let ours = self.ours.iter().filter(|ours| n_steps > 1 || !ours.needs_series()).count();
        ours + self.peers.len() * self.windows.iter().filter(|&&n| n <= n_steps).count()
    }

    /// What can be measured on a series, and what must be said of the rest.
    fn methods<'a>(&'a self, series: &Series) -> (Vec<Box<dyn Method + 'a>>, Vec<String>) {
        let mut methods: Vec<Box<dyn Method + 'a>> = Vec::new();
        let mut notes = Vec::new();
        for ours in self.ours.iter().filter(|ours| series.steps.len() > 1 || !ours.needs_series()) {
            methods.push(Box::new(ours.clone()));
        }
        for peer in &self.peers {
            for &window in self.windows.iter().filter(|&&n| n <= series.steps.len()) {
                match Windows::new(peer.as_ref(), window, series) {
                    Some(windows) => methods.push(Box::new(windows)),
                    None => notes.push(format!(
                        "{} has no rows for {} in windows of {window} steps: it takes arrays of {} to {} axes",
                        peer.name(),
                        series.name,
                        peer.ranks().start(),
                        peer.ranks().end()
                    )),
                }
            }
        }
        (methods, notes)
    }
}
