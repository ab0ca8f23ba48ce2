//! What is promised for a block, and how it is written and read.

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

impl std::str::FromStr for Target {
    type Err = Error;

    /// Mirror of the display.
    fn from_str(text: &str) -> Result<Target> {
        let number = |text: &str| text.parse::<f64>().ok();
        let found = match text.split(' ').collect::<Vec<_>>()[..] {
            ["PSNR", db, "dB"] => number(db).map(Target::Psnr),
            ["ratio", ratio] => number(ratio).map(Target::Ratio),
            [norm, mode, value] => {
                let norm = [Norm::L2, Norm::Linf].into_iter().find(|known| format!("{known:?}") == norm);
                let mode = [("REL", Mode::Rel), ("ABS", Mode::Abs)].into_iter().find(|(name, _)| *name == mode);
                norm.zip(mode).zip(number(value)).map(|((norm, (_, mode)), value)| Target::Accuracy(mode, norm, value))
            }
            _ => None,
        };
        found.ok_or_else(|| Error::Query(format!("'{text}' is no promise: 'Linf REL 1e-3' is one")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_read_as_it_is_written() {
        let all = [Mode::Rel, Mode::Abs].map(|mode| {
            [Norm::L2, Norm::Linf].map(|norm| [1e-3, 5e-2, 1.0 / 3.0, 1e30].map(|v| Target::Accuracy(mode, norm, v)))
        });
        for target in all.as_flattened().as_flattened().iter().chain(&[Target::Psnr(61.5), Target::Ratio(20.0)]) {
            assert_eq!(target.to_string().parse(), Ok(*target));
        }
        for text in ["exact", "", "Linf REL", "Linf REL x", "L1 REL 1e-3", "PSNR 60", "ratio"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
