//! A dataset beside the configuration it was written with: variables that no operator touched, names that match none.

use std::collections::BTreeMap;
use std::path::Path;

use adios2_inr::adios2::Dataset;

use super::Check;
use super::config::Config;
use crate::table;

const NAME: &str = "dataset";

/// What is stored of a variable.
#[derive(Default)]
struct Stored {
    n_blocks: usize,
    n_ours: usize,
    raw_bytes: usize,
}

pub fn checks(path: &Path, config: &Config) -> Vec<Check> {
    let records = match Dataset::open(path).and_then(|dataset| dataset.records()) {
        Ok(records) => records,
        Err(e) => return vec![Check::failed(NAME, e.to_string(), "give the path of a dataset that ADIOS2 can read")],
    };
    let mut variables: BTreeMap<&str, Stored> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.info.is_value && record.raw_bytes > 0) {
        let stored = variables.entry(&record.variable).or_default();
        stored.n_blocks += 1;
        stored.n_ours += usize::from(!matches!(record.summary, Ok(None)));
        stored.raw_bytes += record.raw_bytes;
    }
    let mut checks = missing(path, config, &variables);
    for (name, Stored { n_blocks, n_ours, raw_bytes }) in
        variables.iter().filter(|(_, stored)| stored.n_ours < stored.n_blocks)
    {
        let found =
            format!("{} of {n_blocks} blocks of variable '{name}' are not stored by the operator", n_blocks - n_ours);
        checks.push(match config.variables.get(*name) {
            Some(io) => {
                let fix = format!(
                    "was the dataset written with this file, by an io that the program calls '{io}'? Text and char never reach an operator"
                );
                Check::failed(NAME, found, &fix)
            }
            None => {
                let found = format!("{found} ({} bytes in all)", table::bytes(*raw_bytes));
                Check::skipped(NAME, found, &format!("add <variable name=\"{name}\"> with the operation to the file to compress it"))
            }
        });
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, format!("the operator stores all arrays of {}", path.display())));
    }
    checks
}

/// Names of the file that the dataset does not have, which ADIOS2 passes over in silence.
fn missing(path: &Path, config: &Config, variables: &BTreeMap<&str, Stored>) -> Vec<Check> {
    let missing = config.variables.keys().filter(|name| !variables.contains_key(name.as_str()));
    let check = |name: &String| {
        let known: Vec<&str> = variables.keys().copied().collect();
        let nearest = known.iter().min_by_key(|k| strsim::damerau_levenshtein(name, k)).copied().unwrap_or_default();
        let fix = format!("it has {}; the nearest is '{nearest}'", known.join(", "));
        Check::failed(NAME, format!("{} has no array '{name}'", path.display()), &fix)
    };
    missing.map(check).collect()
}
