//! The one description of a table, printed as text, Markdown and CSV and shown on a page; and numbers as people read them.

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What a cell stands out for on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Of its column.
    Best,
    /// Of its column.
    Worst,
    /// Beyond what was promised or asked for.
    Missed,
}

/// What a table is printed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// To paste into a document.
    Markdown,
    /// For programs.
    Csv,
}

/// One cell: its text, and what sorting and CSV go by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    /// All digits of a number whose text is rounded.
    pub value: Option<f64>,
    pub mark: Option<Mark>,
}

impl Cell {
    /// A number as [`number`] writes it, with all its digits behind it.
    pub fn number(value: f64) -> Cell {
        Cell::from(number(value)).of(value)
    }

    /// A number of bytes.
    pub fn bytes(n: usize) -> Cell {
        Cell::from(bytes(n)).of(n as f64)
    }

    /// An error as [`error`] writes it.
    pub fn error(value: f64) -> Cell {
        Cell::from(error(value)).of(value)
    }

    /// With the number that the text is a rounded form of.
    pub fn of(self, value: f64) -> Cell {
        Cell { value: Some(value), ..self }
    }

    /// Marked where `is_so`.
    pub fn marked(self, mark: Mark, is_so: bool) -> Cell {
        Cell { mark: if is_so { Some(mark) } else { self.mark }, ..self }
    }

    /// The number that is meant: the one behind the text, else the one it starts with.
    pub fn as_number(&self) -> Option<f64> {
        let first = || self.text.split_whitespace().next()?.replace(',', "").parse().ok();
        self.value.or_else(first)
    }
}

impl<S: Into<String>> From<S> for Cell {
    fn from(text: S) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }
}

/// A table: columns are as wide as their widest cell, numbers stand right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Columns of text; those behind them hold numbers.
    pub n_left: usize,
}

impl Table {
    /// A table whose first `n_left` columns hold text.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>, n_left: usize) -> Self {
        Table { header: header.into_iter().map(Into::into).collect(), rows: Vec::new(), n_left }
    }

    /// Adds a row.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Marks the best and the worst numbers of a column, where there are different ones; missed promises stay marked as such.
    pub fn mark_extremes(&mut self, column: &str, more_is_better: bool) {
        let Some(column) = self.header.iter().position(|name| name == column) else { return };
        let numbers = || self.rows.iter().filter_map(|row| row.get(column)?.as_number()).filter(|v| !v.is_nan());
        let (low, high) = numbers().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (best, worst) = if more_is_better { (high, low) } else { (low, high) };
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            let value = cell.as_number().filter(|_| low < high && cell.mark.is_none());
            let mark = [(best, Mark::Best), (worst, Mark::Worst)].into_iter().find(|(of, _)| Some(*of) == value);
            cell.mark = mark.map_or(cell.mark, |(_, mark)| Some(mark));
        }
    }

    /// As it is printed.
    pub fn print(&self, format: Format) -> Result<String> {
        match format {
            Format::Text => Ok(self.to_string()),
            Format::Markdown => Ok(self.markdown()),
            Format::Csv => self.csv(),
        }
    }

    /// A table to paste into Markdown; the best cells are bold.
    pub fn markdown(&self) -> String {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " ");
        let cell = |cell: &Cell| match cell.mark {
            Some(Mark::Best) => format!("**{}**", escape(&cell.text)),
            _ => escape(&cell.text),
        };
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = (0..self.header.len()).map(|c| if c < self.n_left { "---" } else { "--:" }.to_owned()).collect();
        let rows = self.rows.iter().map(|row| line(row.iter().map(cell).collect()));
        let header = self.header.iter().map(|h| escape(h)).collect();
        [line(header), line(rule)].into_iter().chain(rows).collect()
    }

    /// Comma-separated values with a header; numbers with all their digits.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(&self.header).context("CSV")?;
        for row in &self.rows {
            let plain = |(column, cell): (usize, &Cell)| match cell.value {
                Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
                Some(value) => format!("{value:?}"),
                // Thousands stand apart for people only.
                None if column >= self.n_left && cell.as_number().is_some() => cell.text.replace(',', ""),
                None => cell.text.clone(),
            };
            writer.write_record(row.iter().enumerate().map(plain)).context("CSV")?;
        }
        Ok(String::from_utf8(writer.into_inner().context("CSV")?)?)
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header = self.header.iter().map(String::as_str).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect());
        let rows: Vec<Vec<&str>> = std::iter::once(header).chain(rows).collect();
        let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| rows.iter().filter_map(move |r| r.get(column));
        let widths: Vec<usize> =
            (0..n_columns).map(|c| cells(c).map(|s| s.chars().count()).max().unwrap_or(0)).collect();
        for row in &rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                line +=
                    &if column < self.n_left { format!("{gap}{cell:<width$}") } else { format!("{gap}{cell:>width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
pub fn bytes(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// An error as `1.23e-4`, `0` when there is none.
pub fn error(x: f64) -> String {
    if x == 0.0 { "0".into() } else { format!("{x:.3e}") }
}

/// A number with three or four significant digits.
pub fn number(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => format!("{x}"),
        a if a >= 100.0 => format!("{x:.0}"),
        a if a >= 10.0 => format!("{x:.1}"),
        a if a >= 0.1 => format!("{x:.2}"),
        0.0 => "0".into(),
        _ => format!("{x:.2e}"),
    }
}

/// Dimensions as `64x64x64`, a single value as `scalar`.
pub fn dims(dims: &[usize]) -> String {
    if dims.is_empty() { "scalar".into() } else { dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x") }
}

/// Where a block starts, `0,48`.
pub fn start(start: &[usize]) -> String {
    if start.is_empty() { "-".into() } else { start.iter().map(usize::to_string).collect::<Vec<_>>().join(",") }
}

/// Raw bytes over stored bytes.
pub fn ratio(raw_bytes: usize, stored_bytes: usize) -> f64 {
    raw_bytes as f64 / stored_bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codecs() -> Table {
        let mut table = Table::new(["codec", "bytes", "ratio", "seconds"], 1);
        table.row([Cell::from("a|b"), Cell::bytes(1_234_567), Cell::number(10.0 / 3.0), "3.00 ± 1.87".into()]);
        table.row(["c, \"d\"", "89,000", "46.2", "-"]);
        table
    }

    #[test]
    fn markdown_has_a_rule_and_no_stray_bars() {
        let mut table = codecs();
        table.mark_extremes("ratio", true);
        let expected = "| codec | bytes | ratio | seconds |\n| --- | --: | --: | --: |\n\
                        | a\\|b | 1,234,567 | 3.33 | 3.00 ± 1.87 |\n| c, \"d\" | 89,000 | **46.2** | - |\n";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn csv_has_all_digits_and_quotes_where_needed() {
        let expected =
            "codec,bytes,ratio,seconds\na|b,1234567,3.3333333333333335,3.00 ± 1.87\n\"c, \"\"d\"\"\",89000,46.2,-\n";
        assert_eq!(codecs().csv().unwrap(), expected);
    }

    #[test]
    fn extremes_are_marked_where_numbers_differ_and_missed_promises_stay() {
        let mut table = Table::new(["codec", "error"], 1);
        table.row([Cell::from("a"), Cell::error(1e-3)]);
        table.row([Cell::from("b"), Cell::error(0.5).marked(Mark::Missed, true)]);
        table.row([Cell::from("c"), Cell::from("failed")]);
        table.mark_extremes("error", false);
        let marks: Vec<_> = table.rows.iter().map(|row| row[1].mark).collect();
        assert_eq!(marks, [Some(Mark::Best), Some(Mark::Missed), None]);
        let mut same = Table::new(["x"], 0);
        (0..2).for_each(|_| same.row(["7"]));
        same.mark_extremes("x", true);
        assert!(same.rows.iter().all(|row| row[0].mark.is_none()));
    }
}
