//! Plots of `inr report`: ratio, errors with what was promised, and seconds over steps.

use adios2_inr::session::Line;
use adios2_inr::settings::{Mode, Norm, Target};
use serde::Serialize;

use super::{Step, Variable};
use crate::plot::Panel;
use crate::table;

/// The strictest promise of some blocks in each unit that is drawn; what none of them promises is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Limits {
    rel_l2: Option<f64>,
    max_over_range: Option<f64>,
    ratio: Option<f64>,
}

impl Limits {
    pub fn of(lines: &[&Line]) -> Limits {
        let strictest = |of: fn(&Limits) -> Option<f64>, pick: fn(f64, f64) -> f64| {
            lines.iter().filter_map(|line| of(&Limits::of_one(line))).reduce(pick)
        };
        Limits {
            rel_l2: strictest(|l| l.rel_l2, f64::min),
            max_over_range: strictest(|l| l.max_over_range, f64::min),
            ratio: strictest(|l| l.ratio, f64::max),
        }
    }

    fn of_one(line: &Line) -> Limits {
        let errors = &line.report.errors;
        // The line has both units of an error that is not 0, so that one can be turned into the other.
        let scaled = |limit: f64, relative: f64, absolute: f64| (absolute > 0.0).then(|| limit * relative / absolute);
        let mut limits = Limits::default();
        match line.report.promise.parse() {
            Ok(Target::Accuracy(Mode::Rel, Norm::L2, limit)) => limits.rel_l2 = Some(limit),
            Ok(Target::Accuracy(Mode::Abs, Norm::L2, limit)) => limits.rel_l2 = scaled(limit, errors.rel_l2, errors.l2),
            Ok(Target::Accuracy(Mode::Rel, Norm::Linf, limit)) => limits.max_over_range = Some(limit),
            Ok(Target::Accuracy(Mode::Abs, Norm::Linf, limit)) => {
                limits.max_over_range = scaled(limit, errors.max_over_range, errors.max);
            }
            Ok(Target::Psnr(db)) if errors.psnr.is_finite() => {
                limits.rel_l2 = Some(errors.rel_l2 * 10f64.powf((errors.psnr - db) / 20.0));
            }
            Ok(Target::Ratio(ratio)) => limits.ratio = Some(ratio),
            Ok(Target::Psnr(_)) | Err(_) => {}
        }
        limits
    }
}

/// Whether the recorded error or size of a block is beyond its promise; what rounding does to units is none of it.
pub fn is_missed(line: &Line) -> bool {
    let Limits { rel_l2, max_over_range, ratio } = Limits::of_one(line);
    let above = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value > limit * (1.0 + 1e-9));
    let reached = table::ratio(line.report.raw_bytes, line.report.stored_bytes);
    above(rel_l2, line.report.errors.rel_l2)
        || above(max_over_range, line.report.errors.max_over_range)
        || ratio.is_some_and(|asked| reached < asked * (1.0 - 1e-9))
}

pub fn panels(variables: &[Variable]) -> Vec<Panel> {
    let panel = |title: &str, y_log: bool, of: fn(&Step) -> f64, limit: fn(&Step) -> Option<f64>| Panel {
        title: title.to_owned(),
        x_label: "step".to_owned(),
        y_log,
        series: variables
            .iter()
            .map(|v| (v.variable.clone(), v.steps.iter().map(|s| (s.step as f64, of(s))).collect()))
            .collect(),
        limits: limits(variables, limit),
        ..Panel::default()
    };
    vec![
        panel("ratio (raw bytes / stored bytes)", false, |s| s.ratio, |s| s.limits.ratio),
        panel("relative L2 error of the worst block", true, |s| s.rel_l2, |s| s.limits.rel_l2),
        panel("largest error over value range", true, |s| s.max_over_range, |s| s.limits.max_over_range),
        panel("seconds (sum over blocks)", false, |s| s.seconds, |_| None),
    ]
}

/// What was promised over steps; one line for variables that were promised the same all the time.
fn limits(variables: &[Variable], limit: fn(&Step) -> Option<f64>) -> Vec<(String, Vec<(f64, f64)>)> {
    let of = |v: &Variable| v.steps.iter().filter_map(|s| Some((s.step as f64, limit(s)?))).collect::<Vec<_>>();
    let all: Vec<_> = variables.iter().map(|v| (format!("{}, promised", v.variable), of(v))).collect();
    let all: Vec<_> = all.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    let same = all.first().map(|(_, points)| points[0].1);
    let mut values = all.iter().flat_map(|(_, points)| points).map(|point| point.1);
    if all.len() > 1 && values.all(|value| Some(value) == same) {
        let longest = all.into_iter().map(|(_, points)| points).max_by_key(Vec::len);
        return vec![("promised".to_owned(), longest.unwrap_or_default())];
    }
    all
}
