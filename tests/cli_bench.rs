//! `inr bench` and `inr advise` from outside: rows that are true, runs that go on, reports that open.
#![cfg(feature = "cli")]

mod cli_common;

use std::path::{Path, PathBuf};

use cli_common::{Npy, inr, run, stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a snapshot and a series of 20 steps.
fn data() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [waves, moving] = ["waves.npy", "moving.npy"].map(|n| folder.path().join(n));
    std::fs::write(&waves, Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
    std::fs::write(&moving, Npy::moving(&[20, 24, 40, 1]).file("<", false)).unwrap();
    (folder, waves, moving)
}

fn bench(files: &[&Path], more: &[&str]) -> Value {
    let mut command = inr();
    command.arg("bench").args(files).args(["--peers", "none", "--json"]).args(more);
    serde_json::from_str(&stdout(&run(&mut command, 0))).unwrap()
}

/// Stores as it is; keeps what encodes and decodes apart.
const COPY: [&str; 2] = ["--external", "copy=cp {in} {out} ::: cp {out} {decoded}"];

fn rows(result: &Value) -> Vec<&Value> {
    result["rows"].as_array().unwrap().iter().map(|finished| &finished["row"]).collect()
}

#[test]
fn rows_are_what_the_codec_stores_and_keep_what_was_asked() {
    let (folder, waves, _) = data();
    let flags = ["--ours", "model=transform,threshold=0", "--accuracy", "1e-2,1e-3", "--psnr", "50", "--ratio", "30"];
    let result = bench(&[&waves], &flags);
    let rows = rows(&result);
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert_eq!(row["held"], true, "{row}");
        let goal = row["goal"].as_str().unwrap();
        let flags: Vec<&str> = match goal.split(' ').collect::<Vec<_>>()[..] {
            ["PSNR", db, "dB"] => vec!["--psnr", db],
            ["ratio", ratio] => vec!["--ratio", ratio],
            [norm, "REL", error] => vec!["--norm", norm, "--accuracy", error],
            _ => panic!("{goal}"),
        };
        let record = folder.path().join("a.inr");
        let all = ["--model", "transform", "--threshold", "0"];
        run(inr().arg("encode").args([&waves, &record]).args(all).args(flags), 0);
        assert_eq!(row["stored_bytes"], std::fs::metadata(&record).unwrap().len(), "{goal}");
    }
}

#[test]
fn a_series_is_stored_step_by_step_in_windows_and_predicted() {
    let (_folder, _, moving) = data();
    let ours = ["--ours", "threshold=0", "--ours", "threshold=0,temporal=predict", "--time-axis", "0"];
    let goal = ["--accuracy", "1e-3", "--norm", "Linf", "--windows", "1,4"];
    let result = bench(&[&moving], &[&ours[..], &goal, &COPY].concat());
    let rows = rows(&result);
    let names: Vec<&str> = rows.iter().map(|row| row["codec"].as_str().unwrap()).collect();
    assert_eq!(names, ["inr threshold=0", "inr threshold=0,temporal=predict", "copy", "copy, 4 steps"]);
    for row in &rows {
        assert!(row["held"] == true && row["n_steps"] == 20, "{row}");
        let window = row["window"].as_f64().unwrap();
        let per_read = row["decoded_per_read"].as_f64().unwrap();
        assert!(if window > 0.0 { per_read == window } else { per_read > 1.0 && per_read <= 20.0 }, "{row}");
    }
    let bytes = |i: usize| rows[i]["stored_bytes"].as_u64().unwrap();
    assert!(bytes(1) < bytes(0), "{} {}", bytes(1), bytes(0));
    assert_eq!((bytes(2), bytes(3)), (20 * 24 * 40 * 4, 20 * 24 * 40 * 4));
    let quality = &result["rows"][1]["quality"];
    assert_eq!(quality["per_step"].as_array().unwrap().len(), 20);
    assert!(quality["ssim"].as_f64().unwrap() > 0.9 && quality["spectrum"]["original"].as_array().unwrap().len() == 20);
    // An exact copy has nothing to correct.
    assert_eq!(result["rows"][2]["quality"]["gradient_error"], 0.0);
    assert_eq!(result["verdicts"][0]["winner"], names[1]);
}

#[test]
fn at_a_ratio_chains_are_as_accurate_as_they_can_be_in_so_few_bytes() {
    let (_folder, _, moving) = data();
    let flags = ["--ours", "threshold=0,temporal=predict", "--time-axis", "0", "--ratio", "20", "--repeat", "1"];
    let result = bench(&[&moving], &flags);
    let row = rows(&result)[0];
    let ratio = row["ratio"].as_f64().unwrap();
    assert!(row["held"] == true && (20.0..25.0).contains(&ratio), "{row}");
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let (folder, waves, _) = data();
    let out = folder.path().join("out");
    let out_flags = ["-o", out.to_str().unwrap(), "--accuracy", "1e-2,1e-3", "--ours", "model=transform"];
    let whole = bench(&[&waves], &out_flags);
    let file = out.join("rows.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 4);
    // Killed while the third row was written.
    let third = text.lines().take(2).map(|line| line.len() + 1).sum::<usize>() + 40;
    std::fs::write(&file, &text[..third]).unwrap();
    // Nothing new without time; what was finished is there.
    let short = bench(&[&waves], &[&out_flags[..], &["--budget", "0s"]].concat());
    assert_eq!(rows(&short), rows(&whole)[..2]);
    assert!(short["notes"].to_string().contains("2 rows were not measured"), "{}", short["notes"]);
    let again = bench(&[&waves], &out_flags);
    let bytes = |result: &Value| rows(result).iter().map(|row| row["stored_bytes"].as_u64()).collect::<Vec<_>>();
    assert_eq!((rows(&again)[..2].to_vec(), bytes(&again)), (rows(&whole)[..2].to_vec(), bytes(&whole)));
    // Other data of the same name are measured anew.
    std::fs::write(&waves, Npy::waves(&[20, 20, 21]).file("<", false)).unwrap();
    let other = bench(&[&waves], &out_flags);
    assert!(rows(&other).iter().all(|row| row["dims"][2] == 21));
}

#[test]
fn constant_variables_are_left_out_and_variables_of_one_name_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a/u.npy", "a/zero.npy", "b/u.npy"].map(|name| folder.path().join(name));
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(&files[0], Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
    let zero = Npy { code: "f4".into(), dims: vec![20, 20, 20], bytes: vec![0; 4 * 8000] };
    std::fs::write(&files[1], zero.file("<", false)).unwrap();
    std::fs::write(&files[2], Npy::waves(&[12, 18, 16]).file("<", false)).unwrap();
    let paths = files.each_ref().map(PathBuf::as_path);
    let out = folder.path().join("out");
    let goal = ["--accuracy", "1e-3", "--norm", "Linf", "--ours", "threshold=0", "-o", out.to_str().unwrap()];
    let result = bench(&paths, &[&goal[..], &COPY].concat());
    let names: Vec<String> = [0, 2].iter().map(|&i| format!("{}:u", files[i].display())).collect();
    let found: Vec<&str> = rows(&result).iter().map(|row| row["data"].as_str().unwrap()).collect();
    assert_eq!(found, [&names[0], &names[0], &names[1], &names[1]]);
    let judged: Vec<&Value> = result["verdicts"].as_array().unwrap().iter().map(|v| &v["data"]).collect();
    assert_eq!(judged, [&names[0], &names[1]]);
    assert!(result["notes"].to_string().contains("zero is left out: it is constant"), "{}", result["notes"]);
    let said = stderr(&run(inr().arg("bench").args([paths[0], paths[0]]), 2));
    assert!(said.contains("is named twice"), "{said}");
}

#[test]
fn another_command_of_the_same_name_is_measured_anew() {
    let (folder, waves, _) = data();
    let out = folder.path().join("out");
    let bytes = |command: &str| {
        let flags = ["-o", out.to_str().unwrap(), "--accuracy", "1e-2", "--norm", "Linf", "--external", command];
        rows(&bench(&[&waves], &flags)).last().unwrap()["stored_bytes"].as_u64()
    };
    assert_eq!(bytes("mine=cp {in} {out} ::: cp {out} {decoded}"), Some(4 * 8000));
    let twice = "mine=cat {in} {in} > {out} ::: head -c 32000 {out} > {decoded}";
    assert_eq!(bytes(twice), Some(8 * 8000));
    let taken = ["--external", "inr=cp {in} {out} ::: cp {out} {decoded}"];
    let said = stderr(&run(inr().arg("bench").arg(&waves).args(taken), 2));
    assert!(said.contains("a codec of that name"), "{said}");
}

#[test]
fn a_report_has_page_tables_rows_and_charts() {
    let (folder, waves, moving) = data();
    let out = folder.path().join("out");
    let mut command = inr();
    command
        .arg("bench")
        .args([&waves, &moving])
        .args(["--peers", "none", "--ratio", "20", "--norm", "Linf", "-o"])
        .arg(&out);
    let text = stdout(&run(command.args(COPY).args(["--ours", "threshold=0"]), 0));
    assert!(text.contains("waves (20x20x20 float32") && text.contains("report.html"), "{text}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let page = read("report.html");
    assert!(page.contains("waves") && page.contains("data:image/png;base64,") && page.contains("ratio 20"));
    assert!(read("tables.md").contains("| inr threshold=0"), "{}", read("tables.md"));
    // What copies does not reach the ratio, and says so.
    assert!(read("tables.md").contains("| NO |"), "{}", read("tables.md"));
    assert_eq!(read("rows.csv").lines().count(), 1 + 4);
    let json: Value = serde_json::from_str(&read("bench.json")).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 4);
    assert!(out.join("rate-distortion.png").exists() && out.join("rate-distortion.svg").exists());
}

#[test]
fn quantities_of_several_variables_have_errors_too() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["vx.npy", "vy.npy"].map(|n| folder.path().join(n));
    std::fs::write(&files[0], Npy::waves(&[10, 40, 40]).file("<", false)).unwrap();
    std::fs::write(&files[1], Npy::waves(&[10, 40, 40]).file("<", false)).unwrap();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let flags = ["--derived", "sqrt(vx*vx + vy*vy)", "--divergence", "vy,vx", "--accuracy", "1e-2", "--norm", "Linf"];
    let result = bench(&files, &[&flags[..], &["--ours", "threshold=0"]].concat());
    let derived = result["derived"].as_array().unwrap();
    assert_eq!(derived.len(), 2);
    assert!(derived.iter().all(|row| row["rel_l2"].as_f64().is_some_and(|e| e > 0.0 && e < 1.0)), "{derived:?}");
    let norms: Vec<f64> = (0..2).map(|i| derived[1]["over_gradient"][i].as_f64().unwrap()).collect();
    assert!(norms.iter().all(|norm| *norm > 0.1) && (norms[0] - norms[1]).abs() < 0.1, "{norms:?}");
    for (flags, words) in
        [(["--derived", "vx + w"], "'w' is no variable"), (["--divergence", "vx,w"], "no variable 'w'")]
    {
        let said = stderr(&run(inr().arg("bench").args(&files).args(flags), 2));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_measured() {
    let (_folder, waves, _) = data();
    for (flags, words) in [
        (&["--peers", "lzma"][..], "unknown peer 'lzma'"),
        (&["--accuracy", "0"], "accuracy"),
        (&["--mode", "ABS"], "--accuracy"),
        (&["--norm", "L7"], "L2, Linf or both"),
        (&["--ours", "temporal"], "KEY=VALUE"),
        (&["--ours", "ratio=3"], "set --ratio"),
        (&["--ours", "efort=fast"], "efort"),
        (&["--external", "cp {in} {out}"], "NAME=COMMAND"),
        (&["--budget", "soon"], "--budget"),
        (&["--windows", "0"], "--windows"),
    ] {
        let said = stderr(&run(inr().arg("bench").arg(&waves).args(flags), 2));
        assert!(said.contains(words), "{flags:?}: {said}");
    }
}

#[test]
fn advice_names_settings_that_hold_and_xml_to_paste() {
    let (folder, waves, moving) = data();
    let advise = |file: &Path, more: &[&str]| {
        let mut command = inr();
        command.arg("advise").arg(file).args(["--accuracy", "1e-3", "--norm", "Linf"]).args(more);
        stdout(&run(&mut command, 0))
    };
    let result: Value = serde_json::from_str(&advise(&moving, &["--time-axis", "0", "--json"])).unwrap();
    let advice = &result["advice"][0];
    let row = &advice["rows"][advice["advised"].as_u64().unwrap() as usize];
    assert!(row["held"] == true && row["ratio"].as_f64().unwrap() > 1.0, "{row}");
    let xml = result["xml"].as_str().unwrap();
    assert!(xml.contains(r#"<variable name="moving">"#) && xml.contains(r#"key="accuracy" value="1e-3""#), "{xml}");
    let file = folder.path().join("adios2.xml");
    std::fs::write(&file, xml).unwrap();
    let text = advise(&waves, &[]);
    assert!(text.contains("advised") && text.contains("effort=fast") && !text.contains("temporal=predict "), "{text}");
    // One candidate is tried in any case.
    let short: Value = serde_json::from_str(&advise(&moving, &["--budget", "0s", "--json"])).unwrap();
    assert_eq!(short["advice"][0]["rows"].as_array().unwrap().len(), 1);
    // What is advised can be pasted: a ratio and prediction exclude each other.
    let large = folder.path().join("large.npy");
    std::fs::write(&large, Npy::moving(&[6, 140, 140, 1]).file("<", false)).unwrap();
    let mut command = inr();
    command.arg("advise").arg(&large).args(["--time-axis", "0", "--ratio", "20", "--json"]);
    let at_ratio: Value = serde_json::from_str(&stdout(&run(&mut command, 0))).unwrap();
    let xml = at_ratio["xml"].as_str().unwrap();
    assert!(xml.contains(r#"key="ratio" value="20""#) && !xml.contains("temporal"), "{xml}");
    let said = stderr(&run(inr().arg("advise").arg(&waves), 2));
    assert!(said.contains("one goal"), "{said}");
}
