//! The residual SIREN: coordinates -> sine layers in residual blocks -> values (Sitzmann et al. 2020; residual form
//! of Simpson, Becker, Doostan).
//!
//! 1. input layer: `y = sin(30 (W x + b))`, `W: [width][n_inputs]`
//! 2. `n_blocks` residual blocks: `y <- (y + sin(30 (W2 sin(30 (W1 y + b1)) + b2))) / 2`, `W1, W2: [width][width]`
//! 3. output: `W y + b`, `W: [n_outputs][width]`, linear.
//!
//! Parameters are one flat f32 vector in that order; each layer stores its weights row-major (`[out][in]`), then its
//! biases. All sines are evaluated in half turns: `sin(30 z) = sinpi(p)` with `p = (30 / pi) * z`.

/// Angular frequency of every sine layer.
pub const OMEGA: f32 = 30.0;

/// Size of a residual SIREN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SirenShape {
    /// Coordinates per point, 1..=5.
    pub n_inputs: usize,
    /// Neurons per hidden layer, 8..=128.
    pub width: usize,
    /// Residual blocks (two hidden layers each), 0..=16.
    pub n_blocks: usize,
    /// Values per point, 1..=16.
    pub n_outputs: usize,
}

impl SirenShape {
    /// Number of parameters: `in*h + h + 2b(h*h + h) + h*out + out`.
    pub fn n_params(&self) -> usize {
        let (i, h, b, o) = (self.n_inputs, self.width, self.n_blocks, self.n_outputs);
        i * h + h + 2 * b * (h * h + h) + h * o + o
    }

    /// `(rows, columns)` of each layer's weight matrix in storage order: input, hidden (two per block), output.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let s = *self;
        std::iter::once((s.width, s.n_inputs))
            .chain((0..2 * s.n_blocks).map(move |_| (s.width, s.width)))
            .chain(std::iter::once((s.n_outputs, s.width)))
    }

    /// Floating-point operations of one forward pass (2 per multiply-add, matrix products only).
    pub fn flops_forward(&self) -> f64 {
        self.layers().map(|(r, c)| 2.0 * (r * c) as f64).sum()
    }

    /// Floating-point operations of forward + backward for one point (no gradient for the coordinates).
    pub fn flops_train(&self) -> f64 {
        3.0 * self.flops_forward() - 2.0 * (self.width * self.n_inputs) as f64
    }
}
