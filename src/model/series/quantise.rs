//! Stored form of a series network's parameters: one step per group of parameters, entropy-coded.
//!
//! A group's step is its root mean square times `2^-bits`. Coordinates and time reach the sines through input layers and
//! biases, where an error shifts whole waves: their steps are 8 times finer, those of the generator's hidden layers, which
//! every generated parameter depends on, 64 times. What a generator's 16 hidden neurons do to one layer of the body forms
//! one group per neuron.

use super::{NetworkKind, SeriesShape};
use crate::model::quantise::{nearest_code, step};
use crate::model::weight_coder;
use crate::{Error, Result};

/// Bits that input layers and biases get on top.
const FINE_BITS: u32 = 3;
/// Bits that the generator's hidden layers get on top.
const GENERATOR_BITS: u32 = 6;

/// Parameters that share a step.
struct Group {
    /// Positions in the stored vector.
    members: Vec<usize>,
    extra_bits: u32,
}

/// Step codes of a network's groups.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WeightSteps {
    codes: Vec<u8>,
}

impl WeightSteps {
    /// Steps for the scale that the parameters have now.
    pub fn of(shape: &SeriesShape, params: &[f32], n_bits: u32) -> WeightSteps {
        let code = |group: Group| {
            let square = group.members.iter().map(|&i| f64::from(params[i]).powi(2)).sum::<f64>();
            let rms = (square / group.members.len().max(1) as f64).sqrt();
            nearest_code((rms * libm::exp2(-f64::from(n_bits + group.extra_bits))) as f32)
        };
        WeightSteps { codes: groups(shape).into_iter().map(code).collect() }
    }

    /// The step of every parameter.
    pub fn per_param(&self, shape: &SeriesShape) -> Vec<f32> {
        let mut steps = vec![0.0; shape.n_params()];
        for (group, &code) in groups(shape).iter().zip(&self.codes) {
            group.members.iter().for_each(|&i| steps[i] = step(code));
        }
        steps
    }

    /// The parameters rounded to their steps; not finite ones become 0.
    pub fn round(&self, shape: &SeriesShape, params: &[f32]) -> Vec<f32> {
        let round = |(p, step): (&f32, f32)| integer(*p, step) as f32 * step;
        params.iter().zip(self.per_param(shape)).map(round).collect()
    }
}

/// A NaN casts to 0, infinities to the ends.
fn integer(value: f32, step: f32) -> i32 {
    ((value / step).round_ties_even() as i32).clamp(-(1 << 24), 1 << 24)
}

/// Encodes parameters that [`WeightSteps::round`] gave.
pub(super) fn encode(shape: &SeriesShape, params: &[f32], steps: &WeightSteps) -> Vec<u8> {
    let groups = groups(shape);
    let integers = groups.iter().zip(&steps.codes).map(|(group, &code)| {
        let values = group.members.iter().map(|&i| integer(params[i], step(code)));
        values.collect::<Vec<i32>>()
    });
    let integers: Vec<Vec<i32>> = integers.collect();
    let mut bytes = steps.codes.clone();
    bytes.extend(weight_coder::encode(integers.iter().map(Vec::as_slice)));
    bytes
}

/// Mirror of [`encode`]; the shape was checked.
///
/// # Errors
/// [`Error::Corrupt`].
pub(super) fn decode(shape: &SeriesShape, bytes: &[u8]) -> Result<(WeightSteps, Vec<f32>)> {
    let groups = groups(shape);
    let missing = || Error::corrupt("the weights of a series network end too early");
    let (codes, stream) = bytes.split_at_checked(groups.len()).ok_or_else(missing)?;
    let integers = weight_coder::decode(stream, groups.iter().map(|group| group.members.len()))?;
    let mut params = vec![0.0; shape.n_params()];
    for ((group, integers), &code) in groups.iter().zip(integers).zip(codes) {
        group.members.iter().zip(integers).for_each(|(&i, q)| params[i] = q as f32 * step(code));
    }
    Ok((WeightSteps { codes: codes.to_vec() }, params))
}

/// The groups in stored order.
fn groups(shape: &SeriesShape) -> Vec<Group> {
    let body = body_groups(shape);
    let of_body = |wanted: bool| {
        let is_generated = shape.is_generated();
        let mut place = 0;
        let mut groups: Vec<Group> = Vec::new();
        let mut last = usize::MAX;
        for (i, (group, extra_bits)) in body.iter().copied().enumerate() {
            if is_generated[i] != wanted {
                continue;
            }
            if group != last {
                groups.push(Group { members: Vec::new(), extra_bits });
                last = group;
            }
            if let Some(group) = groups.last_mut() {
                group.members.push(place);
            }
            place += 1;
        }
        groups
    };
    let mut groups = of_body(false);
    let Some(generator) = shape.generator() else { return groups };
    let mut at = shape.generator_params().start;
    for (rows, columns) in generator.layers().take(2 * generator.n_blocks + 1) {
        for length in [rows * columns, rows] {
            groups.push(Group { members: (at..at + length).collect(), extra_bits: GENERATOR_BITS });
            at += length;
        }
    }
    let (weights, generated) = (shape.generator_weights(), of_body(true));
    // A hypernetwork moves whole layers, each with a scale of its own; FiLM moves little else than biases.
    let by_layer: Vec<(Vec<usize>, u32)> = match shape.kind {
        NetworkKind::Hypernet => generated.iter().map(|g| (g.members.clone(), g.extra_bits)).collect(),
        _ => vec![((0..generator.n_outputs).collect(), 0)],
    };
    for neuron in 0..generator.width {
        for (rows, extra_bits) in &by_layer {
            let members = rows.iter().map(|row| weights.start + row * generator.width + neuron).collect();
            groups.push(Group { members, extra_bits: *extra_bits });
        }
    }
    groups.extend(generated.into_iter().map(|group| Group {
        members: group.members.iter().map(|row| weights.end + row).collect(),
        extra_bits: group.extra_bits,
    }));
    groups
}

/// Group number and extra bits of each body parameter: weights and biases of each layer.
fn body_groups(shape: &SeriesShape) -> Vec<(usize, u32)> {
    let layers = shape.body().layers().enumerate();
    layers
        .flat_map(|(layer, (rows, columns))| {
            let weights = (2 * layer, if layer == 0 { FINE_BITS } else { 0 });
            std::iter::repeat_n(weights, rows * columns).chain(std::iter::repeat_n((2 * layer + 1, FINE_BITS), rows))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> impl Iterator<Item = SeriesShape> {
        [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet].into_iter().map(|kind| SeriesShape {
            kind,
            n_space: 2,
            width: 16,
            n_blocks: 2,
            n_channels: 3,
            time_span: 1,
        })
    }

    #[test]
    fn every_parameter_has_one_group() {
        for shape in shapes() {
            let mut counts = vec![0; shape.n_params()];
            groups(&shape).iter().flat_map(|g| &g.members).for_each(|&i| counts[i] += 1);
            assert!(counts.iter().all(|&n| n == 1), "{shape:?}");
        }
    }

    #[test]
    fn rounded_parameters_come_back_exactly() {
        for shape in shapes() {
            let params = shape.initial_params(4);
            let steps = WeightSteps::of(&shape, &params, 7);
            let rounded = steps.round(&shape, &params);
            let (found, decoded) = decode(&shape, &encode(&shape, &rounded, &steps)).unwrap();
            assert_eq!((found, decoded), (steps.clone(), rounded.clone()));
            assert_eq!(steps.round(&shape, &rounded), rounded);
            let worst = params.iter().zip(&rounded).zip(steps.per_param(&shape));
            assert!(worst.map(|((a, b), step)| (a - b).abs() / step).all(|e| e <= 0.51));
        }
    }

    #[test]
    fn cut_weights_are_an_error() {
        let shape = shapes().next().unwrap();
        let params = shape.initial_params(4);
        let bytes = encode(&shape, &params, &WeightSteps::of(&shape, &params, 6));
        assert!((0..bytes.len() - 8).step_by(37).all(|n| decode(&shape, &bytes[..n]).is_err()));
    }
}
