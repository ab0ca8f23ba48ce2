//! What the networks say, as a table, an array or JSON.

use std::path::Path;

use adios2_inr::Dtype;
use adios2_inr::session::{Answer, SeriesField, StepError};
use anyhow::Result;
use serde_json::{Value, json};

use super::places::Places;
use crate::npy::Array;
use crate::table::{self, Table};

/// Answers in the order of the places.
pub struct Answers {
    places: Places,
    answer: Answer,
    n_axes: usize,
    n_channels: usize,
}

impl Answers {
    /// Asks for all places of each time at once.
    pub fn new(field: &SeriesField, places: Places, gradients: bool) -> Result<Answers> {
        let answer = field.evaluate_each(&places.times, &places.coordinates, gradients)?;
        Ok(Answers { places, answer, n_axes: field.n_axes(), n_channels: field.n_channels() })
    }

    pub fn n_points(&self) -> usize {
        self.places.times.len()
    }

    fn header(&self) -> Vec<String> {
        let names: &[&str] = if self.n_channels == 2 { &["re", "im"] } else { &["value"] };
        let axes: Vec<String> = (0..self.n_axes).map(|axis| format!("x{axis}")).chain(["t".to_owned()]).collect();
        let slopes = names.iter().flat_map(|name| axes.iter().map(move |axis| format!("d{name}/d{axis}")));
        let slopes: Vec<String> = slopes.filter(|_| !self.answer.gradients.is_empty()).collect();
        let values = names.iter().map(|name| (*name).to_owned());
        let about = ["step", "error", "stored", "promise"].map(str::to_owned);
        axes.iter().cloned().chain(values).chain(slopes).chain(about).collect()
    }

    fn row(&self, i: usize) -> Vec<String> {
        let step = &self.answer.steps[i];
        let mut cells: Vec<String> = self.place(i).iter().map(ToString::to_string).collect();
        cells.push(self.places.times[i].to_string());
        cells.extend(self.values(i).iter().map(|v| value(*v)));
        cells.extend(self.slopes(i).iter().map(|slope| format!("{slope:.6e}")));
        cells.push(step.step.to_string());
        cells.push(step.error.filter(|_| step.is_certified).map_or("-".to_owned(), |error| table::error(error.into())));
        cells.push(stored(step.is_by_network).to_owned());
        cells.push(promise(step).to_owned());
        cells
    }

    fn place(&self, i: usize) -> &[f64] {
        &self.places.coordinates[i * self.n_axes..][..self.n_axes]
    }

    fn values(&self, i: usize) -> &[f32] {
        &self.answer.values[i * self.n_channels..][..self.n_channels]
    }

    fn slopes(&self, i: usize) -> &[f64] {
        let n = self.answer.gradients.len() / self.n_points().max(1);
        &self.answer.gradients[i * n..][..n]
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new(self.header(), 0);
        (0..self.n_points()).for_each(|i| table.row(self.row(i)));
        table
    }

    /// Times, points, channels, value and slopes, each where there are several: float64 with slopes, float32 without.
    pub fn array(&self) -> Array {
        let mut dims = self.places.dims.clone();
        dims.extend((self.n_channels > 1).then_some(self.n_channels));
        if self.answer.gradients.is_empty() {
            let bytes = self.answer.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            return Array { dtype: Dtype::F32, dims, bytes };
        }
        let n = self.n_axes + 1;
        dims.push(1 + n);
        let both = self.answer.values.iter().zip(self.answer.gradients.chunks_exact(n));
        let all = both.flat_map(|(&value, slopes)| std::iter::once(f64::from(value)).chain(slopes.iter().copied()));
        Array { dtype: Dtype::F64, dims, bytes: all.flat_map(f64::to_le_bytes).collect() }
    }

    pub fn json(&self, dataset: &Path, variable: &str, field: &SeriesField) -> Value {
        let point = |i: usize| {
            let step = &self.answer.steps[i];
            let mut point = json!({
                "at": self.place(i), "time": self.places.times[i], "values": self.values(i), "step": step.step,
                "error": step.error, "is_certified": step.is_certified, "stored": stored(step.is_by_network),
                "promise": promise(step),
            });
            let slopes: Vec<&[f64]> = self.slopes(i).chunks(self.n_axes + 1).collect();
            if !slopes.is_empty() {
                point["gradients"] = json!(slopes);
            }
            point
        };
        let points: Vec<Value> = (0..self.n_points()).map(point).collect();
        let (axes, steps) = (field.bounds(), field.steps());
        json!({
            "dataset": dataset.display().to_string(), "variable": variable, "axes": axes, "steps": steps, "points": points,
        })
    }
}

fn stored(is_by_network: bool) -> &'static str {
    if is_by_network { "network" } else { "alone" }
}

/// What became of the promise for readers of a step; "-" where they do not get it by the network.
fn promise(step: &StepError) -> &'static str {
    match step {
        StepError { is_by_network: false, .. } => "-",
        StepError { is_certified: false, .. } => "not assured",
        StepError { is_broken: true, .. } => "broken",
        StepError { .. } => "certified",
    }
}

/// As many digits as tell the number from its neighbours.
fn value(v: f32) -> String {
    if v == 0.0 || (1e-4..1e7).contains(&v.abs()) { v.to_string() } else { format!("{v:e}") }
}
