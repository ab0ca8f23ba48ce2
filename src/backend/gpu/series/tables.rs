//! Which stored parameter goes where in the network of a visit, as tables for the kernels.

use super::work::NONE;
use crate::backend::gpu::layout::Layout;
use crate::model::SeriesShape;

/// Marks an output of the generator in a source (`shaders/shared/generator.wgsl`).
const GENERATED: u32 = 1 << 31;
/// Marks a weight of time in a place (`shaders/shared/pull.wgsl`).
const TIME: u32 = 1 << 31;

/// Sources `[4 * P4]` of the positions of a network in device order and `[h]` of its neurons' weights of time, then places
/// of the shared and of the generated parameters `[n_shared + n_generated]`.
///
/// A source is a shared parameter, `GENERATED +` an output of the generator, or [`NONE`]. A place is a position, or `TIME
/// +` the position of the input bias into which a weight of time is folded.
pub(super) fn tables(shape: &SeriesShape) -> Vec<u32> {
    let layout = Layout::new(&shape.spatial());
    let places = places(shape, &layout);
    let time = 4 * layout.n_vectors();
    let mut tables = vec![NONE; time + layout.h];
    let (shared, generated) = (shape.shared(), shape.generated());
    let sources = (0..).zip(&shared).chain((GENERATED..).zip(&generated));
    for (source, &parameter) in sources {
        let place = places[parameter];
        let bias = 4 * layout.at_input_bias();
        let position = if place >= TIME { time + (place - TIME) as usize - bias } else { place as usize };
        tables[position] = source;
    }
    tables.extend(shared.iter().chain(&generated).map(|&parameter| places[parameter]));
    tables
}

/// Place of each parameter of the body.
fn places(shape: &SeriesShape, layout: &Layout) -> Vec<u32> {
    let positions: Vec<u32> = layout.positions().map(|at| at as u32).collect();
    let (n_space, width) = (shape.n_space, shape.width);
    let bias = 4 * layout.at_input_bias() as u32;
    let input = (0..width).flat_map(|neuron| {
        let space = positions[neuron * n_space..][..n_space].iter().copied();
        space.chain([TIME + bias + neuron as u32])
    });
    input.chain(positions[width * n_space..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NetworkKind;

    /// A network put together by the tables is the one that the canonical code folds.
    #[test]
    fn networks_come_together_as_on_the_cpu() {
        for kind in [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet] {
            let shape = SeriesShape { kind, n_space: 2, width: 10, n_blocks: 1, n_channels: 3, time_span: 1 };
            let (params, t) = (shape.initial_params(4), 0.3);
            let body = shape.body_params(&params, &[t]);
            let (shared, generated) = (shape.shared(), shape.generated());
            let tables = tables(&shape);
            let value = |source: u32| match source {
                NONE => 0.0,
                GENERATED.. => body[generated[(source - GENERATED) as usize]],
                _ => body[shared[source as usize]],
            };
            let layout = Layout::new(&shape.spatial());
            let n = 4 * layout.n_vectors();
            let mut network: Vec<f32> = tables[..n].iter().map(|&source| value(source)).collect();
            for neuron in 0..layout.h {
                let bias = &mut network[4 * layout.at_input_bias() + neuron];
                *bias = value(tables[n + neuron]).mul_add(t, *bias);
            }
            assert_eq!(layout.unpack(&network), shape.at_time(&params, &[t], t), "{kind:?}");
            assert_eq!(tables.len(), n + layout.h + shape.body().n_params());
        }
    }
}
