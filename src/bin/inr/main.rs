//! `inr`: encode, decode, inspect, pack, ask and finish networks, verify, predict, check the installation, read run logs, measure, train, explain
//! itself to shells and `man`. The only place that prints.

mod bench;
mod completions;
mod decode;
mod dimension;
mod doctor;
mod encode;
mod encode_steps;
mod eval;
mod figures;
mod finalize;
mod inspect;
mod inspect_chain;
#[cfg(feature = "adios2")]
mod inspect_store;
mod npy;
mod output;
mod pack;
#[cfg(feature = "adios2")]
mod pack_dataset;
mod page;
mod peers;
mod plot;
mod predict;
mod progress;
mod query;
mod raster;
mod report;
mod runs;
mod settings_args;
mod source;
mod table;
mod table_runs;
mod train;
mod verify;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  inr encode u.npy u.inr --accuracy 1e-3 --norm Linf
  inr decode u.inr u_back.npy
  inr inspect u.inr run.bp
  inr query run.bp u --at 3.5,7 --gradient
  inr predict u.npy u_predicted.npy --accuracy 1e-3 --norm Linf
  inr verify plain.bp run.bp
  inr finalize run.bp
  inr pack run.bp archive.bp
  inr doctor
  inr report run.jsonl --plot run
  inr bench u.npy v.npy --peers sz3,sperr,zfp -o report
  inr advise run.bp --accuracy 1e-3 --norm Linf
  inr train jet.toml
  inr table runs/*

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

/// Arrays as neural fields and transform-coded fields, with error bounds that hold.
#[derive(Parser)]
#[command(name = "inr", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Encode(encode::Args),
    Decode(decode::Args),
    Inspect(inspect::Args),
    Query(query::Args),
    Predict(predict::Args),
    Verify(verify::Args),
    Finalize(finalize::Args),
    Pack(pack::Args),
    Doctor(doctor::Args),
    Report(report::Args),
    Bench(bench::Args),
    Advise(bench::AdviseArgs),
    Train(train::Args),
    Eval(eval::Args),
    Table(table_runs::Args),
    Figures(figures::Args),
    Dimension(dimension::Args),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// What a command hands to `main`.
struct Done {
    /// For stdout.
    text: String,
    /// False ends with exit code 1 though there is something to print.
    ok: bool,
}

impl Done {
    fn ok(text: String) -> anyhow::Result<Done> {
        Ok(Done { text, ok: true })
    }
}

/// Wrong usage that only shows after parsing: exit code 2.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::clean_up_on_interrupt();
    let done = match cli.command {
        Command::Encode(args) => encode::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Finalize(args) => finalize::run(&args),
        Command::Pack(args) => pack::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Advise(args) => bench::advise(&args),
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Table(args) => table_runs::run(&args),
        Command::Figures(args) => figures::run(&args),
        Command::Dimension(args) => dimension::run(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Man(args) => completions::man(&args, Cli::command()),
    };
    match done {
        Ok(done) => {
            // A reader that went away (`inr inspect x | head`) is not a failure.
            let _ = std::io::stdout().write_all(done.text.as_bytes());
            ExitCode::from(u8::from(!done.ok))
        }
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "inr: {e:#}");
            ExitCode::from(if is_usage(&e) { 2 } else { 1 })
        }
    }
}

fn is_usage(error: &anyhow::Error) -> bool {
    use adios2_inr::Error;
    error.is::<Usage>()
        || matches!(
            error.downcast_ref::<Error>(),
            Some(Error::UnknownKey { .. } | Error::BadValue { .. } | Error::Contradiction { .. })
        )
}
