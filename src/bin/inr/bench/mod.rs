//! `inr bench`: bytes, errors, speed and memory of codecs on the user's own data, at equal error or equal ratio, in one report.

mod advise;
#[cfg(feature = "peers")]
mod blosc2;
mod codec;
mod compare;
mod data;
mod external;
mod goals;
mod kept;
mod measure;
mod memory;
mod method;
#[cfg(feature = "peers")]
mod openmp;
mod ours;
mod pictures;
mod quality;
mod quantities;
mod report;
mod run;
mod sample;
mod search;
#[cfg(feature = "peers")]
mod sperr;
#[cfg(feature = "peers")]
mod sz3;
#[cfg(feature = "tthresh")]
mod tthresh;
mod windows;
#[cfg(feature = "peers")]
mod zfp_ffi;

use std::path::PathBuf;
use std::time::Duration;

use adios2_inr::{Mode, Norm, Target};
use anyhow::{Context as _, Result, ensure};

use crate::Done;
use crate::source::DataArgs;
pub use advise::{Args as AdviseArgs, run as advise};
use data::Series;
use measure::Row;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  inr bench u.npy v.npy
  inr bench run.bp --variables U,V --steps 0:40 -o report
  inr bench u.raw --dims 128x128x128 --dtype f32 --accuracy 1e-3 --norm Linf --ratio 50
  inr bench u.npy --time-axis 0 --ours '' --ours temporal=predict --ours temporal=predict,effort=fast
  inr bench u.npy --external 'zstd=zstd -q {in} -o {out} ::: zstd -qd {out} -o {decoded}'

Rows that are finished are kept in OUT: the same command goes on where it was interrupted. Peers need an inr built with the feature
'peers'.";

/// Measure size, error, speed and memory on your data, beside other codecs at the same error or ratio
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Parameters of ours (all but goals), one row each (default: none, and for series also temporal=predict)
    #[arg(long, value_name = "KEY=VALUE,...")]
    ours: Vec<String>,
    /// Codecs beside ours: sz3, sperr, zfp, blosc2, tthresh, none (default: sz3, sperr and zfp where this inr has them)
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Another codec: NAME=COMMAND of a shell that reads {in} and writes {out} and {decoded}, or NAME=COMMAND ::: COMMAND that decodes;
    /// {bound} is the absolute error, {dims} the size (fastest first), {rank} and {dtype} (f32, f64) tell the rest
    #[arg(long, value_name = "NAME=COMMAND")]
    external: Vec<String>,
    /// Steps of a series that other codecs get together
    #[arg(long, value_delimiter = ',', default_value = "1,4,16", value_parser = clap::value_parser!(u32).range(1..))]
    windows: Vec<u32>,
    /// A value that marks missing data, for all codecs
    #[arg(long, allow_negative_numbers = true)]
    fill: Option<f64>,
    /// Threads of every codec as far as it has them; 0: all cores
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Times each encode and decode is run; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Start no row after this time, such as 90s or 20m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    budget: Option<Duration>,
    /// Folder for the report, tables, plots and all rows
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    goals: goals::GoalArgs,
    #[command(flatten)]
    quantities: quantities::QuantityArgs,
}

pub fn run(args: &Args) -> Result<Done> {
    let mut found = run::run(args)?;
    let rows: Vec<Row> = found.rows.iter().map(|finished| finished.row.clone()).collect();
    ensure!(!rows.is_empty(), "nothing could be measured: {}", found.notes.join("; "));
    let is_ours = |name: &str| name == "inr" || name.starts_with("inr ");
    let comparisons = compare::compare(&rows, &is_ours);
    let verdicts = compare::verdicts(&rows, &is_ours);
    // A variable may have turned out to be constant since the names were checked: the rest stands.
    let derived = args.quantities.measure(&found.shown, &found.rows, &found.kept).unwrap_or_else(|e| {
        found.notes.push(format!("{e:#}"));
        Vec::new()
    });
    let report =
        Report { found: &found, rows: &rows, verdicts: &verdicts, comparisons: &comparisons, derived: &derived };
    let object = || {
        serde_json::json!({
            "setup": compare::setup(), "rows": found.rows, "verdicts": verdicts, "comparisons": comparisons,
            "derived": derived, "notes": found.notes,
        })
    };
    let wrote = args.out.as_deref().map_or(Ok(Vec::new()), |out| report.write(out, &object()))?;
    if args.json {
        return Done::ok(format!("{}\n", object()));
    }
    let wrote: Vec<String> = wrote.iter().map(|path| format!("wrote {path}\n")).collect();
    Done::ok(report.text() + &wrote.concat())
}

/// Bytes that a peer needs for an array at this relative L2 error.
pub fn peer_bytes(peer: &str, array: crate::npy::Array, error: f64) -> Result<usize> {
    let series = Series::new("series".into(), std::iter::once(Ok(array)), None)?.context("it is constant")?;
    let goal = Target::Accuracy(Mode::Rel, Norm::L2, error);
    windows::bytes_needed(codec::peer(peer, 1)?.as_ref(), &series, &goal)
}
