//! `inr encode --temporal predict`: arrays whose first axis is time, as one file.
#![cfg(feature = "cli")]

mod cli_common;

use std::path::{Path, PathBuf};

use cli_common::{Npy, inr, run, stderr, stdout};
use serde_json::Value;

const N_STEPS: usize = 20;

/// A ring that grows, `[steps][40][36]`, and its file.
fn ring(folder: &Path, fortran: bool) -> (Npy, PathBuf) {
    let mut array = Npy::ramp("f4", &[N_STEPS, 40, 36]);
    let value = |i: usize| {
        let (t, y, x) = (i / 1440, i / 36 % 40, i % 36);
        let r = ((y as f32 - 19.0).powi(2) + (x as f32 - 17.0).powi(2)).sqrt();
        (-(r - 4.0 - 0.4 * t as f32).powi(2) / 9.0).exp() + 0.3 * (0.4 * x as f32).sin() * (0.3 * y as f32).cos()
    };
    array.bytes = (0..N_STEPS * 1440).flat_map(|i| value(i).to_le_bytes()).collect();
    let path = folder.join("ring.npy");
    std::fs::write(&path, array.file("<", fortran)).unwrap();
    (array, path)
}

fn read(path: &Path) -> Npy {
    Npy::parse(&std::fs::read(path).unwrap())
}

const FLAGS: [&str; 8] = ["--temporal", "predict", "--accuracy", "1e-3", "--norm", "Linf", "--threshold", "0"];

#[test]
fn an_array_of_steps_is_one_file_that_is_read_whole_or_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let [record, back, one, log] = ["ring.inr", "back.npy", "one.npy", "log.jsonl"].map(|n| folder.path().join(n));
    let (array, input) = ring(folder.path(), false);
    let done = run(inr().arg("encode").args([&input, &record]).args(FLAGS).args(["--json", "--log"]).arg(&log), 0);
    let told: Value = serde_json::from_str(&stdout(&done)).unwrap();
    let n_stored = std::fs::metadata(&record).unwrap().len();
    assert_eq!((told["stored_bytes"].as_u64(), told["n_steps"].as_u64()), (Some(n_stored), Some(N_STEPS as u64)));
    assert!(told["n_keys"].as_u64() < Some(6) && told["max_over_range"].as_f64() <= Some(1e-3), "{told}");
    let alone = folder.path().join("alone.inr");
    run(inr().arg("encode").args([&input, &alone]).args(["--accuracy", "1e-3", "--norm", "Linf"]), 0);
    run(inr().arg("decode").args([&record, &back]), 0);
    let decoded = read(&back);
    let step = |array: &Npy, t: usize| array.f32s().skip(t * 1440).take(1440).collect::<Vec<f32>>();
    for t in 0..N_STEPS {
        let (want, got) = (step(&array, t), step(&decoded, t));
        let (low, high) = want.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
        let worst = want.iter().zip(&got).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-3 * (high - low), "step {t}: {worst}");
    }
    for t in [19, 0, 7] {
        run(inr().arg("decode").args([&record, &one]).args(["--step", &t.to_string()]), 0);
        assert_eq!(read(&one).f32s().collect::<Vec<_>>(), step(&decoded, t), "step {t}");
    }
    let lines = std::fs::read_to_string(&log).unwrap();
    assert_eq!(lines.lines().count(), N_STEPS);
    let report = stdout(&run(inr().arg("report").arg(&log), 0));
    assert!(report.contains("chain of"), "{report}");
    let shown = stdout(&run(inr().arg("inspect").arg(&record), 0));
    assert!(
        shown.contains("20x40x36 float32") && shown.contains("predicted (") && shown.contains("Linf REL 1e-3"),
        "{shown}"
    );
    let found = stdout(&run(inr().arg("inspect").arg(&record).arg("--json"), 0));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found[0]["steps"].as_array().unwrap().len(), N_STEPS);
    assert_eq!(found[0]["steps"][0]["kind"], "key");
}

#[test]
fn both_orders_of_an_array_of_steps_give_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = [false, true].map(|fortran| {
        let record = folder.path().join("ring.inr");
        let (_, input) = ring(folder.path(), fortran);
        run(inr().arg("encode").args([&input, &record]).args(FLAGS), 0);
        std::fs::read(&record).unwrap()
    });
    assert_eq!(files[0], files[1]);
}

#[test]
fn integers_and_complex_numbers_are_steps_too() {
    let folder = tempfile::tempdir().unwrap();
    let [input, record, output] = ["in.npy", "a.inr", "out.npy"].map(|n| folder.path().join(n));
    for code in ["i4", "c8", "f8"] {
        let array = Npy::ramp(code, &[5, 6, 7]);
        std::fs::write(&input, array.file("<", false)).unwrap();
        // Below the default threshold everything is stored without loss.
        run(inr().arg("encode").args([&input, &record]).args(["--temporal", "predict"]), 0);
        run(inr().arg("decode").args([&record, &output]), 0);
        assert_eq!(read(&output), array);
    }
}

#[test]
fn a_damaged_or_cut_file_of_steps_ends_with_a_sentence_and_no_array() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, record, output] = ["whole.inr", "a.inr", "out.npy"].map(|n| folder.path().join(n));
    let (_, input) = ring(folder.path(), false);
    run(inr().arg("encode").args([&input, &whole]).args(FLAGS), 0);
    let bytes = std::fs::read(&whole).unwrap();
    for k in 0..12 {
        let mut damaged = bytes.clone();
        let at = (bytes.len() - 1) * k / 12;
        damaged[at] ^= 0x55;
        if k % 2 == 0 {
            damaged.truncate(at);
        }
        std::fs::write(&record, &damaged).unwrap();
        let done = run(inr().arg("decode").args([&record, &output]), 1);
        let said = stderr(&done);
        assert!(said.contains("a.inr") && said.lines().count() == 1, "{said}");
        assert!(!output.exists());
    }
    // What stands before the cut is still there.
    std::fs::write(&record, &bytes[..bytes.len() - 1]).unwrap();
    run(inr().arg("decode").args([&record, &output]).args(["--step", "18"]), 0);
    let said = stderr(&run(inr().arg("decode").args([&record, &output]).args(["--step", "19"]), 1));
    assert!(said.contains("step 19 of 20") && said.contains("cut off"), "{said}");
    let shown = stdout(&run(inr().arg("inspect").arg(&record), 0));
    assert!(shown.contains("19 of 20 steps") && shown.contains("LOST"), "{shown}");
}

#[test]
fn flags_that_do_not_fit_end_with_code_2_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let [input, record, output] = ["in.npy", "a.inr", "out.npy"].map(|n| folder.path().join(n));
    std::fs::write(&input, Npy::ramp("f4", &[40]).file("<", false)).unwrap();
    let said = stderr(&run(inr().arg("encode").args([&input, &record]).args(["--temporal", "predict"]), 2));
    assert!(said.contains("two axes"), "{said}");
    run(inr().arg("encode").args([&input, &record]).args(["--temporal", "series"]), 2);
    assert!(!record.exists());
    run(inr().arg("encode").args([&input, &record]), 0);
    let said = stderr(&run(inr().arg("decode").args([&record, &output]).args(["--step", "0"]), 2));
    assert!(said.contains("--step"), "{said}");
    let (_, input) = ring(folder.path(), false);
    run(inr().arg("encode").args([&input, &record]).args(FLAGS), 0);
    let said = stderr(&run(inr().arg("decode").args([&record, &output]).args(["--step", "20"]), 2));
    assert!(said.contains("20 steps"), "{said}");
}
