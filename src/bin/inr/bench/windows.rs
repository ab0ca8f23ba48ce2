//! A codec of single arrays on a series: each step by itself, or windows of several with time as one more axis.

use std::borrow::Cow;
use std::cell::Cell;

use adios2_inr::field::Array;
use adios2_inr::metrics::Errors;
use adios2_inr::{Mode, Target};
use anyhow::{Context as _, Result, ensure};

use super::codec::{Block, Codec, Control};
use super::data::{Field, Series};
use super::goals::excess;
use super::method::{Cost, Decoded, Method, Stored, split};
use super::search::{Patience, search};

/// A codec over windows of so many steps.
pub struct Windows<'a> {
    codec: &'a dyn Codec,
    name: String,
    window: usize,
}

impl<'a> Windows<'a> {
    /// `None` when the codec does not take a window of these steps as one array.
    pub fn new(codec: &'a dyn Codec, window: usize, series: &Series) -> Option<Self> {
        let (least, most) = codec.ranks().into_inner();
        let fits = match window {
            1 => series.dims.len() >= least,
            _ => window <= series.steps.len() && (least..=most).contains(&(series.dims.len() + 1)),
        };
        let name = if window == 1 { codec.name().to_owned() } else { format!("{}, {window} steps", codec.name()) };
        fits.then_some(Windows { codec, name, window })
    }

    fn joined<'s>(&self, series: &'s Series) -> impl Iterator<Item = Joined<'s>> + use<'s> {
        series.steps.chunks(self.window).map(|steps| Joined::new(&series.dims, steps))
    }
}

/// A window as one array.
struct Joined<'a> {
    steps: &'a [Field],
    dims: Vec<usize>,
    values: Cow<'a, Array>,
}

impl<'a> Joined<'a> {
    fn new(dims: &[usize], steps: &'a [Field]) -> Self {
        let values = match steps {
            [step] => Cow::Borrowed(step.filled()),
            steps => Cow::Owned(join(steps)),
        };
        Joined { steps, dims: with_time(dims, steps.len()), values }
    }

    /// Of the same shape and type, for decoders: pages that nobody writes to take neither time nor memory.
    fn blank(dims: &[usize], steps: &'a [Field]) -> Self {
        let n_values = steps.iter().map(|step| step.values.len()).sum();
        let values = match steps[0].filled() {
            Array::F32(_) => Array::F32(vec![0.0; n_values]),
            Array::F64(_) => Array::F64(vec![0.0; n_values]),
        };
        Joined { steps, dims: with_time(dims, steps.len()), values: Cow::Owned(values) }
    }

    fn block(&self) -> Block<'_> {
        Block { dims: &self.dims, values: &self.values }
    }

    /// How far the worst step is beyond the goal.
    fn excess(&self, goal: &Target, decoded: &Array, n_bytes: usize) -> f64 {
        let raw: usize = self.steps.iter().map(|step| step.array.bytes.len()).sum();
        let ratio = crate::table::ratio(raw, n_bytes);
        let each = split(decoded, self.steps.len());
        let of = |(step, decoded): (&Field, Array)| {
            let errors = Errors::between(step.values.as_slice(), decoded.as_slice(), step.valid.as_deref());
            excess(goal, &errors, ratio)
        };
        self.steps.iter().zip(each).map(of).fold(0.0, |worst, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) })
    }

    /// An absolute pointwise error that is right or a good start; of a codec that is given uniform errors of `+-a`, whose root
    /// mean square is `a / sqrt(3)`.
    fn first_knob(&self, goal: &Target) -> f64 {
        let of = |step: &Field| {
            let (squares, n) = step.squares();
            match *goal {
                Target::Accuracy(mode, adios2_inr::Norm::Linf, error) => {
                    error * if mode == Mode::Rel { step.range } else { 1.0 }
                }
                Target::Accuracy(mode, adios2_inr::Norm::L2, error) => {
                    let of_all = if mode == Mode::Rel { squares.sqrt() } else { 1.0 };
                    3f64.sqrt() * error * of_all / (n as f64).sqrt()
                }
                Target::Psnr(db) => 3f64.sqrt() * step.range * 10f64.powf(-db / 20.0),
                Target::Ratio(ratio) => 1e-4 * ratio * step.range,
            }
        };
        self.steps.iter().map(of).fold(f64::INFINITY, f64::min)
    }
}

/// Dimensions of several steps as one array: time is the slowest axis.
fn with_time(dims: &[usize], n_steps: usize) -> Vec<usize> {
    (n_steps > 1).then_some(n_steps).into_iter().chain(dims.iter().copied()).collect()
}

fn join(steps: &[Field]) -> Array {
    let mut joined = match steps[0].filled() {
        Array::F32(_) => Array::F32(Vec::new()),
        Array::F64(_) => Array::F64(Vec::new()),
    };
    for step in steps {
        match (&mut joined, step.filled()) {
            (Array::F32(all), Array::F32(more)) => all.extend_from_slice(more),
            (Array::F64(all), Array::F64(more)) => all.extend_from_slice(more),
            _ => unreachable!("all steps have one type"),
        }
    }
    joined
}

impl Method for Windows<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn window(&self) -> usize {
        self.window
    }

    fn identity(&self) -> String {
        format!("{} {}", self.name, self.codec.command())
    }

    fn refusal(&self, goal: &Target) -> Option<String> {
        (self.codec.control(goal) == Control::Unable).then(|| "it takes no such goal".to_owned())
    }

    fn tune(&self, series: &Series, goal: &Target) -> Result<Vec<f64>> {
        let mut knobs: Vec<f64> = Vec::new();
        for window in self.joined(series) {
            let first = window.first_knob(goal);
            knobs.push(match self.codec.control(goal) {
                Control::Bound | Control::Lossless | Control::Unable => first,
                // What was right before is a good start.
                Control::Search => {
                    let first = knobs.last().copied().unwrap_or(first);
                    let patience = if series.steps.len() > 1 { Patience::OfMany } else { Patience::OfOne };
                    tuned(self.codec, &window, goal, first, patience)?
                }
            });
        }
        Ok(knobs)
    }

    fn encode(&self, series: &Series, goal: &Target, knobs: &[f64]) -> Result<Box<dyn Stored + '_>> {
        self.codec.take_cost();
        let windows = self.joined(series).zip(knobs);
        let parts =
            windows.map(|(window, &knob)| self.codec.encode(window.block(), goal, knob)).collect::<Result<_>>()?;
        let encoding = self.codec.take_cost();
        let (codec, window, n_steps) = (self.codec, self.window, series.steps.len());
        Ok(Box::new(Parts { codec, window, n_steps, parts, encoding, decoding: Cell::default() }))
    }
}

/// The streams of each window.
struct Parts<'a> {
    codec: &'a dyn Codec,
    window: usize,
    n_steps: usize,
    parts: Vec<Vec<Vec<u8>>>,
    /// What other programs took.
    encoding: Option<Cost>,
    decoding: Cell<Option<Cost>>,
}

impl Stored for Parts<'_> {
    fn n_bytes(&self) -> usize {
        self.parts.iter().map(|parts| self.codec.n_bytes(parts)).sum()
    }

    fn decode(&self, series: &Series) -> Result<Vec<Decoded>> {
        self.codec.take_cost();
        let mut decoded = Vec::new();
        for (steps, parts) in series.steps.chunks(self.window).zip(&self.parts) {
            let window = Joined::blank(&series.dims, steps);
            let values = self.codec.decode(window.block(), parts)?;
            ensure!(values.len() == window.values.len(), "decoded to another size");
            decoded.push(Decoded::Values(values, steps.len()));
        }
        self.decoding.set(self.codec.take_cost());
        Ok(decoded)
    }

    fn decoded_per_read(&self) -> f64 {
        // Each step of a window needs all of it; the last window may be shorter.
        let (n_whole, rest) = (self.n_steps / self.window, self.n_steps % self.window);
        (n_whole * self.window.pow(2) + rest.pow(2)) as f64 / self.n_steps as f64
    }

    fn outside(&self) -> Option<[Cost; 2]> {
        Some([self.encoding?, self.decoding.get()?])
    }
}

/// The best parameter of one window.
fn tuned(codec: &dyn Codec, window: &Joined, goal: &Target, first: f64, patience: Patience) -> Result<f64> {
    // Errors grow with a parameter, ratios fall with its inverse: the excess grows with `x` in both cases.
    let knob_of = |x: f64| if matches!(goal, Target::Ratio(_)) { 1.0 / x } else { x };
    let excess = |x: f64| {
        let parts = codec.encode(window.block(), goal, knob_of(x))?;
        let decoded = codec.decode(window.block(), &parts)?;
        Ok(window.excess(goal, &decoded, codec.n_bytes(&parts)))
    };
    Ok(knob_of(search(knob_of(first), patience, excess)?))
}

/// Bytes that a codec needs for one array at this goal.
pub fn bytes_needed(codec: &dyn Codec, series: &Series, goal: &Target) -> Result<usize> {
    let steps = Windows::new(codec, 1, series).context("it takes no such array")?;
    let knobs = steps.tune(series, goal)?;
    Ok(steps.encode(series, goal, &knobs)?.n_bytes())
}
