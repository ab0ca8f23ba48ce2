//! `inr finalize`: finishing the networks of runs that were killed.

use std::fmt::Write as _;
use std::path::PathBuf;

use adios2_inr::Settings;
use adios2_inr::session::{self, Finalized};
use anyhow::{Context as _, Result};

use crate::Done;
use crate::table;

const EXAMPLES: &str = "\
Examples:
  inr finalize run.bp
  inr finalize run.bp --seconds 60 --backend gpu

A run that ends by itself finishes its networks; one that was killed leaves them as they were at its last step, readable,
but larger and less accurate than they could be. One that going on would make worse stays as it is. Nothing is done twice.
Exit code 1 if a network could not be finished.";

/// Finish the networks of a series that was killed while it was written
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// BP datasets (.bp) written with temporal=series
    #[arg(value_name = "DATASET.bp", required = true)]
    datasets: Vec<PathBuf>,
    /// Training time per network
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    seconds: String,
    /// Where to train: auto, gpu or cpu
    #[arg(long, value_name = "BACKEND", default_value = "auto")]
    backend: String,
    /// CPU threads; 0: all that the process may use
    #[arg(long, value_name = "N", default_value = "0")]
    threads: String,
}

pub fn run(args: &Args) -> Result<Done> {
    let pairs = [("seconds", &args.seconds), ("backend", &args.backend), ("threads", &args.threads)];
    let settings = Settings::from_pairs(pairs.map(|(key, value)| (key, value.as_str())))?;
    let (mut text, mut ok) = (String::new(), true);
    for path in &args.datasets {
        // A relative path to an existing folder.
        let dataset = std::path::absolute(path).with_context(|| path.display().to_string())?;
        let (finalized, refused) = session::finalize(&dataset, &settings)?;
        ok &= refused.is_empty() && finalized.iter().all(|segment| segment.outcome.is_ok());
        let _ = writeln!(text, "{}: {} networks to finish", path.display(), finalized.len());
        finalized.iter().for_each(|segment| text += &describe(segment));
        refused.iter().for_each(|error| text += &format!("  {error}\n"));
    }
    Ok(Done { text, ok })
}

fn describe(segment: &Finalized) -> String {
    let mut line = format!("  {} at {}, segment {}: ", segment.variable, table::start(&segment.start), segment.segment);
    match &segment.outcome {
        Err(error) => line += &error.to_string(),
        Ok(network) => {
            let _ = write!(line, "{} steps in {} bytes", network.n_steps, table::bytes(network.network_bytes));
            if network.is_kept {
                line += ", as it was published: going on made it no better";
            }
            if network.n_relearnt > 0 {
                let _ = write!(line, ", the last {} from the network itself", network.n_relearnt);
            }
            if !network.broken.is_empty() {
                let _ = write!(line, ", {} steps break their promise ('inr inspect' names them)", network.broken.len());
            }
        }
    }
    line + "\n"
}
