//! What one dispatch has to do: the Rust side of `shaders/shared/work.wgsl`.

/// Bytes between two slots of the uniform buffer: the largest alignment any device asks of a dynamic offset.
pub const SLOT_BYTES: usize = 256;

/// Fields as in the shader, see there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Of the training run.
    pub seed: u64,
    /// Step of the schedule.
    pub step: u32,
    /// Points of the whole block.
    pub n_points: u32,
    /// Points of this step or chunk.
    pub n_samples: u32,
    /// Index of the chunk's first point.
    pub first_point: u32,
    /// First tile of this dispatch.
    pub first_tile: u32,
    /// One past its last tile.
    pub end_tile: u32,
    /// Stride of a workgroup over the tiles.
    pub n_workgroups: u32,
    /// Whether gradient partials are overwritten.
    pub fresh: bool,
    /// Where the step's loss goes.
    pub loss_slot: u32,
    /// 1 / (samples * channels).
    pub scale: f32,
    /// Learning rate.
    pub rate: f32,
    /// Adam's bias corrections.
    pub corrections: (f32, f32),
    /// Part of the new parameters in their average.
    pub averaging: f32,
    /// Samples in a cell of a predictor's field.
    pub n_cell: u32,
}

impl Work {
    /// The slot's words for a grid of `dims`, slowest first, each below 2^31.
    pub fn words(&self, dims: &[usize]) -> [u32; SLOT_BYTES / 4] {
        let mut words = [0; SLOT_BYTES / 4];
        let head = [
            self.seed as u32,
            (self.seed >> 32) as u32,
            self.step,
            self.n_points,
            self.n_samples,
            self.first_point,
            self.first_tile,
            self.end_tile,
            self.n_workgroups,
            u32::from(self.fresh),
            self.loss_slot,
            self.scale.to_bits(),
            self.rate.to_bits(),
            self.corrections.0.to_bits(),
            self.corrections.1.to_bits(),
            self.averaging.to_bits(),
            self.n_cell,
        ];
        words[..head.len()].copy_from_slice(&head);
        for (axis, &n) in dims.iter().take(5).enumerate() {
            let inverse = if n > 1 { (1.0 / (n - 1) as f64) as f32 } else { 0.0 };
            words[20 + 4 * axis] = n as u32;
            words[21 + 4 * axis] = inverse.to_bits();
        }
        words
    }
}
