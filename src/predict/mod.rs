//! Closed-loop prediction in time: the next step of a field from its two decoded steps before, and from another field whose step is
//! decoded already, by a stencil whose weights were fitted while the simulation ran.
//!
//! ```text
//! last, before, beside (decoded) -> integers -> stencil around each point -> linear + MLP, in integers -> last + output
//! ```
//! One small set of weights serves all points and many steps: physics is local and does not depend on place or time. Start
//! with [`stencil`] (what a point sees) and [`network`] (what is computed); [`fit`] finds the weights, `payload` stores them.

mod cell;
pub mod fit;
mod payload;
pub mod sample;

pub use crate::model::stencil::{self, Beside, Dense, Mlp, Past, Scaling, Units, network};

use crate::backend::cpu::CpuBackend;
use crate::backend::stencil::StencilKernels;
use crate::{Error, Result};
use stencil::Grid;

/// Weights that predict a field of `rank` axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    /// Axes of the field, 1 to 5.
    pub rank: usize,
    /// How fields become inputs.
    pub scaling: Scaling,
    /// The linear part.
    pub linear: Dense,
    /// What it cannot say, if that pays.
    pub mlp: Option<Mlp>,
}

impl Predictor {
    /// What a point is predicted to become, `[product(dims)]`; the same bits on every machine.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the weights are for fields of another rank, or for a field beside that is not there.
    pub fn predict(&self, past: Past, dims: &[usize]) -> Result<Vec<f64>> {
        self.predict_on(past, dims, &CpuBackend::new(rayon::current_num_threads()))
    }

    /// As [`Self::predict`], and the same bits, by the kernels of a device.
    ///
    /// # Errors
    /// As [`Self::predict`]; [`Error::Backend`] when the device refuses.
    pub fn predict_on(&self, past: Past, dims: &[usize], device: &dyn StencilKernels) -> Result<Vec<f64>> {
        if dims.len() != self.rank {
            return Err(Error::corrupt(format!("a predictor of {} axes cannot serve dimensions {dims:?}", self.rank)));
        }
        if self.is_cross() && past.beside.is_none() {
            return Err(Error::corrupt("a predictor knows another variable, and its step does not"));
        }
        let grid = Grid::new(past, dims, &self.scaling);
        let outputs = device.infer_stencil(&grid, &self.linear, self.mlp.as_ref())?;
        let (unit, start) = (self.scaling.unit(network::OUTPUT_BITS), grid.span().start);
        let mut values = past.last.to_vec();
        grid.for_rows(|at, index, n| {
            let row = values[index..index + n].iter_mut().zip(&outputs[at - start..at - start + n]);
            row.for_each(|(value, &output)| *value += f64::from(output) * unit);
        });
        Ok(values)
    }

    /// True when it needs a field beside.
    pub fn is_cross(&self) -> bool {
        self.scaling.beside.is_some()
    }

    /// As reports say it.
    pub fn name(&self) -> String {
        name(self.mlp.as_ref().map(|mlp| mlp.layers[0].n_outputs()), self.is_cross())
    }
}

/// Of a predictor with a network of this width, or with none; "cross" for one that knows a field beside.
fn name(width: Option<usize>, has_beside: bool) -> String {
    let name = width.map_or_else(|| "linear".to_owned(), |width| format!("network {width}-{width}"));
    if has_beside { format!("cross {name}") } else { name }
}
