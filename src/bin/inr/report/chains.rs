//! What predicted steps took, in `inr report`.

use std::collections::BTreeMap;

use adios2_inr::session::Line;
use serde::Serialize;

use crate::table::{self, Table};

/// The blocks of a variable, some of them predicted from the steps before.
#[derive(Clone, Debug, Serialize)]
pub struct Chain {
    /// Predicted blocks by what predicts them.
    predictors: BTreeMap<String, usize>,
    /// Blocks that stand alone, and their bytes.
    n_keys: usize,
    key_bytes: usize,
    /// Predicted blocks, and their bytes: weights and the store's copies of keys included.
    n_predicted: usize,
    predicted_bytes: usize,
    weights_bytes: usize,
    /// Estimate: bytes of the predicted blocks without prediction over their bytes.
    gain: f64,
}

impl Chain {
    /// `None` where no block is predicted.
    pub fn of(lines: &[&Line]) -> Option<Chain> {
        let (keys, predicted): (Vec<&Line>, Vec<&Line>) =
            lines.iter().partition(|line| line.report.unpredicted_bytes.is_none());
        if predicted.is_empty() {
            return None;
        }
        let mut predictors = BTreeMap::new();
        predicted.iter().for_each(|line| *predictors.entry(line.report.predictor.clone()).or_insert(0) += 1);
        let bytes = |lines: &[&Line]| lines.iter().map(|line| line.report.stored_bytes).sum::<usize>();
        let unpredicted_bytes = predicted.iter().filter_map(|line| line.report.unpredicted_bytes).sum();
        Some(Chain {
            predictors,
            n_keys: keys.len(),
            key_bytes: bytes(&keys),
            n_predicted: predicted.len(),
            predicted_bytes: bytes(&predicted),
            weights_bytes: predicted.iter().map(|line| line.report.weights_bytes).sum(),
            gain: table::ratio(unpredicted_bytes, bytes(&predicted)),
        })
    }

    fn row(&self, variable: &str) -> [String; 8] {
        let predictors: Vec<_> = self.predictors.iter().map(|(name, n)| format!("{name} ({n})")).collect();
        let per_block = |bytes: usize, n: usize| table::bytes(bytes.checked_div(n).unwrap_or(0));
        [
            if variable.is_empty() { "?".into() } else { variable.to_owned() },
            predictors.join(", "),
            self.n_keys.to_string(),
            per_block(self.key_bytes, self.n_keys),
            self.n_predicted.to_string(),
            per_block(self.predicted_bytes, self.n_predicted),
            table::bytes(self.weights_bytes),
            table::number(self.gain),
        ]
    }
}

/// What the table cannot say itself.
pub const NOTE: &str = "Keys stand alone. Gain: estimated bytes of predicted blocks without prediction over theirs, which hold the weights and the store's copies of keys.";

/// A table of variables and their chains; none without any.
pub fn table<'a>(chains: impl Iterator<Item = (&'a str, &'a Chain)>) -> Option<Table> {
    let header = ["chain of", "predictor (blocks)", "keys", "bytes/key", "predicted", "bytes/block", "weights", "gain"];
    let mut table = Table::new(header, 2);
    chains.for_each(|(variable, chain)| table.row(chain.row(variable)));
    (!table.rows.is_empty()).then_some(table)
}
