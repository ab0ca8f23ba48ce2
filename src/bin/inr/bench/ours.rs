//! This codec in the bench.

use adios2_inr::codec::{self, Context};
use adios2_inr::{Norm, Settings};
use anyhow::{Result, ensure};

use super::codecs::{Codec, Control, Stored};
use super::data::{Data, Decoded};
use super::goal::Goal;
use crate::settings_args::SettingsArgs;

/// Ours with one choice of model and effort.
pub struct Ours {
    name: String,
    model: String,
    effort: String,
    settings: SettingsArgs<true>,
    n_threads: usize,
}

impl Ours {
    /// Checks the settings once, so that a wrong flag shows before the first row.
    pub fn new(model: &str, effort: &str, settings: &SettingsArgs<true>) -> Result<Ours> {
        let name = if effort == "default" { format!("inr/{model}") } else { format!("inr/{model}/{effort}") };
        let (model, effort) = (model.to_owned(), effort.to_owned());
        let mut ours = Ours { name, model, effort, settings: settings.clone(), n_threads: 1 };
        ours.n_threads = ours.settings(Goal::default())?.threads;
        Ok(ours)
    }

    fn settings(&self, goal: Goal) -> Result<Settings> {
        let error = format!("{:e}", goal.error);
        let norm = if goal.norm == Norm::L2 { "L2" } else { "Linf" };
        let mut pairs = vec![("accuracy", &*error), ("mode", "REL"), ("norm", norm)];
        pairs.extend([("model", &*self.model), ("effort", &*self.effort)]);
        if !self.settings.has("threads") {
            pairs.push(("threads", "1"));
        }
        Ok(self.settings.with(pairs)?)
    }
}

impl Codec for Ours {
    fn name(&self) -> &str {
        &self.name
    }

    fn control(&self, _: Goal) -> Control {
        Control::Goal
    }

    fn encode(&self, data: &Data, goal: Goal, _: f64) -> Result<Stored> {
        let encoded = codec::encode(&data.array.block()?, &self.settings(goal)?, &Context::default())?;
        Ok(Stored { parts: vec![encoded.record], model: encoded.report.model })
    }

    fn decode(&self, data: &Data, stored: &Stored) -> Result<Decoded> {
        let record = &stored.parts[0];
        let decoded = codec::decode_on(record, codec::DEFAULT_LIMIT, self.n_threads)?;
        ensure!(
            decoded.dims == data.array.dims && decoded.dtype == data.array.dtype,
            "decoded to another shape or type"
        );
        Ok(Decoded::Bytes(decoded.dtype, decoded.bytes))
    }

    fn check(&self, data: &Data, decoded: &Decoded) -> Result<()> {
        let Decoded::Bytes(dtype, bytes) = decoded else { return Ok(()) };
        let size = dtype.size();
        let mut pairs = bytes.chunks_exact(size).zip(data.array.bytes.chunks_exact(size)).enumerate();
        let exact = pairs.all(|(i, (new, old))| data.counts(i) || new == old);
        ensure!(exact, "masked points did not come back bit for bit");
        Ok(())
    }
}
