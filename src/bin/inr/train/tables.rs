//! TOML tables: one on top of another, and as values with errors that name the key.

use adios2_inr::series::SeriesConfig;
use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Usage;

/// `config` with the keys of `changes`.
pub fn overlay(config: &SeriesConfig, changes: &Table) -> Result<SeriesConfig> {
    for (key, instead) in [("n_steps", "'segment_steps' or 'data.steps'"), ("seed", "'seeds'")] {
        if changes.contains_key(key) {
            return Err(Usage(format!("'series.{key}' is not set here: set {instead}")).into());
        }
    }
    let mut table = Table::try_from(config)?;
    merge(&mut table, changes.clone());
    from_table(table).map_err(|e| Usage(format!("in [series]: {e:#}")).into())
}

/// Keys of `changes` win; tables are merged key by key.
pub fn merge(table: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (table.get_mut(&key), change) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, change) => {
                table.insert(key, change);
            }
        }
    }
}

/// A value of a table, or a sentence with the key that is wrong.
pub fn from_table<T: DeserializeOwned>(table: Table) -> Result<T> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|e| {
        let path = e.path().to_string();
        anyhow!(explain(if path == "." { "" } else { &path }, e.inner().message()))
    })
}

/// Serde's message as a sentence with the nearest name there is.
fn explain(path: &str, message: &str) -> String {
    let message = message.trim();
    // Between backticks: the wrong name, then those that exist.
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match names.split_first() {
        Some((wrong, known)) if message.starts_with("unknown field") => {
            let key =
                if path.is_empty() || path.ends_with(wrong) { (*wrong).to_owned() } else { format!("{path}.{wrong}") };
            let key = if path.ends_with(wrong) { path.to_owned() } else { key };
            format!("unknown key '{key}': did you mean '{}'?", nearest(wrong, known))
        }
        Some((wrong, known)) if message.starts_with("unknown variant") => {
            let near = nearest(wrong, known);
            format!("'{path}' cannot be '{wrong}': set it to one of {} (nearest: '{near}')", known.join(", "))
        }
        Some((key, _)) if message.starts_with("missing field") => {
            let key = if path.is_empty() { (*key).to_owned() } else { format!("{path}.{key}") };
            format!("the key '{key}' is missing: set it")
        }
        _ => format!("'{path}' is wrong: {message}"),
    }
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> &'a str {
    known.iter().min_by_key(|k| strsim::damerau_levenshtein(name, k)).copied().unwrap_or_default()
}
