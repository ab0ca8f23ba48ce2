//! What was found as a page, and as tables to paste.

use std::path::Path;

use adios2_inr::Target;
use anyhow::Result;

use super::compare::{self, Verdict};
use super::kept::Finished;
use super::measure::Row;
use super::pictures;
use super::quantities::QuantityRow;
use super::run::Found;
use crate::page::{self, Item, Page, Section, Sentence};
use crate::plot::{self, Panel};
use crate::table::{self, Cell, Mark, Table};

/// A first screen holds so many.
const MAX_SENTENCES: usize = 8;

/// Everything a report is made of.
pub struct Report<'a> {
    pub found: &'a Found,
    pub rows: &'a [Row],
    pub verdicts: &'a [Verdict],
    pub comparisons: &'a [compare::Comparison],
    pub derived: &'a [QuantityRow],
}

impl Report<'_> {
    /// As people read it in a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for group in compare::groups(self.rows) {
            text += &format!("{}\n{}\n", compare::title(&group[0]), compare::table(group));
        }
        if !self.derived.is_empty() {
            text += &format!("{}\n", self.derived_table());
        }
        if !self.comparisons.is_empty() {
            text += &format!("{}\n", compare::comparison_table(self.comparisons));
        }
        for note in &self.found.notes {
            text += &format!("note: {note}\n");
        }
        format!("{text}{}\n", compare::setup())
    }

    /// Writes page, tables, rows and charts to the folder `out`; returns the files.
    pub fn write(&self, out: &Path, object: &serde_json::Value) -> Result<Vec<String>> {
        let files = [
            ("tables.md", self.markdown()),
            ("rows.csv", compare::all(&self.found.rows).csv()?),
            ("bench.json", format!("{object}\n")),
        ];
        let mut wrote = vec![page::write(&out.join("report.html"), &self.page()?)?];
        for (name, text) in files {
            let path = out.join(name);
            crate::output::write_whole(&path, |w| Ok(w.write_all(text.as_bytes())?))?;
            wrote.push(path.display().to_string());
        }
        wrote.extend(plot::save(&compare::panels(self.rows), 2, &out.join("rate-distortion"))?);
        Ok(wrote)
    }

    /// The page.
    pub fn page(&self) -> Result<Page> {
        let mut sections = vec![self.winners(), self.curves()];
        for shown in &self.found.shown {
            sections.push(self.of_variable(&shown.name)?);
        }
        if !self.derived.is_empty() {
            sections.push(Section {
                heading: "Derived quantities".into(),
                text: vec!["Of the step that is shown, computed from the decoded variables.".into()],
                items: vec![Item::Table(self.derived_table())],
            });
        }
        sections.push(self.notes());
        Ok(Page {
            title: "Codecs on your data".into(),
            lead: self.lead(),
            sections,
            footer: compare::setup().to_string(),
        })
    }

    /// All tables as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", compare::setup());
        text += &format!("{}\n", verdict_table(self.verdicts).markdown());
        if !self.comparisons.is_empty() {
            text += &format!("\n{}", compare::comparison_table(self.comparisons).markdown());
        }
        for group in compare::groups(self.rows) {
            text += &format!("\n{}\n\n{}", compare::title(&group[0]), compare::table(group).markdown());
        }
        if !self.derived.is_empty() {
            text += &format!("\n{}", self.derived_table().markdown());
        }
        text
    }

    /// Who wins, by how much, how fast: all together, then what is lost and each variable.
    fn lead(&self) -> Vec<Sentence> {
        let mut lead: Vec<Sentence> = Vec::new();
        let judged = self.verdicts.iter().filter(|v| v.gain.is_some()).count();
        let won = self.verdicts.iter().filter(|v| v.gain.is_some_and(|gain| gain >= 1.0)).count();
        if judged > 0 {
            let text = format!("adios2-inr is at least as good as the best other codec in {won} of {judged} cases.");
            lead.push(if 2 * won >= judged { Sentence::win(text) } else { Sentence::loss(text) });
        }
        if self.verdicts.len() <= MAX_SENTENCES {
            lead.extend(self.verdicts.iter().map(sentence));
        } else {
            let lost = self.verdicts.iter().filter(|v| v.gain.is_some_and(|gain| gain < 1.0));
            lead.extend(lost.take(MAX_SENTENCES).map(sentence));
            lead.extend(self.found.shown.iter().filter_map(|shown| self.of_all_goals(&shown.name)));
        }
        lead
    }

    /// A variable at all its goals.
    fn of_all_goals(&self, name: &str) -> Option<Sentence> {
        let verdicts: Vec<&Verdict> = self.verdicts.iter().filter(|v| v.data == name).collect();
        let gains: Vec<(f64, &Verdict)> = verdicts.iter().filter_map(|v| Some((v.gain?, *v))).collect();
        let (least, worst) = gains.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0))?;
        let mean = (gains.iter().map(|(gain, _)| gain.ln()).sum::<f64>() / gains.len() as f64).exp();
        let n_won = gains.iter().filter(|(gain, _)| *gain >= 1.0).count();
        let speeds =
            verdicts.iter().map(|v| v.encode_mb_s).fold((f64::INFINITY, 0f64), |(l, h), v| (l.min(v), h.max(v)));
        let text = format!(
            "{name}: the best of ours wins at {n_won} of {} goals; the best other codec has {} times its bytes (or error) in the geometric \
             mean, {} in the worst case ({}). Winners encode at {} to {} MB/s.",
            gains.len(),
            table::number(mean),
            table::number(least),
            worst.goal,
            table::number(speeds.0),
            table::number(speeds.1),
        );
        Some(match mean {
            _ if n_won == gains.len() => Sentence::win(text),
            1.0.. => Sentence::neutral(text),
            _ => Sentence::loss(text),
        })
    }

    fn winners(&self) -> Section {
        let mut items = vec![Item::Table(verdict_table(self.verdicts))];
        if !self.comparisons.is_empty() {
            items.push(Item::Table(compare::comparison_table(self.comparisons)));
        }
        Section {
            heading: "Who wins".into(),
            text: vec![
                "The fewest bytes at an accuracy or PSNR, the smallest error at a ratio, among the codecs that kept what was asked \
                 in every step (a ratio: over all that they store). The gain is the best other codec's bytes (or error) over those of \
                 the best of ours: below 1 we lose."
                    .into(),
                "The second table has geometric means over all rows that both codecs have, without those at equal ratio.".into(),
            ],
            items,
        }
    }

    fn curves(&self) -> Section {
        let mut items = vec![Item::Charts(compare::panels(self.rows))];
        if self.rows.iter().any(|row| row.encode_mb_s > 0.0) {
            items.push(Item::Charts(compare::speed_panels(self.rows)));
        }
        Section {
            heading: "Size, error and speed".into(),
            text: vec!["Up and left is better in the first charts, up and right in the second ones.".into()],
            items,
        }
    }

    fn of_variable(&self, name: &str) -> Result<Section> {
        let rows: Vec<Finished> = self.found.rows.iter().filter(|f| f.row.data == name).cloned().collect();
        let mut items = Vec::new();
        let groups = rows.chunk_by(|a, b| a.row.goal == b.row.goal);
        for group in groups.clone() {
            let rows: Vec<Row> = group.iter().map(|f| f.row.clone()).collect();
            let mut table = compare::table(&rows);
            table.header[0] = rows[0].goal.to_string();
            items.push(Item::Table(table));
        }
        items.push(Item::Table(quality_table(&rows)));
        // Pictures compare best at an equal ratio; else in the middle of the goals.
        let groups: Vec<&[Finished]> = groups.collect();
        let at_ratio = groups.iter().rposition(|group| matches!(group[0].row.goal, Target::Ratio(_)));
        let Some(group) = groups.get(at_ratio.unwrap_or(groups.len() / 2)) else {
            return Ok(Section { heading: name.into(), text: Vec::new(), items });
        };
        let mut text = vec![format!("Charts and pictures are at {}.", group[0].row.goal)];
        if group[0].row.n_steps > 1 {
            text.push("Steps per read: steps that are decoded for one step that is read by itself.".to_owned());
        }
        items.push(Item::Charts(quality_panels(name, group)));
        if let Some(shown) = self.found.shown.iter().find(|shown| shown.name == name) {
            items.push(Item::Pictures(pictures::pictures(shown, group, &self.found.kept)?));
        }
        Ok(Section { heading: name.into(), text, items })
    }

    fn derived_table(&self) -> Table {
        // A divergence is told over the gradient of the original; of others values may be left out.
        let of_gradient = ["of gradient, original", "decoded"];
        let header = ["quantity", "goal", "codec", "relative L2", "max/range"].into_iter().chain(of_gradient);
        let mut table = Table::new(header.chain(["not finite"]), 3);
        let known = |x: Option<f64>| x.map_or("-".into(), Cell::error);
        for row in self.derived {
            let cells = [row.quantity.as_str(), row.goal.as_str(), row.codec.as_str()].map(Cell::from);
            let [original, decoded] = [0, 1].map(|i| known(row.errors.over_gradient.map(|norms| norms[i])));
            let numbers = [Cell::error(row.errors.rel_l2), known(row.errors.max_over_range), original, decoded];
            table.row(cells.into_iter().chain(numbers).chain([row.errors.n_undefined.to_string().into()]));
        }
        table
    }

    fn notes(&self) -> Section {
        let text = self.found.notes.iter().map(|note| format!("Note: {note}.")).collect();
        Section { heading: "Notes".into(), text, items: Vec::new() }
    }
}

fn sentence(v: &Verdict) -> Sentence {
    let speed = format!(
        "ratio {}, encodes at {} MB/s, decodes at {}",
        table::number(v.ratio),
        table::number(v.encode_mb_s),
        table::number(v.decode_mb_s)
    );
    let head = format!(
        "{} at {}: {} has the {} ({speed})",
        v.data,
        v.goal,
        v.winner,
        if v.of == "bytes" { "fewest bytes" } else { "smallest error" }
    );
    match (v.gain, &v.other, &v.ours) {
        (Some(gain), Some(other), _) if gain >= 1.0 => {
            Sentence::win(format!("{head}, {} times the {} for {other}.", table::number(gain), v.of))
        }
        (Some(gain), _, Some(ours)) => {
            let has = if v.of == "bytes" { "needs" } else { "has" };
            Sentence::loss(format!("{head}; {ours} {has} {} times the {}.", table::number(1.0 / gain), v.of))
        }
        _ => Sentence::neutral(format!("{head}.")),
    }
}

fn verdict_table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(
        ["data", "goal", "winner", "best of ours", "best other", "ratio", "gain", "encode MB/s", "decode MB/s"],
        5,
    );
    for v in verdicts {
        let name = |name: &Option<String>| Cell::from(name.clone().unwrap_or("-".into()));
        let gain = v.gain.map_or("-".into(), |gain| {
            Cell::number(gain).marked(Mark::Best, gain > 1.0).marked(Mark::Worst, gain < 1.0)
        });
        table.row([
            v.data.clone().into(),
            v.goal.clone().into(),
            v.winner.clone().into(),
            name(&v.ours),
            name(&v.other),
            Cell::number(v.ratio),
            gain,
            Cell::number(v.encode_mb_s),
            Cell::number(v.decode_mb_s),
        ]);
    }
    table
}

/// What PSNR does not tell, at all goals.
fn quality_table(rows: &[Finished]) -> Table {
    let header = ["goal", "codec", "SSIM", "gradient error", "spectra part at", "error's correlation at lag 1"];
    let mut table = Table::new(header, 2);
    for Finished { row, quality, .. } in rows {
        let known = |x: Option<f64>| x.map_or("-".into(), Cell::number);
        table.row([
            row.goal.to_string().into(),
            row.codec.clone().into(),
            quality.ssim.map_or("-".into(), |ssim| Cell::from(format!("{ssim:.5}")).of(ssim)),
            Cell::error(quality.gradient_error),
            known(quality.spectrum.as_ref().and_then(|s| s.parts_at)),
            known(quality.autocorrelation.first().copied()),
        ]);
    }
    table
}

/// Spectrum, the error's spread and correlation, and the error over the steps.
fn quality_panels(name: &str, group: &[Finished]) -> Vec<Panel> {
    let panel = |what: &str, x: &str, y: &str, logs: (bool, bool)| Panel {
        title: format!("{name}: {what}"),
        x_label: x.into(),
        y_label: y.into(),
        x_log: logs.0,
        y_log: logs.1,
        ..Panel::default()
    };
    let mut spectrum = panel("spectrum", "wavenumber (cycles per longest side)", "power", (true, true));
    let mut histogram = panel("errors", "error / largest error", "share of values", (false, true));
    let mut correlation = panel("correlation of the error", "lag", "autocorrelation", (false, false));
    let mut steps = panel("error of each step", "step", "max / range", (false, true));
    for Finished { row, quality, .. } in group {
        if let Some(s) = &quality.spectrum {
            let points = |power: &[f64]| s.wavenumber.iter().copied().zip(power.iter().copied()).collect::<Vec<_>>();
            if spectrum.limits.is_empty() {
                spectrum.limits.push(("original".into(), points(&s.original)));
            }
            spectrum.series.push((row.codec.clone(), points(&s.decoded)));
        }
        let n_bins = quality.histogram.shares.len() as f64;
        let shares = quality.histogram.shares.iter().enumerate();
        let middle = |(i, share): (usize, &f64)| ((2.0 * i as f64 + 1.0) / n_bins - 1.0, *share);
        histogram.series.push((row.codec.clone(), shares.map(middle).collect()));
        let lags = quality.autocorrelation.iter().enumerate();
        correlation.series.push((row.codec.clone(), lags.map(|(i, c)| (i as f64 + 1.0, *c)).collect()));
        let errors = quality.per_step.iter().enumerate();
        steps.series.push((row.codec.clone(), errors.map(|(i, e)| (i as f64, e.max_over_range)).collect()));
    }
    let mut panels = vec![spectrum, histogram, correlation];
    panels.extend((group[0].row.n_steps > 1).then_some(steps));
    panels.retain(|panel| !panel.series.is_empty());
    panels
}
