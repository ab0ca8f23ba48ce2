//! `inr completions` and `inr man`: what shells and `man` know about the command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap_complete::aot::{Generator as _, Shell};
use clap_mangen::roff::{Roff, roman};

use crate::Done;

const COMPLETIONS: &str = "\
Examples:
  inr completions bash > ~/.local/share/bash-completion/completions/inr
  inr completions zsh > ~/.zfunc/_inr          (a folder of $fpath)
  inr completions fish > ~/.config/fish/completions/inr.fish

'make install' puts them where shells look.";

/// Print completions for a shell
#[derive(clap::Args)]
#[command(after_help = COMPLETIONS)]
pub struct CompletionsArgs {
    /// The shell
    shell: Supported,
}

/// Shells whose place for completions `make install` knows.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Supported {
    Bash,
    Zsh,
    Fish,
}

const MAN: &str = "\
Examples:
  inr man ~/.local/share/man/man1    then: man inr, man inr-encode

'make install' does it under its PREFIX.";

/// Write man pages, one for each command
#[derive(clap::Args)]
#[command(after_help = MAN)]
pub struct ManArgs {
    /// The folder, made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Result<Done> {
    let shell = match args.shell {
        Supported::Bash => Shell::Bash,
        Supported::Zsh => Shell::Zsh,
        Supported::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    command.set_bin_name("inr");
    command.build();
    shell.generate(&command, &mut script);
    Done::ok(String::from_utf8(script)?)
}

pub fn man(args: &ManArgs, command: clap::Command) -> Result<Done> {
    let folder = || args.folder.display().to_string();
    std::fs::create_dir_all(&args.folder).with_context(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let name = format!("{}.1", command.get_display_name().unwrap_or("inr"));
        std::fs::write(args.folder.join(name), page(command)?).with_context(folder)?;
    }
    Done::ok(format!("man pages -> {}\n", args.folder.display()))
}

/// A page whose examples keep their lines.
fn page(command: &clap::Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().after_help(None::<&str>)).render(&mut page)?;
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        let lines = text.strip_prefix("Examples:\n").unwrap_or(&text).lines();
        let mut examples = Roff::new();
        examples.control("SH", ["EXAMPLES"]).control("nf", []);
        lines.for_each(|line| {
            examples.text([roman(line)]);
        });
        examples.control("fi", []).to_writer(&mut page)?;
    }
    Ok(page)
}
