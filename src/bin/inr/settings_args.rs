//! The flags of `settings::PARAMETERS`: one table for XML, library and command line.

use adios2_inr::{Error, PARAMETERS, Parameter, Settings, Temporal};
use clap::{Arg, ArgMatches, Command, FromArgMatches};

const HEADING: &str = "Parameters (the same as in XML)";

/// Parameters given as flags, checked by [`Settings::from_pairs`]. Without those about networks of series, which only datasets have, and about the operator;
/// with `BENCH`, without those that `inr bench` sets itself for each row.
#[derive(Clone, Debug)]
pub struct SettingsArgs<const BENCH: bool> {
    pairs: Vec<(&'static str, String)>,
}

impl<const BENCH: bool> SettingsArgs<BENCH> {
    /// The settings these flags and `more` pairs stand for.
    pub fn with<'a>(&'a self, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> adios2_inr::Result<Settings> {
        let settings = Settings::from_pairs(self.pairs.iter().map(|(k, v)| (*k, v.as_str())).chain(more))?;
        let refused =
            |value: &str, expected| Err(Error::BadValue { key: "temporal", value: value.to_owned(), expected });
        match settings.temporal {
            Temporal::Predict if BENCH => refused("predict", "none: arrays are measured one by one"),
            Temporal::Series if BENCH => refused("series", "none: arrays are measured one by one"),
            Temporal::Series => refused("series", "predict, or none: networks of a series stand in datasets"),
            Temporal::None | Temporal::Predict => Ok(settings),
        }
    }

    /// True if the flag was given.
    pub fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(k, _)| *k == key)
    }

    fn parameters() -> impl Iterator<Item = &'static Parameter> {
        const SET_BY_BENCH: [&str; 8] = ["accuracy", "mode", "norm", "psnr", "ratio", "model", "effort", "log"];
        let is_for_bench = |p: &Parameter| !p.is_about_prediction() && !SET_BY_BENCH.contains(&p.key);
        let is_shown =
            move |p: &Parameter| !p.is_about_series() && !p.is_about_operator() && (!BENCH || is_for_bench(p));
        PARAMETERS.iter().filter(move |p| is_shown(p))
    }
}

impl<const BENCH: bool> clap::Args for SettingsArgs<BENCH> {
    fn augment_args(command: Command) -> Command {
        Self::parameters().fold(command, |command, p| {
            let help = format!("{} ({}; default: {})", p.meaning, p.values, p.default);
            command.arg(
                Arg::new(p.key)
                    .long(p.key)
                    .value_name("VALUE")
                    .help(help)
                    .help_heading(HEADING)
                    .allow_negative_numbers(true),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const BENCH: bool> FromArgMatches for SettingsArgs<BENCH> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |p: &Parameter| matches.get_one::<String>(p.key).cloned();
        Ok(SettingsArgs { pairs: Self::parameters().filter_map(|p| Some((p.key, value(p)?))).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
