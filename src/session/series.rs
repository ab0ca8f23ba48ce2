//! What is known about each series from its earlier steps.

use std::sync::{Mutex, PoisonError};

use crate::codec::{Context, Encoded, WarmStart};
use crate::process::PerProcess;

/// Steps the neural candidate rests at most after it lost to the transform.
const LONGEST_REST: u64 = 64;

/// Which series a block belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Absolute path of the dataset; empty when the engine does not tell.
    pub dataset: String,
    /// Counts up when the dataset at this path is opened for writing anew.
    pub generation: u64,
    /// Variable name; empty when the engine does not tell.
    pub variable: String,
    /// Start of the block in the global array; empty for local arrays.
    pub start: Vec<usize>,
    /// Dimensions of the block.
    pub dims: Vec<usize>,
}

impl SeriesKey {
    /// Without dataset and variable, blocks of different series cannot be told apart.
    fn is_known(&self) -> bool {
        !self.dataset.is_empty() && !self.variable.is_empty()
    }
}

#[derive(Default)]
struct State {
    n_steps: u64,
    models: Vec<Option<WarmStart>>,
    /// The neural candidate rests until this step, and next time for twice as long.
    rest_until: u64,
    rest: u64,
    /// What the GPU failed with.
    refusal: Option<String>,
}

impl State {
    fn n_bytes(&self, key: &SeriesKey) -> usize {
        let params: usize = self.models.iter().flatten().map(|m| 4 * m.params.len()).sum();
        let names = key.dataset.len() + key.variable.len() + 8 * (key.start.len() + key.dims.len());
        params + names + size_of::<(SeriesKey, State)>()
    }
}

/// Unbounded; [`learn`] keeps it small.
struct Registry {
    states: lru::LruCache<SeriesKey, State>,
    n_bytes: usize,
}

static REGISTRY: PerProcess<Mutex<Registry>> =
    PerProcess::new(|| Mutex::new(Registry { states: lru::LruCache::unbounded(), n_bytes: 0 }));

/// What the next block of this series may start from.
pub fn context(key: &SeriesKey) -> Context {
    if !key.is_known() {
        return Context::default();
    }
    let mut registry = REGISTRY.get().lock().unwrap_or_else(PoisonError::into_inner);
    registry.states.get(key).map_or_else(Context::default, |state| Context {
        models: state.models.clone(),
        skip_neural: state.n_steps < state.rest_until,
        refusal: state.refusal.clone(),
    })
}

/// Takes over what a block taught; keeps at most `limit` bytes, the longest unused series go first.
/// Returns the step of the block within its series, from 0.
pub fn learn(key: &SeriesKey, encoded: &Encoded, limit: usize) -> u64 {
    if !key.is_known() {
        return 0;
    }
    let mut registry = REGISTRY.get().lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = registry.states.pop(key).unwrap_or_default();
    registry.n_bytes = registry.n_bytes.saturating_sub(state.n_bytes(key));
    let step = state.n_steps;
    state.n_steps += 1;
    let has_model = encoded.models.iter().any(Option::is_some);
    let has_tried = encoded.report.tried.iter().any(|t| t.model.starts_with("siren"));
    if has_model {
        state.models.clone_from(&encoded.models);
        (state.rest, state.rest_until) = (0, 0);
    } else if has_tried {
        state.rest = (2 * state.rest).clamp(1, LONGEST_REST);
        state.rest_until = state.n_steps + state.rest;
    }
    state.refusal = encoded.report.refusal.clone().or(state.refusal);
    registry.n_bytes += state.n_bytes(key);
    registry.states.put(key.clone(), state);
    while registry.n_bytes > limit {
        let Some((old, state)) = registry.states.pop_lru() else { break };
        registry.n_bytes = registry.n_bytes.saturating_sub(state.n_bytes(&old));
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Report;
    use crate::model::SirenShape;

    fn key(variable: &str, generation: u64) -> SeriesKey {
        let dataset = "/data/series-tests.bp".to_owned();
        SeriesKey { dataset, generation, variable: variable.to_owned(), start: vec![0], dims: vec![64] }
    }

    fn trained(value: f32) -> Encoded {
        let shape = SirenShape { n_inputs: 1, width: 8, n_blocks: 0, n_outputs: 1 };
        let models = vec![Some(WarmStart { shape, params: vec![value; shape.n_params()] })];
        Encoded { record: vec![0], report: Report::default(), models, fields: Vec::new() }
    }

    #[test]
    fn two_variables_and_a_reopened_dataset_never_mix() {
        learn(&key("U", 0), &trained(1.0), 1 << 20);
        learn(&key("V", 0), &trained(2.0), 1 << 20);
        let first = |k: &SeriesKey| context(k).models.first().cloned().flatten().map(|m| m.params[0]);
        assert_eq!(first(&key("U", 0)), Some(1.0));
        assert_eq!(first(&key("V", 0)), Some(2.0));
        assert_eq!(first(&key("U", 1)), None);
        assert_eq!(first(&SeriesKey::default()), None);
    }

    #[test]
    fn steps_count_up_and_a_lost_race_makes_the_neural_candidate_rest_longer_each_time() {
        let k = key("rests", 0);
        let mut lost = Encoded { record: vec![0], report: Report::default(), models: vec![None], fields: Vec::new() };
        lost.report.note("siren", None, "larger");
        assert_eq!(learn(&k, &lost, 1 << 20), 0);
        assert!(context(&k).skip_neural);
        lost.report.tried.clear();
        assert_eq!(learn(&k, &lost, 1 << 20), 1);
        assert!(!context(&k).skip_neural);
    }
}
