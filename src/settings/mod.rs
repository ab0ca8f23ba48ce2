//! The parameters: one table ([`PARAMETERS`]) for XML keys, command-line flags, the library and docs/PARAMETERS.md.

mod table;
mod target;

use std::path::PathBuf;

pub use table::PARAMETERS;
pub use target::{Mode, Norm, Target};

use crate::{Error, Result};

/// Which codec is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// The smallest record that keeps the promise within the budget.
    Auto,
    /// SIREN base, transform-coded remainder.
    Siren,
    /// Wavelet or DCT.
    Transform,
}

/// How much time goes into fewer bytes; what is promised does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// As quick as possible.
    Fast,
    /// What pays.
    #[default]
    Default,
    /// Whatever makes the record smaller.
    Best,
}

/// Use of earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    /// Each step stands alone (models still start warm).
    None,
    /// One network for all steps of a segment, trained while they are written.
    Series,
    /// Each step is predicted from the two before it, by a network that is fitted while they are written.
    Predict,
}

/// How a step is predicted from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictorChoice {
    /// What saves most bytes.
    Auto,
    /// The step before, as it is.
    Last,
    /// A linear stencil.
    Linear,
    /// A linear stencil and a network.
    Network,
}

/// What series training keeps of past snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sketch {
    /// Nodes drawn by how much the field varies around them.
    Importance,
    /// Nodes drawn evenly.
    Subsample,
    /// Rows of a fast Johnson-Lindenstrauss transform.
    Fjlt,
    /// Rows of a subsampled randomised Hadamard transform.
    Srht,
    /// Rows of a Gaussian matrix.
    Gaussian,
    /// Nothing: the network forgets.
    None,
}

/// How a series network depends on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Time moves biases and the output layer.
    Film,
    /// Time is one more coordinate.
    Tinr,
    /// Time generates all weights.
    Hypernet,
}

/// Where to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A real GPU if there is one, else the CPU.
    Auto,
    /// A GPU or an error; a software driver only if named by `device`.
    Gpu,
    /// The CPU.
    Cpu,
}

/// Order of the dimensions ADIOS2 hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Slowest first (C, Python).
    Row,
    /// Fastest first (Fortran).
    Column,
}

impl Order {
    /// One number per dimension, slowest first.
    pub fn slowest_first(self, numbers: &[usize]) -> Vec<usize> {
        match self {
            Order::Row => numbers.to_vec(),
            Order::Column => numbers.iter().rev().copied().collect(),
        }
    }
}

/// All parameters of one operator; [`PARAMETERS`] documents each field by its key.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table below documents every field by its key")]
pub struct Settings {
    pub target: Target,
    pub model: ModelChoice,
    pub effort: Effort,
    pub temporal: Temporal,
    pub seconds: Option<f64>,
    pub iterations: Option<u32>,
    pub width: Option<usize>,
    pub blocks: Option<usize>,
    pub backend: Backend,
    pub device: Option<String>,
    pub threads: usize,
    pub seed: u64,
    pub threshold: usize,
    pub fill: Option<f64>,
    pub order: Order,
    pub memory: usize,
    pub log: Option<PathBuf>,
    pub strict: bool,
    pub segment_steps: usize,
    pub network: Network,
    pub sketch: Sketch,
    pub nodes: usize,
    pub bits: u32,
    pub points: Option<PathBuf>,
    pub strict_series: bool,
    pub predictor: PredictorChoice,
    pub predictor_width: usize,
    pub cross: bool,
    pub key_interval: usize,
    /// The parameters that were given, in order: for the run log.
    pub given: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            target: Target::Accuracy(Mode::Rel, Norm::L2, 1e-2),
            model: ModelChoice::Auto,
            effort: Effort::Default,
            temporal: Temporal::None,
            seconds: None,
            iterations: None,
            width: None,
            blocks: None,
            backend: Backend::Auto,
            device: None,
            threads: 0,
            seed: 0,
            threshold: 4096,
            fill: None,
            order: Order::Row,
            memory: 1 << 30,
            log: None,
            segment_steps: 200,
            network: Network::Film,
            sketch: Sketch::Importance,
            nodes: 100,
            bits: 8,
            points: None,
            strict: false,
            strict_series: false,
            predictor: PredictorChoice::Auto,
            predictor_width: 16,
            cross: true,
            key_interval: 16,
            given: Vec::new(),
        }
    }
}

/// One row of the table.
pub struct Parameter {
    /// XML key, command-line flag and [`Settings::from_pairs`] key, lower case.
    pub key: &'static str,
    /// What may stand there; follows "set it to" in an error message.
    pub values: &'static str,
    /// The default as a user reads it.
    pub default: &'static str,
    /// One line for help texts and docs/PARAMETERS.md.
    pub meaning: &'static str,
    /// Parses a value into the draft; false if it is not one of `values`.
    set: fn(&mut Draft, &str) -> bool,
}

impl Parameter {
    /// True for parameters of `temporal=series`, which only datasets have.
    pub fn is_about_series(&self) -> bool {
        self.meaning.starts_with("series: ")
    }

    /// True for parameters of the operator alone, whose errors go to a simulation.
    pub fn is_about_operator(&self) -> bool {
        self.meaning.starts_with("operator: ")
    }

    /// True for parameters of `temporal=predict`.
    pub fn is_about_prediction(&self) -> bool {
        self.meaning.starts_with("predict: ")
    }
}

/// Values as they come in; contradictions are found when all are known.
#[derive(Default)]
struct Draft {
    settings: Settings,
    accuracy: Option<f64>,
    mode: Option<Mode>,
    norm: Option<Norm>,
    psnr: Option<f64>,
    ratio: Option<f64>,
    strict_series: Option<bool>,
}

impl Settings {
    /// Parses `(key, value)` pairs; keys and named values are case-insensitive, `pluginname` and `pluginlibrary` (which
    /// ADIOS2 adds) are passed over.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::BadValue`], [`Error::Contradiction`].
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut draft = Draft::default();
        for (key, value) in pairs {
            let lower = key.to_ascii_lowercase();
            if matches!(lower.as_str(), "pluginname" | "pluginlibrary") {
                continue;
            }
            let Some(parameter) = PARAMETERS.iter().find(|p| p.key == lower) else {
                return Err(Error::UnknownKey { key: key.to_owned(), nearest: nearest_key(&lower) });
            };
            if !(parameter.set)(&mut draft, value.trim()) {
                return Err(Error::BadValue {
                    key: parameter.key,
                    value: value.to_owned(),
                    expected: parameter.values,
                });
            }
            draft.settings.given.push((lower, value.trim().to_owned()));
        }
        draft.finish()
    }
}

impl Draft {
    /// Joins the keys that make up the target and refuses those that exclude each other.
    fn finish(mut self) -> Result<Settings> {
        let given = [
            ("accuracy", self.accuracy.is_some()),
            ("psnr", self.psnr.is_some()),
            ("ratio", self.ratio.is_some()),
            ("mode", self.mode.is_some()),
            ("norm", self.norm.is_some()),
        ];
        let is_given = |key: &str| given.iter().any(|&(k, g)| g && k == key);
        for (first, second) in [
            ("accuracy", "psnr"),
            ("accuracy", "ratio"),
            ("psnr", "ratio"),
            ("psnr", "mode"),
            ("psnr", "norm"),
            ("ratio", "mode"),
            ("ratio", "norm"),
        ] {
            if is_given(first) && is_given(second) {
                return Err(Error::Contradiction { first, second });
            }
        }
        let is_series = self.settings.temporal == Temporal::Series;
        if is_series && self.ratio.is_some() {
            return Err(Error::Contradiction { first: "temporal=series", second: "ratio" });
        }
        if self.settings.temporal == Temporal::Predict && self.ratio.is_some() {
            return Err(Error::Contradiction { first: "temporal=predict", second: "ratio" });
        }
        if !is_series && self.settings.seconds.is_some() && self.settings.iterations.is_some() {
            return Err(Error::Contradiction { first: "seconds", second: "iterations" });
        }
        self.settings.target = match (self.psnr, self.ratio) {
            (Some(db), _) => Target::Psnr(db),
            (_, Some(ratio)) => Target::Ratio(ratio),
            _ => Target::Accuracy(
                self.mode.unwrap_or(Mode::Rel),
                self.norm.unwrap_or(Norm::L2),
                self.accuracy.unwrap_or(1e-2),
            ),
        };
        // A certificate is about L2: pointwise bounds of a network that is still trained cannot be checked afterwards.
        let is_pointwise = matches!(self.settings.target, Target::Accuracy(_, Norm::Linf, _));
        self.settings.strict_series = self.strict_series.unwrap_or(is_series && is_pointwise);
        Ok(self.settings)
    }
}

fn nearest_key(key: &str) -> &'static str {
    PARAMETERS.iter().map(|p| p.key).min_by_key(|k| strsim::damerau_levenshtein(key, k)).unwrap_or("accuracy")
}

/// docs/PARAMETERS.md's table as Markdown.
pub fn markdown_table() -> String {
    let rows = PARAMETERS.iter().map(|p| format!("| `{}` | {} | {} | {} |\n", p.key, p.values, p.default, p.meaning));
    std::iter::once("| key | values | default | meaning |\n|---|---|---|---|\n".to_owned()).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_named_values_are_case_insensitive() {
        let s = Settings::from_pairs([("Accuracy", "1e-3"), ("norm", "LINF"), ("PluginName", "inr")]).unwrap();
        assert_eq!(s.target, Target::Accuracy(Mode::Rel, Norm::Linf, 1e-3));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let error = Settings::from_pairs([("acuracy", "1")]).unwrap_err();
        assert_eq!(error, Error::UnknownKey { key: "acuracy".into(), nearest: "accuracy" });
    }

    #[test]
    fn contradictions_and_bad_values_are_errors_that_name_the_fix() {
        for pairs in [[("accuracy", "1e-3"), ("ratio", "10")], [("psnr", "60"), ("norm", "L2")]] {
            assert!(matches!(Settings::from_pairs(pairs), Err(Error::Contradiction { .. })), "{pairs:?}");
        }
        for pair in [("accuracy", "0"), ("accuracy", "nan"), ("ratio", "1"), ("temporal", "next"), ("width", "4")] {
            let error = Settings::from_pairs([pair]).unwrap_err();
            assert!(error.to_string().contains("set it to"), "{error}");
        }
    }

    #[test]
    fn series_mode_bounds_time_and_iterations_apart_and_is_strict_about_pointwise_bounds() {
        let series = |pairs: &[(&'static str, &'static str)]| {
            Settings::from_pairs(pairs.iter().copied().chain([("temporal", "series")]))
        };
        let s = series(&[("seconds", "2"), ("iterations", "20"), ("norm", "Linf")]).unwrap();
        assert_eq!((s.seconds, s.iterations, s.strict_series), (Some(2.0), Some(20), true));
        assert!(
            !series(&[]).unwrap().strict_series
                && !series(&[("norm", "Linf"), ("strict_series", "0")]).unwrap().strict_series
        );
        assert!(matches!(series(&[("ratio", "20")]), Err(Error::Contradiction { .. })));
        assert!(Settings::from_pairs([("seconds", "2"), ("iterations", "20")]).is_err());
    }

    #[test]
    fn every_key_of_the_table_accepts_its_default() {
        for p in PARAMETERS {
            if p.default.starts_with(|c: char| c.is_ascii_digit()) || p.values.contains(p.default) {
                let settings = Settings::from_pairs([(p.key, p.default)]).unwrap();
                assert_eq!(settings.given, [(p.key.to_owned(), p.default.to_owned())]);
                assert_eq!(Settings { given: Vec::new(), ..settings }, Settings::default(), "{}", p.key);
            }
        }
    }
}
