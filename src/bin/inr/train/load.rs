//! Configs from files: `base`, `[[runs]]`, `--set`, and errors that name the key, its value and what to write instead.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde::Serialize;
use toml::{Table, Value};

use super::config::{Config, Points};
use super::tables::{from_table, merge};
use crate::Usage;

/// How deep `base` may go.
const MAX_BASES: usize = 8;

/// The runs of a file. `sets`: `KEY=VALUE` with dotted keys; they win over everything in the file.
pub fn read(path: &Path, sets: &[String]) -> Result<Vec<Config>> {
    let mut common = read_table(path, MAX_BASES)?;
    let runs = match common.remove("runs") {
        None => vec![Table::new()],
        Some(Value::Array(runs)) if runs.iter().all(Value::is_table) => {
            runs.into_iter().filter_map(|run| run.try_into().ok()).collect()
        }
        Some(_) => return Err(wrong(path, "'runs' must be tables: write them as [[runs]]")),
    };
    let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    common.entry("name").or_insert(Value::String(file));
    runs.into_iter()
        .map(|run| {
            let mut table = common.clone();
            merge(&mut table, run);
            for set in sets {
                merge(&mut table, parse_set(set)?);
            }
            let mut config: Config = from_table(table).map_err(|e| wrong(path, &e.to_string()))?;
            resolve_paths(&mut config, path.parent().unwrap_or(Path::new(".")))?;
            check(&config).map_err(|e| wrong(path, &e.to_string()))?;
            Ok(config)
        })
        .collect()
}

/// A config as `inr train` wrote it into the run's folder.
pub fn read_resolved(path: &Path) -> Result<Config> {
    from_table(parse(path)?).with_context(|| path.display().to_string())
}

/// The file, on top of what its key `base` names.
fn read_table(path: &Path, n_left: usize) -> Result<Table> {
    let mut table = parse(path)?;
    let Some(base) = table.remove("base") else { return Ok(table) };
    let Value::String(base) = base else {
        return Err(wrong(path, &format!("'base' cannot be {base}: set it to a path")));
    };
    if n_left == 0 {
        return Err(wrong(path, "'base' goes in a circle: let one of the files stand alone"));
    }
    let mut merged = read_table(&path.with_file_name(base), n_left - 1)?;
    merge(&mut merged, table);
    Ok(merged)
}

fn parse(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().map_err(|e: toml::de::Error| wrong(path, e.to_string().trim_end()))
}

fn wrong(path: &Path, what: &str) -> anyhow::Error {
    Usage(format!("{}: {what}", path.display())).into()
}

/// `a.b=VALUE`; what is no TOML value is a string.
fn parse_set(set: &str) -> Result<Table> {
    let (key, value) = set.split_once('=').ok_or_else(|| Usage(format!("--set cannot be '{set}': write KEY=VALUE")))?;
    let quoted = || format!("{key} = {}", Value::String(value.to_owned()));
    let parsed = format!("{key} = {value}").parse().or_else(|_| quoted().parse::<Table>());
    parsed.map_err(|_| Usage(format!("--set cannot be '{set}': write KEY=VALUE")).into())
}

/// Paths are relative to the config's folder, but the runs' folder to the working directory.
fn resolve_paths(config: &mut Config, folder: &Path) -> Result<()> {
    let resolve = |path: &mut PathBuf| -> Result<()> {
        *path = std::path::absolute(folder.join(&path))?;
        Ok(())
    };
    resolve(&mut config.data.path)?;
    if let Some(Points::File(path)) = &mut config.data.points {
        resolve(path)?;
    }
    Ok(())
}

/// What the types do not say.
fn check(config: &Config) -> Result<()> {
    let usable = !config.name.is_empty() && !config.name.contains(['/', '\\']) && config.name != "..";
    if !usable {
        return Err(anyhow!("'name' cannot be '{}': set it to the name of a folder", config.name));
    }
    if config.seeds.is_empty() {
        return Err(anyhow!("'seeds' cannot be empty: set it to a list of numbers"));
    }
    if config.segment_steps == Some(0) {
        return Err(anyhow!("'segment_steps' cannot be 0: set it to a number of steps"));
    }
    if config.sketch_ratio.is_some_and(|r| !(r > 0.0 && r <= 1.0)) {
        return Err(anyhow!("'sketch_ratio' cannot be {:?}: set it to a number in 0..=1", config.sketch_ratio));
    }
    // Finds wrong keys before any data is read.
    config.series_config(config.segment_steps.unwrap_or(1), 1, 0)?;
    Ok(())
}

/// TOML of anything with named fields.
pub fn to_toml(value: &impl Serialize) -> Result<String> {
    Ok(toml::to_string(value)?)
}

#[cfg(test)]
mod tests {
    use adios2_inr::series::SeriesConfig;

    use super::*;

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, text).unwrap();
        format!("{:#}", read(&path, &[]).unwrap_err())
    }

    #[test]
    fn errors_name_the_key_and_the_nearest_one() {
        let data = "[data]\npath = 'u.npy'\n";
        for (text, words) in [
            (format!("sedes = [1]\n{data}"), vec!["unknown key 'sedes'", "'seeds'"]),
            (format!("{data}axis = 'tnc'"), vec!["unknown key 'data.axis'", "'axes'"]),
            (format!("{data}[series]\nwidht = 8"), vec!["unknown key 'widht'", "'width'"]),
            (format!("{data}[series.sketch]\nn_row = 8"), vec!["unknown key 'sketch.n_row'", "'n_rows'"]),
            (format!("preset = 'flim'\n{data}"), vec!["'preset' cannot be 'flim'", "film, tinr", "nearest: 'film'"]),
            (format!("{data}[series]\nwidth = 'wide'"), vec!["'width'", "wide"]),
            (format!("{data}[series]\nseed = 3"), vec!["series.seed", "'seeds'"]),
            ("seeds = [1]".into(), vec!["'data' is missing"]),
            (format!("{data}[series]\nrate = -1.0"), vec!["learning rate"]),
        ] {
            let error = error_of(&text);
            assert!(words.iter().all(|w| error.contains(w)), "{text}: {error}");
        }
    }

    #[test]
    fn runs_stand_on_a_base_and_set_wins() {
        let folder = tempfile::tempdir().unwrap();
        let [base, main] = ["base.toml", "main.toml"].map(|n| folder.path().join(n));
        std::fs::write(&base, "preset = 'tinr'\n[series]\nwidth = 16\nn_blocks = 1\n[data]\npath = 'u.npy'").unwrap();
        let runs = "[[runs]]\nname = 'a'\n[[runs]]\nname = 'b'\nmethod = 'offline-full'\nseries.width = 24";
        std::fs::write(&main, format!("base = 'base.toml'\n{runs}")).unwrap();
        let configs = read(&main, &["series.n_blocks=2".into(), "data.name=jet".into()]).unwrap();
        let widths = configs.iter().map(|c| c.series_config(10, 100, 7).unwrap().width);
        assert_eq!(widths.collect::<Vec<_>>(), [16, 24]);
        let second = &configs[1];
        assert_eq!((second.name.as_str(), second.data.name.as_deref()), ("b", Some("jet")));
        assert_eq!(second.data.path, folder.path().join("u.npy"));
        let series = second.series_config(10, 100, 7).unwrap();
        assert_eq!((series.n_blocks, series.n_steps, series.seed), (2, 10, 7));
        // What is written into a run's folder is read again.
        let copy = folder.path().join("copy.toml");
        std::fs::write(&copy, to_toml(second).unwrap()).unwrap();
        assert_eq!(&read_resolved(&copy).unwrap(), second);
    }

    #[test]
    fn the_experiments_are_configs() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
        let mut n_runs = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let runs = read(&path, &[]).unwrap();
            n_runs += runs.len();
            if path.file_stem().is_some_and(|n| n == "ignition") {
                let find = |name: &str| runs.iter().find(|r| r.name == name).unwrap();
                let shape = |name: &str| find(name).series_config(450, 2500, 0).unwrap().shape(2, 4).n_params();
                assert_eq!((shape("fjlt"), shape("tinr-fjlt-0.7")), (31_652, 31_748));
            }
        }
        assert!(n_runs > 80, "{n_runs}");
    }

    #[test]
    fn the_page_on_training_has_every_key() {
        let page = include_str!("../../../../docs/TRAINING.md");
        let text = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let table: Table = text.parse().unwrap();
        let config: Config = from_table(table.clone()).unwrap();
        let keys = |table: &Table| table.keys().cloned().collect::<Vec<_>>();
        let all = Table::try_from(&config).unwrap();
        assert_eq!(keys(&table), keys(&all));
        for section in ["data", "device", "output"] {
            assert_eq!(keys(table[section].as_table().unwrap()), keys(all[section].as_table().unwrap()));
        }
        let mut series = Table::try_from(SeriesConfig::paper(1, 1)).unwrap();
        for key in ["n_steps", "seed"] {
            series.remove(key);
        }
        assert_eq!(keys(&config.series), keys(&series));
        // The values are the preset's own.
        let written = config.series_config(1, 2000, 0).unwrap();
        assert_eq!(written, SeriesConfig { threshold: Some(1e-2), ..SeriesConfig::film(1) });
    }

    #[test]
    fn sketch_ratios_are_rounded_like_the_paper_does() {
        let config = |ratio: f64| {
            let text = format!("name = 'a'\npreset = 'paper'\nsketch_ratio = {ratio}\n[data]\npath = 'u.npy'");
            from_table::<Config>(text.parse().unwrap()).unwrap()
        };
        for (ratio, n_nodes, n_rows) in
            [(0.05, 2500, 125), (0.007, 2500, 18), (0.01, 116_144, 1161), (0.02, 262_144, 5243)]
        {
            assert_eq!(config(ratio).series_config(1, n_nodes, 0).unwrap().sketch.n_rows, n_rows);
        }
    }
}
