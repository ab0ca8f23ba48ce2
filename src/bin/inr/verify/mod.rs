//! `inr verify`: errors measured again from original and decoded values, against what was promised.

#[cfg(feature = "adios2")]
mod dataset;
mod files;

use std::collections::BTreeMap;
use std::path::PathBuf;

use adios2_inr::codec::{self, Comparison};
use adios2_inr::settings::Target;
use adios2_inr::{Block, Dtype};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::table::{self, Table};
use crate::{Done, progress};

const EXAMPLES: &str = "\
Examples:
  inr verify u.npy u.inr                       a record says itself what was promised
  inr verify plain.bp run.bp                   every block of every variable that both have
  inr verify u.npy run.bp --variable u         the array's first axis is time, if the dataset has several steps
  inr verify u.npy u_back.npy --accuracy 1e-3 --norm Linf

The error of each block is computed from the values, missing data (NaN, infinities, fill values) has to come back bit for bit, and what
was stored without a promise has to be the same. Datasets are read as any reader does.
Exit code 1 if a promise is broken or a block cannot be read; both are named.";

/// Blocks named before "...".
const N_NAMED: usize = 20;

/// Compare decoded values with the original, against what was promised
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The original: an array (.npy) or a BP dataset (.bp) written without loss
    #[arg(value_name = "ORIGINAL")]
    original: PathBuf,
    /// What became of it: a record (.inr), an array (.npy) or a BP dataset (.bp)
    #[arg(value_name = "DECODED")]
    decoded: PathBuf,
    /// Of a dataset: this variable alone
    #[arg(long, value_name = "NAME")]
    variable: Option<String>,
    #[command(flatten)]
    promise: files::PromiseArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A block, before and after.
struct Piece {
    variable: String,
    step: usize,
    block: usize,
    dtype: Dtype,
    dims: Vec<usize>,
    original: Vec<u8>,
    /// Or why it cannot be read.
    decoded: Result<Vec<u8>>,
    /// `None`: nothing may be lost.
    promise: Option<Target>,
    /// A value that marks missing data.
    fill: Option<f64>,
    n_stored: usize,
}

impl Piece {
    /// A block of which nothing is known yet.
    fn new(variable: String, dtype: Dtype, dims: &[usize]) -> Piece {
        Piece {
            variable,
            step: 0,
            block: 0,
            dtype,
            dims: dims.to_vec(),
            original: Vec::new(),
            decoded: Ok(Vec::new()),
            promise: None,
            fill: None,
            n_stored: 0,
        }
    }
}

/// What was found about a block.
struct Verdict {
    variable: String,
    step: usize,
    block: usize,
    promise: Option<Target>,
    /// Or why it cannot be read.
    found: Result<Comparison>,
    is_kept: bool,
}

impl Verdict {
    fn of(piece: Piece) -> Verdict {
        let Piece { variable, step, block, dtype, dims, original, decoded, promise, fill, n_stored } = piece;
        let ratio = table::ratio(original.len(), n_stored);
        let compare = |bytes: Vec<u8>| Ok(codec::compare(&Block::new(dtype, &dims, &original)?, &bytes, fill)?);
        let found = decoded.and_then(compare);
        let is_kept = found.as_ref().is_ok_and(|found| found.keeps(promise.as_ref(), ratio));
        Verdict { variable, step, block, promise, found, is_kept }
    }

    fn promise(&self) -> String {
        self.promise.map_or("exact".to_owned(), |promise| promise.to_string())
    }

    /// What is wrong with it.
    fn problem(&self) -> String {
        let Verdict { variable, step, block, .. } = self;
        let what = match &self.found {
            Err(error) => format!("cannot be read: {error:#}"),
            Ok(found) if found.n_changed > 0 => {
                format!("{} integers or points of missing data came back changed", found.n_changed)
            }
            Ok(found) => {
                format!(
                    "has {} where {} was promised",
                    table::error(found.measured(self.promise.as_ref())),
                    self.promise()
                )
            }
        };
        format!("{variable}, step {step}, block {block}: {what}\n")
    }

    fn json(&self) -> Value {
        let mut object = json!({
            "variable": self.variable, "step": self.step, "block": self.block, "promise": self.promise(), "is_kept": self.is_kept,
        });
        match &self.found {
            Ok(found) => object["found"] = json!(found),
            Err(error) => object["error"] = format!("{error:#}").into(),
        }
        object
    }
}

pub fn run(args: &Args) -> Result<Done> {
    let mut verdicts = Vec::new();
    let spinner = progress::spinner(format!("verifying {}", args.decoded.display()));
    let visited = visit(args, &mut |piece| verdicts.push(Verdict::of(piece)));
    spinner.finish_and_clear();
    visited?;
    ensure!(!verdicts.is_empty(), "{}: has no block to verify", args.decoded.display());
    let ok = verdicts.iter().all(|verdict| verdict.is_kept);
    let text = match args.json {
        true => {
            format!("{}\n", json!({"is_kept": ok, "blocks": verdicts.iter().map(Verdict::json).collect::<Vec<_>>()}))
        }
        false => render(&verdicts),
    };
    Ok(Done { text, ok })
}

fn visit(args: &Args, take: &mut dyn FnMut(Piece)) -> Result<()> {
    if !args.decoded.is_dir() {
        return files::visit(args, take);
    }
    #[cfg(feature = "adios2")]
    return dataset::visit(args, take);
    #[cfg(not(feature = "adios2"))]
    anyhow::bail!(
        "{}: is a folder and this inr was built without ADIOS2: build it with the feature 'adios2'",
        args.decoded.display()
    )
}

/// A line for each variable and promise, then what is broken.
fn render(verdicts: &[Verdict]) -> String {
    let mut groups: BTreeMap<(&str, String), Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        groups.entry((&verdict.variable, verdict.promise())).or_default().push(verdict);
    }
    let mut table = Table::new(["variable", "promise", "blocks", "worst", "masked", "broken"], 2);
    for ((variable, promise), group) in groups {
        let found = || group.iter().filter_map(|verdict| verdict.found.as_ref().ok());
        let measured = found().map(|found| found.measured(group[0].promise.as_ref()));
        // Of PSNR the lowest is the worst.
        let is_psnr = matches!(group[0].promise, Some(Target::Psnr(_)));
        let worst = measured.reduce(if is_psnr { f64::min } else { f64::max });
        table.row([
            variable.to_owned(),
            promise,
            group.len().to_string(),
            worst.map_or("-".to_owned(), table::error),
            table::bytes(found().map(|found| found.n_masked).sum()),
            group.iter().filter(|verdict| !verdict.is_kept).count().to_string(),
        ]);
    }
    let broken: Vec<String> = verdicts.iter().filter(|verdict| !verdict.is_kept).map(Verdict::problem).collect();
    let more = if broken.len() > N_NAMED { "...\n" } else { "" };
    let verdict = match broken.len() {
        0 => format!("{} blocks keep their promise\n", verdicts.len()),
        n => format!("{n} of {} blocks do not keep their promise\n", verdicts.len()),
    };
    format!("{table}{}{more}{verdict}", broken[..broken.len().min(N_NAMED)].concat())
}
