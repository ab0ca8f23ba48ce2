//! The command line from outside: the built binary, files and exit codes.
#![cfg(feature = "cli")]

mod cli_common;

use cli_common::{Npy, inr, run, stderr, stdout};

#[test]
fn every_type_survives_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let types = ["f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"];
    for code in types {
        for fortran in [false, true] {
            for endian in ["<", ">"] {
                let array = Npy::ramp(code, &[5, 6, 7]);
                let [input, record, output] = ["in.npy", "a.inr", "out.npy"].map(|n| folder.path().join(n));
                std::fs::write(&input, array.file(endian, fortran)).unwrap();
                // Below the default threshold everything is stored without loss.
                run(inr().arg("encode").args([&input, &record]), 0);
                run(inr().arg("decode").args([&record, &output]), 0);
                let back = Npy::parse(&std::fs::read(&output).unwrap());
                assert_eq!(back, array, "{endian}{code}, Fortran order: {fortran}");
            }
        }
    }
}

#[test]
fn both_orders_of_the_same_array_give_the_same_record() {
    let folder = tempfile::tempdir().unwrap();
    let array = Npy::waves(&[24, 30, 36]);
    let records = [false, true].map(|fortran| {
        let [input, record] = ["in.npy", "a.inr"].map(|n| folder.path().join(n));
        std::fs::write(&input, array.file("<", fortran)).unwrap();
        run(inr().arg("encode").args([&input, &record]).args(["--model", "transform", "--norm", "Linf"]), 0);
        std::fs::read(&record).unwrap()
    });
    assert_eq!(records[0], records[1]);
    assert!(records[0].len() < array.bytes.len() / 4, "{} bytes", records[0].len());
}

#[test]
fn the_asked_error_holds_in_the_decoded_file() {
    let folder = tempfile::tempdir().unwrap();
    let array = Npy::waves(&[32, 32, 32]);
    let [input, record, output] = ["in.npy", "a.inr", "out.npy"].map(|n| folder.path().join(n));
    std::fs::write(&input, array.file("<", false)).unwrap();
    let flags = ["--model", "transform", "--norm", "Linf", "--mode", "ABS", "--accuracy", "0.003", "--json"];
    let told = run(inr().arg("encode").args([&input, &record]).args(flags), 0);
    run(inr().arg("decode").args([&record, &output]), 0);
    let back = Npy::parse(&std::fs::read(&output).unwrap());
    let worst = array.f32s().zip(back.f32s()).map(|(x, y)| (f64::from(x) - f64::from(y)).abs()).fold(0.0, f64::max);
    assert!(worst > 0.0 && worst <= 0.003, "{worst}");
    let report: serde_json::Value = serde_json::from_str(&stdout(&told)).unwrap();
    assert_eq!(report["errors"]["max"].as_f64().unwrap(), worst);
    assert_eq!(report["stored_bytes"].as_u64().unwrap(), std::fs::metadata(&record).unwrap().len());
}

#[test]
fn wrong_flags_end_with_code_2_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.npy");
    std::fs::write(&input, Npy::ramp("f4", &[4]).file("<", false)).unwrap();
    let out = folder.path().join("a.inr");
    for (flags, word) in [
        (&["--accuracy", "-1"][..], "accuracy"),
        (&["--norm", "L7"], "norm"),
        (&["--accuracy", "1e-3", "--ratio", "10"], "exclude"),
        (&["--acuracy", "1e-3"], "--accuracy"),
        (&["--model", "magic"], "model"),
    ] {
        let done = run(inr().arg("encode").args([&input, &out]).args(flags), 2);
        assert!(stderr(&done).contains(word), "{flags:?}: {}", stderr(&done));
        assert!(!out.exists(), "{flags:?} left a file");
    }
    run(&mut inr(), 2);
    run(inr().arg("compress"), 2);
}

#[test]
fn unreadable_input_ends_with_code_1_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = Npy::ramp("f8", &[40, 40]).file("<", false);
    let out = folder.path().join("out");
    let short = file("short.npy", &whole[..whole.len() - 5]);
    let huge = file("huge.npy", &Npy::header("<f8", false, &[1 << 40, 1 << 40]));
    let text = file("text.npy", b"x,y\n1,2\n");
    let half = file("half.npy", &Npy::header("<f2", false, &[0]));
    let missing = folder.path().join("missing.npy");
    for input in [&short, &huge, &text, &half, &missing] {
        let done = run(inr().arg("encode").args([input, &out]), 1);
        let name = input.file_name().unwrap().to_str().unwrap();
        assert!(stderr(&done).contains(name), "{}", stderr(&done));
    }
    let garbage = file("garbage.inr", &[7; 100]);
    run(inr().arg("decode").args([&garbage, &out]), 1);
    assert!(!out.exists());
}

#[test]
fn a_failed_write_leaves_no_half_file() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.npy");
    std::fs::write(&input, Npy::ramp("f4", &[4]).file("<", false)).unwrap();
    // The output is a folder: the temporary file is there already when the rename fails.
    let target = folder.path().join("target");
    std::fs::create_dir(&target).unwrap();
    run(inr().arg("encode").args([&input, &target]), 1);
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.npy", "target"]);
}

#[test]
fn inspect_shows_good_records_and_names_bad_ones() {
    let folder = tempfile::tempdir().unwrap();
    let [input, record, garbage] = ["in.npy", "good.inr", "bad.inr"].map(|n| folder.path().join(n));
    std::fs::write(&input, Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
    std::fs::write(&garbage, b"not a record at all").unwrap();
    run(inr().arg("encode").args([&input, &record]).args(["--model", "transform"]), 0);
    let done = run(inr().arg("inspect").args([&garbage, &record]), 1);
    assert!(stdout(&done).contains("20x20x20 float32"), "{}", stdout(&done));
    assert!(stderr(&done).contains("bad.inr"), "{}", stderr(&done));
    let done = run(inr().arg("inspect").arg(&record).arg("--json"), 0);
    let found: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(found[0]["dims"], serde_json::json!([20, 20, 20]));
    assert_eq!(found[0]["promise"], "L2 REL 1e-2");
    // Recorded in 16 bits, rounded up.
    assert!(found[0]["rel_l2"].as_f64().unwrap() <= 1.01e-2);
}

#[test]
fn what_claims_to_be_larger_than_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [input, record, steps, output] = ["u.npy", "u.inr", "s.inr", "d.npy"].map(|n| folder.path().join(n));
    std::fs::write(&input, Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
    run(inr().arg("encode").args([&input, &record]), 0);
    run(inr().arg("encode").args([&input, &steps]).args(["--temporal", "predict"]), 0);
    for (file, limit) in [(&record, 32_000), (&steps, 1600)] {
        let decode = |limit: u64| {
            let mut command = inr();
            command.arg("decode").args([file, &output]).args(["--limit", &limit.to_string()]);
            command
        };
        let done = run(&mut decode(limit - 1), 1);
        assert!(stderr(&done).contains(&format!("asks for {limit} bytes")), "{}", stderr(&done));
        assert!(!output.exists());
        run(&mut decode(limit), 0);
        std::fs::remove_file(&output).unwrap();
    }
}

#[test]
fn the_log_of_encode_becomes_a_table_and_plots() {
    let folder = tempfile::tempdir().unwrap();
    let [log, stem] = ["run.jsonl", "run"].map(|n| folder.path().join(n));
    for name in ["u", "v"] {
        let [input, record] = ["npy", "inr"].map(|e| folder.path().join(format!("{name}.{e}")));
        std::fs::write(&input, Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
        let flags = ["--model", "transform", "--log"];
        run(inr().arg("encode").args([&input, &record]).args(flags).arg(&log), 0);
    }
    // What a killed process may leave.
    let mut text = std::fs::read(&log).unwrap();
    text.extend_from_slice(b"{\"time\": 17");
    std::fs::write(&log, text).unwrap();

    let done = run(inr().arg("report").arg(&log).arg("--plot").arg(&stem), 0);
    assert!(stdout(&done).contains("L2 REL 1e-2"), "{}", stdout(&done));
    assert!(stderr(&done).contains("1 line"), "{}", stderr(&done));
    let png = std::fs::read(stem.with_extension("png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let svg = std::fs::read_to_string(stem.with_extension("svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("\npromised\n"), "the bound of 1e-2 is one line for both");

    let done = run(inr().arg("report").arg(&log).arg("--json"), 0);
    let report: serde_json::Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(report["variables"].as_array().unwrap().len(), 2);
    assert_eq!(report["variables"][0]["raw_bytes"], 32_000);
    assert_eq!(report["variables"][0]["steps"][0]["limits"]["rel_l2"], 1e-2);
    let empty = folder.path().join("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    run(inr().arg("report").arg(&empty), 1);
}

const COMMANDS: [&str; 19] = [
    "encode",
    "decode",
    "inspect",
    "query",
    "predict",
    "verify",
    "finalize",
    "pack",
    "doctor",
    "report",
    "bench",
    "advise",
    "train",
    "eval",
    "table",
    "figures",
    "dimension",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself_with_examples() {
    let top = stdout(&run(inr().arg("--help"), 0));
    for command in COMMANDS {
        assert!(top.contains(command));
        let help = stdout(&run(inr().args([command, "--help"]), 0));
        assert!(help.contains("Examples:") && help.contains(&format!("inr {command} ")), "{help}");
    }
    let help = stdout(&run(inr().args(["encode", "--help"]), 0));
    for parameter in adios2_inr::PARAMETERS.iter().filter(|p| !p.is_about_series() && !p.is_about_operator()) {
        assert!(help.contains(&format!("--{}", parameter.key)), "{}", parameter.key);
    }
}

#[test]
fn predictions_come_nearer_than_the_step_before() {
    let folder = tempfile::tempdir().unwrap();
    let (n_steps, side) = (8, 48);
    let value = |i: usize| {
        let (step, row, column) = (i / (side * side), i / side % side, i % side);
        (0.3 * row as f32 - 0.2 * step as f32).sin() * (0.2 * column as f32 + 0.1 * step as f32).cos()
    };
    let values: Vec<f32> = (0..n_steps * side * side).map(value).collect();
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let array = Npy { code: "f4".into(), dims: vec![n_steps, side, side], bytes };
    let [input, output] = ["in.npy", "out.npy"].map(|n| folder.path().join(n));
    std::fs::write(&input, array.file("<", false)).unwrap();
    let flags = ["--norm", "Linf", "--accuracy", "1e-3", "--json"];
    let told = run(inr().arg("predict").args([&input, &output]).args(flags), 0);
    let report: serde_json::Value = serde_json::from_str(&stdout(&told)).unwrap();
    assert_eq!(report["steps"].as_array().unwrap().len(), n_steps);
    let back = Npy::parse(&std::fs::read(&output).unwrap());
    assert_eq!((&back.code[..], &back.dims), ("f8", &array.dims));
    let predicted: Vec<f64> = back.bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(predicted[..side * side].iter().all(|p| p.is_nan()), "the first step stands alone");
    let last = (n_steps - 1) * side * side;
    let worst = |of: &dyn Fn(usize) -> f64| {
        (last..last + side * side).map(|i| (f64::from(values[i]) - of(i)).abs()).fold(0.0, f64::max)
    };
    let (by_prediction, by_last) = (worst(&|i| predicted[i]), worst(&|i| f64::from(values[i - side * side])));
    assert!(by_prediction < 0.2 * by_last, "{by_prediction} {by_last}");
}

#[test]
fn doctor_names_every_part() {
    let done = inr().arg("doctor").arg("--json").output().unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_str(&stdout(&done)).unwrap();
    let names: Vec<_> = checks.iter().map(|c| c["name"].as_str().unwrap()).collect();
    for part in ["cpu", "adios2", "plugin", "gpu"] {
        assert!(names.contains(&part), "{names:?}");
    }
    let failed = checks.iter().any(|c| c["status"] == "failed");
    assert_eq!(done.status.code(), Some(i32::from(failed)));
    assert!(checks.iter().all(|c| c["status"] == "ok" || c["fix"].is_string()), "what is not well has a remedy");
}

#[test]
fn every_shell_completes_every_command_and_its_flags() {
    for (shell, start) in [("bash", "_inr()"), ("zsh", "#compdef inr"), ("fish", "complete -c inr")] {
        let script = stdout(&run(inr().args(["completions", shell]), 0));
        assert!(script.contains(start), "{shell}: {script}");
        for word in COMMANDS.into_iter().chain(["accuracy", "gradient"]) {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let refused = stderr(&run(inr().args(["completions", "cmd"]), 2));
    assert!(refused.contains("bash, zsh, fish"), "{refused}");
}

#[test]
fn every_command_has_a_man_page_with_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man/man1");
    run(inr().arg("man").arg(&pages), 0);
    for name in COMMANDS.map(|command| format!("inr-{command}")).iter().map(String::as_str).chain(["inr"]) {
        let page = std::fs::read_to_string(pages.join(name).with_extension("1")).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH EXAMPLES\n.nf\n"), "{name}: {page}");
    }
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), COMMANDS.len() + 1);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(stderr(&run(inr().arg("man").arg(&file), 1)).contains("file"));
}

#[test]
fn docs_cli_md_is_what_help_says() {
    let mut text = String::from(
        "# The command line\n\n`inr` as it explains itself. This page is made from `--help`; \
         `INR_UPDATE_DOCS=1 cargo test --test cli docs` writes it anew.\n",
    );
    for command in std::iter::once("").chain(COMMANDS) {
        let help = stdout(&run(inr().args(command.split_whitespace()).arg("--help"), 0));
        let help: String = help.lines().map(|l| l.trim_end().to_owned() + "\n").collect();
        text += &format!("\n## inr {command}\n\n```text\n{help}```\n").replace("inr \n", "inr\n");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLI.md");
    if std::env::var_os("INR_UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "run the test with INR_UPDATE_DOCS=1");
}

#[cfg(unix)]
#[test]
fn an_interrupted_encode_leaves_no_half_file() {
    use std::os::unix::process::ExitStatusExt as _;
    let folder = tempfile::tempdir().unwrap();
    // A named pipe as input: the run waits there, as in the middle of a long encode.
    let [pipe, record] = ["in.npy", "a.inr"].map(|n| folder.path().join(n));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = inr().arg("encode").args([&pipe, &record]).spawn().unwrap();
    let mut input = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    // The pipe is open on both sides: the handler was set before.
    std::io::Write::write_all(&mut input, b"\x93NUMPY").unwrap();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(130), None));
    assert!(!record.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_written_to_stays_a_pipe_and_is_read_from() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = tempfile::tempdir().unwrap();
    let [input, record, pipe] = ["in.npy", "a.inr", "pipe"].map(|n| folder.path().join(n));
    std::fs::write(&input, Npy::waves(&[20, 20, 20]).file("<", false)).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for output in [&record, &pipe] {
        let mut child = inr().arg("encode").args([&input, output]).args(["--model", "transform"]).spawn().unwrap();
        if output == &pipe {
            assert_eq!(std::fs::read(&pipe).unwrap(), std::fs::read(&record).unwrap());
        }
        assert!(child.wait().unwrap().success());
    }
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let [from_file, from_pipe] = ["file.npy", "pipe.npy"].map(|n| folder.path().join(n));
    run(inr().arg("decode").args([&record, &from_file]), 0);
    let mut child = inr().arg("decode").args([&pipe, &from_pipe]).spawn().unwrap();
    std::fs::write(&pipe, std::fs::read(&record).unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read(&from_file).unwrap(), std::fs::read(&from_pipe).unwrap());
}
