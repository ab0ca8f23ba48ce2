//! The flags of `settings::PARAMETERS`: one table for XML, library and command line.

use adios2_inr::{Error, PARAMETERS, Parameter, Settings, Temporal};
use clap::{Arg, ArgMatches, Command, FromArgMatches};

const HEADING: &str = "Parameters (the same as in XML)";

/// Parameters given as flags, checked by [`Settings::from_pairs`]. Without those about networks of series, which only datasets have, and about
/// the operator.
#[derive(Clone, Debug)]
pub struct SettingsArgs {
    pairs: Vec<(&'static str, String)>,
}

impl SettingsArgs {
    /// The settings these flags and `more` pairs stand for.
    pub fn with<'a>(&'a self, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> adios2_inr::Result<Settings> {
        let settings = Settings::from_pairs(self.pairs.iter().map(|(k, v)| (*k, v.as_str())).chain(more))?;
        if settings.temporal == Temporal::Series {
            let expected = "predict, or none: networks of a series stand in datasets";
            return Err(Error::BadValue { key: "temporal", value: "series".to_owned(), expected });
        }
        Ok(settings)
    }

    fn parameters() -> impl Iterator<Item = &'static Parameter> {
        PARAMETERS.iter().filter(|p| !p.is_about_series() && !p.is_about_operator())
    }
}

impl clap::Args for SettingsArgs {
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

impl FromArgMatches for SettingsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |p: &Parameter| matches.get_one::<String>(p.key).cloned();
        Ok(SettingsArgs { pairs: Self::parameters().filter_map(|p| Some((p.key, value(p)?))).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
