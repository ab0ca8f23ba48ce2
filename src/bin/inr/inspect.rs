//! `inr inspect`: what records and BP datasets hold.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[cfg(feature = "adios2")]
use adios2_inr::adios2::BlockRecord;
use adios2_inr::codec::{self, Summary};
use adios2_inr::session::ChainReader;
#[cfg(feature = "adios2")]
use adios2_inr::session::StoredStep;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::Done;
use crate::inspect_chain;
#[cfg(feature = "adios2")]
use crate::inspect_store::ModelStore;
use crate::table;
#[cfg(feature = "adios2")]
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  inr inspect u.inr
  inr inspect run.bp                  every variable, step and block
  inr inspect run.bp --json | jq '.[0].blocks[] | select(.record.max_error > 0.1)'

Steps that are predicted from those before them are counted with what they take in the dataset's folder 'inr': their own
bytes and an even share of the predictors' weights.

Exit code 1 if one of the files cannot be read; the others are still shown.";

/// Show what records and BP datasets hold, from their headers alone
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Records (.inr) or BP datasets (.bp)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Done> {
    let (mut text, mut objects, mut ok) = (String::new(), Vec::new(), true);
    for path in &args.files {
        match inspect(path) {
            Ok((part, object)) => {
                text += &part;
                objects.push(object);
            }
            Err(e) => {
                ok = false;
                eprintln!("inr: {e:#}");
                objects.push(json!({"file": path.display().to_string(), "error": format!("{e:#}")}));
            }
        }
    }
    Ok(Done { text: if args.json { format!("{}\n", Value::from(objects)) } else { text }, ok })
}

fn inspect(path: &Path) -> Result<(String, Value)> {
    let name = path.display().to_string();
    if path.is_dir() {
        return dataset(path, &name);
    }
    if ChainReader::is_one(path) {
        return inspect_chain::file(path, &name);
    }
    let record = std::fs::read(path).with_context(|| name.clone())?;
    let summary = codec::inspect(&record).with_context(|| name.clone())?;
    let mut object = serde_json::to_value(&summary)?;
    object["file"] = name.clone().into();
    Ok((record_text(&name, &summary), object))
}

fn record_text(name: &str, s: &Summary) -> String {
    let mut text = format!(
        "{name}: {} {}, {} -> {} bytes, ratio {}, model {}\n",
        table::dims(&s.dims),
        s.dtype.name(),
        table::bytes(s.raw_bytes),
        table::bytes(s.stored_bytes),
        table::number(table::ratio(s.raw_bytes, s.stored_bytes)),
        s.model,
    );
    let _ = writeln!(
        text,
        "  promised {}; recorded relative L2 {}, max error {}",
        if s.promise.is_empty() { "nothing" } else { &s.promise },
        table::error(s.rel_l2),
        table::error(s.max_error),
    );
    for (section, bytes) in &s.sections {
        let _ = writeln!(text, "  {section:<16} {:>12} bytes", table::bytes(*bytes));
    }
    text
}

#[cfg(not(feature = "adios2"))]
fn dataset(_: &Path, name: &str) -> Result<(String, Value)> {
    anyhow::bail!("{name}: is a folder and this inr was built without ADIOS2: build it with the feature 'adios2'")
}

#[cfg(feature = "adios2")]
fn dataset(path: &Path, name: &str) -> Result<(String, Value)> {
    let blocks = adios2_inr::adios2::Dataset::open(path)?.records()?;
    let mut store = ModelStore::of(path);
    let has_steps = blocks.iter().any(|b| matches!(&b.summary, Ok(Some(s)) if s.step.is_some()));
    let mut table = Table::new(HEADER.iter().take(HEADER.len() - usize::from(!has_steps)).copied(), 2);
    let mut objects = Vec::new();
    for block in &blocks {
        let (cells, object) = row(block, &mut store);
        table.row(cells);
        objects.push(object);
    }
    let raw_bytes = blocks.iter().map(|b| b.raw_bytes).sum();
    let stored_bytes = store.n_bytes() + blocks.iter().map(|b| b.stored_bytes).sum::<usize>();
    let text = format!(
        "{name}: {} blocks, {} -> {} bytes, ratio {}\n{table}{}",
        blocks.len(),
        table::bytes(raw_bytes),
        table::bytes(stored_bytes),
        table::number(table::ratio(raw_bytes, stored_bytes)),
        store.text(),
    );
    let mut object = json!({"file": name, "blocks": objects, "raw_bytes": raw_bytes, "stored_bytes": stored_bytes});
    object["model_store"] = store.json();
    Ok((text, object))
}

/// A block's line in the table, and as JSON. A step of a chain counts with its bytes in the model store.
#[cfg(feature = "adios2")]
fn row(b: &BlockRecord, store: &mut ModelStore) -> (Vec<String>, Value) {
    let mut object = json!({
        "variable": b.variable, "step": b.step, "block": b.block, "start": b.info.start, "dims": b.info.dims,
        "raw_bytes": b.raw_bytes, "stored_bytes": b.stored_bytes,
    });
    let (mut model, mut n_stored, mut behind) = (String::new(), b.stored_bytes, Vec::new());
    match &b.summary {
        Ok(Some(s)) => {
            model.clone_from(&s.model);
            if let Some(place) = &s.place {
                object["network"] = store.visit(place, b.step);
            }
            let step = s.step.as_ref().map(|place| store.visit_step(place, &b.variable));
            let mut shown = s.clone();
            if let Some(Ok(StoredStep { record: Some(stored), .. })) = &step {
                (shown.promise, shown.rel_l2, shown.max_error) =
                    (stored.promise.clone(), stored.rel_l2, stored.max_error);
            }
            object["record"] = serde_json::to_value(&shown).unwrap_or_default();
            behind.extend([table::error(shown.rel_l2), table::error(shown.max_error), shown.promise]);
            if let Some(Ok(step)) = &step {
                n_stored += step.n_bytes + step.share.round() as usize;
                model = inspect_chain::step_name(step);
                behind.push(step.gain.map_or_else(|| "-".into(), table::number));
                object["prediction"] = inspect_chain::step_json(step);
            }
            let problem = step.and_then(|step| step.map_or_else(Some, |step| step.problem.clone()));
            if let Some(problem) = problem {
                model = "LOST".into();
                behind[..3].clone_from_slice(&["-".into(), "-".into(), problem.clone()]);
                object["error"] = problem.into();
            }
        }
        Ok(None) => model = "(not by inr)".into(),
        Err(e) => {
            model = "DAMAGED".into();
            behind.extend(["-".into(), "-".into(), e.to_string()]);
            object["error"] = e.to_string().into();
        }
    }
    let ratio = table::ratio(b.raw_bytes, n_stored);
    object["ratio"] = ratio.into();
    let mut cells = vec![b.variable.clone(), model, b.step.to_string(), b.block.to_string()];
    cells.extend([table::dims(&b.info.dims), table::bytes(b.raw_bytes), table::bytes(n_stored), table::number(ratio)]);
    cells.extend(behind);
    (cells, object)
}

/// The last one only where there are steps of chains.
#[cfg(feature = "adios2")]
const HEADER: [&str; 12] = [
    "variable",
    "model",
    "step",
    "block",
    "dims",
    "bytes",
    "stored",
    "ratio",
    "relative L2",
    "max error",
    "promised",
    "gain",
];
