//! The model store's part of `inr inspect`: networks, certificates, broken promises.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use adios2_inr::codec::{Place, StepPlace};
use adios2_inr::session::{StoreFile, StoredChain, StoredSegment, StoredStep, survey};
use serde_json::{Value, json};

use crate::inspect_chain;
use crate::table::{self, Table};

/// Steps named in a line before "...".
const N_NAMED: usize = 20;

/// The model store of a dataset.
pub struct ModelStore {
    files: Vec<StoreFile>,
    errors: Vec<String>,
    /// Dataset steps of the blocks that each network stands for.
    steps: BTreeMap<(u64, u32, u32), BTreeMap<u32, usize>>,
}

impl ModelStore {
    pub fn of(dataset: &Path) -> Self {
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        for file in survey(dataset) {
            match file {
                Ok(file) => files.push(file),
                Err(error) => errors.push(error.to_string()),
            }
        }
        ModelStore { files, errors, steps: BTreeMap::new() }
    }

    /// Bytes of all files.
    pub fn n_bytes(&self) -> usize {
        self.files.iter().map(|file| file.n_bytes).sum()
    }

    fn segment(&self, place: &Place) -> Option<&StoredSegment> {
        self.files.iter().find_map(|file| file.segment(place))
    }

    /// Takes note of a block of dataset step `step`; what there is to say about it.
    pub fn visit(&mut self, place: &Place, step: usize) -> Value {
        self.steps.entry((place.store, place.series, place.segment)).or_default().insert(place.step, step);
        match self.segment(place) {
            None => json!({"error": "its network is not in the model store"}),
            Some(segment) => json!({
                "certified": segment.certified.get(place.step as usize),
                "is_broken": segment.broken.contains(&place.step),
                "is_finished": segment.is_finished,
            }),
        }
    }

    /// Takes note of a block of `variable` that a chain's step stands for; the step, or why it cannot be read.
    pub fn visit_step(&mut self, place: &StepPlace, variable: &str) -> Result<&StoredStep, String> {
        self.files.iter_mut().for_each(|file| file.name_chain(place, variable));
        let &StepPlace { store, series, step } = place;
        let lost = || {
            let missing = format!("step {step} of series {series} in store {store:016x} is not in the model store");
            let same = self.errors.iter().find(|error| error.contains(&format!("{store:016x}")));
            same.cloned()
                .unwrap_or(format!("{missing}: keep the .bp folder whole, its subfolder 'inr' holds the steps"))
        };
        self.files.iter().find_map(|file| file.step(place)).ok_or_else(lost)
    }

    pub fn json(&self) -> Value {
        json!({"files": self.files, "errors": self.errors, "bytes": self.n_bytes()})
    }

    /// Empty without a store.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let n = self.files.iter().map(|file| file.segments.len()).sum::<usize>();
        if n > 0 {
            let bytes = table::bytes(self.n_bytes());
            let _ = writeln!(text, "model store: {n} networks in {} files, {bytes} bytes", self.files.len());
            let mut networks =
                Table::new(["variable", "start", "segment", "state", "steps", "by network", "bytes", "certified"], 4);
            let all = || self.files.iter().flat_map(|file| file.segments.iter().map(move |segment| (file, segment)));
            all().for_each(|(_, segment)| networks.row(row(segment)));
            text += &networks.to_string();
            all().for_each(|(file, segment)| text += &self.broken(file, segment));
            let in_training = all().map(|(_, segment)| segment).filter(|s| !s.is_finished && s.n_by_network > 0);
            in_training.for_each(|segment| text += &not_assured(segment));
        }
        let chains: Vec<&StoredChain> = self.files.iter().flat_map(|file| &file.chains).collect();
        if !chains.is_empty() {
            let (n, n_files, bytes) = (chains.len(), self.files.len(), table::bytes(self.n_bytes()));
            let _ = writeln!(text, "model store: {n} chains in {n_files} files, {bytes} bytes");
            text += &inspect_chain::chains(&chains);
        }
        for file in self.files.iter().filter(|file| file.n_damaged + file.n_torn > 0) {
            let (id, damaged, torn) = (file.store, file.n_damaged, file.n_torn);
            let _ = writeln!(text, "{id:016x}.inr: {damaged} damaged entries, {torn} bytes of an unfinished one");
        }
        self.errors.iter().for_each(|error| text += &format!("{error}\n"));
        text
    }

    /// The steps of a segment that break their promise, in the dataset's numbers where its blocks were seen.
    fn broken(&self, file: &StoreFile, segment: &StoredSegment) -> String {
        if segment.broken.is_empty() {
            return String::new();
        }
        let seen = self.steps.get(&(file.store, segment.series, segment.segment));
        let named = segment.broken.iter().filter_map(|step| seen?.get(step));
        let mut names: Vec<String> = named.take(N_NAMED).map(ToString::to_string).collect();
        if segment.broken.len() > names.len() {
            names.push("...".to_owned());
        }
        let (n, variable) = (segment.broken.len(), &segment.variable);
        format!(
            "{variable}, segment {}: {n} steps break {} by their certificate: {}\n",
            segment.segment,
            segment.promise,
            names.join(", ")
        )
    }
}

/// What is to be said of a network that is not certified yet.
fn not_assured(segment: &StoredSegment) -> String {
    let StoredSegment { variable, segment, promise, n_by_network, .. } = segment;
    format!(
        "{variable}, segment {segment}: {promise} held when its {n_by_network} steps were written and is not assured now: run \
         'inr finalize' when no process writes them any more\n"
    )
}

fn row(segment: &StoredSegment) -> [String; 8] {
    let state = match (segment.is_finished, segment.checkpoint_bytes) {
        (true, _) => "finished",
        (false, 0) => "in training",
        (false, _) => "in training (or killed: inr finalize)",
    };
    let worst = segment.certified.iter().copied().fold(0.0, f32::max);
    [
        segment.variable.clone(),
        table::start(&segment.start),
        segment.segment.to_string(),
        state.to_owned(),
        segment.n_steps.to_string(),
        segment.n_by_network.to_string(),
        table::bytes(segment.network_bytes),
        if segment.certified.is_empty() { "-".to_owned() } else { table::error(f64::from(worst)) },
    ]
}
