//! `inr query` from outside: tables, files and refusals.
#![cfg(feature = "cli")]

mod cli_common;
#[path = "common/networks.rs"]
mod networks;
#[path = "common/tolerance.rs"]
mod tolerance;

use approx::assert_relative_eq;
use std::io::Write as _;
use std::process::Stdio;

use adios2_inr::session::SeriesField;
use cli_common::{Npy, inr, run, stderr, stdout};
use networks::{SIDE, dataset};
use serde_json::Value;
use tempfile::TempDir;

fn folder() -> TempDir {
    dataset(&[(&[0, 0], &[SIDE, SIDE], 1, 1), (&[0, SIDE], &[SIDE, SIDE], 1, 2)])
}

fn ask(folder: &TempDir, flags: &[&str]) -> String {
    stdout(&run(inr().arg("query").arg(folder.path()).arg("u").args(flags), 0))
}

fn refuse(folder: &TempDir, flags: &[&str], code: i32) -> String {
    stderr(&run(inr().arg("query").arg(folder.path()).arg("u").args(flags), code))
}

/// Cells of each line behind the header.
fn cells(text: &str, separator: char) -> Vec<Vec<String>> {
    let lines = text.lines().skip(1);
    lines.map(|l| l.split(separator).filter(|c| !c.is_empty()).map(str::to_owned).collect()).collect()
}

#[test]
fn places_with_times_of_their_own_become_rows_with_the_error_of_their_step() {
    let folder = folder();
    let field = SeriesField::open(folder.path(), "u").unwrap();
    let text = ask(&folder, &["--at", "1.5,7,2.25", "--at", "0,0", "--at", "3,3,4", "--gradient"]);
    assert_eq!(
        text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["x0", "x1", "t", "value", "dvalue/dx0", "dvalue/dx1", "dvalue/dt", "step", "error", "stored", "promise"]
    );
    let rows = cells(&text, ' ');
    assert_eq!(rows.len(), 3);
    for (row, (time, x)) in rows.iter().zip([(2.25, [1.5, 7.0]), (9.0, [0.0, 0.0]), (4.0, [3.0, 3.0])]) {
        let answer = field.evaluate(time, &x, true).unwrap();
        assert_eq!(row[3].parse::<f32>().unwrap(), answer.values[0]);
        for (cell, slope) in row[4..7].iter().zip(&answer.gradients) {
            assert_relative_eq!(cell.parse::<f64>().unwrap(), *slope, max_relative = tolerance::PRINTED);
        }
    }
    let about = |row: usize| rows[row][7..].join(" ");
    assert_eq!(
        [about(0), about(1), about(2)],
        ["2 6.250e-2 network certified", "9 6.250e-2 network certified", "4 2.500e-1 network broken"]
    );
    assert!(ask(&folder, &["--at", "3,3,3"]).trim_end().ends_with("alone        -"));
}

#[test]
fn places_come_from_stdin_as_numbers_with_commas_or_blanks() {
    let folder = folder();
    let mut child = inr()
        .arg("query")
        .arg(folder.path())
        .args(["u", "--at", "-", "--time", "2", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"# x y\n0, 1.5\n\n2  3\n").unwrap();
    let done = child.wait_with_output().unwrap();
    let found: Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(found["points"].as_array().unwrap().len(), 2);
    assert_eq!((&found["points"][1]["at"], &found["points"][1]["time"]), (&serde_json::json!([2.0, 3.0]), &2.0.into()));
    assert_eq!((&found["steps"], &found["axes"][1]), (&serde_json::json!([1, 9]), &serde_json::json!([0.0, 11.0])));
    assert_eq!(found["points"][0]["is_certified"], true);
}

#[test]
fn a_plane_is_the_row_of_the_array_and_a_box_its_part_at_every_time() {
    let folder = folder();
    let field = SeriesField::open(folder.path(), "u").unwrap();
    let row: Vec<f64> = (0..2 * SIDE).flat_map(|x| [2.0, x as f64]).collect();
    let [csv, npy] = ["row.csv", "part.npy"].map(|name| folder.path().join(name));
    ask(&folder, &["--plane", "0=2", "--time", "3", "--output", csv.to_str().unwrap()]);
    let rows = cells(&std::fs::read_to_string(&csv).unwrap(), ',');
    let values: Vec<f32> = rows.iter().map(|row| row[3].parse().unwrap()).collect();
    assert_eq!(values, field.evaluate(3.0, &row, false).unwrap().values);

    let part = ["--box", "0,4", "5,7.5", "--time", "2:4:5"];
    let array = |more: &[&str]| {
        ask(&folder, &[&part[..], &["--output", npy.to_str().unwrap()], more].concat());
        std::fs::read(&npy).unwrap()
    };
    let values = Npy::parse(&array(&[]));
    assert_eq!(values.bytes.len(), 4 * 5 * 6 * 4);
    let second: Vec<f64> = (0..6).flat_map(|y| (4..8).flat_map(move |x| [y as f64, x as f64])).collect();
    let at_once = field.evaluate(2.5, &second, false).unwrap().values;
    assert_eq!(values.f32s().skip(24).take(24).collect::<Vec<_>>(), at_once);
    let with_slopes = array(&["--n", "3,2", "--gradient"]);
    assert!(
        String::from_utf8_lossy(&with_slopes[..128]).contains("'<f8', 'fortran_order': False, 'shape': (5, 3, 2, 4)")
    );
    assert_eq!(cells(&ask(&folder, &["--line", "0,0", "5,11", "--n", "7"]), ' ').len(), 7);
}

#[test]
fn wrong_usage_ends_with_code_2_and_what_is_not_there_with_code_1() {
    let folder = folder();
    for (flags, word) in [
        (&[][..], "--at"),
        (&["--at", "1,2", "--plane", "0=1"], "cannot be used with"),
        (&["--at", "1"], "'1' has 1 numbers"),
        (&["--at", "1,x"], "'x' is no number"),
        (&["--at", "1,2,3", "--time", "4"], "exclude each other"),
        (&["--at", "1,2", "--time", "1:2"], "first:last:number"),
        (&["--plane", "2=1"], "axis from 0 to 1"),
        (&["--line", "0,0", "1"], "'1' is no place"),
        (&["--box", "3,3", "2,4"], "from low to high"),
        (&["--box", "0.2,0", "0.8,4"], "no point of the array"),
        (&["--box", "0,0", "5,5", "--n", "100000"], "--n"),
        (&["--at", "1,2", "--output", "u.txt"], ".npy or .csv"),
    ] {
        let said = refuse(&folder, flags, 2);
        assert!(said.contains(word), "{flags:?}: {said}");
    }
    assert!(refuse(&folder, &["--at", "-1,2"], 1).contains("goes from 0 to 5"));
    assert!(refuse(&folder, &["--at", "1,2,40"], 1).contains("they know 1 to 9"));
    let unknown = run(inr().arg("query").arg(folder.path()).args(["v", "--at", "0,0"]), 1);
    assert!(stderr(&unknown).contains("no network of 'v'") && stderr(&unknown).contains("'u'"));
    assert!(stderr(&run(inr().args(["query", "/nowhere.bp", "u", "--at", "0,0"]), 1)).contains("no model store"));
}
