//! Many places, each at a time of its own.

use std::collections::BTreeMap;

use super::{Answer, SeriesField, StepError};
use crate::{Error, Result};

impl SeriesField {
    /// As [`SeriesField::evaluate`], with a time for each point: `times: [n_points]`. Points of the same time are asked together.
    ///
    /// # Errors
    /// As [`SeriesField::evaluate`], and [`Error::Query`] when there is not one time for each point.
    pub fn evaluate_each(&self, times: &[f64], points: &[f64], gradients: bool) -> Result<Answer> {
        let (n_axes, n_channels, n_points) = (self.n_axes, self.n_channels, times.len());
        if n_points.checked_mul(n_axes) != Some(points.len()) {
            let found = points.len();
            return Err(Error::Query(format!(
                "{n_points} times and {found} coordinates on {n_axes} axes do not match"
            )));
        }
        let n_slopes = if gradients { n_channels * (n_axes + 1) } else { 0 };
        let unknown = StepError { step: 0, error: None, is_certified: false, is_broken: false, is_by_network: false };
        let mut answer = Answer {
            values: vec![0.0; n_points * n_channels],
            gradients: vec![0.0; n_points * n_slopes],
            steps: vec![unknown; n_points],
        };
        let mut rows_of: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        times.iter().enumerate().for_each(|(row, time)| rows_of.entry(time.to_bits()).or_default().push(row));
        for (time, rows) in rows_of {
            let own: Vec<f64> = rows.iter().flat_map(|row| &points[row * n_axes..][..n_axes]).copied().collect();
            let part = self.evaluate(f64::from_bits(time), &own, gradients)?;
            for (at, row) in rows.into_iter().enumerate() {
                answer.values[row * n_channels..][..n_channels]
                    .copy_from_slice(&part.values[at * n_channels..][..n_channels]);
                answer.gradients[row * n_slopes..][..n_slopes]
                    .copy_from_slice(&part.gradients[at * n_slopes..][..n_slopes]);
                answer.steps[row] = part.steps[at];
            }
        }
        Ok(answer)
    }
}
