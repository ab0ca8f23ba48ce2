//! The parameters: one table ([`PARAMETERS`]) for XML keys, command-line flags, the library and docs/PARAMETERS.md.

use std::path::PathBuf;

use crate::{Error, Result};

/// What `accuracy` is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// L2: relative to the block's L2 norm; Linf: to its value range.
    Rel,
    /// In the data's own unit.
    Abs,
}

/// Which error is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Norm {
    /// Euclidean norm over the block.
    L2,
    /// Maximum over the block.
    Linf,
}

/// What must hold for a block.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Target {
    /// The error in this norm is at most this.
    Accuracy(Mode, Norm, f64),
    /// At least this many dB, peak = value range.
    Psnr(f64),
    /// At least this ratio, as accurate as it allows.
    Ratio(f64),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Target::Accuracy(mode, norm, value) => {
                let mode = if mode == Mode::Rel { "REL" } else { "ABS" };
                write!(f, "{norm:?} {mode} {value:e}")
            }
            Target::Psnr(db) => write!(f, "PSNR {db} dB"),
            Target::Ratio(ratio) => write!(f, "ratio {ratio}"),
        }
    }
}

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

/// Use of earlier steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    /// Each step stands alone (models still start warm).
    None,
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

/// All parameters of one operator; [`PARAMETERS`] documents each field by its key.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table below documents every field by its key")]
pub struct Settings {
    pub target: Target,
    pub model: ModelChoice,
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
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            target: Target::Accuracy(Mode::Rel, Norm::L2, 1e-2),
            model: ModelChoice::Auto,
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

/// Values as they come in; contradictions are found when all are known.
#[derive(Default)]
struct Draft {
    settings: Settings,
    accuracy: Option<f64>,
    mode: Option<Mode>,
    norm: Option<Norm>,
    psnr: Option<f64>,
    ratio: Option<f64>,
}

/// Stores a parsed value; false if there is none.
fn put<T>(slot: &mut T, value: Option<impl Into<T>>) -> bool {
    value.map(|v| *slot = v.into()).is_some()
}

fn number(text: &str, allowed: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|&x: &f64| x.is_finite() && allowed(x))
}

fn integer(text: &str, allowed: std::ops::RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|n| allowed.contains(n))
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, value)| value)
}

fn text(value: &str) -> Option<&str> {
    Some(value).filter(|v| !v.is_empty())
}

/// The one table of parameters.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        key: "accuracy",
        values: "a number above 0",
        default: "1e-2",
        meaning: "the error that holds in every block",
        set: |d, v| put(&mut d.accuracy, number(v, |x| x > 0.0)),
    },
    Parameter {
        key: "mode",
        values: "REL or ABS",
        default: "REL",
        meaning: "REL: L2 is relative to the block's L2 norm, Linf to its value range (max - min); ABS: the data's own unit",
        set: |d, v| put(&mut d.mode, choice(v, &[("rel", Mode::Rel), ("abs", Mode::Abs)])),
    },
    Parameter {
        key: "norm",
        values: "L2 or Linf",
        default: "L2",
        meaning: "which error: Euclidean over the block, or the maximum over its points",
        set: |d, v| put(&mut d.norm, choice(v, &[("l2", Norm::L2), ("linf", Norm::Linf)])),
    },
    Parameter {
        key: "psnr",
        values: "a number of dB above 0",
        default: "-",
        meaning: "instead of accuracy: at least this PSNR, peak = value range of the block",
        set: |d, v| put(&mut d.psnr, number(v, |x| x > 0.0)),
    },
    Parameter {
        key: "ratio",
        values: "a number above 1",
        default: "-",
        meaning: "instead of accuracy: raw / stored bytes, as accurate as this allows; no promise on the error, which is recorded",
        set: |d, v| put(&mut d.ratio, number(v, |x| x > 1.0)),
    },
    Parameter {
        key: "model",
        values: "auto, siren or transform",
        default: "auto",
        meaning: "auto: the smallest record that keeps the promise within the budget; siren: neural field with a coded remainder; transform: wavelet or DCT",
        set: |d, v| {
            let choices =
                [("auto", ModelChoice::Auto), ("siren", ModelChoice::Siren), ("transform", ModelChoice::Transform)];
            put(&mut d.settings.model, choice(v, &choices))
        },
    },
    Parameter {
        key: "temporal",
        values: "none",
        default: "none",
        meaning: "use of earlier steps; with none each record stands alone, and a neural field starts from the previous step's",
        set: |d, v| put(&mut d.settings.temporal, choice(v, &[("none", Temporal::None)])),
    },
    Parameter {
        key: "seconds",
        values: "a number of seconds, 0 or more",
        default: "auto: a short probe; siren: 10",
        meaning: "training time budget per block",
        set: |d, v| put(&mut d.settings.seconds, number(v, |x| x >= 0.0).map(Some)),
    },
    Parameter {
        key: "iterations",
        values: "an integer from 1 to 10000000",
        default: "-",
        meaning: "training steps per block instead of a time budget: the same record on every run",
        set: |d, v| put(&mut d.settings.iterations, integer(v, 1..=10_000_000).map(|n| Some(n as u32))),
    },
    Parameter {
        key: "width",
        values: "an integer from 8 to 128",
        default: "from the accuracy",
        meaning: "neurons per hidden layer of the neural field",
        set: |d, v| put(&mut d.settings.width, integer(v, 8..=128).map(|n| Some(n as usize))),
    },
    Parameter {
        key: "blocks",
        values: "an integer from 0 to 16",
        default: "from the accuracy",
        meaning: "residual blocks (two layers each) of the neural field",
        set: |d, v| put(&mut d.settings.blocks, integer(v, 0..=16).map(|n| Some(n as usize))),
    },
    Parameter {
        key: "backend",
        values: "auto, gpu or cpu",
        default: "auto",
        meaning: "where to train; auto: a real GPU if there is one, else the CPU",
        set: |d, v| {
            put(
                &mut d.settings.backend,
                choice(v, &[("auto", Backend::Auto), ("gpu", Backend::Gpu), ("cpu", Backend::Cpu)]),
            )
        },
    },
    Parameter {
        key: "device",
        values: "an index or a part of the adapter's name",
        default: "by local MPI rank",
        meaning: "which GPU (`inr doctor` lists them)",
        set: |d, v| put(&mut d.settings.device, text(v).map(|v| Some(v.to_owned()))),
    },
    Parameter {
        key: "threads",
        values: "an integer from 0 to 1024",
        default: "0",
        meaning: "CPU threads; 0: all that the process may use. The result does not depend on it",
        set: |d, v| put(&mut d.settings.threads, integer(v, 0..=1024).map(|n| n as usize)),
    },
    Parameter {
        key: "seed",
        values: "an integer from 0 to 2^64 - 1",
        default: "0",
        meaning: "of initial weights and sampled points",
        set: |d, v| put(&mut d.settings.seed, integer(v, 0..=u64::MAX)),
    },
    Parameter {
        key: "threshold",
        values: "a number of bytes, 0 or more",
        default: "4096",
        meaning: "smaller blocks are stored losslessly",
        set: |d, v| put(&mut d.settings.threshold, integer(v, 0..=u64::MAX / 2).map(|n| n as usize)),
    },
    Parameter {
        key: "fill",
        values: "a number or nan",
        default: "found by itself",
        meaning: "value that marks missing data; NaN, infinities and far-off repeated values are found without it",
        set: |d, v| put(&mut d.settings.fill, v.parse::<f64>().ok().map(Some)),
    },
    Parameter {
        key: "order",
        values: "row or column",
        default: "row",
        meaning: "column: the application hands dimensions over fastest first (Fortran)",
        set: |d, v| put(&mut d.settings.order, choice(v, &[("row", Order::Row), ("column", Order::Column)])),
    },
    Parameter {
        key: "memory",
        values: "a number of bytes, 0 or more",
        default: "1073741824",
        meaning: "limit of what is kept between steps (models to start from, decoded blocks)",
        set: |d, v| put(&mut d.settings.memory, integer(v, 0..=u64::MAX / 2).map(|n| n as usize)),
    },
    Parameter {
        key: "log",
        values: "a path",
        default: "-",
        meaning: "appends one JSON line per block to this file (`inr report` reads it)",
        set: |d, v| put(&mut d.settings.log, text(v).map(|v| Some(PathBuf::from(v)))),
    },
];

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
        if self.settings.seconds.is_some() && self.settings.iterations.is_some() {
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
        for pair in [("accuracy", "0"), ("accuracy", "nan"), ("ratio", "1"), ("temporal", "series"), ("width", "4")] {
            let error = Settings::from_pairs([pair]).unwrap_err();
            assert!(error.to_string().contains("set it to"), "{error}");
        }
    }

    #[test]
    fn every_key_of_the_table_accepts_its_default() {
        for p in PARAMETERS {
            if p.default.starts_with(|c: char| c.is_ascii_digit()) || p.values.contains(p.default) {
                assert!(
                    Settings::from_pairs([(p.key, p.default)]).is_ok_and(|s| s == Settings::default()),
                    "{}",
                    p.key
                );
            }
        }
    }
}
