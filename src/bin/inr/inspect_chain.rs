//! Chains of predicted steps in `inr inspect`: those of a model store, and those that are files of their own.

use std::path::Path;

use adios2_inr::session::{ChainReader, StoredChain, StoredStep, survey_file};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::table::{self, Table};

/// A table of chains.
pub fn chains(chains: &[&StoredChain]) -> String {
    let header = ["chain of", "series", "steps", "keys", "lost", "predictors", "their bytes", "bytes", "gain"];
    let mut rows = Table::new(header, 1);
    for chain in chains {
        rows.row([
            if chain.variable.is_empty() { "?".to_owned() } else { chain.variable.clone() },
            chain.series.to_string(),
            chain.n_steps.to_string(),
            chain.n_keys.to_string(),
            chain.n_lost.to_string(),
            chain.n_predictors.to_string(),
            table::bytes(chain.predictor_bytes),
            table::bytes(chain.n_bytes),
            chain.gain.map_or_else(|| "-".to_owned(), table::number),
        ]);
    }
    format!(
        "{rows}Gain: bytes of the last step that stands alone over those of a predicted one with its share of the weights.\n"
    )
}

/// A step as JSON.
pub fn step_json(step: &StoredStep) -> Value {
    let mut object = json!({
        "kind": if step.is_key() { "key" } else { "predicted" },
        "needs": step.needs,
        "predictor": step.predictor(),
        "bytes": step.n_bytes,
        "share_bytes": step.share,
        "gain": step.gain,
    });
    if let Some(problem) = &step.problem {
        object["error"] = problem.clone().into();
    }
    object
}

/// In a table: kind of step and what predicts it.
pub fn step_name(step: &StoredStep) -> String {
    match &step.problem {
        Some(_) => "LOST".to_owned(),
        None if step.is_key() => "key".to_owned(),
        None => format!("predicted ({})", step.predictor()),
    }
}

/// A file that [`ChainReader`] reads, step by step.
pub fn file(path: &Path, name: &str) -> Result<(String, Value)> {
    let named = || name.to_owned();
    let array = ChainReader::open(path).with_context(named)?.array().clone();
    let found = survey_file(path, 0).with_context(named)?;
    let mut chain = found.chains.first().cloned().unwrap_or_default();
    name.clone_into(&mut chain.variable);
    let raw_bytes = (array.n_steps as usize).saturating_mul(array.step_bytes()?);
    let ratio = table::ratio(raw_bytes, found.n_bytes);
    let header = ["step", "model", "bytes", "gain", "relative L2", "max error", "promised"];
    let mut rows = Table::new(header, 2);
    let mut steps = Vec::new();
    for number in 0..array.n_steps {
        let mut object = chain.steps.get(&number).map_or_else(|| json!({"error": "not in the file"}), step_json);
        object["step"] = number.into();
        rows.row(row(number, chain.steps.get(&number)));
        steps.push(object);
        if steps.len() > chain.n_steps + 1 {
            // A file that was cut off may promise any number.
            break;
        }
    }
    let text = format!(
        "{name}: {} {}, {} -> {} bytes, ratio {}, {} of {} steps\n{rows}{}",
        table::dims(&array.all_dims()),
        array.dtype.name(),
        table::bytes(raw_bytes),
        table::bytes(found.n_bytes),
        table::number(ratio),
        chain.n_steps,
        array.n_steps,
        chains(&[&chain]),
    );
    let object = json!({
        "file": name, "dtype": array.dtype, "dims": array.all_dims(), "raw_bytes": raw_bytes, "stored_bytes": found.n_bytes,
        "ratio": ratio, "chain": chain, "steps": steps,
    });
    Ok((text, object))
}

fn row(number: u32, step: Option<&StoredStep>) -> Vec<String> {
    let Some(step) = step else { return vec![number.to_string(), "LOST".to_owned()] };
    let mut cells = vec![number.to_string(), step_name(step), table::bytes(step.n_bytes)];
    cells.push(step.gain.map_or_else(|| "-".to_owned(), table::number));
    cells.extend(
        step.record.iter().flat_map(|r| [table::error(r.rel_l2), table::error(r.max_error), r.promise.clone()]),
    );
    cells.extend(step.problem.clone());
    cells
}
