//! The chains of a store file, for people: which steps there are, what they need and what that takes.

use std::collections::{BTreeMap, BTreeSet};

use super::chains::payload::{self, Payload};
use super::facts::key;
use crate::Result;
use crate::codec::predicted::{self, Uses};
use crate::codec::{self, Summary};
use crate::store::{Contents, Key, Kind};

/// A chain of steps, each predicted from those before it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct StoredChain {
    /// Series within the file.
    pub series: u32,
    /// Variable name; empty until [`super::StoreFile::name_chain`], for the file itself names none.
    pub variable: String,
    /// Steps in the file. Those that stand alone are there only where a later one needs them.
    pub n_steps: usize,
    /// Those of them that stand alone.
    pub n_keys: usize,
    /// Steps that cannot be decoded because something they need is lost or damaged.
    pub n_lost: usize,
    /// Sets of weights.
    pub n_predictors: usize,
    /// Bytes of all weights.
    pub predictor_bytes: usize,
    /// Bytes of the chain in the file, weights included.
    pub n_bytes: usize,
    /// Estimate: bytes that the predicted steps would take alone, each as many as the step before it that does, over what they
    /// and the weights take. `None` without predicted steps.
    pub gain: Option<f64>,
    /// By number.
    #[serde(skip)]
    pub steps: BTreeMap<u32, StoredStep>,
}

/// One step of a chain.
#[derive(Clone, Debug, Default)]
pub struct StoredStep {
    /// Steps before it that it is predicted from: 0 for a key, else 1 or 2.
    pub needs: u32,
    /// Series and step of another variable that it needs too.
    pub beside: Option<(u32, u32)>,
    /// What predicts it, of each component: "last", "linear", "network 16-16", "nothing"; empty for a key.
    pub predictors: Vec<String>,
    /// Bytes in the file.
    pub n_bytes: usize,
    /// Its share of the weights of the chain, which all predicted steps share evenly.
    pub share: f64,
    /// Estimate: bytes of the last step that stands alone over those of this one and its share; `None` for a key.
    pub gain: Option<f64>,
    /// What its record says about itself.
    pub record: Option<Summary>,
    /// Why it cannot be decoded, in a sentence.
    pub problem: Option<String>,
}

impl StoredStep {
    /// True for a step that stands alone.
    pub fn is_key(&self) -> bool {
        self.needs == 0
    }

    /// What predicts it, in one name; empty for a key.
    pub fn predictor(&self) -> String {
        let mut names: Vec<&str> = self.predictors.iter().map(String::as_str).collect();
        names.dedup();
        names.join(" / ")
    }
}

/// The chains of a file, by series. What is damaged is told in the steps that need it.
pub(super) fn chains(contents: &Contents) -> Vec<StoredChain> {
    let is_of_chain = |kind| kind == Kind::STEP || kind == Kind::PREDICTOR;
    let series: BTreeSet<u32> = contents.keys().filter(|key| is_of_chain(key.kind)).map(|key| key.series).collect();
    let mut chains: Vec<StoredChain> = series.into_iter().map(|series| chain(contents, series)).collect();
    let sound = |chain: &StoredChain| {
        let steps = chain.steps.iter().filter(|(_, step)| step.problem.is_none());
        steps.map(|(&step, _)| (chain.series, step)).collect::<Vec<_>>()
    };
    let sound: BTreeSet<(u32, u32)> = chains.iter().flat_map(sound).collect();
    chains.iter_mut().for_each(|chain| lose_beside(chain, &sound));
    chains
}

/// Tells of steps that need another variable's step which is not among the sound ones, and of those that need these.
fn lose_beside(chain: &mut StoredChain, sound: &BTreeSet<(u32, u32)>) {
    let (series, mut lost) = (chain.series, BTreeSet::new());
    for (&number, step) in &mut chain.steps {
        let other = step.beside.filter(|beside| !sound.contains(beside));
        let own = (1..=step.needs).map(|back| (series, number.wrapping_sub(back))).find(|(_, n)| lost.contains(n));
        if let Some((of, needed)) = other.or(own) {
            let why = format!(
                "step {number} of series {series} needs step {needed} of series {of}, which is lost or damaged"
            );
            step.problem.get_or_insert(why);
            lost.insert(number);
        }
    }
    chain.n_lost = chain.steps.values().filter(|step| step.problem.is_some()).count();
}

fn chain(contents: &Contents, series: u32) -> StoredChain {
    let numbers = |kind| contents.keys().filter(move |key| (key.kind, key.series) == (kind, series));
    let predictors = predictors(contents, numbers(Kind::PREDICTOR).map(|key| key.segment), series);
    let with_spare = |key: Key| contents.entry_bytes(key) + contents.entry_bytes(key.spare());
    let predictor_bytes = numbers(Kind::PREDICTOR).map(with_spare).sum();
    let mut steps: BTreeMap<u32, StoredStep> = BTreeMap::new();
    for number in numbers(Kind::STEP).map(|key| key.segment) {
        let step = step(contents, (series, number), &steps, &predictors);
        steps.insert(number, step);
    }
    let n_keys = steps.values().filter(|step| step.is_key()).count();
    let share = predictor_bytes as f64 / (steps.len() - n_keys).max(1) as f64;
    StoredChain {
        series,
        n_steps: steps.len(),
        n_keys,
        n_predictors: numbers(Kind::PREDICTOR).count(),
        predictor_bytes,
        n_bytes: steps.values().map(|step| step.n_bytes).sum::<usize>()
            + predictor_bytes
            + contents.entry_bytes(key(Kind::OWNER, series, 0)),
        gain: estimate(&mut steps, share),
        steps,
        ..StoredChain::default()
    }
}

/// Names of the predictors; `None` for those that cannot be decoded, one that they update being lost among the reasons.
fn predictors(contents: &Contents, numbers: impl Iterator<Item = u32>, series: u32) -> BTreeMap<u32, Option<String>> {
    let mut found: BTreeMap<u32, Option<String>> = BTreeMap::new();
    for number in numbers {
        let bytes = contents.get(key(Kind::PREDICTOR, series, number)).unwrap_or_default();
        let described = predicted::describe_predictor(bytes).ok();
        let is_whole =
            |before: &Option<u32>| before.is_none_or(|n| n < number && matches!(found.get(&n), Some(Some(_))));
        let name = described.filter(|(before, _)| is_whole(before)).map(|(_, name)| name);
        found.insert(number, name);
    }
    found
}

/// What there is to say about a step after those of smaller numbers.
fn step(
    contents: &Contents,
    (series, number): (u32, u32),
    before: &BTreeMap<u32, StoredStep>,
    predictors: &BTreeMap<u32, Option<String>>,
) -> StoredStep {
    let key = key(Kind::STEP, series, number);
    let mut step = StoredStep { n_bytes: contents.entry_bytes(key), ..StoredStep::default() };
    let Some(Payload { needs, beside, record }) = payload::read(contents.get(key).unwrap_or_default()) else {
        step.problem = Some(format!("step {number} of series {series} is damaged"));
        return step;
    };
    (step.needs, step.beside) = (needs, beside);
    match codec::inspect(record) {
        Ok(summary) => step.record = Some(summary),
        Err(error) => step.problem = Some(format!("step {number} of series {series}: {error}")),
    }
    let is_lost = |back: &u32| {
        let needed = number.checked_sub(*back).and_then(|n| before.get(&n));
        needed.is_none_or(|needed| needed.problem.is_some())
    };
    if let Some(back) = (1..=needs).find(is_lost) {
        let needed = i64::from(number) - i64::from(back);
        step.problem = Some(format!("step {number} of series {series} needs step {needed}, which is lost or damaged"));
    }
    if needs > 0 {
        match names(record, predictors) {
            Ok(Ok(names)) => step.predictors = names,
            Ok(Err(lost)) => {
                let why = format!("step {number} of series {series} needs predictor {lost}, which is lost or damaged");
                step.problem.get_or_insert(why);
            }
            Err(error) => step.problem = Some(format!("step {number} of series {series}: {error}")),
        }
    }
    step
}

/// What predicts each component of a step, or the number of a predictor that is lost.
fn names(record: &[u8], predictors: &BTreeMap<u32, Option<String>>) -> Result<std::result::Result<Vec<String>, u32>> {
    let name = |uses: Uses| match uses {
        Uses::Nothing => Ok("nothing".to_owned()),
        Uses::Last => Ok("last".to_owned()),
        Uses::Predictor(number) => predictors.get(&number).cloned().flatten().ok_or(number),
    };
    Ok(predicted::uses(record)?.into_iter().map(name).collect())
}

/// Fills in the shares and gains of steps and returns the gain of all.
fn estimate(steps: &mut BTreeMap<u32, StoredStep>, share: f64) -> Option<f64> {
    let (mut alone, mut taken, mut key_bytes) = (0.0, 0.0, None);
    for step in steps.values_mut() {
        if step.is_key() {
            key_bytes = Some(step.n_bytes as f64);
            continue;
        }
        step.share = share;
        if let Some(key_bytes) = key_bytes {
            let bytes = step.n_bytes as f64 + share;
            (alone, taken) = (alone + key_bytes, taken + bytes);
            step.gain = Some(key_bytes / bytes);
        }
    }
    (taken > 0.0).then_some(alone / taken)
}
