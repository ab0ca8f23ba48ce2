//! `inr query`: values from the networks of a dataset at any place and time.

mod answers;
mod places;

use std::path::PathBuf;

use adios2_inr::session::SeriesField;
use anyhow::Result;

use crate::{Done, Usage, npy, output};
use answers::Answers;
use places::{Places, Where};

const EXAMPLES: &str = "\
Examples:
  inr query run.bp u --at 3.5,7                          at the last step
  inr query run.bp u --at 3.5,7,12.25 --gradient         the fifth number is a time; slopes along both axes and in time
  inr query run.bp u --at - --time 12 < places.txt       one place a line
  inr query run.bp u --line 0,0 47,47 --n 200 --output line.csv
  inr query run.bp u --plane 0=20 --time 10:20:101       row 20 at 101 times
  inr query run.bp u --box 10,10 20,20 --n 400 --output zoom.npy

Places are indices of the global array, slowest axis first, and may lie between its points; for blocks with 'points' they are
coordinates in the unit of that file. Times are steps, from 0, and may lie between two. The array is never decoded, and
ADIOS2 is not needed: the networks stand in DATASET.bp/inr.

Beside each value stands the nearest step that its network knows, the certified relative L2 error of the network at this
step ('-' before there is a certificate), whether readers get the step by the network or it was stored alone, and what became of
the promise: certified, broken, or not assured (the run writes still, or was killed: inr finalize).";

/// Ask the networks of a series for values and gradients, between points and steps too
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// BP dataset (.bp) written with temporal=series
    #[arg(value_name = "DATASET.bp")]
    dataset: PathBuf,
    /// The variable
    #[arg(value_name = "VARIABLE")]
    variable: String,
    #[command(flatten)]
    place: Where,
    /// Points of a line (default: 100), or per axis of a plane or box, one number or one for each (default: the points of
    /// the array; 50 for blocks with 'points')
    #[arg(long, value_name = "N[,N...]")]
    n: Option<String>,
    /// A step, or N times from A to B; the last step by default
    #[arg(long, value_name = "T|A:B:N")]
    time: Option<String>,
    /// Slopes too: per unit of each axis, then per step
    #[arg(long)]
    gradient: bool,
    /// Write a .csv table or a .npy array (times, points, channels; with --gradient the value and its slopes last)
    #[arg(long, value_name = "OUT.npy|.csv")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let extension = args.output.as_deref().map(|path| path.extension().and_then(|e| e.to_str()).unwrap_or_default());
    if !matches!(extension, None | Some("npy" | "csv")) {
        return Err(Usage("--output takes a name that ends with .npy or .csv".to_owned()).into());
    }
    let field = SeriesField::open(&args.dataset, &args.variable)?;
    let places = Places::new(&args.place, args.n.as_deref(), args.time.as_deref(), &field)?;
    let answers = Answers::new(&field, places, args.gradient)?;
    if let Some(path) = &args.output {
        if extension == Some("npy") {
            npy::write(path, &answers.array())?;
        } else {
            let csv = answers.table().csv()?;
            output::write_whole(path, |writer| Ok(writer.write_all(csv.as_bytes())?))?;
        }
    }
    let text = match (args.json, &args.output) {
        (true, _) => format!("{}\n", answers.json(&args.dataset, &args.variable, &field)),
        (false, Some(path)) => format!("{} values -> {}\n", answers.n_points(), path.display()),
        (false, None) => answers.table().to_string(),
    };
    Done::ok(text)
}
