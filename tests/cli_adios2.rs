//! The command line on real datasets; needs the Python with adios2 that `INR_TEST_PYTHON` named when the tests were built.
#![cfg(all(feature = "adios2", feature = "cli"))]

mod cli_common;

use cli_common::{BP5, inr, inr_with_adios2, python, run, stdout, xml};
use serde_json::Value;

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn inspect_and_report_show_what_a_simulation_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("run.jsonl");
    let parameters = [("model", "transform"), ("norm", "Linf"), ("log", log.to_str().unwrap())];
    std::fs::write(folder.path().join("adios2.xml"), xml(BP5, &parameters, &["U", "V"])).unwrap();
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/xml_client.py");
    run(python().arg(client).arg("write").arg(folder.path()), 0);

    let done = run(inr_with_adios2().arg("inspect").arg(folder.path().join("out.bp")).arg("--json"), 0);
    let found: Value = serde_json::from_str(&stdout(&done)).unwrap();
    let blocks = found[0]["blocks"].as_array().unwrap();
    for variable in ["U", "V"] {
        let ours: Vec<_> = blocks.iter().filter(|b| b["variable"] == variable).collect();
        assert_eq!(ours.len(), 3, "three steps of {variable}");
        for block in ours {
            let record = &block["record"];
            assert_eq!(record["promise"], "Linf REL 1e-2");
            assert_eq!(record["stored_bytes"], block["stored_bytes"]);
            assert!(block["stored_bytes"].as_u64() < block["raw_bytes"].as_u64());
        }
    }
    assert!(blocks.iter().any(|b| b["record"].is_null()), "the third variable has no operator");
    let text = stdout(&run(inr_with_adios2().arg("inspect").arg(folder.path().join("out.bp")), 0));
    assert!(text.contains("(not by inr)") && text.contains("Linf REL 1e-2"), "{text}");

    let report: Value = serde_json::from_str(&stdout(&run(inr().arg("report").arg(&log).arg("--json"), 0))).unwrap();
    let names: Vec<_> = report["variables"].as_array().unwrap().iter().map(|v| v["variable"].clone()).collect();
    assert_eq!(names, ["U", "V"]);
    assert_eq!(report["variables"][0]["steps"].as_array().unwrap().len(), 3);
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn doctor_finds_adios2_and_the_plugin() {
    let done = inr_with_adios2().args(["doctor", "--json"]).output().unwrap();
    let checks: Vec<Value> = serde_json::from_str(&stdout(&done)).unwrap();
    for name in ["adios2", "plugin"] {
        let check = checks.iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(check["status"], "ok", "{check}");
    }
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn doctor_says_what_is_wrong_with_a_plugin_path() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let done = run(inr_with_adios2().args(["doctor", "--json"]).env("ADIOS2_PLUGIN_PATH", folder.path()), 1);
        let checks: Vec<Value> = serde_json::from_str(&stdout(&done)).unwrap();
        checks.into_iter().find(|c| c["name"] == "plugin").unwrap()
    };
    assert!(check()["found"].as_str().unwrap().contains("not found"));
    std::fs::write(folder.path().join("libadios2_inr.so"), "not a library").unwrap();
    let damaged = check();
    assert!(damaged["status"] == "failed" && damaged["fix"].is_string(), "{damaged}");
}
