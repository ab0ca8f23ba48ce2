//! `inr pack`: a dataset whose records all stand alone.

use std::path::PathBuf;

use anyhow::Result;

use crate::{Done, Usage, table};

const EXAMPLES: &str = "\
Examples:
  inr pack run.bp archive.bp
  inr pack run.bp archive.bp --tighten 4      nearer to what run.bp reads as, in more bytes
  inr pack run.bp archive.bp --lossless       exactly what run.bp reads as

For datasets written with temporal=predict or temporal=series, whose records need the folder 'inr'. Steps, blocks, attributes
and variables without this operator are carried over, and so are records that stand alone, byte for byte. Predicted steps and
steps of networks are decoded and coded again, each within its own recorded bound of what IN.bp reads as. That error adds to
the first one: against the simulation's values it is at most twice the bound, with --tighten 4 at most 1.25 times, with
--lossless the bound itself (relative L2 bounds refer to the norm of what is read). The record of such a block promises its
bound against what IN.bp reads as.

OUT.bp is written by one process, as BP5. A variable that another operator stored is written plain. OUT.bp appears whole or
not at all.";

/// Copy a dataset so that no record needs anything outside it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The dataset to read
    #[arg(value_name = "IN.bp")]
    pub input: PathBuf,
    /// The dataset to write, which must not exist
    #[arg(value_name = "OUT.bp")]
    pub output: PathBuf,
    /// Divide the bounds of blocks that are coded again by N, 1 or more
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub tighten: f64,
    /// Store blocks that are coded again without loss
    #[arg(long, conflicts_with = "tighten")]
    pub lossless: bool,
    /// Variable to leave out; may be repeated
    #[arg(long, value_name = "NAME")]
    pub skip: Vec<String>,
    /// CPU threads; 0: all that the process may use
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn at_least_one(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 1.0);
    number.ok_or_else(|| "give a number of at least 1".to_owned())
}

/// What became of the blocks.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Records copied byte for byte.
    pub n_copied: usize,
    /// Blocks coded again.
    pub n_coded: usize,
    /// Blocks and single values without a record.
    pub n_plain: usize,
    pub n_steps: usize,
    pub n_variables: usize,
    /// Of all files.
    pub bytes_before: u64,
    pub bytes_after: u64,
}

pub fn run(args: &Args) -> Result<Done> {
    if args.output.exists() {
        return Err(Usage(format!("{}: is there already: name a new dataset", args.output.display())).into());
    }
    let counts = pack(args)?;
    let (input, output) = (args.input.display().to_string(), args.output.display().to_string());
    if args.json {
        let mut object = serde_json::to_value(&counts)?;
        object["input"] = input.into();
        object["output"] = output.into();
        return Done::ok(format!("{object}\n"));
    }
    let Counts { n_copied, n_coded, n_plain, n_steps, n_variables, bytes_before, bytes_after } = counts;
    let note = if n_coded == 0 || args.lossless {
        String::new()
    } else {
        let most = table::number(1.0 + 1.0 / args.tighten);
        format!("coded again: against the simulation's values the error is up to {most} times the bound\n")
    };
    Done::ok(format!(
        "{input} -> {output}: {n_steps} steps, {n_variables} variables, {} -> {} bytes\n\
         {n_copied} records copied, {n_coded} blocks coded again, {n_plain} blocks and values without a record\n{note}",
        table::bytes(bytes_before as usize),
        table::bytes(bytes_after as usize),
    ))
}

#[cfg(feature = "adios2")]
use crate::pack_dataset::pack;

#[cfg(not(feature = "adios2"))]
fn pack(args: &Args) -> Result<Counts> {
    anyhow::bail!("{}: this inr was built without ADIOS2: build it with the feature 'adios2'", args.input.display())
}
