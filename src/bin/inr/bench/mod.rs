//! `inr bench`: size, error and speed at equal error, ours beside SZ3, SPERR, ZFP and TTHRESH in the same run.

#[cfg_attr(not(any(feature = "peers", test)), expect(dead_code, reason = "parts of it serve the peers only"))]
mod codecs;
mod compare;
#[cfg_attr(not(feature = "peers"), expect(dead_code, reason = "parts of it serve the peers only"))]
mod data;
mod goal;
mod measure;
#[cfg(feature = "peers")]
mod openmp;
mod ours;
#[cfg_attr(not(test), expect(dead_code, reason = "the report that shows these numbers is not written yet"))]
mod quality;
#[cfg(feature = "peers")]
mod sperr;
#[cfg(feature = "peers")]
mod sz3;
#[cfg(feature = "tthresh")]
mod tthresh;
#[cfg(feature = "peers")]
mod zfp_ffi;

use std::path::PathBuf;

use adios2_inr::Norm;
use anyhow::{Result, ensure};

use crate::settings_args::SettingsArgs;
use crate::{Done, Usage, plot, progress};
use codecs::Codec;
use data::Data;
use goal::Goal;
use measure::Row;

const EXAMPLES: &str = "\
Examples:
  inr bench u.npy v.npy
  inr bench u.npy --peers sz3,sperr,zfp --norm Linf --errors 1e-3
  inr bench u.npy --model transform,siren --seconds 20 --csv u.csv --plot u

All runs use one thread unless --threads says otherwise (zfp always does). Peers need an inr built with the feature 'peers'.";

/// Measure size, error and speed, beside other codecs at the same error
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Arrays of float32 or float64
    #[arg(value_name = "DATA.npy", required = true)]
    files: Vec<PathBuf>,
    /// Codecs to measure beside ours: sz3, sperr, zfp, tthresh (default: all this inr was built with, but tthresh)
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Norms of the error, both relative (mode REL)
    #[arg(long, value_delimiter = ',', default_value = "Linf,L2", value_parser = parse_norm)]
    norm: Vec<Norm>,
    /// Errors to ask for (default: 1e-1,1e-2,1e-3,1e-4 for Linf and 5e-2,1e-2,1e-3 for L2)
    #[arg(long, value_delimiter = ',')]
    errors: Vec<f64>,
    /// Models of ours, one row each; the first one is compared with the peers
    #[arg(long, value_delimiter = ',', default_value = "auto")]
    model: Vec<String>,
    /// Efforts of ours (fast, default, best), one row each for every model
    #[arg(long, value_delimiter = ',', default_value = "default")]
    effort: Vec<String>,
    /// Times each encode and decode is run; the median counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Write all rows as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw rate-distortion plots to STEM.png and STEM.svg
    #[arg(long, value_name = "STEM")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs<true>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn parse_norm(text: &str) -> Result<Norm, String> {
    match text.to_ascii_lowercase().as_str() {
        "l2" => Ok(Norm::L2),
        "linf" => Ok(Norm::Linf),
        _ => Err("set it to L2, Linf or both".into()),
    }
}

impl Args {
    fn goals(&self) -> Vec<Goal> {
        let errors = |norm: Norm| match (self.errors.as_slice(), norm) {
            ([], Norm::Linf) => vec![1e-1, 1e-2, 1e-3, 1e-4],
            ([], Norm::L2) => vec![5e-2, 1e-2, 1e-3],
            (given, _) => given.to_vec(),
        };
        self.norm.iter().flat_map(|&norm| errors(norm).into_iter().map(move |error| Goal { norm, error })).collect()
    }

    fn codecs(&self) -> Result<Vec<Box<dyn Codec>>> {
        let mut codecs: Vec<Box<dyn Codec>> = Vec::new();
        let n_threads = if self.settings.has("threads") { self.settings.with([])?.threads } else { 1 };
        for model in &self.model {
            for effort in &self.effort {
                codecs.push(Box::new(ours::Ours::new(model, effort, &self.settings)?));
            }
        }
        for peer in self.peers.as_deref().unwrap_or(codecs::DEFAULT_PEERS.map(str::to_owned).as_slice()) {
            codecs.push(codecs::peer(peer, n_threads)?);
        }
        Ok(codecs)
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let goals = args.goals();
    let bad = |g: &&Goal| !(g.error > 0.0 && g.error < 1.0);
    if let Some(goal) = goals.iter().find(bad) {
        return Err(Usage(format!("--errors cannot hold {}: set it to numbers between 0 and 1", goal.error)).into());
    }
    let codecs = args.codecs()?;
    let fill = args.settings.with([])?.fill;
    let bar = progress::bar(args.files.len() * goals.len() * codecs.len());
    let (mut rows, mut notes) = (Vec::<Row>::new(), codecs::notes(&codecs));
    for file in &args.files {
        let data = Data::read(file, fill)?;
        notes.extend(data.note());
        for goal in &goals {
            for codec in &codecs {
                bar.set_message(format!("{} {goal} {}", data.name, codec.name()));
                match measure::measure(codec.as_ref(), &data, *goal, args.repeat) {
                    Ok(row) => rows.push(row),
                    Err(e) => notes.push(format!("{} has no row for {} at {goal}: {e:#}", codec.name(), data.name)),
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    ensure!(!rows.is_empty(), "nothing could be measured: {}", notes.join("; "));
    finish(args, &rows, &notes, codecs[0].name())
}

/// Bytes that a peer needs for an array at this relative L2 error.
pub fn peer_bytes(peer: &str, array: crate::npy::Array, error: f64) -> Result<usize> {
    let data = Data::new("series".into(), array, None)?;
    let goal = Goal { norm: Norm::L2, error };
    Ok(measure::measure(codecs::peer(peer, 1)?.as_ref(), &data, goal, 1)?.stored_bytes)
}

fn finish(args: &Args, rows: &[Row], notes: &[String], ours: &str) -> Result<Done> {
    let comparisons = compare::compare(rows, ours);
    if let Some(path) = &args.csv {
        crate::output::write_whole(path, |w| Ok(w.write_all(compare::csv(rows).as_bytes())?))?;
    }
    let plots = match &args.plot {
        Some(stem) => plot::save(&compare::panels(rows), 2, stem)?.to_vec(),
        None => Vec::new(),
    };
    if args.json {
        let object = serde_json::json!({
            "setup": compare::setup(), "rows": rows, "comparisons": comparisons, "notes": notes, "plots": plots,
        });
        return Done::ok(format!("{object}\n"));
    }
    let mut text = compare::tables(rows);
    for comparison in &comparisons {
        text += &format!("{comparison}\n");
    }
    for note in notes {
        text += &format!("note: {note}\n");
    }
    for plot in plots {
        text += &format!("wrote {plot}\n");
    }
    Done::ok(format!("{text}{}\n", compare::setup()))
}
