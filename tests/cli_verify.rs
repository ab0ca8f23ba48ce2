//! `inr verify`: promises checked again, on files and on datasets.
#![cfg(feature = "cli")]

mod cli_common;

use std::path::Path;

use cli_common::{Npy, inr, run, stderr, stdout};
use serde_json::Value;

/// A file of waves, and the same with one value `by` higher.
fn waves(folder: &Path, dims: &[usize; 3], by: f32) -> [std::path::PathBuf; 2] {
    let [input, other] = ["u.npy", "other.npy"].map(|name| folder.join(name));
    let mut array = Npy::waves(dims);
    std::fs::write(&input, array.file("<", false)).unwrap();
    let at = array.bytes.len() / 2 / 4 * 4;
    let value = f32::from_le_bytes(array.bytes[at..at + 4].try_into().unwrap()) + by;
    array.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    std::fs::write(&other, array.file("<", false)).unwrap();
    [input, other]
}

#[test]
fn a_record_keeps_its_promise_to_the_original_and_not_to_another_array() {
    let folder = tempfile::tempdir().unwrap();
    let [input, other] = waves(folder.path(), &[20, 20, 20], 0.5);
    let [record, steps, back] = ["u.inr", "s.inr", "back.npy"].map(|name| folder.path().join(name));
    let promise = ["--accuracy", "1e-3", "--norm", "Linf"];
    run(inr().arg("encode").args([&input, &record]).args(promise), 0);
    run(
        inr().arg("encode").args([&input, &steps]).args(promise).args(["--temporal", "predict", "--threshold", "0"]),
        0,
    );
    run(inr().arg("decode").args([&record, &back]), 0);
    for (decoded, more, n_blocks) in [(&record, &[][..], 1), (&steps, &[], 20), (&back, &promise, 1)] {
        let verify = |original: &Path, code| run(inr().arg("verify").args([original, decoded]).args(more), code);
        let text = stdout(&verify(&input, 0));
        assert!(text.contains("keep their promise") && text.contains("Linf REL 1e-3"), "{text}");
        let text = stdout(&verify(&other, 1));
        assert!(text.contains(&format!("1 of {n_blocks} blocks do not keep")), "{text}");
        let step = n_blocks / 2;
        assert!(
            text.contains(&format!("step {step}, block 0: has ")) && text.contains("where Linf REL 1e-3"),
            "{text}"
        );
    }
    let done = run(inr().arg("verify").args([&input, &back]), 2);
    assert!(stderr(&done).contains("set --accuracy or --psnr"), "{}", stderr(&done));
    let found = stdout(&run(inr().arg("verify").args([&other, &record]).arg("--json"), 1));
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["is_kept"], &found["blocks"][0]["found"]["n_changed"]), (&false.into(), &0.into()));
    assert!(found["blocks"][0]["found"]["errors"]["max"].as_f64().unwrap() > 0.4);
}

#[test]
fn arrays_of_other_dimensions_and_damaged_steps_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let [input, _] = waves(folder.path(), &[8, 30, 30], 0.0);
    let [small, record] = ["small.npy", "s.inr"].map(|name| folder.path().join(name));
    std::fs::write(&small, Npy::ramp("f4", &[8, 30]).file("<", false)).unwrap();
    let flags = ["--temporal", "predict", "--threshold", "0", "--key_interval", "4"];
    run(inr().arg("encode").args([&input, &record]).args(flags), 0);
    let done = run(inr().arg("verify").args([&small, &record]), 1);
    assert!(stderr(&done).contains("holds [8, 30, 30] float32 where the original has [8, 30]"), "{}", stderr(&done));
    let mut bytes = std::fs::read(&record).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&record, bytes).unwrap();
    let text = stdout(&run(inr().arg("verify").args([&input, &record]), 1));
    assert!(text.contains("step 7, block 0: cannot be read: ") && text.contains("1 of 8 blocks"), "{text}");
}

#[cfg(feature = "adios2")]
mod datasets {
    use super::*;
    use cli_common::{BP5, inr_with_adios2, python, xml};

    #[test]
    #[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
    fn every_block_of_a_dataset_is_compared_with_the_run_without_the_operator() {
        let folder = tempfile::tempdir().unwrap();
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/xml_client.py");
        let write = |name: &str, parameters: &[(&str, &str)], variables: &[&str]| {
            let run_folder = folder.path().join(name);
            std::fs::create_dir(&run_folder).unwrap();
            std::fs::write(run_folder.join("adios2.xml"), xml(BP5, parameters, variables)).unwrap();
            run(python().arg(client).arg("write").arg(&run_folder), 0);
            run_folder.join("out.bp")
        };
        let plain = write("plain", &[], &[]);
        let coded = write("coded", &[("norm", "Linf"), ("accuracy", "1e-3")], &["U", "V"]);
        let verify = |original: &Path, decoded: &Path, more: &[&str], code| {
            stdout(&run(inr_with_adios2().arg("verify").args([original, decoded]).args(more), code))
        };
        let text = verify(&plain, &coded, &[], 0);
        assert!(text.contains("Linf REL 1e-3") && text.contains("exact"), "{text}");
        assert!(verify(&plain, &coded, &["--variable", "U"], 0).contains("3 blocks keep their promise"));
        // What was lossy cannot stand for the original.
        let text = verify(&coded, &plain, &[], 1);
        assert!(text.contains("where exact was promised"), "{text}");

        let array = folder.path().join("U.npy");
        let code = "import adios2, numpy, sys\nwith adios2.FileReader(sys.argv[1]) as f:\n    \
                    u = numpy.stack([f.read('U', step_selection=[i, 1]) for i in range(3)])\nu[1].flat[7] += float(sys.argv[3])\nnumpy.save(sys.argv[2], u)";
        for (by, exit_code) in [("0", 0), ("1e3", 1)] {
            run(python().args(["-c", code]).args([&plain, &array]).arg(by), 0);
            let text = verify(&array, &coded, &["--variable", "U"], exit_code);
            assert_eq!(text.contains("U, step 1, block 0: has "), exit_code == 1, "{text}");
        }
    }
}
