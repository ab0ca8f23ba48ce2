//! What a dispatch has to do and which targets a step visits: the Rust side of `shaders/shared/series.wgsl`.

use crate::backend::gpu::work::SLOT_BYTES;
use crate::train::Loss;

/// Axes that a mesh may have.
pub(super) const MAX_AXES: usize = 4;

/// How the nodes of a visit are found; numbers as in the shader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every node of a snapshot.
    #[default]
    All = 0,
    /// Random nodes of a snapshot.
    Drawn = 1,
    /// The nodes of a sketch.
    Listed = 2,
    /// All nodes, mixed by a cosine transform.
    Dct = 3,
    /// All nodes, mixed by a Hadamard transform.
    Hadamard = 4,
    /// All nodes, mixed by a Gaussian matrix.
    Gaussian = 5,
}

/// Number of a loss in the shader; `None` where it has none.
pub(super) fn loss_number(loss: Loss) -> Option<u32> {
    match loss {
        Loss::R3 => Some(0),
        Loss::Rpw => Some(1),
        Loss::L1 => Some(2),
        Loss::L2 => Some(3),
        Loss::W2 => None,
    }
}

/// "There is none" for a position.
pub(super) const NONE: u32 = u32::MAX;

/// Fields as in the shader, see there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Visit {
    pub kind: Kind,
    pub n_nodes: u32,
    pub first_error: u32,
    pub first_slot: u32,
    pub n_slots: u32,
    pub first_sum: u32,
    pub n_sums: u32,
    pub first_draw: u32,
    pub at_window: u32,
    pub at_norms: u32,
    pub at_values: u32,
    pub at_list: u32,
    pub at_weights: u32,
    pub n_rows: u32,
    pub first_row: u32,
    pub stream: u32,
    pub t: f32,
    pub row_scale: f32,
    pub energy_scale: f32,
    pub weight: f32,
}

impl Visit {
    /// Words per visit.
    pub const N_WORDS: usize = 20;

    /// The visit of a target that stands `offset` words further on.
    pub fn moved(self, offset: u32) -> Visit {
        let at = |at: u32| if at == NONE { NONE } else { at + offset };
        Visit {
            at_window: at(self.at_window),
            at_norms: at(self.at_norms),
            at_values: at(self.at_values),
            at_list: at(self.at_list),
            at_weights: at(self.at_weights),
            ..self
        }
    }

    pub fn words(&self) -> [u32; Self::N_WORDS] {
        [
            self.kind as u32,
            self.n_nodes,
            self.first_error,
            self.first_slot,
            self.n_slots,
            self.first_sum,
            self.n_sums,
            self.first_draw,
            self.at_window,
            self.at_norms,
            self.at_values,
            self.at_list,
            self.at_weights,
            self.n_rows,
            self.first_row,
            self.stream,
            self.t.to_bits(),
            self.row_scale.to_bits(),
            self.energy_scale.to_bits(),
            self.weight.to_bits(),
        ]
    }
}

/// Fields as in the shader, see there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SeriesWork {
    pub seed: u64,
    pub step: u32,
    pub n_mesh: u32,
    pub first_visit: u32,
    pub n_visits: u32,
    pub n_now: u32,
    pub first_round: u32,
    pub end_round: u32,
    pub loss: u32,
    pub at_factors: u32,
    pub n_params: u32,
    pub n_shared: u32,
    pub n_generated: u32,
    pub time_span: u32,
    pub n_squares: u32,
    pub parity: u32,
    pub slot: u32,
    pub is_adaptive: bool,
    pub rate: f32,
    pub generator_rate: f32,
    pub correction: (f32, f32),
    pub clip: f32,
    pub norm_decay: f32,
    pub threshold: f32,
    pub axes: [(u32, u32); MAX_AXES],
}

impl SeriesWork {
    /// The slot's words.
    pub fn words(&self) -> [u32; SLOT_BYTES / 4] {
        let head = [
            self.seed as u32,
            (self.seed >> 32) as u32,
            self.step,
            self.n_mesh,
            self.first_visit,
            self.n_visits,
            self.n_now,
            self.first_round,
            self.end_round,
            self.loss,
            self.at_factors,
            self.n_params,
            self.n_shared,
            self.n_generated,
            self.time_span,
            self.n_squares,
            self.parity,
            self.slot,
            u32::from(self.is_adaptive),
            self.rate.to_bits(),
            self.generator_rate.to_bits(),
            self.correction.0.to_bits(),
            self.correction.1.to_bits(),
            self.clip.to_bits(),
            self.norm_decay.to_bits(),
            self.threshold.to_bits(),
        ];
        let mut words = [0; SLOT_BYTES / 4];
        words[..head.len()].copy_from_slice(&head);
        let axes = head.len().next_multiple_of(4);
        for (i, axis) in self.axes.iter().enumerate() {
            (words[axes + 4 * i], words[axes + 4 * i + 1]) = *axis;
        }
        words
    }
}
