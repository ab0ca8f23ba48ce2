//! Rows as tables, CSV and plots, and the summary against each peer.

use std::fmt::Write as _;

use serde::Serialize;

use super::goal::Goal;
use super::measure::Row;
use crate::plot::Panel;
use crate::table::{self, Table};

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
        command: std::env::args().skip(1).fold("inr".to_owned(), |line, arg| line + " " + &arg),
    }
}

impl std::fmt::Display for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commit = self.commit.map(|c| format!(" ({c})")).unwrap_or_default();
        write!(f, "inr {}{commit} on {} ({}): {}", self.version, self.cpu, self.os, self.command)
    }
}

/// A text table per dataset and goal.
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in rows.chunk_by(|a, b| a.data == b.data && a.goal() == b.goal()) {
        let first = &group[0];
        let size = table::bytes(first.raw_bytes);
        let _ = writeln!(
            text,
            "{} ({} {}, {size} bytes), {}",
            first.data,
            table::dims(&first.dims),
            first.dtype,
            first.goal()
        );
        let header =
            ["codec", "bytes", "ratio", "PSNR dB", "relative L2", "max/range", "held", "encode MB/s", "decode MB/s"];
        let mut table = Table::new(header, 1);
        for r in group {
            let name = if r.model.is_empty() { r.codec.clone() } else { format!("{} ({})", r.codec, r.model) };
            table.row([
                name,
                table::bytes(r.stored_bytes),
                table::number(r.ratio),
                format!("{:.2}", r.psnr),
                table::error(r.rel_l2),
                table::error(r.max_over_range),
                if r.held { "yes".into() } else { "NO".into() },
                table::number(r.encode_mb_s),
                table::number(r.decode_mb_s),
            ]);
        }
        let _ = writeln!(text, "{table}");
    }
    text
}

/// All rows as comma-separated values with a header.
pub fn csv(rows: &[Row]) -> String {
    let mut text = String::from(
        "data,dims,dtype,n_masked,norm,error,codec,model,raw_bytes,stored_bytes,ratio,bits_per_value,psnr,rel_l2,max_error,\
         max_over_range,held,encode_mb_s,decode_mb_s\n",
    );
    let quote =
        |s: &str| if s.contains([',', '"', '\n']) { format!("\"{}\"", s.replace('"', "\"\"")) } else { s.to_owned() };
    for r in rows {
        let _ = writeln!(
            text,
            "{},{},{},{},{:?},{:e},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            quote(&r.data),
            table::dims(&r.dims),
            r.dtype,
            r.n_masked,
            r.norm,
            r.error,
            r.codec,
            quote(&r.model),
            r.raw_bytes,
            r.stored_bytes,
            r.ratio,
            r.bits_per_value,
            r.psnr,
            r.rel_l2,
            r.max_error,
            r.max_over_range,
            r.held,
            r.encode_mb_s,
            r.decode_mb_s
        );
    }
    text
}

/// One rate-distortion chart per dataset and norm.
pub fn panels(rows: &[Row]) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for r in rows {
        let title = format!("{} ({} {}), {:?}", r.data, table::dims(&r.dims), r.dtype, r.norm);
        let at = panels.iter().position(|p| p.title == title).unwrap_or_else(|| {
            panels.push(Panel {
                title,
                x_label: "bits per value".into(),
                y_label: "PSNR in dB".into(),
                x_log: true,
                ..Panel::default()
            });
            panels.len() - 1
        });
        let series = &mut panels[at].series;
        let point = (r.bits_per_value, r.psnr);
        match series.iter_mut().find(|(name, _)| *name == r.codec) {
            Some((_, points)) => points.push(point),
            None => series.push((r.codec.clone(), vec![point])),
        }
    }
    for (_, points) in panels.iter_mut().flat_map(|p| &mut p.series) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    panels
}

/// Ours against one other codec over all rows both have.
#[derive(Serialize)]
pub struct Comparison {
    ours: String,
    other: String,
    n_rows: usize,
    /// Rows where our record is at most as large.
    n_not_larger: usize,
    /// Geometric mean of our ratio over theirs.
    mean_ratio: f64,
    worst_ratio: f64,
    worst_row: String,
    /// Geometric means of our speed over theirs.
    encode_speed: f64,
    decode_speed: f64,
    /// Rows where the other one did not keep the bound; they count all the same.
    n_other_not_held: usize,
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} against {}: {:.3}x the ratio in the geometric mean of {} rows, not larger in {}, worst {:.3}x ({}); \
             encode {:.2}x, decode {:.2}x as fast",
            self.ours,
            self.other,
            self.mean_ratio,
            self.n_rows,
            self.n_not_larger,
            self.worst_ratio,
            self.worst_row,
            self.encode_speed,
            self.decode_speed
        )?;
        match self.n_other_not_held {
            0 => Ok(()),
            n => write!(f, " ({} missed the bound in {n} rows)", self.other),
        }
    }
}

/// Compares the codec `ours` with every other one, in the order of the rows.
pub fn compare(rows: &[Row], ours: &str) -> Vec<Comparison> {
    let mut others: Vec<&str> = Vec::new();
    for r in rows {
        if r.codec != ours && !others.contains(&r.codec.as_str()) {
            others.push(&r.codec);
        }
    }
    others.into_iter().filter_map(|other| compare_with(rows, ours, other)).collect()
}

fn compare_with(rows: &[Row], ours: &str, other: &str) -> Option<Comparison> {
    let same = |a: &Row, b: &Row| a.data == b.data && a.goal() == b.goal();
    let theirs = rows.iter().filter(|r| r.codec == other);
    let pairs: Vec<(&Row, &Row)> =
        theirs.filter_map(|t| Some((rows.iter().find(|r| r.codec == ours && same(r, t))?, t))).collect();
    let mean =
        |of: fn(&Row) -> f64| (pairs.iter().map(|(a, b)| (of(a) / of(b)).ln()).sum::<f64>() / pairs.len() as f64).exp();
    let gain = |(a, b): &(&Row, &Row)| a.ratio / b.ratio;
    let worst = pairs.iter().min_by(|a, b| gain(a).total_cmp(&gain(b)))?;
    Some(Comparison {
        ours: ours.to_owned(),
        other: other.to_owned(),
        n_rows: pairs.len(),
        n_not_larger: pairs.iter().filter(|(a, b)| a.stored_bytes <= b.stored_bytes).count(),
        mean_ratio: mean(|r| r.ratio),
        worst_ratio: gain(worst),
        worst_row: format!("{}, {}", worst.0.data, Goal { norm: worst.0.norm, error: worst.0.error }),
        encode_speed: mean(|r| r.encode_mb_s),
        decode_speed: mean(|r| r.decode_mb_s),
        n_other_not_held: pairs.iter().filter(|(_, b)| !b.held).count(),
    })
}
