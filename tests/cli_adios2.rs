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
    let given = &report["runs"].as_array().unwrap()[..];
    assert!(given.len() == 1 && given[0]["parameters"]["norm"] == "Linf", "{given:?}");
    assert!(given[0]["dataset"].as_str().unwrap().ends_with("/out.bp"), "{given:?}");
    let text = stdout(&run(inr().arg("report").arg(&log), 0));
    assert!(text.contains("1 process: version ") && text.contains("model=transform norm=Linf"), "{text}");
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

/// The checks of `doctor` on a configuration and what follows it.
fn checks_of(files: &[&std::path::Path], code: i32) -> Vec<Value> {
    let checks = stdout(&run(inr_with_adios2().args(["doctor", "--json"]).args(files), code));
    let checks: Vec<Value> = serde_json::from_str(&checks).unwrap();
    checks.into_iter().filter(|check| check["name"] == "config" || check["name"] == "dataset").collect()
}

#[test]
#[cfg_attr(not(test_python), ignore = "set INR_TEST_PYTHON to a Python with adios2 and build again")]
fn doctor_names_variables_that_no_operator_touched_and_names_that_match_none() {
    let folder = tempfile::tempdir().unwrap();
    let [config, dataset] = ["adios2.xml", "out.bp"].map(|name| folder.path().join(name));
    let write = |variables: &[&str]| std::fs::write(&config, xml(BP5, &[("norm", "Linf")], variables)).unwrap();
    write(&["U", "W"]);
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/xml_client.py");
    run(python().arg(client).arg("write").arg(folder.path()), 0);
    let found = checks_of(&[&config, &dataset], 1);
    let told = |part: &str, status: &str| {
        let is_it = |check: &&Value| check["status"] == status && check["found"].as_str().unwrap().contains(part);
        assert_eq!(found.iter().filter(is_it).count(), 1, "{part}: {found:#?}");
    };
    told("gives the operator to U, W", "ok");
    told("has no array 'W'", "failed");
    told("3 of 3 blocks of variable 'V' are not stored", "skipped");
    told("3 of 3 blocks of variable 'plain' are not stored", "skipped");
    assert_eq!(found.len(), 4, "{found:#?}");

    write(&["U"]);
    assert_eq!(checks_of(&[&config, &dataset], 0).len(), 3);
    write(&["U", "V"]);
    let found = checks_of(&[&config, &dataset], 1);
    assert!(
        found.iter().any(|check| check["fix"].as_str().is_some_and(|fix| fix.contains("calls 'SimulationOutput'"))),
        "{found:#?}"
    );
}

#[test]
fn doctor_names_every_mistake_of_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("adios2.xml");
    let right = xml(BP5, &[("norm", "Linf")], &["U"]);
    for (from, to, told) in [
        ("norm", "nrm", "did you mean 'norm'"),
        ("Linf", "L7", "set it to"),
        ("adios2_inr", "inr", "PluginLibrary is 'inr'"),
        ("operation operator=\"inr\"", "operation operator=\"inrr\"", "there is no operator 'inrr'"),
        ("variable name=\"U\"", "variable name=\"U*\"", "looks like a pattern"),
        ("</adios-config>", "</adios>", "adios2.xml:"),
        ("variable", "var", "gives the operator to no variable"),
        ("key=\"norm\" value=\"Linf\"", "key=\"points\" value=\"/nowhere.npy\"", "/nowhere.npy"),
    ] {
        std::fs::write(&config, right.replace(from, to)).unwrap();
        let done = inr().args(["doctor", "--json"]).arg(&config).output().unwrap();
        let checks: Vec<Value> = serde_json::from_str(&stdout(&done)).unwrap();
        let of_config: Vec<&Value> = checks.iter().filter(|check| check["name"] == "config").collect();
        assert!(
            of_config.iter().any(|c| c["status"] == "failed" && c["found"].as_str().unwrap().contains(told)),
            "{told}: {of_config:#?}"
        );
        assert_eq!(done.status.code(), Some(1));
    }
    std::fs::write(
        &config,
        right.replace("BP5", "SST").replace("Linf", "Linf\"/><parameter key=\"temporal\" value=\"predict"),
    )
    .unwrap();
    let text = stdout(&inr().arg("doctor").arg(&config).output().unwrap());
    assert!(text.contains("uses SST, which tells operators no names"), "{text}");
}
