//! An ADIOS2 XML file: what the operator would be told, and mistakes that ADIOS2 passes over in silence.

use std::collections::BTreeMap;
use std::path::Path;

use adios2_inr::settings::Temporal;
use adios2_inr::{Settings, npy};
use roxmltree::{Document, Node};

use super::Check;

const NAME: &str = "config";

/// What the file asks for.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Variables that this operator is to store, with the `io` that says so.
    pub variables: BTreeMap<String, String>,
}

/// Parameters as they stand in the file.
type Parameters = Vec<(String, String)>;

/// Reads the file; `None` where there is nothing to compare a dataset with.
pub fn read(path: &Path) -> (Option<Config>, Vec<Check>) {
    let name = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => return (None, vec![Check::failed(NAME, format!("{name}: {e}"), "give the path of the XML file")]),
    };
    match Document::parse(&text) {
        Err(e) => (None, vec![Check::failed(NAME, format!("{name}: {e}"), "correct the XML at this place")]),
        Ok(document) => {
            let (config, mut checks) = look(document.root_element());
            if config.variables.is_empty() && checks.is_empty() {
                let fix =
                    "put <variable name=\"U\"><operation operator=\"inr\"/></variable> into the <io> of the simulation";
                checks.push(Check::failed(NAME, format!("{name} gives the operator to no variable"), fix));
            }
            if checks.is_empty() {
                let names: Vec<&str> = config.variables.keys().map(String::as_str).collect();
                checks.push(Check::ok(NAME, format!("{name} gives the operator to {}", names.join(", "))));
            }
            (Some(config), checks)
        }
    }
}

fn look(root: Node) -> (Config, Vec<Check>) {
    let mut checks = Vec::new();
    if !root.has_tag_name("adios-config") {
        let found = format!("its first element is <{}>", root.tag_name().name());
        checks.push(Check::failed(NAME, found, "ADIOS2 reads files that start with <adios-config>"));
    }
    let operators = children(root, "operator").filter_map(|node| Some((node.attribute("name")?, node))).collect();
    let mut reading = Reading { operators, config: Config::default(), checks };
    let ours: Vec<Node> = reading.operators.values().copied().filter(is_ours).collect();
    ours.iter().for_each(|node| reading.checks.extend(check(node)));
    children(root, "io").for_each(|io| reading.io(io, ours.iter().any(is_temporal)));
    (reading.config, reading.checks)
}

/// A file that is gone through.
struct Reading<'a, 'i> {
    operators: BTreeMap<&'a str, Node<'a, 'i>>,
    config: Config,
    checks: Vec<Check>,
}

impl<'a, 'i> Reading<'a, 'i> {
    fn io(&mut self, io: Node<'a, 'i>, is_temporal: bool) {
        let name = io.attribute("name").unwrap_or_default();
        if name.is_empty() {
            self.fail("an <io> has no name".to_owned(), "name it as the simulation does in DeclareIO");
        }
        for variable in children(io, "variable") {
            for operation in children(variable, "operation") {
                self.operation(name, variable.attribute("name").unwrap_or_default(), operation);
            }
        }
        if let Some(engine) = engine(&io).filter(|_| is_temporal) {
            let found = format!("io '{name}' uses {engine}, which tells operators no names: 'temporal' has no effect");
            self.checks.push(Check::skipped(NAME, found, "use BP5 for temporal=predict and temporal=series"));
        }
    }

    fn operation(&mut self, io: &str, variable: &str, operation: Node<'a, 'i>) {
        let asked = operation.attribute("operator");
        let Some(node) = asked.map_or(Some(operation), |asked| self.operators.get(asked).copied()) else {
            let known: Vec<&str> = self.operators.keys().copied().collect();
            let found = format!("variable '{variable}': there is no operator '{}'", asked.unwrap_or_default());
            return self.fail(found, &format!("use the name of an <operator> of the file: {}", known.join(", ")));
        };
        if !is_ours(&node) {
            return;
        }
        if asked.is_none() {
            self.checks.extend(check(&node));
        }
        if variable.contains(['*', '?']) {
            let fix = "ADIOS2 takes names as they are: write a <variable> for each one";
            self.fail(format!("variable '{variable}' looks like a pattern"), fix);
        }
        self.config.variables.insert(variable.to_owned(), io.to_owned());
    }

    fn fail(&mut self, found: String, fix: &str) {
        self.checks.push(Check::failed(NAME, found, fix));
    }
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |node| node.has_tag_name(name))
}

fn is_ours(node: &Node) -> bool {
    is_plugin(node) && parameters(node).iter().any(|(key, value)| is(key, "PluginName") && value == "inr")
}

/// The engine of an `io`, if it is one that tells no names.
fn engine(io: &Node) -> Option<String> {
    let engine = io.children().find(|node| node.has_tag_name("engine"))?.attribute("type")?;
    let has_names = ["BP5", "BP", "BPFile", "FileStream", "File"].iter().any(|known| is(engine, known));
    (!has_names).then(|| engine.to_owned())
}

fn is(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn is_plugin(node: &Node) -> bool {
    node.attribute("type").is_some_and(|kind| is(kind, "plugin"))
}

fn parameters(node: &Node) -> Parameters {
    let pair = |node: Node| Some((node.attribute("key")?.to_owned(), node.attribute("value")?.to_owned()));
    children(*node, "parameter").filter_map(pair).collect()
}

fn settings(node: &Node) -> adios2_inr::Result<Settings> {
    let pairs = parameters(node);
    Settings::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn is_temporal(node: &Node) -> bool {
    settings(node).is_ok_and(|settings| settings.temporal != Temporal::None)
}

/// Mistakes in the parameters of an operator.
fn check(node: &Node) -> Vec<Check> {
    let name = node.attribute("name").unwrap_or("in a variable");
    let failed = |found: String, fix: &str| Check::failed(NAME, format!("operator {name}: {found}"), fix);
    let mut checks = Vec::new();
    let library = parameters(node).into_iter().find(|(key, _)| is(key, "PluginLibrary"));
    match library {
        Some((_, library)) if library == "adios2_inr" => {}
        Some((_, library)) => {
            checks.push(failed(format!("PluginLibrary is '{library}'"), "set PluginLibrary to adios2_inr"));
        }
        None => checks.push(failed("PluginLibrary is missing".to_owned(), "set PluginLibrary to adios2_inr")),
    }
    match settings(node) {
        Err(error) => checks.push(failed(error.to_string(), "correct it in the file: docs/PARAMETERS.md")),
        Ok(settings) => {
            let points = settings.points.map(|path| npy::Steps::open(&path));
            if let Some(Err(error)) = points {
                checks.push(failed(error.to_string(), "'points' is a .npy file with a row of coordinates per value"));
            }
        }
    }
    checks
}
