//! Rows beside each other: tables, charts, who wins, and the summary against each peer.

use adios2_inr::{Mode, Target};
use serde::Serialize;

use super::measure::Row;
use crate::plot::Panel;
use crate::table::{self, Cell, Mark, Table};

/// Where and how the numbers were made.
#[derive(Serialize)]
pub struct Setup {
    version: &'static str,
    commit: Option<&'static str>,
    cpu: String,
    os: &'static str,
    command: String,
}

/// This machine and this command.
pub fn setup() -> Setup {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu =
        cpu_info.lines().find_map(|l| l.strip_prefix("model name")).map(|l| l.trim_start_matches(['\t', ' ', ':']));
    Setup {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("INR_COMMIT"),
        cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
        os: std::env::consts::OS,
        command: crate::page::command(),
    }
}

impl std::fmt::Display for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commit = self.commit.map(|c| format!(" ({c})")).unwrap_or_default();
        write!(f, "inr {}{commit} on {} ({}): {}", self.version, self.cpu, self.os, self.command)
    }
}

/// Rows of one variable and goal.
pub fn groups(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.data == b.data && a.goal == b.goal)
}

/// What a group is about: data, shape, goal.
pub fn title(row: &Row) -> String {
    let steps = if row.n_steps == 1 { String::new() } else { format!("{} steps of ", row.n_steps) };
    let (dims, size) = (table::dims(&row.dims), table::bytes(row.raw_bytes));
    format!("{} ({steps}{dims} {}, {size} bytes), {}", row.data, row.dtype, row.goal)
}

/// One group as people read it.
pub fn table(group: &[Row]) -> Table {
    let is_series = group.iter().any(|r| r.n_steps > 1);
    let mut header = vec!["codec", "bytes", "ratio", "PSNR dB", "relative L2", "max/range", "held"];
    header.extend(["encode MB/s", "decode MB/s", "encode MB", "decode MB"]);
    header.extend(is_series.then_some("steps per read"));
    let mut table = Table::new(header, 1);
    for r in group {
        let name = if r.detail.is_empty() { r.codec.clone() } else { format!("{} ({})", r.codec, r.detail) };
        let speed = |mb_s: f64| if mb_s > 0.0 { Cell::number(mb_s) } else { "-".into() };
        let peak = |bytes: Option<u64>| bytes.map_or("-".into(), |b| Cell::number(b as f64 / 1e6));
        let held = if r.held { "yes" } else { "NO" };
        let mut cells = vec![
            name.into(),
            Cell::bytes(r.stored_bytes),
            Cell::number(r.ratio),
            Cell::from(format!("{:.2}", r.errors.psnr)).of(r.errors.psnr),
            Cell::error(r.errors.rel_l2),
            Cell::error(r.errors.max_over_range),
            Cell::from(held).marked(Mark::Missed, !r.held),
            speed(r.encode_mb_s),
            speed(r.decode_mb_s),
            peak(r.encode_peak_bytes),
            peak(r.decode_peak_bytes),
        ];
        cells.extend(is_series.then(|| Cell::number(r.decoded_per_read)));
        table.row(cells);
    }
    // Where bytes are free they tell who is better, where they are asked for errors do.
    let (column, more_is_better) = match group[0].goal {
        Target::Ratio(_) => ("PSNR dB", true),
        Target::Accuracy(..) | Target::Psnr(_) => ("bytes", false),
    };
    table.mark_extremes(column, more_is_better);
    table.mark_extremes("encode MB/s", true);
    table.mark_extremes("decode MB/s", true);
    table
}

/// All rows in full, for programs.
pub fn all(finished: &[super::kept::Finished]) -> Table {
    let header = "data,dims,dtype,n_steps,n_masked,goal,codec,window,detail,raw_bytes,stored_bytes,ratio,bits_per_value,psnr,rel_l2,\
                  max_error,max_over_range,held,encode_mb_s,decode_mb_s,encode_peak_bytes,decode_peak_bytes,decoded_per_read,ssim,\
                  gradient_error,parts_at";
    let mut table = Table::new(header.split(','), 1);
    for super::kept::Finished { row: r, quality: q, .. } in finished {
        let known = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let peak = |bytes: Option<u64>| bytes.map_or(String::new(), |b| b.to_string());
        table.row([
            r.data.clone(),
            table::dims(&r.dims),
            r.dtype.clone(),
            r.n_steps.to_string(),
            r.n_masked.to_string(),
            r.goal.to_string(),
            r.codec.clone(),
            r.window.to_string(),
            r.detail.clone(),
            r.raw_bytes.to_string(),
            r.stored_bytes.to_string(),
            r.ratio.to_string(),
            r.bits_per_value.to_string(),
            r.errors.psnr.to_string(),
            r.errors.rel_l2.to_string(),
            r.errors.max.to_string(),
            r.errors.max_over_range.to_string(),
            r.held.to_string(),
            r.encode_mb_s.to_string(),
            r.decode_mb_s.to_string(),
            peak(r.encode_peak_bytes),
            peak(r.decode_peak_bytes),
            r.decoded_per_read.to_string(),
            known(q.ssim),
            q.gradient_error.to_string(),
            known(q.spectrum.as_ref().and_then(|s| s.parts_at)),
        ]);
    }
    table
}

/// What kind of goal, for charts: goals of a kind make a curve.
pub fn kind(goal: &Target) -> String {
    match goal {
        Target::Accuracy(mode, norm, _) => {
            format!("{norm:?} {}", if *mode == Mode::Rel { "REL" } else { "ABS" })
        }
        Target::Psnr(_) => "PSNR".into(),
        Target::Ratio(_) => "ratio".into(),
    }
}

/// One rate-distortion chart per variable and kind of goal.
pub fn panels(rows: &[Row]) -> Vec<Panel> {
    curves(rows, ("bits per value", "PSNR in dB"), (true, false), |r| (r.bits_per_value, r.errors.psnr))
}

/// A chart per variable and kind of goal, in it a curve per codec.
fn curves(rows: &[Row], labels: (&str, &str), logs: (bool, bool), point: fn(&Row) -> (f64, f64)) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for r in rows {
        let title = format!("{} ({} {}), {}", r.data, table::dims(&r.dims), r.dtype, kind(&r.goal));
        let at = panels.iter().position(|p| p.title == title).unwrap_or_else(|| {
            let (x_label, y_label) = (labels.0.into(), labels.1.into());
            panels.push(Panel { title, x_label, y_label, x_log: logs.0, y_log: logs.1, ..Panel::default() });
            panels.len() - 1
        });
        let series = &mut panels[at].series;
        match series.iter_mut().find(|(name, _)| *name == r.codec) {
            Some((_, points)) => points.push(point(r)),
            None => series.push((r.codec.clone(), vec![point(r)])),
        }
    }
    for (_, points) in panels.iter_mut().flat_map(|p| &mut p.series) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    panels
}

/// Ratio against speed of encoding, per variable and kind of goal.
pub fn speed_panels(rows: &[Row]) -> Vec<Panel> {
    let axes = ("encoded MB per second", "raw / stored bytes");
    curves(rows, axes, (true, true), |r| (r.encode_mb_s, r.ratio))
}

/// How good a row is at what its goal leaves open: bytes at an error, error at a ratio; less is better.
pub fn cost(row: &Row) -> f64 {
    match row.goal {
        Target::Ratio(_) => row.errors.rel_l2,
        Target::Accuracy(..) | Target::Psnr(_) => row.stored_bytes as f64,
    }
}

/// Who wins a group, among the rows whose goal held.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub data: String,
    pub goal: String,
    /// What is compared: bytes or errors.
    pub of: &'static str,
    pub winner: String,
    /// Of the winner; raw megabytes per second.
    pub ratio: f64,
    pub encode_mb_s: f64,
    pub decode_mb_s: f64,
    /// The best of ours and the best of the others.
    pub ours: Option<String>,
    pub other: Option<String>,
    /// Cost of the best other one over that of our best: above 1 we win.
    pub gain: Option<f64>,
}

/// One verdict per group that has a row whose goal held. `is_ours`: by the codec's name.
pub fn verdicts(rows: &[Row], is_ours: &dyn Fn(&str) -> bool) -> Vec<Verdict> {
    groups(rows).filter_map(|group| verdict(group, is_ours)).collect()
}

fn verdict(group: &[Row], is_ours: &dyn Fn(&str) -> bool) -> Option<Verdict> {
    let best = |ours: Option<bool>| {
        let held = group.iter().filter(|r| r.held && ours.is_none_or(|ours| ours == is_ours(&r.codec)));
        held.min_by(|a, b| cost(a).total_cmp(&cost(b)))
    };
    let winner = best(None)?;
    let (ours, other) = (best(Some(true)), best(Some(false)));
    Some(Verdict {
        data: winner.data.clone(),
        goal: winner.goal.to_string(),
        of: if matches!(winner.goal, Target::Ratio(_)) { "error" } else { "bytes" },
        winner: winner.codec.clone(),
        ratio: winner.ratio,
        encode_mb_s: winner.encode_mb_s,
        decode_mb_s: winner.decode_mb_s,
        ours: ours.map(|r| r.codec.clone()),
        other: other.map(|r| r.codec.clone()),
        gain: ours.zip(other).map(|(ours, other)| cost(other) / cost(ours)),
    })
}

/// One codec against one other over all rows both have.
#[derive(Serialize)]
pub struct Comparison {
    ours: String,
    other: String,
    n_rows: usize,
    /// Rows where ours is at least as good.
    n_not_worse: usize,
    /// Geometric mean of their bytes (at ratios: errors) over ours.
    mean_gain: f64,
    worst_gain: f64,
    worst_row: String,
    /// Geometric means of our speed over theirs; where it was measured.
    encode_speed: f64,
    decode_speed: f64,
    /// Rows where the other one did not keep the goal; they count all the same.
    n_other_not_held: usize,
}

/// Comparisons side by side.
pub fn comparison_table(comparisons: &[Comparison]) -> Table {
    let header = [
        "ours",
        "other",
        "rows",
        "not larger in",
        "ratio, of theirs",
        "worst",
        "worst row",
        "encode speed",
        "decode speed",
        "they missed",
    ];
    let mut table = Table::new(header, 2);
    for c in comparisons {
        let gain = |gain: f64| Cell::from(format!("{gain:.3}")).of(gain);
        let speed = |x: f64| if x.is_nan() { "-".into() } else { Cell::number(x) };
        let judged = |x: f64| gain(x).marked(Mark::Best, x > 1.0).marked(Mark::Worst, x < 1.0);
        table.row([
            c.ours.clone().into(),
            c.other.clone().into(),
            c.n_rows.to_string().into(),
            c.n_not_worse.to_string().into(),
            judged(c.mean_gain),
            judged(c.worst_gain),
            c.worst_row.clone().into(),
            speed(c.encode_speed),
            speed(c.decode_speed),
            c.n_other_not_held.to_string().into(),
        ]);
    }
    table
}

/// Compares every codec of ours with every other one, in the order of the rows, over goals that leave the bytes open.
pub fn compare(rows: &[Row], is_ours: &dyn Fn(&str) -> bool) -> Vec<Comparison> {
    let mut names: Vec<&str> = Vec::new();
    for r in rows {
        if !names.contains(&r.codec.as_str()) {
            names.push(&r.codec);
        }
    }
    let (ours, others): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| is_ours(name));
    let pairs = ours.iter().flat_map(|ours| others.iter().map(move |other| (*ours, *other)));
    pairs.filter_map(|(ours, other)| compare_with(rows, ours, other)).collect()
}

fn compare_with(rows: &[Row], ours: &str, other: &str) -> Option<Comparison> {
    let same = |a: &Row, b: &Row| a.data == b.data && a.goal == b.goal;
    let theirs = rows.iter().filter(|r| r.codec == other && !matches!(r.goal, Target::Ratio(_)));
    let pairs: Vec<(&Row, &Row)> =
        theirs.filter_map(|t| Some((rows.iter().find(|r| r.codec == ours && same(r, t))?, t))).collect();
    // What was not measured is 0.
    let mean = |of: fn(&Row) -> f64| {
        let quotients = pairs.iter().map(|(a, b)| of(a) / of(b)).filter(|q| q.is_finite() && *q > 0.0);
        let logarithms: Vec<f64> = quotients.map(f64::ln).collect();
        (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp()
    };
    let gain = |(a, b): &(&Row, &Row)| cost(b) / cost(a);
    let worst = pairs.iter().min_by(|a, b| gain(a).total_cmp(&gain(b)))?;
    Some(Comparison {
        ours: ours.to_owned(),
        other: other.to_owned(),
        n_rows: pairs.len(),
        n_not_worse: pairs.iter().filter(|pair| gain(pair) >= 1.0).count(),
        mean_gain: mean(|r| r.ratio),
        worst_gain: gain(worst),
        worst_row: format!("{}, {}", worst.0.data, worst.0.goal),
        encode_speed: mean(|r| r.encode_mb_s),
        decode_speed: mean(|r| r.decode_mb_s),
        n_other_not_held: pairs.iter().filter(|(_, b)| !b.held).count(),
    })
}

#[cfg(test)]
mod tests {
    use adios2_inr::Norm;

    use super::super::measure::tests::row;
    use super::*;

    const LINF: Target = Target::Accuracy(Mode::Rel, Norm::Linf, 1e-3);

    fn rows(goal: Target, of: [(&str, usize, f64, bool); 3]) -> Vec<Row> {
        let make = |(codec, stored_bytes, rel_l2, held): (&str, usize, f64, bool)| {
            let mut row = row("u", codec, goal);
            (row.stored_bytes, row.errors.rel_l2, row.held) = (stored_bytes, rel_l2, held);
            row.ratio = table::ratio(row.raw_bytes, stored_bytes);
            row
        };
        of.map(make).to_vec()
    }

    fn is_ours(name: &str) -> bool {
        name.starts_with("inr")
    }

    #[test]
    fn the_fewest_bytes_win_at_an_error_and_the_smallest_error_at_a_ratio() {
        let at_error = rows(LINF, [("inr", 50, 2e-3, true), ("sz3", 40, 1e-3, false), ("zfp", 100, 1e-4, true)]);
        let [verdict] = &verdicts(&at_error, &is_ours)[..] else { panic!("one goal") };
        // The smallest one missed the goal.
        assert_eq!((verdict.winner.as_str(), verdict.gain, verdict.of), ("inr", Some(2.0), "bytes"));
        let ratio = Target::Ratio(5.0);
        let at_ratio = rows(ratio, [("inr", 50, 2e-3, true), ("sz3", 40, 1e-3, true), ("zfp", 45, 4e-3, true)]);
        let verdict = &verdicts(&at_ratio, &is_ours)[0];
        assert_eq!((verdict.winner.as_str(), verdict.gain, verdict.of), ("sz3", Some(0.5), "error"));
        let nothing = rows(LINF, [("inr", 50, 1.0, false), ("sz3", 40, 1.0, false), ("zfp", 45, 1.0, false)]);
        assert!(verdicts(&nothing, &is_ours).is_empty());
    }

    #[test]
    fn losses_are_counted_like_wins() {
        let mut all = rows(LINF, [("inr", 50, 1e-3, true), ("sz3", 100, 1e-3, true), ("zfp", 25, 1e-3, false)]);
        let goal = Target::Accuracy(Mode::Rel, Norm::L2, 1e-3);
        all.extend(rows(goal, [("inr", 80, 1e-3, true), ("sz3", 40, 1e-3, true), ("zfp", 80, 1e-3, true)]));
        let compared = compare(&all, &is_ours);
        let [sz3, zfp] = &compared[..] else { panic!("two others") };
        assert_eq!((sz3.n_rows, sz3.n_not_worse, sz3.worst_gain), (2, 1, 0.5));
        approx::assert_relative_eq!(sz3.mean_gain, 1.0, max_relative = 1e-12);
        assert_eq!((sz3.worst_row.as_str(), zfp.n_other_not_held, zfp.worst_gain), ("u, L2 REL 1e-3", 1, 0.5));
    }
}
