//! The decoded steps that the next one is predicted from.

use std::sync::Arc;

use super::decode::Forecast;
use crate::backend::stencil::StencilKernels;
use crate::field::{self, Array};
use crate::predict::{self, Past, Predictor};
use crate::{Dtype, Result};

/// One decoded step: the values of each component in the input's type, masked points filled in.
type Snapshot = Arc<Vec<Vec<u8>>>;

/// The last one or two decoded steps of a chain, for blocks of one type and shape; and what is known beside them for the next.
#[derive(Clone, Debug)]
pub struct History {
    dtype: Dtype,
    dims: Vec<usize>,
    last: Snapshot,
    before: Option<Snapshot>,
    beside: Option<Beside>,
}

/// Two steps of another variable: at the time of the next step, and before.
#[derive(Clone, Debug)]
struct Beside {
    dtype: Dtype,
    now: Snapshot,
    last: Snapshot,
}

impl History {
    /// After a step that stands alone; `None` when its values cannot be predicted from (exact records).
    pub fn start(dtype: Dtype, dims: &[usize], fields: &[Array]) -> Option<History> {
        let last = snapshot(dtype, fields)?;
        Some(History { dtype, dims: dims.to_vec(), last, before: None, beside: None })
    }

    /// After one more step.
    pub fn next(&self, fields: &[Array]) -> Option<History> {
        let last = snapshot(self.dtype, fields)?;
        let before = Some(Arc::clone(&self.last));
        Some(History { dtype: self.dtype, dims: self.dims.clone(), last, before, beside: None })
    }

    /// With the two steps of another variable's chain beside; `None` when those are of another shape, or only one is there.
    pub fn beside(&self, other: &History) -> Option<History> {
        let is_like = self.dims == other.dims && self.last.len() == other.last.len();
        let last = Arc::clone(other.before.as_ref().filter(|_| is_like)?);
        let beside = Beside { dtype: other.dtype, now: Arc::clone(&other.last), last };
        Some(History { beside: Some(beside), ..self.clone() })
    }

    /// True when a block of this type and these dimensions (slowest first) can be predicted from it.
    pub fn suits(&self, dtype: Dtype, dims: &[usize]) -> bool {
        (self.dtype, &self.dims[..]) == (dtype, dims)
    }

    /// Bytes of the last step.
    pub fn last_bytes(&self) -> usize {
        self.last.iter().map(Vec::len).sum()
    }

    /// Bytes of the decoded steps.
    pub fn n_bytes(&self) -> usize {
        [Some(&self.last), self.before.as_ref()].into_iter().flatten().flat_map(|s| s.iter()).map(Vec::len).sum()
    }

    /// Steps in it, one or two.
    pub fn n_steps(&self) -> usize {
        1 + usize::from(self.before.is_some())
    }

    /// Its newest `n` steps, one or two, if it has so many.
    pub(super) fn newest(&self, n: usize) -> Option<History> {
        let before = self.before.clone().filter(|_| n > 1);
        (n <= self.n_steps()).then(|| History { before, ..self.clone() })
    }

    /// The decoded steps of component `index`, with those of the variable beside it if `has_beside` and one is there.
    pub(super) fn of(&self, index: usize, has_beside: bool) -> Result<Steps> {
        let values = |dtype: Dtype, snapshot: &Snapshot| {
            let real = dtype.components().map_or(dtype, |(real, _)| real);
            field::component(real, 0, &snapshot[index])
        };
        let own = |snapshot| values(self.dtype, snapshot);
        let beside = |b: &Beside| Ok([values(b.dtype, &b.now)?, values(b.dtype, &b.last)?]);
        Ok(Steps {
            last: own(&self.last)?,
            before: self.before.as_ref().map(own).transpose()?,
            beside: self.beside.as_ref().filter(|_| has_beside).map(beside).transpose()?,
        })
    }

    /// What component `index` is predicted to become, by the kernels of a device; without a predictor, what it was.
    pub(super) fn forecast(
        &self,
        index: usize,
        predictor: Option<&Predictor>,
        device: &dyn StencilKernels,
    ) -> Result<Forecast> {
        let steps = self.of(index, predictor.is_some_and(Predictor::is_cross))?;
        let dims = field::fold_dims(&self.dims);
        let values = predictor.map(|p| p.predict_on(steps.past(), &dims, device)).transpose()?;
        Ok(Forecast { values: values.unwrap_or_else(|| steps.last.clone()), last: steps.last })
    }
}

/// The decoded steps of one component.
pub(super) struct Steps {
    pub last: Vec<f64>,
    pub before: Option<Vec<f64>>,
    pub beside: Option<[Vec<f64>; 2]>,
}

impl Steps {
    pub fn past(&self) -> Past<'_> {
        let beside = self.beside.as_ref().map(|[now, last]| predict::Beside { now, last });
        Past { last: &self.last, before: self.before.as_deref(), beside }
    }
}

fn snapshot(dtype: Dtype, fields: &[Array]) -> Option<Snapshot> {
    let (real, n_components) = dtype.components()?;
    let is_sound = fields.len() == n_components && fields.iter().all(Array::is_finite);
    let bytes = |field: &Array| {
        let mut bytes = vec![0; field.as_slice().len() * real.size()];
        field::put_values(real, 0, field, &mut bytes);
        bytes
    };
    is_sound.then(|| Arc::new(fields.iter().map(bytes).collect()))
}
