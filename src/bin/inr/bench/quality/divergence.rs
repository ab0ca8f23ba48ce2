//! Whether a flow that was decoded gains or loses mass.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::differences::difference;
use super::gradient::squares;
use super::step::{Step, Wide};

/// Of a vector field over all its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// `||div y - div x||_2 / ||div x||_2` of decoded `y` and original `x` (0 for 0/0; large or infinite, and no use, where the
    /// original has next to no divergence).
    #[serde(deserialize_with = "super::null_is_infinite")]
    pub rel_l2: f64,
    /// `||div x||_2 / ||grad x||_2`: 0 for an incompressible flow.
    #[serde(deserialize_with = "super::null_is_infinite")]
    pub original: f64,
    /// `||div y||_2 / ||grad x||_2`.
    #[serde(deserialize_with = "super::null_is_infinite")]
    pub decoded: f64,
}

/// `components[c]` holds the steps of component `c`. Components are in the order of the axes: the last one points along the
/// fastest axis, the one before it along the axis before, as (w, v, u) or (z, y, x) for arrays `[z][y][x]`. Central
/// differences, unit spacing, one-sided at the ends.
pub fn divergence(components: &[&[Step]]) -> Result<Divergence> {
    ensure!(
        matches!(components.len(), 2 | 3),
        "the divergence of {} components was asked for: name 2 or 3 variables, the one along the fastest axis last",
        components.len()
    );
    let first = components[0];
    let same = |step: &Step, other: &Step| step.dims == other.dims;
    ensure!(
        components.iter().all(|steps| steps.len() == first.len() && steps.iter().zip(first).all(|(a, b)| same(a, b))),
        "the components of a divergence have different dimensions: name variables on the same grid"
    );
    ensure!(
        first.iter().all(|step| step.dims.len() >= components.len()),
        "{} components need as many axes: name fewer variables, or others",
        components.len()
    );
    let mut sums = Sums::default();
    for t in 0..first.len() {
        sums.add(&components.iter().map(|steps| steps[t].widen()).collect::<Vec<_>>());
    }
    let Sums { error, original, decoded, gradient } = sums;
    let over = |square: f64, size: f64| super::relative(square.sqrt(), size.sqrt());
    Ok(Divergence {
        rel_l2: over(error, original),
        original: over(original, gradient),
        decoded: over(decoded, gradient),
    })
}

/// Sums of squares.
#[derive(Default)]
struct Sums {
    error: f64,
    original: f64,
    decoded: f64,
    gradient: f64,
}

impl Sums {
    /// Adds one step, where all components count.
    fn add(&mut self, components: &[Wide]) {
        let square = |values: Vec<f64>| {
            let counts = |i: usize| components.iter().all(|component| component.counts(i));
            values.iter().enumerate().filter(|(i, _)| counts(*i)).map(|(_, v)| v * v).sum::<f64>()
        };
        self.error += square(of(components, |component| &component.error));
        self.original += square(of(components, |component| &component.original));
        self.decoded += square(of(components, |component| &component.decoded));
        self.gradient += components.iter().map(|component| squares(component, &component.original)).sum::<f64>();
    }
}

/// Divergence at every point.
fn of<'a>(components: &'a [Wide], values: fn(&'a Wide) -> &'a [f64]) -> Vec<f64> {
    let dims = components[0].dims;
    let first = dims.len() - components.len();
    let n = components[0].error.len();
    let (mut sum, mut part) = (vec![0.0; n], vec![0.0; n]);
    for (c, component) in components.iter().enumerate() {
        difference(values(component), dims, first + c, &mut part);
        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::tests::{field, step};
    use super::*;

    const DIMS: [usize; 2] = [20, 30];

    #[test]
    fn a_field_without_divergence_has_none_and_a_wrong_copy_gets_some() {
        let [v, u] = [field(&DIMS, |p| p[1] * 0.5), field(&DIMS, |p| -2.0 * p[0])];
        let bent = field(&DIMS, |p| p[1] * 0.5 + 0.1 * p[0]);
        let (first, last) = ([step(&DIMS, &v, &bent)], [step(&DIMS, &u, &u)]);
        let found = divergence(&[&first, &last]).unwrap();
        assert!(found.original < 1e-14 && found.rel_l2 > 1e12, "{found:?}");
        approx::assert_relative_eq!(found.decoded, 0.1 / (0.25_f64 + 4.0).sqrt(), max_relative = 1e-12);
    }

    #[test]
    fn the_last_component_points_along_the_fastest_axis() {
        let dims = [2, 5, 6, 7];
        let along = [field(&dims, |p| p[1]), field(&dims, |p| 10.0 * p[2]), field(&dims, |p| 100.0 * p[3])];
        let twice: Vec<f64> = along[2].iter().map(|x| 2.0 * x).collect();
        let [z, y] = [&along[0], &along[1]].map(|values| [step(&dims, values, values)]);
        let x = [step(&dims, &along[2], &twice)];
        let found = divergence(&[&z, &y, &x]).unwrap();
        approx::assert_relative_eq!(found.rel_l2, 100.0 / 111.0, max_relative = 1e-12);
        approx::assert_relative_eq!(found.original, 111.0 / (1.0 + 100.0 + 10_000.0_f64).sqrt(), max_relative = 1e-12);
    }

    #[test]
    fn points_count_where_all_components_do() {
        let [v, u] = [field(&DIMS, |p| p[0]), field(&DIMS, |p| p[1])];
        let mut wrong = v.clone();
        wrong[0] = 1e9;
        let mut valid = vec![true; v.len()];
        valid[0] = false;
        let first = [Step { valid: Some(&valid), ..step(&DIMS, &v, &wrong) }];
        let last = [step(&DIMS, &u, &u)];
        assert_eq!(divergence(&[&first, &last]).unwrap().rel_l2, 0.0);
    }

    #[test]
    fn what_cannot_be_a_vector_field_is_refused_with_a_sentence() {
        let x = [1.0; 6];
        let (flat, other, line) = ([step(&[2, 3], &x, &x)], [step(&[3, 2], &x, &x)], [step(&[6], &x, &x)]);
        let sentence = |components: &[&[Step]]| divergence(components).unwrap_err().to_string();
        assert!(sentence(&[&flat]).starts_with("the divergence of 1 components was asked for"));
        assert!(sentence(&[&flat, &other]).contains("the same grid"));
        assert!(sentence(&[&flat, &[]]).contains("the same grid"));
        assert!(sentence(&[&line, &line]).starts_with("2 components need as many axes"));
        assert_eq!(divergence(&[&flat, &flat]).unwrap(), Divergence::default());
    }
}
