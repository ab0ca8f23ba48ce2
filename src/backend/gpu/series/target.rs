//! A target as words on the device, and the visit that finds them.

use super::work::{Kind, NONE, Visit};
use crate::backend::series::{Moment, Target};
use crate::sketch::{Mixing, Projection, Sketch};

/// Nodes and rows of a projection, at most: a thread of its kernels loops over the rows, or a 256th of the nodes.
const MAX_PROJECTED: usize = 1 << 23;
const MAX_ROWS: usize = 60_000;

/// A target that is not on the device yet.
pub(super) struct Packed {
    pub words: Vec<u32>,
    /// Positions count from the first word.
    pub visit: Visit,
}

/// Times of the window, norms, values, nodes or rows, weights.
///
/// # Errors
/// One sentence on what the kernels cannot do.
pub(super) fn pack(moment: &Moment, target: &Target, n_nodes: usize) -> Result<Packed, String> {
    let mut packed = Packed {
        words: bits(&moment.window).collect(),
        visit: Visit { t: moment.t, at_list: NONE, at_weights: NONE, n_nodes: n_nodes as u32, ..Visit::default() },
    };
    match target {
        Target::Snapshot { values, norms } => {
            packed.visit.at_norms = packed.push(bits(norms));
            packed.visit.at_values = packed.push(bits(values));
            packed.visit.energy_scale = 1.0;
        }
        Target::Sketch(sketch) => {
            packed.visit.at_norms = packed.push(bits(sketch.norms()));
            packed.visit.at_values = packed.push(bits(&sketch.values()));
            packed.visit.energy_scale = sketch.energy_scale();
            packed.sketch(sketch, n_nodes)?;
        }
        Target::Frozen => return Err("hypernetwork regularisation has no GPU kernel".into()),
    }
    Ok(packed)
}

impl Packed {
    /// Appends words; returns their position.
    fn push(&mut self, words: impl IntoIterator<Item = u32>) -> u32 {
        let at = self.words.len() as u32;
        self.words.extend(words);
        at
    }

    fn sketch(&mut self, sketch: &Sketch, n_nodes: usize) -> Result<(), String> {
        if let Some(nodes) = sketch.nodes() {
            self.visit.kind = Kind::Listed;
            self.visit.n_nodes = nodes.len() as u32;
            self.visit.at_list = self.push(nodes);
            if let Some(weights) = sketch.weights() {
                self.visit.at_weights = self.push(bits(&weights));
            }
        } else if let Some(projection) = sketch.projection() {
            self.projection(projection, sketch.seed(), n_nodes)?;
        } else {
            return Err("an empty sketch cannot be trained on".into());
        }
        Ok(())
    }

    fn projection(&mut self, projection: &Projection, seed: u64, n_nodes: usize) -> Result<(), String> {
        let n_rows = projection.n_rows();
        if n_nodes > MAX_PROJECTED || n_rows > MAX_ROWS {
            return Err(format!("a projection of {n_nodes} nodes to {n_rows} rows is too large for its GPU kernel"));
        }
        self.visit.kind = match projection.mixing() {
            Mixing::Dct => Kind::Dct,
            Mixing::Hadamard => Kind::Hadamard,
            Mixing::Gaussian => Kind::Gaussian,
        };
        self.visit.n_rows = n_rows as u32;
        self.visit.stream = Projection::sign_stream(seed);
        self.visit.row_scale = projection.row_scale();
        self.visit.at_list = self.push(projection.row_words(seed).into_iter().flatten());
        Ok(())
    }
}

fn bits(values: &[f32]) -> impl Iterator<Item = u32> + '_ {
    values.iter().map(|v| v.to_bits())
}
