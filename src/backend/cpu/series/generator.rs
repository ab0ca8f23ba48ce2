//! From the stored parameters of a series network to a SIREN over space at each time, and the gradient back.

use crate::backend::cpu::simd::Simd;
use crate::backend::cpu::siren::{Layout, TrainBackward, TrainForward, TrainScratch};
use crate::backend::series::Moment;
use crate::model::SeriesShape;
use crate::threads::canonical;
use crate::{Error, Result};

/// Where a body parameter goes in the SIREN at one time.
#[derive(Clone, Copy)]
enum Place {
    /// This position of the padded vector.
    Padded(usize),
    /// The weight of time of this neuron, folded into its bias.
    Time(usize),
}

/// The way from stored parameters to padded SIRENs.
pub struct Generator {
    shape: SeriesShape,
    /// Of the SIREN over space.
    pub layout: Layout,
    shared: Vec<Place>,
    generated: Vec<Place>,
    network: Option<GeneratorNetwork>,
}

/// The generator as a SIREN on the CPU's kernels, with the activations of the last forward pass.
struct GeneratorNetwork {
    layout: Layout,
    params: Vec<f32>,
    transposed: Vec<f32>,
    scratch: TrainScratch,
    capacity: usize,
}

/// The shared parameters in the padded layout; what is generated is 0.
pub struct Base {
    padded: Vec<f32>,
    /// Weights of time, `[width]`.
    time: Vec<f32>,
}

impl Generator {
    pub fn new(shape: &SeriesShape, lanes: usize) -> Self {
        let layout = Layout::new(&shape.spatial(), lanes);
        let places = places(shape, &layout);
        let at = |positions: Vec<usize>| positions.into_iter().map(|i| places[i]).collect();
        let network = shape.generator().map(|g| {
            let layout = Layout::new(&g, lanes);
            GeneratorNetwork {
                params: vec![0.0; layout.len()],
                transposed: vec![0.0; layout.transposed_len()],
                scratch: TrainScratch::new(&layout, 0),
                capacity: 0,
                layout,
            }
        });
        Generator { shape: *shape, layout, shared: at(shape.shared()), generated: at(shape.generated()), network }
    }

    /// The generated parameters at every moment, `[n_moments][lead]`; keeps what the way back needs.
    pub fn forward<S: Simd>(&mut self, simd: S, params: &[f32], moments: &[Moment]) -> Vec<f32> {
        let _mode = canonical();
        let Some(network) = &mut self.network else { return Vec::new() };
        let GeneratorNetwork { layout, params: padded, transposed, scratch, capacity } = network;
        if moments.len() > *capacity {
            *capacity = moments.len();
            *scratch = TrainScratch::new(layout, *capacity);
        }
        layout.pad_into(&params[self.shape.generator_params()], padded);
        layout.transpose(padded, transposed);
        for (x, moment) in scratch.x.chunks_exact_mut(layout.shape.n_inputs).zip(moments) {
            x.copy_from_slice(&moment.window);
        }
        let n = moments.len();
        simd.dispatch(TrainForward { layout, params: padded, transposed, scratch: &mut *scratch, n });
        scratch.out[..n * layout.lead_out].to_vec()
    }

    /// The generated parameters at moment `index`.
    pub fn row<'a>(&self, generated: &'a [f32], index: usize) -> &'a [f32] {
        let Some(network) = &self.network else { return &[] };
        &generated[index * network.layout.lead_out..][..network.layout.shape.n_outputs]
    }

    /// The shared parameters in place.
    pub fn base(&self, params: &[f32]) -> Base {
        let mut base = Base { padded: vec![0.0; self.layout.len()], time: vec![0.0; self.shape.width] };
        for (place, p) in self.shared.iter().zip(params) {
            match *place {
                Place::Padded(at) => base.padded[at] = *p,
                Place::Time(neuron) => base.time[neuron] = *p,
            }
        }
        base
    }

    /// The SIREN at a moment into `padded`: the operations of [`SeriesShape::at_time`].
    pub fn network(&self, base: &Base, generated: &[f32], moment: &Moment, padded: &mut [f32]) {
        padded.copy_from_slice(&base.padded);
        let mut time = base.time.clone();
        for (place, p) in self.generated.iter().zip(generated) {
            match *place {
                Place::Padded(at) => padded[at] = *p,
                Place::Time(neuron) => time[neuron] = *p,
            }
        }
        let biases = &mut padded[self.layout.input_biases()..];
        biases.iter_mut().zip(time).for_each(|(b, w)| *b = w.mul_add(moment.t, *b));
    }

    /// Starts collecting the gradients of a step.
    pub fn pull_back(&self, params: &[f32], n_moments: usize) -> PullBack {
        let lead = self.network.as_ref().map_or(0, |network| network.layout.lead_out);
        PullBack {
            padded: vec![0.0; self.layout.len()],
            time: vec![0.0; self.shape.width],
            generated: vec![0.0; n_moments * lead],
            lead,
            n_params: params.len(),
        }
    }
}

/// Gradients of the SIRENs of a step on their way to the stored parameters.
pub struct PullBack {
    /// Of the shared parameters.
    padded: Vec<f32>,
    time: Vec<f32>,
    /// Of the generated ones, `[n_moments][lead]`.
    generated: Vec<f32>,
    lead: usize,
    n_params: usize,
}

impl PullBack {
    /// Adds the gradient of the SIREN at moment `index`.
    pub fn add(&mut self, generator: &Generator, index: usize, moment: &Moment, gradient: &[f32]) {
        self.padded.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
        let biases = &gradient[generator.layout.input_biases()..][..self.time.len()];
        self.time.iter_mut().zip(biases).for_each(|(sum, g)| *sum += moment.t * g);
        let row = &mut self.generated[index * self.lead..];
        for (place, sum) in generator.generated.iter().zip(row) {
            *sum += match *place {
                Place::Padded(at) => gradient[at],
                Place::Time(neuron) => moment.t * biases[neuron],
            };
        }
    }

    /// Adds the gradient of `weight * mean |H(t) - H_frozen(t)|` over the generated parameters at moment `index`; returns
    /// that mean.
    ///
    /// # Errors
    /// [`Error::Internal`] before anything was frozen, or for a network that generates nothing.
    pub fn add_frozen(
        &mut self,
        generator: &Generator,
        index: usize,
        moment: &Moment,
        generated: &[f32],
        frozen: &[f32],
        weight: f32,
    ) -> Result<f64> {
        let shape = &generator.shape;
        if frozen.len() != self.n_params || generator.generated.is_empty() {
            return Err(Error::Internal(
                "hypernetwork regularisation needs a frozen network that generates parameters".into(),
            ));
        }
        let body = shape.body_params(frozen, &moment.window);
        let wanted = shape.generated().into_iter().map(|i| body[i]);
        let n = generator.generated.len();
        let row = self.generated[index * self.lead..].iter_mut();
        let mut sum = 0.0;
        for ((gradient, found), wanted) in row.zip(generator.row(generated, index)).zip(wanted) {
            let difference = found - wanted;
            sum += f64::from(difference.abs());
            if difference != 0.0 {
                *gradient += weight / n as f32 * difference.signum();
            }
        }
        Ok(sum / n as f64)
    }

    /// The gradient in stored order.
    pub fn finish<S: Simd>(self, simd: S, generator: &mut Generator, n_moments: usize) -> Vec<f32> {
        let _mode = canonical();
        let mut gradient: Vec<f32> = Vec::with_capacity(self.n_params);
        gradient.extend(generator.shared.iter().map(|place| match *place {
            Place::Padded(at) => self.padded[at],
            Place::Time(neuron) => self.time[neuron],
        }));
        if let Some(GeneratorNetwork { layout, params, scratch, .. }) = &mut generator.network {
            scratch.out[..self.generated.len()].copy_from_slice(&self.generated);
            let mut padded = vec![0.0; layout.len()];
            simd.dispatch(TrainBackward { layout, params, scratch, n: n_moments, gradient: &mut padded });
            gradient.extend(layout.unpad(&padded));
        }
        gradient
    }
}

/// Where each body parameter goes.
fn places(shape: &SeriesShape, layout: &Layout) -> Vec<Place> {
    let mut padded = vec![0; shape.spatial().n_params()];
    layout.pair(|flat, at| padded[flat] = at);
    let (n_space, width) = (shape.n_space, shape.width);
    let input = (0..width).flat_map(|neuron| (0..=n_space).map(move |i| (neuron, i)));
    let input = input.map(
        |(neuron, i)| {
            if i < n_space { Place::Padded(padded[neuron * n_space + i]) } else { Place::Time(neuron) }
        },
    );
    input.chain(padded[width * n_space..].iter().map(|&at| Place::Padded(at))).collect()
}
