//! The uses of earlier steps, each with what it promises, and the comparison of a run with one that was written without the operator
//! (`tests/clients/engines.py`).

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{python, run, stdout, xml};

/// One use of earlier steps and what it promises.
pub struct Way {
    pub parameters: &'static [(&'static str, &'static str)],
    /// Largest error, as a part of the block's value range.
    pub linf: f64,
    /// Error as a part of the block's L2 norm.
    pub l2: f64,
}

impl Way {
    /// Whether earlier steps are used.
    pub fn is_temporal(&self) -> bool {
        self.parameters[0].0 == "temporal"
    }
}

pub const ALONE: Way = Way { parameters: &[("accuracy", "1e-3"), ("norm", "Linf")], linf: 1e-3, l2: f64::INFINITY };
pub const PREDICTED: Way = Way {
    parameters: &[("temporal", "predict"), ("accuracy", "1e-3"), ("norm", "Linf")],
    linf: 1e-3,
    l2: f64::INFINITY,
};
pub const SERIES: Way = Way {
    parameters: &[
        ("temporal", "series"),
        ("accuracy", "0.15"),
        ("width", "16"),
        ("blocks", "2"),
        ("iterations", "40"),
        ("seconds", "0.4"),
    ],
    linf: f64::INFINITY,
    l2: 0.15,
};
pub const WAYS: [Way; 3] = [ALONE, PREDICTED, SERIES];

/// What a certificate knows the error of a finished series to.
pub const CERTIFIED: f64 = 1.4;
/// More than a step of a series in training was ever seen to lose to later ones.
pub const IN_TRAINING: f64 = 3.0;

/// `tests/clients/engines.py`.
pub fn client(arguments: &[&str]) -> Command {
    let mut command = python();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/engines.py")).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// Writes `plain.xml`, a configuration without the operator.
pub fn set_plain_xml(folder: &str, engine: &str) {
    let plain = format!("<adios-config><io name=\"SimulationOutput\">{engine}</io></adios-config>");
    std::fs::write(Path::new(folder).join("plain.xml"), plain).unwrap();
}

/// Writes `inr.xml`, which switches the operator on.
pub fn set_xml(folder: &str, engine: &str, way: &Way) {
    let parameters = [&[("backend", "cpu"), ("model", "transform"), ("log", "run.jsonl")], way.parameters].concat();
    std::fs::write(Path::new(folder).join("inr.xml"), xml(engine, &parameters, &["u", "cells"])).unwrap();
}

/// The engine `kind` with one parameter.
pub fn engine(kind: &str, key: &str, value: &str) -> String {
    format!("<engine type=\"{kind}\"><parameter key=\"{key}\" value=\"{value}\"/></engine>")
}

/// Errors of one dataset against another, read by the serial wheel; where they have as many steps, nothing else may differ. With
/// `only_values` metadata is not looked at.
pub fn errors(folder: &str, name: &str, plain: &str, only_values: bool) -> Value {
    let more: &[&str] = if only_values { &["values"] } else { &[] };
    let done = run(&mut client(&[&["compare", folder, name, plain], more].concat()), 0);
    serde_json::from_str(&stdout(&done)).unwrap()
}

/// The promise held, at every value of every block, and the operator was used.
#[track_caller]
pub fn holds(errors: &Value, way: &Way, slack: f64, what: &str) {
    let (linf, l2) = (errors["linf"].as_f64().unwrap(), errors["l2"].as_f64().unwrap());
    assert!(linf <= way.linf && l2 <= way.l2 * slack, "{what}: {errors}");
    assert!(linf > 0.0, "{what}: the operator was not used");
}
