//! How well slopes survive.

use super::differences::difference;
use super::step::{Step, Wide};

/// `||grad y - grad x||_2 / ||grad x||_2` of decoded `y` and original `x`, over all steps together, where values count.
pub fn error(steps: &[Step]) -> f64 {
    let (mut error, mut size) = (0.0, 0.0);
    for step in steps {
        let wide = step.widen();
        error += squares(&wide, &wide.error);
        size += squares(&wide, &wide.original);
    }
    super::relative(error.sqrt(), size.sqrt())
}

/// Sum of the squared slopes along all axes, where values count.
pub fn squares(step: &Wide, values: &[f64]) -> f64 {
    let mut slopes = vec![0.0; values.len()];
    let along = |axis| {
        difference(values, step.dims, axis, &mut slopes);
        let square = |(i, slope): (usize, &f64)| if step.counts(i) { slope * slope } else { 0.0 };
        slopes.iter().enumerate().map(square).sum::<f64>()
    };
    (0..step.dims.len()).map(along).sum()
}
