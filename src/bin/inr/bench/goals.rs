//! What is asked of codecs, in the operator's own words.

use adios2_inr::metrics::Errors;
use adios2_inr::{Mode, Norm, Settings, Target};
use anyhow::Result;

use crate::Usage;

/// Goals as flags.
#[derive(clap::Args, Clone, Debug)]
pub struct GoalArgs {
    /// Errors to ask for (default, when no goal is given: 1e-1,1e-2,1e-3,1e-4 for Linf and 5e-2,1e-2,1e-3 for L2)
    #[arg(long, value_delimiter = ',', help_heading = HEADING)]
    accuracy: Vec<f64>,
    /// Norms of the error
    #[arg(long, value_delimiter = ',', default_value = "Linf,L2", value_parser = parse_norm, help_heading = HEADING)]
    norm: Vec<Norm>,
    /// REL: errors relative to the step's value range (Linf) or norm (L2); ABS: in the data's unit
    #[arg(long, default_value = "REL", value_parser = parse_mode, help_heading = HEADING)]
    mode: Mode,
    /// PSNRs to ask for, in dB over the step's value range
    #[arg(long, value_delimiter = ',', help_heading = HEADING)]
    psnr: Vec<f64>,
    /// Ratios to ask for: every codec as accurate as it can be in so few bytes
    #[arg(long, value_delimiter = ',', help_heading = HEADING)]
    ratio: Vec<f64>,
}

const HEADING: &str = "What is asked, in every step";

fn parse_norm(text: &str) -> Result<Norm, String> {
    match text.to_ascii_lowercase().as_str() {
        "l2" => Ok(Norm::L2),
        "linf" => Ok(Norm::Linf),
        _ => Err("set it to L2, Linf or both".into()),
    }
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    match text.to_ascii_lowercase().as_str() {
        "rel" => Ok(Mode::Rel),
        "abs" => Ok(Mode::Abs),
        _ => Err("set it to REL or ABS".into()),
    }
}

impl GoalArgs {
    /// All goals, each checked as the operator checks its parameters.
    pub fn goals(&self) -> Result<Vec<Target>> {
        let is_default = self.accuracy.is_empty() && self.psnr.is_empty() && self.ratio.is_empty();
        if is_default && self.mode == Mode::Abs {
            return Err(Usage("--mode ABS needs --accuracy: set it to errors in the data's unit".into()).into());
        }
        let errors = |norm: Norm| match norm {
            _ if !is_default => self.accuracy.clone(),
            Norm::Linf => vec![1e-1, 1e-2, 1e-3, 1e-4],
            Norm::L2 => vec![5e-2, 1e-2, 1e-3],
        };
        let accurate = self.norm.iter().flat_map(|&norm| errors(norm).into_iter().map(move |error| (norm, error)));
        let mut goals: Vec<Target> = accurate.map(|(norm, error)| Target::Accuracy(self.mode, norm, error)).collect();
        goals.extend(self.psnr.iter().map(|&db| Target::Psnr(db)));
        goals.extend(self.ratio.iter().map(|&ratio| Target::Ratio(ratio)));
        for goal in &goals {
            let pairs = parameters(goal);
            Settings::from_pairs(pairs.iter().map(|(key, value)| (*key, value.as_str())))?;
        }
        Ok(goals)
    }
}

/// The parameters that ask for a goal.
pub fn parameters(goal: &Target) -> Vec<(&'static str, String)> {
    match *goal {
        Target::Accuracy(mode, norm, error) => vec![
            ("accuracy", format!("{error:e}")),
            ("mode", if mode == Mode::Rel { "REL" } else { "ABS" }.to_owned()),
            ("norm", format!("{norm:?}")),
        ],
        Target::Psnr(db) => vec![("psnr", db.to_string())],
        Target::Ratio(ratio) => vec![("ratio", ratio.to_string())],
    }
}

/// How far beyond the goal a step is: it holds up to 1. `ratio`: of raw to stored bytes.
pub fn excess(goal: &Target, errors: &Errors, ratio: f64) -> f64 {
    match *goal {
        Target::Accuracy(mode, norm, error) => {
            let reached = match (mode, norm) {
                (Mode::Rel, Norm::L2) => errors.rel_l2,
                (Mode::Rel, Norm::Linf) => errors.max_over_range,
                (Mode::Abs, Norm::L2) => errors.l2,
                (Mode::Abs, Norm::Linf) => errors.max,
            };
            reached / error
        }
        Target::Psnr(db) => 10f64.powf((db - errors.psnr) / 20.0),
        Target::Ratio(wanted) => wanted / ratio,
    }
}

/// Goals in JSON, in words.
pub mod text {
    use adios2_inr::Target;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(goal: &Target, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(goal)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Target, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
