//! Text tables and numbers as people read them.

/// A table: columns are as wide as their widest cell, numbers stand right.
pub struct Table {
    rows: Vec<Vec<String>>,
    n_left: usize,
}

impl Table {
    /// A table whose first `n_left` columns hold text.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>, n_left: usize) -> Self {
        Table { rows: vec![header.into_iter().map(Into::into).collect()], n_left }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |r| r.get(column));
        let widths: Vec<usize> =
            (0..n_columns).map(|c| cells(c).map(|s| s.chars().count()).max().unwrap_or(0)).collect();
        for row in &self.rows {
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
