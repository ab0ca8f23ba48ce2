//! `inr train` and what reads its runs, from outside: the built binary, small series, files.
#![cfg(feature = "cli")]

mod cli_common;
#[path = "common/tolerance.rs"]
mod tolerance;

use approx::assert_relative_eq;
use std::path::{Path, PathBuf};

use cli_common::{Npy, inr, run, stderr, stdout};

const N_STEPS: usize = 8;

/// A moving wave on 12 x 12 nodes in 2 channels, as `.npy`.
fn series(folder: &Path) -> PathBuf {
    let path = folder.join("wave.npy");
    std::fs::write(&path, Npy::moving(&[N_STEPS, 12, 12, 2]).file("<", false)).unwrap();
    path
}

/// A config with little training, and `more` lines.
fn config(folder: &Path, name: &str, more: &str) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    let text = format!(
        "{more}\n[data]\npath = 'wave.npy'\naxes = 'tyxc'\n[device]\nbackend = 'cpu'\n\
         [series]\nwidth = 8\nn_blocks = 1\niterations = 20\nfirst_iterations = 40\nconsolidation = 50\nn_nodes = 64\n\
         [series.sketch]\nn_rows = 20\n[output]\ncheckpoint_every = 1\nevaluate_every = 2\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn train(folder: &Path, config: &Path, more: &[&str]) -> String {
    stdout(&run(inr().current_dir(folder).arg("train").arg(config).args(more), 0))
}

#[test]
fn a_run_leaves_everything_behind_and_eval_measures_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    series(folder);
    let config = config(folder, "wave", "seeds = [0, 3]");
    let sets = ["--set", "output.reconstruction=['npy']", "--set", "output.gif=true"];
    let table = train(folder, &config, &sets);
    assert!(table.contains("film 8x1") && table.contains('±'), "{table}");

    let seed = folder.join("runs/wave/seed-3");
    let lines = std::fs::read_to_string(seed.join("metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), N_STEPS);
    let third: serde_json::Value = serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
    assert_eq!((third["step"].as_u64(), third["n_iterations"].as_u64()), (Some(2), Some(20)));
    assert_eq!(third["errors"]["rms"].as_array().unwrap().len(), 2);
    for file in ["network-0.series", "summary.json", "curves.png", "curves.svg", "slices.png"] {
        assert!(seed.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    assert_eq!(&std::fs::read(seed.join("series.gif")).unwrap()[..6], b"GIF89a");
    let names: Vec<_> = std::fs::read_dir(&seed).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.iter().filter(|n| n.to_string_lossy().contains("tfevents")).count(), 1);
    assert!(!seed.join("checkpoint.bin").exists());

    // The exported series has the errors that the summary and `inr eval` name.
    let original = Npy::parse(&std::fs::read(folder.join("wave.npy")).unwrap());
    let back = Npy::parse(&std::fs::read(seed.join("reconstruction.npy")).unwrap());
    let rfe = |channel: usize| {
        let pairs = original.f32s().zip(back.f32s()).skip(channel).step_by(2);
        let sums = pairs
            .fold((0.0, 0.0), |(e, y), (a, b)| (e + (f64::from(b) - f64::from(a)).powi(2), y + f64::from(a).powi(2)));
        (sums.0 / sums.1).sqrt()
    };
    let summary = json(&seed.join("summary.json"));
    let told = stdout(&run(inr().current_dir(folder).args(["eval", "runs/wave", "--json"]), 0));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["seeds"][1]["metrics"], summary["metrics"]);
    for channel in 0..2 {
        let found = summary["metrics"]["rfe"][channel].as_f64().unwrap();
        assert!(found < 1.5, "{found}");
        assert_relative_eq!(found, rfe(channel), epsilon = tolerance::F64, max_relative = tolerance::F64);
    }
    assert_eq!(summary["n_bytes"], std::fs::metadata(seed.join("network-0.series")).unwrap().len());
    assert_eq!(summary["raw_bytes"], original.bytes.len());
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    series(folder);
    let whole = config(folder, "whole", "name = 'whole'");
    train(folder, &whole, &[]);
    let network = |name: &str| std::fs::read(folder.join(format!("runs/{name}/seed-0/network-0.series"))).unwrap();

    // The fourth snapshot is missing at first: the run ends there, as if killed, with three in its checkpoint.
    let parts = folder.join("parts");
    std::fs::create_dir(&parts).unwrap();
    let file = std::fs::read(folder.join("wave.npy")).unwrap();
    let values = &Npy::parse(&file).bytes;
    let snapshot = |step: usize| {
        let n = values.len() / N_STEPS;
        [Npy::header("<f4", false, &[12, 12, 2]), values[step * n..][..n].to_vec()].concat()
    };
    for step in 0..N_STEPS {
        let bytes = if step == 3 { b"cut off".to_vec() } else { snapshot(step) };
        std::fs::write(parts.join(format!("{step}.npy")), bytes).unwrap();
    }
    let cut = config(folder, "cut", "");
    let cut_up = |more: &[&str], code| {
        let sets = ["--set", "data.path=parts", "--set", "data.axes=yxc"];
        run(inr().current_dir(folder).arg("train").arg(&cut).args(sets).args(more), code)
    };
    let done = cut_up(&[], 1);
    assert!(stderr(&done).contains("3.npy"), "{}", stderr(&done));
    assert!(folder.join("runs/cut/seed-0/checkpoint.bin").exists());
    std::fs::write(parts.join("3.npy"), snapshot(3)).unwrap();
    cut_up(&[], 2);
    cut_up(&["--resume"], 0);
    assert_eq!(network("cut"), network("whole"));
    let lines = std::fs::read_to_string(folder.join("runs/cut/seed-0/metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), N_STEPS);
    let costs =
        ["whole", "cut"].map(|n| json(&folder.join(format!("runs/{n}/seed-0/summary.json")))["n_evaluations"].clone());
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn every_method_trains_and_the_readers_of_runs_work() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    series(folder);
    let methods = ["in-situ", "in-situ-none", "offline-full", "offline-sketched", "hreg"];
    let runs: String = methods.iter().map(|m| format!("[[runs]]\nname = '{m}'\nmethod = '{m}'\n")).collect();
    config(folder, "base", "preset = 'hypernet'");
    let all = folder.join("all.toml");
    let larger =
        "[[runs]]\nname = 'larger'\nseries.sketch.n_rows = 40\ndata.normalise = 'z-score'\nsegment_steps = 5\n";
    std::fs::write(&all, format!("base = 'base.toml'\n{runs}{larger}")).unwrap();
    train(folder, &all, &[]);
    assert!(folder.join("runs/larger/seed-0/network-1.series").exists());

    let names: Vec<PathBuf> = methods.iter().chain(&["larger"]).map(|m| Path::new("runs").join(m)).collect();
    let table = stdout(&run(inr().current_dir(folder).arg("table").args(&names).arg("--json"), 0));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&table).unwrap();
    assert_eq!(rows.len(), 6);
    let rfe = |name: &str| {
        let row = rows.iter().find(|r| r["run"] == name).unwrap();
        row["rfe_percent"]["mean"].as_f64().unwrap()
    };
    assert!(rfe("in-situ") < rfe("in-situ-none"), "{table}");
    let pasted =
        |format: &str| stdout(&run(inr().current_dir(folder).arg("table").args(&names).args(["--format", format]), 0));
    assert!(pasted("markdown").starts_with("| data | run |"), "{}", pasted("markdown"));
    let csv = pasted("csv");
    assert!(csv.starts_with("data,run,method,") && csv.lines().count() == 7, "{csv}");
    let wrote =
        stdout(&run(inr().current_dir(folder).arg("figures").args(&names).args(["--html", "figures/all.html"]), 0));
    let page = std::fs::read_to_string(folder.join("figures/all.html")).unwrap();
    assert!(
        page.contains("data:image/png;base64,iVBOR") && page.matches("<canvas").count() == 6,
        "one file with all figures"
    );
    for figure in ["error.png", "loss.svg", "ratio.png", "sketch.png", "slices.png"] {
        assert!(
            wrote.contains(&format!("wave-{figure}")) && folder.join(format!("figures/wave-{figure}")).exists(),
            "{wrote}"
        );
    }
    let few = ["dimension", "runs/in-situ", "--samples", "60", "--neighbours", "30", "--json"];
    let found = stdout(&run(inr().current_dir(folder).args(few), 0));
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let dimension = found["dimension"]["mean"].as_f64().unwrap();
    assert!((1.0..30.0).contains(&dimension), "{found}");
    run(inr().current_dir(folder).args(["table", "figures"]), 1);
}

#[cfg(feature = "adios2")]
#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn a_dataset_is_trained_on_like_the_array_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    series(folder);
    let config = config(folder, "wave", "");
    let python: Option<&str> = option_env!("INR_TEST_PYTHON");
    let python = python.expect("the test is ignored without it");
    let wheel = std::process::Command::new(python).args(["-c", "import adios2; print(adios2.__path__[0])"]).output();
    let wheel = stdout(&wheel.unwrap());
    let train = |name: &str, sets: &[&str]| {
        let mut command = inr();
        command.current_dir(folder).env("ADIOS2_DIR", wheel.trim()).arg("train").arg(&config);
        command.args(["--set", &format!("name={name}")]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        run(&mut command, 0);
        std::fs::read(folder.join(format!("runs/{name}/seed-0/network-0.series"))).unwrap()
    };
    train("first", &["output.reconstruction=['npy', 'bp']"]);
    let array = train("array", &["data.path=runs/first/seed-0/reconstruction.npy"]);
    let bp = ["data.path=runs/first/seed-0/reconstruction.bp", "data.axes=tyx", "data.variables=['u[0]', 'u[1]']"];
    assert_eq!(train("dataset", &bp), array);
}

#[test]
fn wrong_configs_name_the_key_the_value_and_the_nearest_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    series(folder);
    for (more, set, words) in [
        ("sedes = [1]", "name=a", &["wrong.toml", "'sedes'", "'seeds'"][..]),
        ("", "series.widht=8", &["'widht'", "'width'"]),
        ("", "method=offline", &["'method'", "'offline'", "offline-full"]),
        ("", "series.rate=fast", &["'rate'", "fast"]),
        ("", "data.path=none.npy", &["none.npy", "data.path"]),
        ("", "data.axes=tnc", &["data.axes", "tnc"]),
    ] {
        let config = config(folder, "wrong", more);
        let done = inr().current_dir(folder).arg("train").arg(&config).args(["--set", set]).output().unwrap();
        let text = stderr(&done);
        assert!(!done.status.success() && words.iter().all(|w| text.contains(w)), "{set}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "one sentence: {text}");
    }
}
